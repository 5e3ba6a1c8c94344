import { fail } from "../../core/errors.js";
import { broadcastShapes, formatShape, type Shape } from "../../core/shapes.js";
import { type Expression, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import type { LayerKind } from "../layer.js";

/** The common shape of inputs that are combined element by element; an extent of 1 is repeated. */
export function mergedShape(inputs: readonly Shape[], where: string): Shape {
  const common = broadcastShapes(inputs);
  if (common !== undefined && inputs.every(({ length }) => length === common.length)) return common;
  return fail({
    code: "shape",
    where,
    problem: "inputs differ in shape",
    expected: `${formatShape(inputs[0]!)} for all, or 1 where they differ`,
    received: inputs.map(formatShape).join(" and "),
  });
}

/** A kind of layer that combines tensors element by element. */
export function mergeKind(kind: string, combine: (values: readonly Expression[]) => Expression): LayerKind {
  return {
    kind,
    arguments: [],
    options: [],
    arity: "several",
    configure: () => ({}),
    outputShape: (_config, inputs, where) => mergedShape(inputs, where),
    weights: () => [],
    emit: ({ builder, inputs }) => mapNode(builder, inputs, combine(inputs.map((_, index) => x(index)))),
    reach: () => "point",
  };
}
