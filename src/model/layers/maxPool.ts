import { maxPool } from "../../ops/pool.js";
import { poolFunction, poolKind } from "./pool.js";
import type { Dimensions } from "./spatial.js";

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
export const maxPool1d = poolFunction<1, "maxPool1d">(maxPool1dKind);

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
export const maxPool2d = poolFunction<2, "maxPool2d">(maxPool2dKind);

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
export const maxPool3d = poolFunction<3, "maxPool3d">(maxPool3dKind);
