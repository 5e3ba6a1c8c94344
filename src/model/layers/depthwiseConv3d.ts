import { createLayer, type Layer } from "../layer.js";
import type { DepthwiseConv, DepthwiseConvOptions } from "../shapes/spatial.js";
import type { Padding3d, Triple } from "./conv3d.js";
import { type DepthwiseOptions, depthwiseKind } from "./depthwise.js";
import type { PerAxis } from "./spatial.js";

export interface DepthwiseConv3dOptions extends DepthwiseOptions<Triple> {
  /** Zeros around the input, as for `conv3d`. Default: `"same"` (PyTorch's is 0). */
  readonly padding?: Padding3d;
}

export const depthwiseConv3dKind = depthwiseKind("depthwiseConv3d", 3);

/**
 * 3-D convolution of every channel with filters of its own, m for each (`depthMultiplier`):
 *
 * `y[h, i, j, c·m + k] = activation(bias[c·m + k] + Σ_{t, u, v} x[h·s₀ + t·d₀ − front, i·s₁ + u·d₁ − top,
 * j·s₂ + v·d₂ − left, c] · kernel[t, u, v, 0, c·m + k])`
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, channels · m], sizes as for `conv3d`.
 * Weights: `kernel` [kd, kh, kw, 1, channels · m] and `bias` [channels · m].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no volume, or a window
 * larger than its padded input.
 *
 * Keras: no such layer (Conv3D with groups=channels) · PyTorch: nn.Conv3d with groups=channels
 *
 * Source: Tran et al., "Video classification with channel-separated convolutional networks", ICCV 2019.
 *
 * @param kernelSize taps: a number, or [depth, height, width]
 * @example depthwiseConv3d(3) // 8 × 8 × 8 × 4 → 8 × 8 × 8 × 4, 112 parameters
 */
export function depthwiseConv3d<
  const Kernel extends PerAxis[3],
  const Stride extends PerAxis[3] = 1,
  const Padding extends Padding3d = "same",
  const Dilation extends PerAxis[3] = 1,
  const Multiplier extends number = 1,
>(
  kernelSize: Kernel,
  options?: DepthwiseConv3dOptions & DepthwiseConvOptions<Stride, Padding, Dilation, Multiplier>,
): Layer<DepthwiseConv<"depthwiseConv3d", Kernel, Stride, Padding, Dilation, Multiplier>> {
  return createLayer(depthwiseConv3dKind, { kernelSize }, options);
}
