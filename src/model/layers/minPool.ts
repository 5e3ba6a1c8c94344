import { negate, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { maxPool } from "../../ops/pool.js";
import { createLayer, type Layer } from "../layer.js";
import type { Pool, PoolWindowOptions } from "../shapes/spatial.js";
import { type PoolOptions, poolKind } from "./pool.js";
import type { Dimensions, PerAxis, WindowPadding } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  poolKind(`minPool${dimensions}d`, dimensions, (builder, input, windows) => {
    const largest = builder.add(maxPool, [mapNode(builder, [input], negate(x(0)))], windows);
    return mapNode(builder, [largest], negate(x(0)));
  });

export const minPool1dKind = kindOf(1);
export const minPool2dKind = kindOf(2);
export const minPool3dKind = kindOf(3);

/**
 * Smallest value under each window, channel by channel: `y[i, c] = min_{u} x[i·s + u·d − before, c]`. Padding never
 * wins. In training the gradient goes to the winner alone, the first of several.
 *
 * Input: [steps, channels]. Output: [n, channels] with `n = ⌊(steps + before + after − (dilation·(size − 1) + 1)) /
 * stride⌋ + 1`; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no sequence, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: none, −MaxPool1d(−x)
 *
 * @param size of the window in steps: a number
 * @example minPool1d(2) // 28 × 8 → 14 × 8
 */
export function minPool1d<
  const Size extends PerAxis[1],
  const Stride extends PerAxis[1] = Size,
  const Padding extends WindowPadding[1] = "valid",
  const Dilation extends PerAxis[1] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<1> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"minPool1d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(minPool1dKind, { size }, options);
}

/**
 * Smallest value under each window, channel by channel: `y[i, j, c] = min_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ −
 * left, c]`. Padding never wins. In training the gradient goes to the winner alone, the first of several.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − (dilation₀·(size₀ −
 * 1) + 1)) / stride₀⌋ + 1` and the width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: none, −MaxPool2d(−x)
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example minPool2d(2) // 28 × 28 × 8 → 14 × 14 × 8
 */
export function minPool2d<
  const Size extends PerAxis[2],
  const Stride extends PerAxis[2] = Size,
  const Padding extends WindowPadding[2] = "valid",
  const Dilation extends PerAxis[2] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<2> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"minPool2d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(minPool2dKind, { size }, options);
}

/**
 * Smallest value under each window, channel by channel: `y[k, i, j, c] = min_{t, u, v} x[k·s₀ + t·d₀ − front, i·s₁ +
 * u·d₁ − top, j·s₂ + v·d₂ − left, c]`. Padding never wins. In training the gradient goes to the winner alone, the
 * first of several.
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels] with `d = ⌊(depth + front + back −
 * (dilation₀·(size₀ − 1) + 1)) / stride₀⌋ + 1`, height and width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no volume, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: none, −MaxPool3d(−x)
 *
 * @param size of the window in voxels: a number, or [depth, height, width]
 * @example minPool3d(2) // 16 × 28 × 28 × 8 → 8 × 14 × 14 × 8
 */
export function minPool3d<
  const Size extends PerAxis[3],
  const Stride extends PerAxis[3] = Size,
  const Padding extends WindowPadding[3] = "valid",
  const Dilation extends PerAxis[3] = 1,
  const Ceil extends boolean = false,
>(
  size: Size,
  options?: PoolOptions<3> & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
): Layer<Pool<"minPool3d", Size, Stride, Padding, Dilation, Ceil>> {
  return createLayer(minPool3dKind, { size }, options);
}
