import { createLayer, type Layer } from "../layer.js";
import type { Conv, WindowOptions } from "../shapes/spatial.js";
import type { ConvolutionOptions } from "./conv.js";
import type { Padding1d } from "./conv1d.js";
import { locallyConnectedKind } from "./locallyConnected.js";
import type { PerAxis } from "./spatial.js";

export interface LocallyConnected1dOptions extends ConvolutionOptions<readonly [number]> {
  /** Zeros around the input, as for `conv1d`. Default: `"same"` (Keras has `"valid"` alone). */
  readonly padding?: Padding1d;
}

export const locallyConnected1dKind = locallyConnectedKind("locallyConnected1d", 1);

/**
 * 1-D convolution whose filters are not shared: every output step has weights of its own.
 *
 * `y[i, o] = activation(bias[i, o] + Σ_{u, c} x[i·s + u·d − before, c] · kernel[i, u·channels + c, o])`
 *
 * Input: [steps, channels]. Output: [n, filters], n as for `conv1d`.
 * Weights: `kernel` [n, k·channels, filters] and `bias` [n, filters].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no sequence, or a window
 * larger than its padded input.
 *
 * Keras: LocallyConnected1D (Keras 2) · PyTorch: no such layer (Tensor.unfold and a batched product)
 *
 * Source: Gregor and LeCun, "Emergence of complex-like cells in a temporal product network with local receptive
 * fields", 2010.
 *
 * @param filters number of output channels
 * @param kernelSize taps
 * @example locallyConnected1d(4, 3, { padding: "valid" }) // 10 × 2 → 8 × 4, 224 parameters
 */
export function locallyConnected1d<
  const Filters extends number,
  const Kernel extends number,
  const Stride extends PerAxis[1] = 1,
  const Padding extends Padding1d = "same",
  const Dilation extends PerAxis[1] = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: LocallyConnected1dOptions & WindowOptions<Stride, Padding, Dilation>,
): Layer<Conv<"locallyConnected1d", Filters, Kernel, Stride, Padding, Dilation, 1>> {
  return createLayer(locallyConnected1dKind, { filters, kernelSize }, options);
}
