import { createLayer, type Layer } from "../layer.js";
import type { Conv, ConvOptions } from "../shapes/spatial.js";
import { convKind, type ForwardOptions } from "./conv.js";
import type { PerAxis } from "./spatial.js";

/** Zeros around an image. */
export type Padding2d =
  | "same"
  | "valid"
  | "full"
  | number
  | readonly [vertical: number, horizontal: number]
  | readonly [top: number, bottom: number, left: number, right: number];

export interface Conv2dOptions extends ForwardOptions<readonly [number, number]> {
  /**
   * Pixels of zeros around the input: `"same"` (⌈size / stride⌉ outputs), `"valid"` (none), `"full"` (every window that
   * touches the input), a number, [vertical, horizontal] or [top, bottom, left, right]. Default: `"same"` (Keras's is
   * `"valid"`, PyTorch's 0).
   */
  readonly padding?: Padding2d;
  /** Channels are split into this many independent convolutions. Default: 1. */
  readonly groups?: number;
}

export const conv2dKind = convKind("conv2d", 2);

/**
 * 2-D convolution layer (cross-correlation, no flip), channels last:
 *
 * `y[i, j, o] = activation(bias[o] + Σ_{u, v, c} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · kernel[u, v, c, o])`
 *
 * Input: [height, width, channels]. Output: [h, w, filters] with `h = ⌈height / s₀⌉` under `"same"` and
 * `⌊(height + top + bottom − (d₀·(kh − 1) + 1)) / s₀⌋ + 1` otherwise; w alike.
 * Weights: `kernel` [kh, kw, channels / groups, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown, or padding beyond what its mode can repeat; code "shape"
 * for an input that is no image, channels that do not split into the groups, or a window larger than its padded
 * input.
 *
 * Keras: Conv2D · PyTorch: nn.Conv2d
 *
 * Source: LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [height, width]
 * @example conv2d(10, 5, { stride: 2, activation: "relu" }) // 28 × 28 × 1 → 14 × 14 × 10, 260 parameters
 */
export function conv2d<
  const Filters extends number,
  const Kernel extends PerAxis[2],
  const Stride extends PerAxis[2] = 1,
  const Padding extends Padding2d = "same",
  const Dilation extends PerAxis[2] = 1,
  const Groups extends number = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: Conv2dOptions & ConvOptions<Stride, Padding, Dilation, Groups>,
): Layer<Conv<"conv2d", Filters, Kernel, Stride, Padding, Dilation, Groups>> {
  return createLayer(conv2dKind, { filters, kernelSize }, options);
}
