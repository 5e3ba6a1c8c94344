import { fail } from "../../core/errors.js";
import { formatShape, sameShape } from "../../core/shapes.js";
import { type Expression, add as plus, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";

export const addKind: LayerKind = {
  kind: "add",
  arguments: [],
  options: [],
  arity: "several",
  configure: () => ({}),
  outputShape(_config, inputs, where) {
    const first = inputs[0]!;
    if (inputs.every((shape) => sameShape(shape, first))) return first;
    return fail({
      code: "shape",
      where,
      problem: "inputs differ in shape",
      expected: `${formatShape(first)} for all`,
      received: inputs.map(formatShape).join(" and "),
    });
  },
  weights: () => [],
  emit({ builder, inputs }) {
    const sum = inputs.reduce<Expression | undefined>(
      (total, _, index) => (total === undefined ? x(index) : plus(total, x(index))),
      undefined,
    );
    return mapNode(builder, inputs, sum!);
  },
  reach: () => "point",
};

/**
 * Sum of tensors of one shape, element by element: `y = x₁ + x₂ + …`; the join of a residual block.
 *
 * Inputs: two tensors or more of one shape. Output: that shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes differ.
 *
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
 *
 * @example const y = add()(x, conv2d(64, 3)(x));
 */
export function add(options?: LayerOptions): Layer {
  return createLayer(addKind, {}, options);
}
