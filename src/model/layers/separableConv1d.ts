import { createLayer, type Layer } from "../layer.js";
import type { Conv, WindowOptions } from "../shapes/spatial.js";
import type { Padding1d } from "./conv1d.js";
import { type SeparableOptions, separableKind } from "./separable.js";
import type { PerAxis } from "./spatial.js";

export interface SeparableConv1dOptions extends SeparableOptions<readonly [number]> {
  /** Zeros around the input, as for `conv1d`. Default: `"same"` (Keras's is `"valid"`). */
  readonly padding?: Padding1d;
}

export const separableConv1dKind = separableKind("separableConv1d", 1);

/**
 * Depthwise separable 1-D convolution: every channel with m filters of its own (`depthMultiplier`), then filters of
 * single steps over all of what that gives, without activation or bias in between:
 *
 * `z[i, c·m + k] = Σ_u x[i·s + u·d − before, c] · depthwise[u, 0, c·m + k]`
 * `y[i, o] = activation(bias[o] + Σ_b z[i, b] · pointwise[0, b, o])`
 *
 * Input: [steps, channels]. Output: [n, filters], n as for `conv1d`.
 * Weights: `depthwise` [k, 1, channels · m], the memory of Keras's [k, channels, m], `pointwise`
 * [1, channels · m, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no sequence, or a window
 * larger than its padded input.
 *
 * Keras: SeparableConv1D · PyTorch: nn.Conv1d with groups=channels and bias=False, then nn.Conv1d of size 1
 *
 * Source: Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.
 *
 * @param filters number of output channels
 * @param kernelSize taps
 * @example separableConv1d(64, 9) // 100 × 32 → 100 × 64, 2,400 parameters
 */
export function separableConv1d<
  const Filters extends number,
  const Kernel extends number,
  const Stride extends PerAxis[1] = 1,
  const Padding extends Padding1d = "same",
  const Dilation extends PerAxis[1] = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: SeparableConv1dOptions & WindowOptions<Stride, Padding, Dilation>,
): Layer<Conv<"separableConv1d", Filters, Kernel, Stride, Padding, Dilation, 1>> {
  return createLayer(separableConv1dKind, { filters, kernelSize }, options);
}
