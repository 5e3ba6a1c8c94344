import { createLayer, type Layer } from "../layer.js";
import type { ConvTranspose, ConvTransposeOptions } from "../shapes/spatial.js";
import type { Padding3d, Triple } from "./conv3d.js";
import type { PerAxis } from "./spatial.js";
import { type TransposedOptions, transposedKind } from "./transposed.js";

export interface ConvTranspose3dOptions extends TransposedOptions<Triple> {
  /**
   * What the output loses at its sides: `"same"` (`size · stride` outputs) and `"valid"` (`size · stride +
   * max(effective − stride, 0)`) as in Keras, or as in PyTorch a number, [depth, vertical, horizontal] or [front, back,
   * top, bottom, left, right]: `(size − 1) · stride + effective − before − after + outputPadding` outputs. Default:
   * `"same"` (Keras's is `"valid"`, PyTorch's 0).
   */
  readonly padding?: Exclude<Padding3d, "full">;
}

export const convTranspose3dKind = transposedKind("convTranspose3d", 3);

/**
 * Transposed 3-D convolution layer: what the gradient of `conv3d` for its input computes, so that a stride makes volumes
 * larger:
 *
 * `y[p, q, r, o] = activation(bias[o] + Σ x[h, i, j, c] · kernel[t, u, v, o, c])` over the h, i, j, t, u, v, c with
 * `h·s₀ + t·d₀ − front = p`, `i·s₁ + u·d₁ − top = q` and `j·s₂ + v·d₂ − left = r`
 *
 * Input: [depth, height, width, channels]. Output: [d, h, w, filters], sizes as at `padding`,
 * `effective = d·(k − 1) + 1`. Weights: `kernel` [kd, kh, kw, filters / groups, channels] as in Keras (PyTorch:
 * [channels, filters / groups, kd, kh, kw]) and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown, or an `outputPadding` that adds whole windows; code
 * "shape" for an input that is no volume, channels that do not split into the groups, or padding that leaves nothing.
 *
 * Keras: Conv3DTranspose · PyTorch: nn.ConvTranspose3d
 *
 * Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [depth, height, width]
 * @example convTranspose3d(8, 2, { stride: 2 }) // 4 × 4 × 4 × 16 → 8 × 8 × 8 × 8, 1,032 parameters
 */
export function convTranspose3d<
  const Filters extends number,
  const Kernel extends PerAxis[3],
  const Stride extends PerAxis[3] = 1,
  const Padding extends NonNullable<ConvTranspose3dOptions["padding"]> = "same",
  const Dilation extends PerAxis[3] = 1,
  const Groups extends number = 1,
  const More extends PerAxis[3] | null = null,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: ConvTranspose3dOptions & ConvTransposeOptions<Stride, Padding, Dilation, Groups, More>,
): Layer<ConvTranspose<"convTranspose3d", Filters, Kernel, Stride, Padding, Dilation, Groups, More>> {
  return createLayer(convTranspose3dKind, { filters, kernelSize }, options);
}
