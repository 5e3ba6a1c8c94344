import { maxPool } from "../../ops/pool.js";
import { createLayer, type Layer } from "../layer.js";
import type { Pool, PoolWindowOptions } from "../shapes/spatial.js";
import { type PoolOptions, poolKind } from "./pool.js";
import type { Dimensions, PerAxis, WindowPadding } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  poolKind(`maxPool${dimensions}d`, dimensions, (builder, input, windows) => builder.add(maxPool, [input], windows));

export const maxPool1dKind = kindOf(1);
export const maxPool2dKind = kindOf(2);
export const maxPool3dKind = kindOf(3);

/**
 * Largest value under each window, channel by channel: `y[i, c] = max_{u} x[i·s + u·d − before, c]`. Padding never
 * wins. In training the gradient goes to the winner alone, the first of several.
 *
 * Input: [steps, channels]. Output: [n, channels] with `n = ⌊(steps + before + after − (dilation·(size − 1) + 1)) /
 * stride⌋ + 1`; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no sequence, or a window larger than its padded input.
 *
 * Keras: MaxPooling1D · PyTorch: MaxPool1d
 *
 * @param size of the window in steps: a number
 * @example maxPool1d(2) // 28 × 8 → 14 × 8
 */
export function maxPool1d<
  const Size extends PerAxis[1],
  const Stride extends PerAxis[1] = Size,
  const Padding extends WindowPadding[1] = "valid",
  const Dilation extends PerAxis[1] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<1> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"maxPool1d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxPool1dKind, { size }, options);
}

/**
 * Largest value under each window, channel by channel: `y[i, j, c] = max_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ −
 * left, c]`. Padding never wins. In training the gradient goes to the winner alone, the first of several.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − (dilation₀·(size₀ −
 * 1) + 1)) / stride₀⌋ + 1` and the width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * Keras: MaxPooling2D · PyTorch: MaxPool2d
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example maxPool2d(2) // 28 × 28 × 8 → 14 × 14 × 8
 */
export function maxPool2d<
  const Size extends PerAxis[2],
  const Stride extends PerAxis[2] = Size,
  const Padding extends WindowPadding[2] = "valid",
  const Dilation extends PerAxis[2] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<2> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"maxPool2d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxPool2dKind, { size }, options);
}

/**
 * Largest value under each window, channel by channel: `y[k, i, j, c] = max_{t, u, v} x[k·s₀ + t·d₀ − front, i·s₁ +
 * u·d₁ − top, j·s₂ + v·d₂ − left, c]`. Padding never wins. In training the gradient goes to the winner alone, the
 * first of several.
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels] with `d = ⌊(depth + front + back −
 * (dilation₀·(size₀ − 1) + 1)) / stride₀⌋ + 1`, height and width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no volume, or a window larger than its padded input.
 *
 * Keras: MaxPooling3D · PyTorch: MaxPool3d
 *
 * @param size of the window in voxels: a number, or [depth, height, width]
 * @example maxPool3d(2) // 16 × 28 × 28 × 8 → 8 × 14 × 14 × 8
 */
export function maxPool3d<
  const Size extends PerAxis[3],
  const Stride extends PerAxis[3] = Size,
  const Padding extends WindowPadding[3] = "valid",
  const Dilation extends PerAxis[3] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<3> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"maxPool3d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(maxPool3dKind, { size }, options);
}
