import { less, multiply, select, sqrt, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { averagePool } from "../../ops/pool.js";
import { poolFunction, poolKind } from "./pool.js";
import type { Dimensions } from "./spatial.js";

const kindOf = (dimensions: Dimensions) =>
  poolKind(`l2Pool${dimensions}d`, dimensions, (builder, input, windows) => {
    const squares = mapNode(builder, [input], multiply(x(0), x(0)));
    const sums = builder.add(averagePool, [squares], { ...windows, divisor: 1 });
    return mapNode(builder, [sums], select(less(0, x(0)), sqrt(x(0)), 0));
  });

export const l2Pool1dKind = kindOf(1);
export const l2Pool2dKind = kindOf(2);
export const l2Pool3dKind = kindOf(3);

/**
 * Root of the sum of squares under each window, channel by channel: `y[i, c] = √(Σ_{u} x[i·s + u·d − before, c]²)`.
 * The derivative is taken as 0 where all values are 0 (PyTorch has NaN there).
 *
 * Input: [steps, channels]. Output: [n, channels] with `n = ⌊(steps + before + after − (dilation·(size − 1) + 1)) /
 * stride⌋ + 1`; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no sequence, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool1d(2)
 *
 * @param size of the window in steps: a number
 * @example l2Pool1d(2) // 28 × 8 → 14 × 8
 */
export const l2Pool1d = poolFunction<1, "l2Pool1d">(l2Pool1dKind);

/**
 * Root of the sum of squares under each window, channel by channel: `y[i, j, c] = √(Σ_{u, v} x[i·s₀ + u·d₀ − top,
 * j·s₁ + v·d₁ − left, c]²)`. The derivative is taken as 0 where all values are 0 (PyTorch has NaN there).
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − (dilation₀·(size₀ −
 * 1) + 1)) / stride₀⌋ + 1` and the width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool2d(2)
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example l2Pool2d(2) // 28 × 28 × 8 → 14 × 14 × 8
 */
export const l2Pool2d = poolFunction<2, "l2Pool2d">(l2Pool2dKind);

/**
 * Root of the sum of squares under each window, channel by channel: `y[k, i, j, c] = √(Σ_{t, u, v} x[k·s₀ + t·d₀ −
 * front, i·s₁ + u·d₁ − top, j·s₂ + v·d₂ − left, c]²)`. The derivative is taken as 0 where all values are 0 (PyTorch
 * has NaN there).
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels] with `d = ⌊(depth + front + back −
 * (dilation₀·(size₀ − 1) + 1)) / stride₀⌋ + 1`, height and width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no volume, or a window larger than its padded input.
 *
 * Keras: none · PyTorch: LPPool3d(2)
 *
 * @param size of the window in voxels: a number, or [depth, height, width]
 * @example l2Pool3d(2) // 16 × 28 × 28 × 8 → 8 × 14 × 14 × 8
 */
export const l2Pool3d = poolFunction<3, "l2Pool3d">(l2Pool3dKind);
