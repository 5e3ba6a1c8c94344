import { createLayer, type Layer } from "../layer.js";
import type { DepthwiseConv, DepthwiseConvOptions } from "../shapes/spatial.js";
import type { Padding1d } from "./conv1d.js";
import { type DepthwiseOptions, depthwiseKind } from "./depthwise.js";
import type { PerAxis } from "./spatial.js";

export interface DepthwiseConv1dOptions extends DepthwiseOptions<readonly [number]> {
  /** Zeros around the input, as for `conv1d`. Default: `"same"` (Keras's is `"valid"`, PyTorch's 0). */
  readonly padding?: Padding1d;
}

export const depthwiseConv1dKind = depthwiseKind("depthwiseConv1d", 1);

/**
 * 1-D convolution of every channel with filters of its own, m for each (`depthMultiplier`):
 *
 * `y[i, c·m + k] = activation(bias[c·m + k] + Σ_u x[i·s + u·d − before, c] · kernel[u, 0, c·m + k])`
 *
 * Input: [steps, channels]. Output: [n, channels · m], n as for `conv1d`.
 * Weights: `kernel` [k, 1, channels · m], which is the memory of Keras's [k, channels, m], and `bias` [channels · m].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no sequence, or a window
 * larger than its padded input.
 *
 * Keras: DepthwiseConv1D · PyTorch: nn.Conv1d with groups=channels
 *
 * Source: Kaiser, Gomez and Chollet, "Depthwise separable convolutions for neural machine translation", ICLR 2018.
 *
 * @param kernelSize taps
 * @example depthwiseConv1d(7, { padding: "causal" }) // 100 × 64 → 100 × 64, 512 parameters
 */
export function depthwiseConv1d<
  const Kernel extends number,
  const Stride extends PerAxis[1] = 1,
  const Padding extends Padding1d = "same",
  const Dilation extends PerAxis[1] = 1,
  const Multiplier extends number = 1,
>(
  kernelSize: Kernel,
  options?: DepthwiseConv1dOptions & DepthwiseConvOptions<Stride, Padding, Dilation, Multiplier>,
): Layer<DepthwiseConv<"depthwiseConv1d", Kernel, Stride, Padding, Dilation, Multiplier>> {
  return createLayer(depthwiseConv1dKind, { kernelSize }, options);
}
