import { createLayer, type Layer } from "../layer.js";
import type { DepthwiseConv, DepthwiseConvOptions } from "../shapes/spatial.js";
import type { Padding2d } from "./conv2d.js";
import { type DepthwiseOptions, depthwiseKind } from "./depthwise.js";
import type { PerAxis } from "./spatial.js";

export interface DepthwiseConv2dOptions extends DepthwiseOptions<readonly [number, number]> {
  /** Pixels of zeros around the input, as for `conv2d`. Default: `"same"` (Keras's is `"valid"`, PyTorch's 0). */
  readonly padding?: Padding2d;
}

export const depthwiseConv2dKind = depthwiseKind("depthwiseConv2d", 2);

/**
 * 2-D convolution of every channel with filters of its own, m for each (`depthMultiplier`):
 *
 * `y[i, j, c·m + k] = activation(bias[c·m + k] + Σ_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] ·
 * kernel[u, v, 0, c·m + k])`
 *
 * Input: [height, width, channels]. Output: [h, w, channels · m], h and w as for `conv2d`.
 * Weights: `kernel` [kh, kw, 1, channels · m], which is the memory of Keras's [kh, kw, channels, m], and `bias`
 * [channels · m]. Initialisers count kh·kw inputs of a filter (as PyTorch does; Keras counts those of all channels).
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no image, or a window
 * larger than its padded input.
 *
 * Keras: DepthwiseConv2D · PyTorch: nn.Conv2d with groups=channels
 *
 * Source: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017.
 *
 * @param kernelSize taps: a number, or [height, width]
 * @example depthwiseConv2d(3, { stride: 2, useBias: false }) // 48 × 48 × 96 → 24 × 24 × 96, 864 parameters
 */
export function depthwiseConv2d<
  const Kernel extends PerAxis[2],
  const Stride extends PerAxis[2] = 1,
  const Padding extends Padding2d = "same",
  const Dilation extends PerAxis[2] = 1,
  const Multiplier extends number = 1,
>(
  kernelSize: Kernel,
  options?: DepthwiseConv2dOptions & DepthwiseConvOptions<Stride, Padding, Dilation, Multiplier>,
): Layer<DepthwiseConv<"depthwiseConv2d", Kernel, Stride, Padding, Dilation, Multiplier>> {
  return createLayer(depthwiseConv2dKind, { kernelSize }, options);
}
