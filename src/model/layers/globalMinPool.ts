import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { GlobalPool } from "../shapes/spatial.js";
import { globalPoolKind } from "./globalPool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  globalPoolKind(`globalMinPool${dimensions}d`, dimensions, (builder, input, axes) =>
    reduceNode(builder, input, "min", axes),
  );

export const globalMinPool1dKind = kindOf(1);
export const globalMinPool2dKind = kindOf(2);
export const globalMinPool3dKind = kindOf(3);

/**
 * Smallest value of each channel over the whole sequence: `y[c] = min_{i} x[i, c]`. Where several are the smallest,
 * they share the gradient.
 *
 * Input: [steps, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no sequence.
 *
 * Keras: none · PyTorch: torch.amin
 *
 * @example globalMinPool1d() // 28 × 512 → 512
 */
export function globalMinPool1d(options?: LayerOptions): Layer<GlobalPool<"globalMinPool1d">> {
  return createLayer(globalMinPool1dKind, {}, options);
}

/**
 * Smallest value of each channel over the whole image: `y[c] = min_{i, j} x[i, j, c]`. Where several are the
 * smallest, they share the gradient.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Keras: none · PyTorch: torch.amin
 *
 * @example globalMinPool2d() // 7 × 7 × 512 → 512
 */
export function globalMinPool2d(options?: LayerOptions): Layer<GlobalPool<"globalMinPool2d">> {
  return createLayer(globalMinPool2dKind, {}, options);
}

/**
 * Smallest value of each channel over the whole volume: `y[c] = min_{k, i, j} x[k, i, j, c]`. Where several are the
 * smallest, they share the gradient.
 *
 * Input: [depth, height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no volume.
 *
 * Keras: none · PyTorch: torch.amin
 *
 * @example globalMinPool3d() // 4 × 7 × 7 × 512 → 512
 */
export function globalMinPool3d(options?: LayerOptions): Layer<GlobalPool<"globalMinPool3d">> {
  return createLayer(globalMinPool3dKind, {}, options);
}
