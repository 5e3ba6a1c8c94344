import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { GlobalPool } from "../shapes/spatial.js";
import { globalPoolKind } from "./globalPool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  globalPoolKind(`globalMaxPool${dimensions}d`, dimensions, (builder, input, axes) =>
    reduceNode(builder, input, "max", axes),
  );

export const globalMaxPool1dKind = kindOf(1);
export const globalMaxPool2dKind = kindOf(2);
export const globalMaxPool3dKind = kindOf(3);

/**
 * Largest value of each channel over the whole sequence: `y[c] = max_{i} x[i, c]`. Where several are the largest,
 * they share the gradient.
 *
 * Input: [steps, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no sequence.
 *
 * Keras: GlobalMaxPooling1D · PyTorch: AdaptiveMaxPool1d(1)
 *
 * @example globalMaxPool1d() // 28 × 512 → 512
 */
export function globalMaxPool1d(options?: LayerOptions): Layer<GlobalPool<"globalMaxPool1d">> {
  return createLayer(globalMaxPool1dKind, {}, options);
}

/**
 * Largest value of each channel over the whole image: `y[c] = max_{i, j} x[i, j, c]`. Where several are the largest,
 * they share the gradient.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Keras: GlobalMaxPooling2D · PyTorch: AdaptiveMaxPool2d(1)
 *
 * @example globalMaxPool2d() // 7 × 7 × 512 → 512
 */
export function globalMaxPool2d(options?: LayerOptions): Layer<GlobalPool<"globalMaxPool2d">> {
  return createLayer(globalMaxPool2dKind, {}, options);
}

/**
 * Largest value of each channel over the whole volume: `y[c] = max_{k, i, j} x[k, i, j, c]`. Where several are the
 * largest, they share the gradient.
 *
 * Input: [depth, height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no volume.
 *
 * Keras: GlobalMaxPooling3D · PyTorch: AdaptiveMaxPool3d(1)
 *
 * @example globalMaxPool3d() // 4 × 7 × 7 × 512 → 512
 */
export function globalMaxPool3d(options?: LayerOptions): Layer<GlobalPool<"globalMaxPool3d">> {
  return createLayer(globalMaxPool3dKind, {}, options);
}
