import { fail } from "../../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../../core/shapes.js";
import { reshapeNode } from "../../ops/reshape.js";
import { extents } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Reshape } from "../shapes/axes.js";

export interface ReshapeConfig {
  readonly shape: Shape;
}

export const reshapeKind: LayerKind<ReshapeConfig> = {
  kind: "reshape",
  arguments: ["shape"],
  options: [],
  arity: "one",
  configure: (given, where) => ({ shape: extents(where, "shape", given.shape) }),
  outputShape({ shape }, [input], where) {
    if (sizeOf(shape) === sizeOf(input!)) return shape;
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} has another number of values than ${formatShape(shape)}`,
      expected: `${sizeOf(shape)} values`,
      received: `${sizeOf(input!)} values`,
    });
  },
  weights: () => [],
  emit: ({ builder, config, inputs }) => reshapeNode(builder, inputs[0]!, [inputs[0]!.shape[0]!, ...config.shape]),
  reach: () => "whole",
};

/**
 * The same values in row-major order under another shape. Costs nothing: the memory stays as it is.
 *
 * Input: any shape. Output: `shape`, which must have as many values.
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for another number of values.
 *
 * Keras: Reshape · PyTorch: Unflatten, torch.reshape
 *
 * @param shape of one example, without the batch
 * @example reshape([28, 28, 1]) // 784 → 28 × 28 × 1
 */
export function reshape<const To extends Shape>(shape: To, options?: LayerOptions): Layer<Reshape<To>> {
  return createLayer(reshapeKind, { shape }, options);
}
