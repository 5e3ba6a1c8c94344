import { type Expression, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import type { LayerKind } from "../layer.js";

/** A kind of layer that applies an expression to every element; `configure` checks its options. */
export function pointwiseKind<Config extends object = object>(
  kind: string,
  expression: (a: Expression, config: Config) => Expression,
  options: readonly string[] = [],
  configure: (given: Readonly<Record<string, unknown>>, where: string) => Config = () => ({}) as Config,
): LayerKind<Config> {
  return {
    kind,
    arguments: [],
    options,
    arity: "one",
    configure,
    outputShape: (_config, [input]) => input!,
    weights: () => [],
    emit: ({ builder, config, inputs }) => mapNode(builder, inputs, expression(x(0), config)),
    reach: () => "point",
  };
}
