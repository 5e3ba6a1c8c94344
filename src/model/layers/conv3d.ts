import { createLayer, type Layer } from "../layer.js";
import type { Conv, ConvOptions } from "../shapes/spatial.js";
import { convKind, type ForwardOptions } from "./conv.js";
import type { PerAxis } from "./spatial.js";

/** A number for each of depth, height and width. */
export type Triple = readonly [depth: number, height: number, width: number];

/** Zeros around a volume. */
export type Padding3d =
  | "same"
  | "valid"
  | "full"
  | number
  | Triple
  | readonly [front: number, back: number, top: number, bottom: number, left: number, right: number];

export interface Conv3dOptions extends ForwardOptions<Triple> {
  /**
   * Zeros around the input: `"same"` (⌈size / stride⌉ outputs), `"valid"` (none), `"full"` (every window that touches
   * the input), a number, [depth, vertical, horizontal] or [front, back, top, bottom, left, right]. Default: `"same"`
   * (Keras's is `"valid"`, PyTorch's 0).
   */
  readonly padding?: Padding3d;
  /** Channels are split into this many independent convolutions. Default: 1. */
  readonly groups?: number;
}

export const conv3dKind = convKind("conv3d", 3);

/**
 * 3-D convolution layer (cross-correlation, no flip), channels last:
 *
 * `y[h, i, j, o] = activation(bias[o] + Σ_{t, u, v, c} x[h·s₀ + t·d₀ − front, i·s₁ + u·d₁ − top, j·s₂ + v·d₂ − left, c]
 * · kernel[t, u, v, c, o])`
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, filters] with `d = ⌈depth / s₀⌉` under `"same"` and
 * `⌊(depth + front + back − (d₀·(kd − 1) + 1)) / s₀⌋ + 1` otherwise; h and w alike.
 * Weights: `kernel` [kd, kh, kw, channels / groups, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown, or padding beyond what its mode can repeat; code "shape"
 * for an input that is no volume, channels that do not split into the groups, or a window larger than its padded
 * input.
 *
 * Keras: Conv3D · PyTorch: nn.Conv3d
 *
 * Source: Tran et al., "Learning spatiotemporal features with 3D convolutional networks", ICCV 2015.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [depth, height, width]
 * @example conv3d(16, 3, { stride: 2 }) // 32 × 32 × 32 × 1 → 16 × 16 × 16 × 16, 448 parameters
 */
export function conv3d<
  const Filters extends number,
  const Kernel extends PerAxis[3],
  const Stride extends PerAxis[3] = 1,
  const Padding extends Padding3d = "same",
  const Dilation extends PerAxis[3] = 1,
  const Groups extends number = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: Conv3dOptions & ConvOptions<Stride, Padding, Dilation, Groups>,
): Layer<Conv<"conv3d", Filters, Kernel, Stride, Padding, Dilation, Groups>> {
  return createLayer(conv3dKind, { filters, kernelSize }, options);
}
