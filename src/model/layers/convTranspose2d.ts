import { createLayer, type Layer } from "../layer.js";
import type { ConvTranspose, ConvTransposeOptions } from "../shapes/spatial.js";
import type { Padding2d } from "./conv2d.js";
import type { PerAxis } from "./spatial.js";
import { type TransposedOptions, transposedKind } from "./transposed.js";

export interface ConvTranspose2dOptions extends TransposedOptions<readonly [number, number]> {
  /**
   * What the output loses at its edges: `"same"` (`size · stride` outputs) and `"valid"` (`size · stride +
   * max(effective − stride, 0)`) as in Keras, or as in PyTorch a number, [vertical, horizontal] or [top, bottom, left,
   * right]: `(size − 1) · stride + effective − before − after + outputPadding` outputs. Default: `"same"` (Keras's is
   * `"valid"`, PyTorch's 0).
   */
  readonly padding?: Exclude<Padding2d, "full">;
}

export const convTranspose2dKind = transposedKind("convTranspose2d", 2);

/**
 * Transposed 2-D convolution layer: what the gradient of `conv2d` for its input computes, so that a stride makes images
 * larger. Every input pixel adds its filter, times the pixel, to the output, `s` pixels further for each step:
 *
 * `y[p, q, o] = activation(bias[o] + Σ x[i, j, c] · kernel[u, v, o, c])` over the i, j, u, v, c with
 * `i·s₀ + u·d₀ − top = p` and `j·s₁ + v·d₁ − left = q`
 *
 * Input: [height, width, channels]. Output: [h, w, filters], sizes as at `padding`, `effective = d·(k − 1) + 1`.
 * Weights: `kernel` [kh, kw, filters / groups, channels] as in Keras (PyTorch: [channels, filters / groups, kh, kw])
 * and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown, or an `outputPadding` that adds whole windows; code
 * "shape" for an input that is no image, channels that do not split into the groups, or padding that leaves nothing.
 *
 * Keras: Conv2DTranspose · PyTorch: nn.ConvTranspose2d
 *
 * Source: Zeiler et al., "Deconvolutional networks", CVPR 2010; Dumoulin and Visin, "A guide to convolution arithmetic
 * for deep learning", 2016.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [height, width]
 * @example convTranspose2d(16, 4, { stride: 2, activation: "relu" }) // 14 × 14 × 32 → 28 × 28 × 16, 8,208 parameters
 */
export function convTranspose2d<
  const Filters extends number,
  const Kernel extends PerAxis[2],
  const Stride extends PerAxis[2] = 1,
  const Padding extends NonNullable<ConvTranspose2dOptions["padding"]> = "same",
  const Dilation extends PerAxis[2] = 1,
  const Groups extends number = 1,
  const More extends PerAxis[2] | null = null,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: ConvTranspose2dOptions & ConvTransposeOptions<Stride, Padding, Dilation, Groups, More>,
): Layer<ConvTranspose<"convTranspose2d", Filters, Kernel, Stride, Padding, Dilation, Groups, More>> {
  return createLayer(convTranspose2dKind, { filters, kernelSize }, options);
}
