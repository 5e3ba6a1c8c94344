import { maxPool } from "../../ops/pool.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { AdaptivePool } from "../shapes/spatial.js";
import { adaptivePoolKind } from "./adaptivePool.js";
import type { Dimensions, PerAxis } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  adaptivePoolKind(`adaptiveMaxPool${dimensions}d`, dimensions, (builder, input, windows) =>
    builder.add(maxPool, [input], windows),
  );

export const adaptiveMaxPool1dKind = kindOf(1);
export const adaptiveMaxPool2dKind = kindOf(2);
export const adaptiveMaxPool3dKind = kindOf(3);

/**
 * Largest value under each window, channel by channel, where the sequence is cut into as many windows as are asked
 * for: of n steps and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any sequence
 * gives one size.
 *
 * Input: [steps, channels]. Output: [outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no sequence.
 *
 * Keras: none · PyTorch: AdaptiveMaxPool1d
 *
 * @param outputSize in steps: a number
 * @example adaptiveMaxPool1d(4) // 10 × 8 → 4 × 8
 */
export function adaptiveMaxPool1d<const Size extends PerAxis[1]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveMaxPool1d", Size>> {
  return createLayer(adaptiveMaxPool1dKind, { outputSize }, options);
}

/**
 * Largest value under each window, channel by channel, where height and width are each cut into as many windows as
 * are asked for: of n pixels and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any
 * image gives one size.
 *
 * Input: [height, width, channels]. Output: [...outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no image.
 *
 * Keras: none · PyTorch: AdaptiveMaxPool2d
 *
 * @param outputSize in pixels: a number, or [height, width]
 * @example adaptiveMaxPool2d([7, 7]) // 33 × 20 × 8 → 7 × 7 × 8
 */
export function adaptiveMaxPool2d<const Size extends PerAxis[2]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveMaxPool2d", Size>> {
  return createLayer(adaptiveMaxPool2dKind, { outputSize }, options);
}

/**
 * Largest value under each window, channel by channel, where each axis is cut into as many windows as are asked for:
 * of n voxels and m outputs, window i takes from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. So any volume gives
 * one size.
 *
 * Input: [depth, height, width, channels]. Output: [...outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1; code "shape" for an input that is no volume.
 *
 * Keras: none · PyTorch: AdaptiveMaxPool3d
 *
 * @param outputSize in voxels: a number, or [depth, height, width]
 * @example adaptiveMaxPool3d(2) // 5 × 9 × 9 × 8 → 2 × 2 × 2 × 8
 */
export function adaptiveMaxPool3d<const Size extends PerAxis[3]>(
  outputSize: Size,
  options?: LayerOptions,
): Layer<AdaptivePool<"adaptiveMaxPool3d", Size>> {
  return createLayer(adaptiveMaxPool3dKind, { outputSize }, options);
}
