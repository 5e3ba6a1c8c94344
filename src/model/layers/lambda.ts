import { fail } from "../../core/errors.js";
import type { Expression } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions, placeOf } from "../layer.js";
import { checkExpression, expressionOf, inputCount } from "../math.js";
import type { Merge } from "../shapes/axes.js";
import { mergedShape } from "./merge.js";

export interface LambdaConfig {
  readonly expression: Expression;
}

export const lambdaKind: LayerKind<LambdaConfig> = {
  kind: "lambda",
  arguments: ["expression"],
  options: [],
  arity: "some",
  configure: (given, where) => ({ expression: checkExpression(where, "expression", given.expression) }),
  outputShape({ expression }, inputs, where) {
    const count = inputCount(expression);
    if (inputs.length === count) return mergedShape(inputs, where);
    return fail({
      code: "usage",
      where,
      problem: "takes as many inputs as its function",
      expected: count === 1 ? "1 tensor" : `${count} tensors`,
      received: String(inputs.length),
    });
  },
  weights: () => [],
  emit({ builder, config, inputs }) {
    const batch = inputs[0]!.shape[0]!;
    const shapes = inputs.map(({ shape }) => shape.slice(1));
    return mapNode(builder, inputs, config.expression, [batch, ...mergedShape(shapes, "lambda")]);
  },
  reach: () => "point",
};

/**
 * A scalar function of your own, applied to every element: `y = f(x)`, or `y = f(x₁, x₂, …)` of several tensors. It is
 * called once, with placeholders, and describes what to compute by the functions of `math`; so it trains, fuses with its
 * neighbours and is written to files like any other layer.
 *
 * Inputs: as many tensors as the function has parameters, of one shape; an extent of 1 is repeated. Output: the common
 * shape.
 *
 * Errors: code "option" for what is no function, or returns something else than a number or what `math` gives; code
 * "usage" for another number of tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Lambda · PyTorch: none, any function
 *
 * @param body of scalars, written with `math`
 * @example lambda((a) => math.multiply(a, math.sigmoid(math.multiply(1.702, a))))
 */
export function lambda(
  body: (...values: Expression[]) => Expression | number,
  options?: LayerOptions,
): Layer<Merge<"lambda", "some">> {
  const where = placeOf("lambda", options?.name);
  return createLayer(lambdaKind, { expression: expressionOf(where, body) }, options);
}
