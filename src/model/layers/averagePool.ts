import { averagePool } from "../../ops/pool.js";
import { numberThat, trueOrFalse, withDefault } from "../check.js";
import { type PoolOptions, poolFunction, poolKind } from "./pool.js";
import type { Dimensions } from "./spatial.js";

export interface AveragePoolOptions<D extends Dimensions> extends PoolOptions<D> {
  /**
   * Whether padding counts as zeros in the mean (PyTorch's count_include_pad, true there) or only real values do
   * (Keras). Default: false.
   */
  readonly countPadding?: boolean;
  /** What sums are divided by in place of a count (PyTorch's divisor_override): a number ≠ 0. Default: none. */
  readonly divisor?: number;
}

interface AverageConfig {
  readonly countPadding: boolean;
  readonly divisor?: number;
}

const kindOf = (dimensions: Dimensions) =>
  poolKind<AverageConfig>(
    `averagePool${dimensions}d`,
    dimensions,
    (builder, input, windows, { countPadding, divisor }) =>
      builder.add(averagePool, [input], { ...windows, divisor: divisor ?? (countPadding ? "window" : "pixels") }),
    ["countPadding", "divisor"],
    ({ countPadding, divisor }, where): AverageConfig => ({
      countPadding: trueOrFalse(where, "countPadding", withDefault(countPadding, false)),
      ...(divisor === undefined
        ? {}
        : { divisor: numberThat(where, "divisor", divisor, "a number ≠ 0", (value) => value !== 0) }),
    }),
  );

export const averagePool1dKind = kindOf(1);
export const averagePool2dKind = kindOf(2);
export const averagePool3dKind = kindOf(3);

/**
 * Mean under each window, channel by channel: `y[i, c] = mean_{u} x[i·s + u·d − before, c]`. In training the
 * gradient is shared equally by the values of the window.
 *
 * Input: [steps, channels]. Output: [n, channels] with `n = ⌊(steps + before + after − (dilation·(size − 1) + 1)) /
 * stride⌋ + 1`; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no sequence, or a window larger than its padded input.
 *
 * Keras: AveragePooling1D · PyTorch: AvgPool1d
 *
 * @param size of the window in steps: a number
 * @example averagePool1d(2) // 28 × 8 → 14 × 8
 */
export const averagePool1d = poolFunction<1, "averagePool1d", AveragePoolOptions<1>>(averagePool1dKind);

/**
 * Mean under each window, channel by channel: `y[i, j, c] = mean_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left,
 * c]`. In training the gradient is shared equally by the values of the window.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − (dilation₀·(size₀ −
 * 1) + 1)) / stride₀⌋ + 1` and the width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * Keras: AveragePooling2D · PyTorch: AvgPool2d
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example averagePool2d(7) // 7 × 7 × 512 → 1 × 1 × 512
 */
export const averagePool2d = poolFunction<2, "averagePool2d", AveragePoolOptions<2>>(averagePool2dKind);

/**
 * Mean under each window, channel by channel: `y[k, i, j, c] = mean_{t, u, v} x[k·s₀ + t·d₀ − front, i·s₁ + u·d₁ −
 * top, j·s₂ + v·d₂ − left, c]`. In training the gradient is shared equally by the values of the window.
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels] with `d = ⌊(depth + front + back −
 * (dilation₀·(size₀ − 1) + 1)) / stride₀⌋ + 1`, height and width alike; rounded up under `ceilMode`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no volume, or a window larger than its padded input.
 *
 * Keras: AveragePooling3D · PyTorch: AvgPool3d
 *
 * @param size of the window in voxels: a number, or [depth, height, width]
 * @example averagePool3d(2) // 16 × 28 × 28 × 8 → 8 × 14 × 14 × 8
 */
export const averagePool3d = poolFunction<3, "averagePool3d", AveragePoolOptions<3>>(averagePool3dKind);
