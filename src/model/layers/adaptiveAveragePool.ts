import { averagePool } from "../../ops/pool.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { AdaptivePool } from "../shapes/spatial.js";
import { adaptivePoolKind } from "./adaptivePool.js";
import type { Dimensions, PerAxis } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  adaptivePoolKind(`adaptiveAveragePool${dimensions}d`, dimensions, (builder, input, windows) =>
    builder.add(averagePool, [input], { ...windows, divisor: "pixels" }),
  );

export const adaptiveAveragePool1dKind = kindOf(1);
export const adaptiveAveragePool2dKind = kindOf(2);
export const adaptiveAveragePool3dKind = kindOf(3);

/**
 * Mean under each window, channel by channel, where the sequence is cut into as many windows as are asked for: of n
 * steps and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any sequence gives one
 * size.
 *
 * Input: [steps, channels]. Output: [outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no sequence.
 *
 * Keras: none · PyTorch: AdaptiveAvgPool1d
 *
 * @param outputSize in steps: a number
 * @example adaptiveAveragePool1d(4) // 10 × 8 → 4 × 8
 */
export function adaptiveAveragePool1d<const Size extends PerAxis[1]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveAveragePool1d", Size>> {
  return createLayer(adaptiveAveragePool1dKind, { outputSize }, options);
}

/**
 * Mean under each window, channel by channel, where height and width are each cut into as many windows as are asked
 * for: of n pixels and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any image
 * gives one size.
 *
 * Input: [height, width, channels]. Output: [...outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no image.
 *
 * Keras: none · PyTorch: AdaptiveAvgPool2d
 *
 * @param outputSize in pixels: a number, or [height, width]
 * @example adaptiveAveragePool2d([7, 7]) // 33 × 20 × 8 → 7 × 7 × 8
 */
export function adaptiveAveragePool2d<const Size extends PerAxis[2]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveAveragePool2d", Size>> {
  return createLayer(adaptiveAveragePool2dKind, { outputSize }, options);
}

/**
 * Mean under each window, channel by channel, where each axis is cut into as many windows as are asked for: of n
 * voxels and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any volume gives one
 * size.
 *
 * Input: [depth, height, width, channels]. Output: [...outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no volume.
 *
 * Keras: none · PyTorch: AdaptiveAvgPool3d
 *
 * @param outputSize in voxels: a number, or [depth, height, width]
 * @example adaptiveAveragePool3d(2) // 5 × 9 × 9 × 8 → 2 × 2 × 2 × 8
 */
export function adaptiveAveragePool3d<const Size extends PerAxis[3]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveAveragePool3d", Size>> {
  return createLayer(adaptiveAveragePool3dKind, { outputSize }, options);
}
