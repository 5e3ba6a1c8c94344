import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { choice, withDefault } from "../model/check.js";
import { type Dimensions, wholeNumbers } from "../model/layers/spatial.js";
import { checkPadding } from "../model/layers/window.js";
import { effectiveSize, type Padding, resolvePadding, type Window, windowOutput } from "../ops/window.js";
import { forEachPlace, indexOf, type Signal, type SignalLike, signalOf } from "./signal.js";
import { fft, ifft, type Spectrum } from "./spectra.js";

/** Which outputs there are, for N samples and P taps: N + P − 1, N, or N − P + 1 of them. */
export type Mode = "full" | "same" | "valid";

export interface ConvolveOptions {
  /**
   * `"full"`: wherever the kernel touches the signal. `"same"`: as many as samples (⌈N / stride⌉), placed as a layer
   * with padding "same" does: for an even P, NumPy places them one sample earlier. `"valid"`: wherever the kernel lies
   * within the signal. Default: `"full"`.
   */
  readonly mode?: Mode;
  /**
   * Zeros around the signal, in place of a mode: a number, one for each axis, or [before, after] for each axis. Every
   * output is one place of the kernel within what results.
   */
  readonly padding?: number | readonly number[];
  /** Samples between outputs: a number, or one for each axis. Default: 1. */
  readonly stride?: number | readonly number[];
  /** Samples between the taps of the kernel: a number, or one for each axis. Default: 1. */
  readonly dilation?: number | readonly number[];
  /**
   * `"direct"`: the sum as it stands, N·P products. `"fft"`: a product of spectra, about N·log N operations however
   * long the kernel. Default: `"direct"`.
   */
  readonly method?: "direct" | "fft";
}

/**
 * Convolution: `z[n] = Σ_m x[m] · w[n − m]` over one to three axes. The kernel is flipped: it slides over the signal
 * back to front. N samples and P taps have N + P − 1 outputs.
 *
 * By `method: "fft"` every output is off by at most `4·ε·‖x‖₂·‖w‖₁`, with `ε = 8u·Σ log₂ L` over the axes, `L` the
 * lengths of the transforms (powers of two) and u = 2⁻⁵³ (Higham, "Accuracy and stability of numerical algorithms",
 * theorem 24.2, for each of the three transforms).
 *
 * Errors: code "option" for options out of range or unknown; code "shape" where signal and kernel differ in axes, or
 * the kernel does not fit once.
 *
 * NumPy: convolve · SciPy: signal.convolve
 *
 * @param x signal
 * @param w kernel
 * @example convolve([1, 2, 3], [1, 1]).values; // 1, 3, 5, 3
 * @example convolve([1, 2, 3], [1, 1], { mode: "valid" }).values; // 3, 5
 */
export function convolve(x: SignalLike, w: SignalLike, options?: ConvolveOptions): Signal {
  const kernel = signalOf("convolve: kernel", w);
  return slide("convolve", x, flip(kernel), options);
}

/**
 * Cross-correlation: `z[n] = Σ_m x[n + m] · w[m]` over one to three axes, what deep learning calls convolution. It is
 * the convolution with the flipped kernel. In mode `"full"`, n begins at −(P − 1).
 *
 * Accuracy, errors and options as for {@link convolve}.
 *
 * NumPy: correlate · SciPy: signal.correlate · PyTorch: nn.functional.conv1d, conv2d, conv3d
 *
 * @param x signal
 * @param w kernel
 * @example correlate([1, 2, 4], [-1, 1], { mode: "valid" }).values; // 1, 2: differences of neighbours
 */
export function correlate(x: SignalLike, w: SignalLike, options?: ConvolveOptions): Signal {
  return slide("correlate", x, signalOf("correlate: kernel", w), options);
}

/**
 * A signal back to front along every axis. Flipping the kernel turns convolution into cross-correlation.
 *
 * @example flip([1, 2, 3]).values; // 3, 2, 1
 */
export function flip(x: SignalLike): Signal {
  const { shape, values } = signalOf("flip", x);
  return { shape, values: values.slice().reverse() };
}

/**
 * The matrix A with `z = Aᵀx`: the convolution of any signal of this shape with the kernel, signal and result written
 * as one column, row by row. Column j holds the weights that output j gives the samples. For one axis it is banded, with equal
 * numbers along every diagonal (Toeplitz): P weights in place of N·M.
 *
 * Errors: as for {@link convolve}.
 *
 * SciPy: linalg.convolution_matrix (which is Aᵀ)
 *
 * @param w kernel
 * @param shape of the signal: its length, or the extents of its axes
 * @returns [samples, outputs]
 * @example nested(convolutionMatrix([1, 2], 3)); // [[1, 2, 0, 0], [0, 1, 2, 0], [0, 0, 1, 2]]
 */
export function convolutionMatrix(w: SignalLike, shape: number | Shape, options?: ConvolveOptions): Signal {
  const kernel = flip(signalOf("convolutionMatrix: kernel", w));
  return matrixOf("convolutionMatrix", kernel, shape, options);
}

/**
 * The matrix A with `z = Aᵀx` for the cross-correlation with the kernel: see {@link convolutionMatrix}.
 *
 * @example nested(correlationMatrix([-1, 1], 3, { mode: "valid" })); // [[-1, 0], [1, -1], [0, 1]]
 */
export function correlationMatrix(w: SignalLike, shape: number | Shape, options?: ConvolveOptions): Signal {
  return matrixOf("correlationMatrix", signalOf("correlationMatrix: kernel", w), shape, options);
}

/** A kernel's places over a signal. */
interface Placement extends Window {
  readonly input: Shape;
  readonly kernel: Shape;
  readonly output: Shape;
}

function slide(where: string, x: SignalLike, kernel: Signal, options: ConvolveOptions | undefined): Signal {
  const input = signalOf(`${where}: signal`, x);
  const placement = place(where, input.shape, kernel.shape, options);
  const method = choice(where, "method", withDefault(options?.method, "direct"), ["direct", "fft"]);
  return { shape: placement.output, values: (method === "fft" ? bySpectra : bySums)(input, kernel, placement) };
}

function bySums(x: Signal, kernel: Signal, placement: Placement): Float64Array {
  const z = new Float64Array(sizeOf(placement.output));
  forEachProduct(placement, (output, input, tap) => {
    z[output]! += x.values[input]! * kernel.values[tap]!;
  });
  return z;
}

function matrixOf(where: string, kernel: Signal, shape: number | Shape, options?: ConvolveOptions): Signal {
  const input = typeof shape === "number" ? [shape] : shape;
  const placement = place(where, input, kernel.shape, options);
  const [samples, outputs] = [sizeOf(input), sizeOf(placement.output)];
  const values = new Float64Array(samples * outputs);
  forEachProduct(placement, (output, sample, tap) => {
    values[sample * outputs + output]! += kernel.values[tap]!;
  });
  return { shape: [samples, outputs], values };
}

function place(where: string, input: Shape, kernel: Shape, options: ConvolveOptions = {}): Placement {
  checkOptions(where, options, ["mode", "padding", "stride", "dilation", "method"]);
  if (kernel.length !== input.length) {
    fail({
      code: "shape",
      where,
      problem: "signal and kernel differ in axes",
      expected: `a kernel over ${input.length}, as the signal ${formatShape(input)}`,
      received: formatShape(kernel),
    });
  }
  const axes = input.length as Dimensions;
  const strides = wholeNumbers(where, "stride", withDefault(options.stride, 1), axes);
  const dilation = wholeNumbers(where, "dilation", withDefault(options.dilation, 1), axes);
  const effective = kernel.map((size, axis) => effectiveSize(size, dilation[axis]!));
  const padding = resolvePadding(paddingOf(where, options, axes), input, effective, strides);
  const window = { strides, dilation, padding };
  return { ...window, input, kernel, output: windowOutput(input, kernel, window, where) };
}

function paddingOf(where: string, { mode, padding }: ConvolveOptions, axes: Dimensions): Padding {
  if (padding === undefined) return choice<Mode>(where, "mode", withDefault(mode, "full"), ["full", "same", "valid"]);
  if (mode === undefined) return checkPadding(where, padding, axes, []);
  const problem = "mode and padding are both given";
  return fail({ code: "option", where, problem, fix: "Keep one of them; a mode is a rule for padding" });
}

/** Visits every product of a sample and a tap, output by output. Padding is zero, so what lies in it is left out. */
function forEachProduct(placement: Placement, visit: (output: number, sample: number, tap: number) => void): void {
  const { input, kernel, output, strides, dilation, padding } = placement;
  const last = input.length - 1;
  const walk = (places: readonly number[], z: number, axis: number, samples: number, taps: number): void => {
    const [extent, size, step] = [input[axis]!, kernel[axis]!, dilation[axis]!];
    let i = places[axis]! * strides[axis]! - padding[2 * axis]!;
    for (let k = 0; k < size; k++, i += step) {
      if (i < 0 || i >= extent) continue;
      if (axis === last) visit(z, samples + i, taps + k);
      else walk(places, z, axis + 1, (samples + i) * input[axis + 1]!, (taps + k) * kernel[axis + 1]!);
    }
  };
  forEachPlace(output, (places, z) => walk(places, z, 0, 0, 0));
}

/**
 * The convolution theorem: the transform of a convolution is the product of the transforms. Both are continued with
 * zeros to powers of two that hold the full result, so that nothing wraps around.
 */
function bySpectra(x: Signal, flipped: Signal, placement: Placement): Float64Array {
  const { input, kernel, strides, dilation, padding, output } = placement;
  const effective = kernel.map((size, axis) => effectiveSize(size, dilation[axis]!));
  const full = input.map((size, axis) => size + effective[axis]! - 1);
  const extended = full.map((size) => 2 ** Math.ceil(Math.log2(size)));
  const ones = input.map(() => 1);
  const spectrum = multiplySpectra(fft(spread(x, ones, extended)), fft(spread(flip(flipped), dilation, extended)));
  const sums = ifft(spectrum).real;
  const z = new Float64Array(sizeOf(output));
  forEachPlace(output, (places, n) => {
    const at = places.map((place, axis) => place * strides[axis]! - padding[2 * axis]! + effective[axis]! - 1);
    // beyond the full result there is only padding
    if (at.every((i, axis) => i >= 0 && i < full[axis]!)) z[n] = sums[indexOf(at, extended)]!;
  });
  return z;
}

function multiplySpectra(a: Spectrum, b: Spectrum): Spectrum {
  const real = a.real.map((value, k) => value * b.real[k]! - a.imag[k]! * b.imag[k]!);
  const imag = a.real.map((value, k) => value * b.imag[k]! + a.imag[k]! * b.real[k]!);
  return { shape: a.shape, real, imag };
}

/** Samples `steps` apart, with zeros between and after them. */
function spread({ shape, values }: Signal, steps: readonly number[], extended: Shape): Signal {
  const result = new Float64Array(sizeOf(extended));
  forEachPlace(shape, (places, n) => {
    const at = places.map((place, axis) => place * steps[axis]!);
    result[indexOf(at, extended)] = values[n]!;
  });
  return { shape: extended, values: result };
}
