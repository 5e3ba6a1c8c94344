import { createLayer, type Layer } from "../layer.js";
import type { Conv, WindowOptions } from "../shapes/spatial.js";
import type { ConvolutionOptions } from "./conv.js";
import type { Padding2d } from "./conv2d.js";
import { locallyConnectedKind } from "./locallyConnected.js";
import type { PerAxis } from "./spatial.js";

export interface LocallyConnected2dOptions extends ConvolutionOptions<readonly [number, number]> {
  /** Pixels of zeros around the input, as for `conv2d`. Default: `"same"` (Keras has `"valid"` alone). */
  readonly padding?: Padding2d;
}

export const locallyConnected2dKind = locallyConnectedKind("locallyConnected2d", 2);

/**
 * 2-D convolution whose filters are not shared: every output pixel has weights of its own.
 *
 * `y[i, j, o] = activation(bias[i, j, o] + Σ_{u, v, c} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] ·
 * kernel[i·w + j, (u·kw + v)·channels + c, o])`
 *
 * Input: [height, width, channels]. Output: [h, w, filters], h and w as for `conv2d`.
 * Weights: `kernel` [h·w, kh·kw·channels, filters] and `bias` [h, w, filters].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no image, or a window
 * larger than its padded input.
 *
 * Keras: LocallyConnected2D (Keras 2) · PyTorch: no such layer (nn.Unfold and a batched product)
 *
 * Source: Gregor and LeCun, "Emergence of complex-like cells in a temporal product network with local receptive
 * fields", 2010; Taigman et al., "DeepFace: closing the gap to human-level performance in face verification", CVPR 2014.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [height, width]
 * @example locallyConnected2d(4, 3, { stride: 2 }) // 8 × 8 × 2 → 4 × 4 × 4, 1,216 parameters
 */
export function locallyConnected2d<
  const Filters extends number,
  const Kernel extends PerAxis[2],
  const Stride extends PerAxis[2] = 1,
  const Padding extends Padding2d = "same",
  const Dilation extends PerAxis[2] = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: LocallyConnected2dOptions & WindowOptions<Stride, Padding, Dilation>,
): Layer<Conv<"locallyConnected2d", Filters, Kernel, Stride, Padding, Dilation, 1>> {
  return createLayer(locallyConnected2dKind, { filters, kernelSize }, options);
}
