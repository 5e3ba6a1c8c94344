import { createLayer, type Layer } from "../layer.js";
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
export function convTranspose1d(filters: number, kernelSize: number, options?: ConvTranspose1dOptions): Layer {
  return createLayer(convTranspose1dKind, { filters, kernelSize }, options);
}
