import { less, multiply, select, sqrt, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { GlobalPool } from "../shapes/spatial.js";
import { globalPoolKind } from "./globalPool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  globalPoolKind(`globalL2Pool${dimensions}d`, dimensions, (builder, input, axes) => {
    const sums = reduceNode(builder, mapNode(builder, [input], multiply(x(0), x(0))), "sum", axes);
    return mapNode(builder, [sums], select(less(0, x(0)), sqrt(x(0)), 0));
  });

export const globalL2Pool1dKind = kindOf(1);
export const globalL2Pool2dKind = kindOf(2);
export const globalL2Pool3dKind = kindOf(3);

/**
 * Root of the sum of squares of each channel over the whole sequence: `y[c] = √(Σ_{i} x[i, c]²)`. The derivative is
 * taken as 0 where all values are 0.
 *
 * Input: [steps, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no sequence.
 *
 * Keras: none · PyTorch: torch.linalg.vector_norm
 *
 * @example globalL2Pool1d() // 28 × 512 → 512
 */
export function globalL2Pool1d(options?: LayerOptions): Layer<GlobalPool<"globalL2Pool1d">> {
  return createLayer(globalL2Pool1dKind, {}, options);
}

/**
 * Root of the sum of squares of each channel over the whole image: `y[c] = √(Σ_{i, j} x[i, j, c]²)`. The derivative
 * is taken as 0 where all values are 0.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Keras: none · PyTorch: torch.linalg.vector_norm
 *
 * @example globalL2Pool2d() // 7 × 7 × 512 → 512
 */
export function globalL2Pool2d(options?: LayerOptions): Layer<GlobalPool<"globalL2Pool2d">> {
  return createLayer(globalL2Pool2dKind, {}, options);
}

/**
 * Root of the sum of squares of each channel over the whole volume: `y[c] = √(Σ_{k, i, j} x[k, i, j, c]²)`. The
 * derivative is taken as 0 where all values are 0.
 *
 * Input: [depth, height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no volume.
 *
 * Keras: none · PyTorch: torch.linalg.vector_norm
 *
 * @example globalL2Pool3d() // 4 × 7 × 7 × 512 → 512
 */
export function globalL2Pool3d(options?: LayerOptions): Layer<GlobalPool<"globalL2Pool3d">> {
  return createLayer(globalL2Pool3dKind, {}, options);
}
