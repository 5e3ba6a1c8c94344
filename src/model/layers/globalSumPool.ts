import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { GlobalPool } from "../shapes/spatial.js";
import { globalPoolKind } from "./globalPool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  globalPoolKind(`globalSumPool${dimensions}d`, dimensions, (builder, input, axes) =>
    reduceNode(builder, input, "sum", axes),
  );

export const globalSumPool1dKind = kindOf(1);
export const globalSumPool2dKind = kindOf(2);
export const globalSumPool3dKind = kindOf(3);

/**
 * Sum of each channel over the whole sequence: `y[c] = Σ_{i} x[i, c]`.
 *
 * Input: [steps, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no sequence.
 *
 * Keras: none · PyTorch: torch.sum
 *
 * @example globalSumPool1d() // 28 × 512 → 512
 */
export function globalSumPool1d(options?: LayerOptions): Layer<GlobalPool<"globalSumPool1d">> {
  return createLayer(globalSumPool1dKind, {}, options);
}

/**
 * Sum of each channel over the whole image: `y[c] = Σ_{i, j} x[i, j, c]`.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Keras: none · PyTorch: torch.sum
 *
 * @example globalSumPool2d() // 7 × 7 × 512 → 512
 */
export function globalSumPool2d(options?: LayerOptions): Layer<GlobalPool<"globalSumPool2d">> {
  return createLayer(globalSumPool2dKind, {}, options);
}

/**
 * Sum of each channel over the whole volume: `y[c] = Σ_{k, i, j} x[k, i, j, c]`.
 *
 * Input: [depth, height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no volume.
 *
 * Keras: none · PyTorch: torch.sum
 *
 * @example globalSumPool3d() // 4 × 7 × 7 × 512 → 512
 */
export function globalSumPool3d(options?: LayerOptions): Layer<GlobalPool<"globalSumPool3d">> {
  return createLayer(globalSumPool3dKind, {}, options);
}
