import { createLayer, type Layer } from "../layer.js";
import type { Conv, ConvOptions } from "../shapes/spatial.js";
import { convKind, type ForwardOptions } from "./conv.js";
import type { PerAxis } from "./spatial.js";

/** Zeros around a sequence. */
export type Padding1d = "same" | "valid" | "full" | "causal" | number | readonly [before: number, after: number];

export interface Conv1dOptions extends ForwardOptions<readonly [number]> {
  /**
   * Zeros around the input: `"same"` (⌈steps / stride⌉ outputs), `"valid"` (none), `"full"` (every window that touches
   * the input), `"causal"` (d·(k − 1) before: no output sees later steps), a number for both sides or [before, after].
   * Default: `"same"` (Keras's is `"valid"`, PyTorch's 0).
   */
  readonly padding?: Padding1d;
  /** Channels are split into this many independent convolutions. Default: 1. */
  readonly groups?: number;
}

export const conv1dKind = convKind("conv1d", 1);

/**
 * 1-D convolution layer (cross-correlation, no flip), channels last:
 *
 * `y[i, o] = activation(bias[o] + Σ_{u, c} x[i·s + u·d − before, c] · kernel[u, c, o])`
 *
 * Input: [steps, channels]. Output: [n, filters] with `n = ⌈steps / s⌉` under `"same"` and `"causal"` and
 * `⌊(steps + before + after − (d·(k − 1) + 1)) / s⌋ + 1` otherwise.
 * Weights: `kernel` [k, channels / groups, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown, or padding beyond what its mode can repeat; code "shape"
 * for an input that is no sequence, channels that do not split into the groups, or a window larger than its padded
 * input.
 *
 * Keras: Conv1D · PyTorch: nn.Conv1d
 *
 * Source: Waibel et al., "Phoneme recognition using time-delay neural networks", 1989; causal and dilated: van den Oord
 * et al., "WaveNet: a generative model for raw audio", 2016.
 *
 * @param filters number of output channels
 * @param kernelSize taps
 * @example conv1d(64, 2, { dilation: 512, padding: "causal" }) // 8,000 × 64 → 8,000 × 64, 8,256 parameters
 */
export function conv1d<
  const Filters extends number,
  const Kernel extends number,
  const Stride extends PerAxis[1] = 1,
  const Padding extends Padding1d = "same",
  const Dilation extends PerAxis[1] = 1,
  const Groups extends number = 1,
>(
  filters: Filters,
  kernelSize: Kernel,
  options?: Conv1dOptions & ConvOptions<Stride, Padding, Dilation, Groups>,
): Layer<Conv<"conv1d", Filters, Kernel, Stride, Padding, Dilation, Groups>> {
  return createLayer(conv1dKind, { filters, kernelSize }, options);
}
