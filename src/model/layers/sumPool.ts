import { averagePool } from "../../ops/pool.js";
import { poolFunction, poolKind } from "./pool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  poolKind(`sumPool${dimensions}d`, dimensions, (builder, input, windows) =>
    builder.add(averagePool, [input], { ...windows, divisor: 1 }),
  );

export const sumPool1dKind = kindOf(1);
export const sumPool2dKind = kindOf(2);
export const sumPool3dKind = kindOf(3);

/**
 * Sum under each window, channel by channel: `y[i, c] = Σ_{u} x[i·s + u·d − before, c]`.
 *
 * Input: [steps, channels]. Output: [n, channels] with `n = ⌊(steps + before + after − (dilation·(size − 1) + 1)) /
 * stride⌋ + 1`; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no sequence, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool1d(1) of values ≥ 0
 *
 * @param size of the window in steps: a number
 * @example sumPool1d(2) // 28 × 8 → 14 × 8
 */
export const sumPool1d = poolFunction<1, "sumPool1d">(sumPool1dKind);

/**
 * Sum under each window, channel by channel: `y[i, j, c] = Σ_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c]`.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − (dilation₀·(size₀ −
 * 1) + 1)) / stride₀⌋ + 1` and the width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool2d(1) of values ≥ 0
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example sumPool2d(2) // 28 × 28 × 8 → 14 × 14 × 8
 */
export const sumPool2d = poolFunction<2, "sumPool2d">(sumPool2dKind);

/**
 * Sum under each window, channel by channel: `y[k, i, j, c] = Σ_{t, u, v} x[k·s₀ + t·d₀ − front, i·s₁ + u·d₁ − top,
 * j·s₂ + v·d₂ − left, c]`.
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels] with `d = ⌊(depth + front + back −
 * (dilation₀·(size₀ − 1) + 1)) / stride₀⌋ + 1`, height and width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no volume, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool3d(1) of values ≥ 0
 *
 * @param size of the window in voxels: a number, or [depth, height, width]
 * @example sumPool3d(2) // 16 × 28 × 28 × 8 → 8 × 14 × 14 × 8
 */
export const sumPool3d = poolFunction<3, "sumPool3d">(sumPool3dKind);
