import { sizeOf } from "../../core/shapes.js";
import { reshapeNode } from "../../ops/reshape.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Flatten } from "../shapes/axes.js";

export const flattenKind: LayerKind = {
  kind: "flatten",
  arguments: [],
  options: [],
  arity: "one",
  configure: () => ({}),
  outputShape: (_config, [input]) => [sizeOf(input!)],
  weights: () => [],
  emit: ({ builder, inputs }) => {
    const [batch, ...shape] = inputs[0]!.shape;
    return reshapeNode(builder, inputs[0]!, [batch!, sizeOf(shape)]);
  },
  reach: () => "whole",
};

/**
 * All values of an example in one row, in row-major order (height, width, channels): `y[(i·W + j)·C + c] = x[i, j, c]`.
 * Costs nothing: the memory stays as it is.
 *
 * Input: any shape. Output: [features].
 *
 * Keras: Flatten · PyTorch: Flatten
 *
 * @example flatten() // 14 × 14 × 10 → 1,960
 */
export function flatten(options?: LayerOptions): Layer<Flatten> {
  return createLayer(flattenKind, {}, options);
}
