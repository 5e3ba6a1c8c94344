import { negate, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { maxPool } from "../../ops/pool.js";
import { poolFunction, poolKind } from "./pool.js";
import type { Dimensions } from "./spatial.js";

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
export const minPool1d = poolFunction<1, "minPool1d">(minPool1dKind);

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
export const minPool2d = poolFunction<2, "minPool2d">(minPool2dKind);

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
export const minPool3d = poolFunction<3, "minPool3d">(minPool3dKind);
