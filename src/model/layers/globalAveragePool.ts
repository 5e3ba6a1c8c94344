import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { GlobalPool } from "../shapes/spatial.js";
import { globalPoolKind } from "./globalPool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  globalPoolKind(`globalAveragePool${dimensions}d`, dimensions, (builder, input, axes) =>
    reduceNode(builder, input, "mean", axes),
  );

export const globalAveragePool1dKind = kindOf(1);
export const globalAveragePool2dKind = kindOf(2);
export const globalAveragePool3dKind = kindOf(3);

/**
 * Mean of each channel over the whole sequence: `y[c] = mean_{i} x[i, c]`; what takes the place of `flatten()` in
 * networks that are to work on inputs of any size.
 *
 * Input: [steps, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no sequence.
 *
 * Source: Lin et al., "Network in network", ICLR 2014.
 *
 * Keras: GlobalAveragePooling1D · PyTorch: AdaptiveAvgPool1d(1)
 *
 * @example globalAveragePool1d() // 28 × 512 → 512
 */
export function globalAveragePool1d(options?: LayerOptions): Layer<GlobalPool<"globalAveragePool1d">> {
  return createLayer(globalAveragePool1dKind, {}, options);
}

/**
 * Mean of each channel over the whole image: `y[c] = mean_{i, j} x[i, j, c]`; what takes the place of `flatten()` in
 * networks that are to work on inputs of any size.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Source: Lin et al., "Network in network", ICLR 2014.
 *
 * Keras: GlobalAveragePooling2D · PyTorch: AdaptiveAvgPool2d(1)
 *
 * @example globalAveragePool2d() // 7 × 7 × 512 → 512
 */
export function globalAveragePool2d(options?: LayerOptions): Layer<GlobalPool<"globalAveragePool2d">> {
  return createLayer(globalAveragePool2dKind, {}, options);
}

/**
 * Mean of each channel over the whole volume: `y[c] = mean_{k, i, j} x[k, i, j, c]`; what takes the place of
 * `flatten()` in networks that are to work on inputs of any size.
 *
 * Input: [depth, height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no volume.
 *
 * Source: Lin et al., "Network in network", ICLR 2014.
 *
 * Keras: GlobalAveragePooling3D · PyTorch: AdaptiveAvgPool3d(1)
 *
 * @example globalAveragePool3d() // 4 × 7 × 7 × 512 → 512
 */
export function globalAveragePool3d(options?: LayerOptions): Layer<GlobalPool<"globalAveragePool3d">> {
  return createLayer(globalAveragePool3dKind, {}, options);
}
