import { createLayer, type Layer } from "../layer.js";
import type { ConvTranspose, ConvTransposeOptions } from "../shapes/spatial.js";
import type { PerAxis } from "./spatial.js";
import { type TransposedOptions, transposedKind } from "./transposed.js";

export interface ConvTranspose1dOptions extends TransposedOptions<readonly [number]> {
  /**
   * What the output loses at its ends: `"same"` (`steps · stride` outputs) and `"valid"` (`steps · stride +
   * max(effective − stride, 0)`) as in Keras, or as in PyTorch a number or [before, after]: `(steps − 1) · stride +
   * effective − before − after + outputPadding` outputs. Default: `"same"` (Keras's is `"valid"`, PyTorch's 0).
   */
  readonly padding?: "same" | "valid" | number | readonly [before: number, after: number];
}

export const convTranspose1dKind = transposedKind("convTranspose1d", 1);

/**
 * Transposed 1-D convolution layer: what the gradient of `conv1d` for its input computes, so that a stride makes
 * sequences longer:
 *
 * `y[p, o] = activation(bias[o] + Σ x[i, c] · kernel[u, o, c])` over the i, u, c with `i·s + u·d − before = p`
 *
 * Input: [steps, channels]. Output: [n, filters], n as at `padding`, `effective = d·(k − 1) + 1`.
 * Weights: `kernel` [k, filters / groups, channels] as in Keras (PyTorch: [channels, filters / groups, k]) and `bias`
 * [filters].
 *
 * Errors: code "option" for options out of range or unknown, or an `outputPadding` that adds whole windows; code
 * "shape" for an input that is no sequence, channels that do not split into the groups, or padding that leaves nothing.
 *
 * Keras: Conv1DTranspose · PyTorch: nn.ConvTranspose1d
 *
 * Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
 *
 * @param filters number of output channels
 * @param kernelSize taps
 * @example convTranspose1d(8, 4, { stride: 4 }) // 50 × 16 → 200 × 8, 520 parameters
 */
export function convTranspose1d<
  const Filters extends number,
  const Kernel extends number,
  const Stride extends PerAxis[1] = 1,
  const Padding extends NonNullable<ConvTranspose1dOptions["padding"]> = "same",
  const Dilation extends PerAxis[1] = 1,
  const Groups extends number = 1,
  const More extends PerAxis[1] | null = null,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: ConvTranspose1dOptions & ConvTransposeOptions<Stride, Padding, Dilation, Groups, More>,
): Layer<ConvTranspose<"convTranspose1d", Filters, Kernel, Stride, Padding, Dilation, Groups, More>> {
  return createLayer(convTranspose1dKind, { filters, kernelSize }, options);
}
