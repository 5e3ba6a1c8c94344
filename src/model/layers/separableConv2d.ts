import { createLayer, type Layer } from "../layer.js";
import type { Conv, WindowOptions } from "../shapes/spatial.js";
import type { Padding2d } from "./conv2d.js";
import { type SeparableOptions, separableKind } from "./separable.js";
import type { PerAxis } from "./spatial.js";

export interface SeparableConv2dOptions extends SeparableOptions<readonly [number, number]> {
  /** Pixels of zeros around the input, as for `conv2d`. Default: `"same"` (Keras's is `"valid"`). */
  readonly padding?: Padding2d;
}

export const separableConv2dKind = separableKind("separableConv2d", 2);

/**
 * Depthwise separable 2-D convolution: every channel with m filters of its own (`depthMultiplier`), then 1 × 1 filters
 * over all of what that gives, without activation or bias in between:
 *
 * `z[i, j, c·m + k] = Σ_{u, v} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · depthwise[u, v, 0, c·m + k]`
 * `y[i, j, o] = activation(bias[o] + Σ_b z[i, j, b] · pointwise[0, 0, b, o])`
 *
 * Input: [height, width, channels]. Output: [h, w, filters], h and w as for `conv2d`.
 * Weights: `depthwise` [kh, kw, 1, channels · m], the memory of Keras's [kh, kw, channels, m], `pointwise`
 * [1, 1, channels · m, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no image, or a window
 * larger than its padded input.
 *
 * Keras: SeparableConv2D · PyTorch: nn.Conv2d with groups=channels and bias=False, then nn.Conv2d of size 1
 *
 * Source: Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [height, width]
 * @example separableConv2d(64, 3, { activation: "relu" }) // 28 × 28 × 32 → 28 × 28 × 64, 2,400 parameters
 */
export function separableConv2d<
  const Filters extends number,
  const Kernel extends PerAxis[2],
  const Stride extends PerAxis[2] = 1,
  const Padding extends Padding2d = "same",
  const Dilation extends PerAxis[2] = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: SeparableConv2dOptions & WindowOptions<Stride, Padding, Dilation>,
): Layer<Conv<"separableConv2d", Filters, Kernel, Stride, Padding, Dilation, 1>> {
  return createLayer(separableConv2dKind, { filters, kernelSize }, options);
}
