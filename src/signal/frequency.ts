import { checkOptions, fail } from "../core/errors.js";
import { wholeNumber, withDefault, wrongOption } from "../model/check.js";
import { type SignalLike, signalOf } from "./signal.js";

/** A spectrum at chosen frequencies. */
export interface DtftResult {
  /** In cycles per sample: ½ is the fastest that samples can show, +1, −1, +1, … */
  readonly frequency: Float64Array;
  readonly real: Float64Array;
  readonly imag: Float64Array;
}

/** What a filter does to each frequency. */
export interface FrequencyResponse {
  /** In cycles per sample, from 0 to ½. */
  readonly frequency: Float64Array;
  /** By what factor an oscillation grows. */
  readonly magnitude: Float64Array;
  /** `20·log₁₀` of the magnitude; −∞ where nothing passes. */
  readonly decibels: Float64Array;
  /** In radians, from −π to π: how far it is moved. */
  readonly phase: Float64Array;
}

/**
 * Discrete-time Fourier transform at chosen frequencies: `X(f) = Σ_n x[n] · e^{−2πi·f·n}`, n from 0. The discrete
 * Fourier transform is X at k/N.
 *
 * Errors: code "shape" or "option" for what is no signal, or has more than one axis.
 *
 * @param x samples
 * @param frequencies in cycles per sample
 * @example dtft([1, 1], [0, 0.5]).real; // 2, 0: a mean of two lets no alternation pass
 */
export function dtft(x: SignalLike, frequencies: ArrayLike<number>): DtftResult {
  const { values } = sequence("dtft", x);
  const frequency = Float64Array.from(frequencies);
  const sum = (part: (angle: number) => number) =>
    frequency.map((f) => values.reduce((total, value, n) => total + value * part(-2 * Math.PI * f * n), 0));
  return { frequency, real: sum(Math.cos), imag: sum(Math.sin) };
}

/**
 * What convolution with a filter does to oscillations of each frequency: size and angle of its transform. By the
 * convolution theorem, the spectrum of the result is this times the spectrum of the signal.
 *
 * Errors: code "option" for less than 2 points or an unknown option; otherwise as for {@link dtft}.
 *
 * SciPy: signal.freqz
 *
 * @param w taps
 * @param options.points frequencies, evenly from 0 to ½. Default: 257
 * @example frequencyResponse([0.5, 0.5], { points: 3 }).magnitude; // 1, 0.707, 0
 */
export function frequencyResponse(w: SignalLike, options: { readonly points?: number } = {}): FrequencyResponse {
  checkOptions("frequencyResponse", options, ["points"]);
  const points = wholeNumber("frequencyResponse", "points", withDefault(options.points, 257), 2);
  const evenly = Float64Array.from({ length: points }, (_, k) => k / (2 * (points - 1)));
  const { frequency, real, imag } = dtft(sequence("frequencyResponse", w), evenly);
  const magnitude = real.map((re, k) => Math.hypot(re, imag[k]!));
  return {
    frequency,
    magnitude,
    decibels: magnitude.map((value) => 20 * Math.log10(value)),
    phase: real.map((re, k) => Math.atan2(imag[k]!, re)),
  };
}

/**
 * Width of a low-pass filter in frequency: where its magnitude has fallen to 1/√2 of that at 0 (half the power, −3
 * dB), in cycles per sample. The narrower a filter is in time, the wider it is here.
 *
 * Errors: code "option" where some frequency passes better than constants do, or none at half their power or less.
 *
 * @param w taps
 * @example bandwidth([0.5, 0.5]); // 0.25
 * @example bandwidth(movingAverage(20)); // 0.0222: ten times as long, ten times as narrow
 */
export function bandwidth(w: SignalLike): number {
  const filter = sequence("bandwidth", w);
  const power = (f: number) => {
    const { real, imag } = dtft(filter, [f]);
    return real[0]! ** 2 + imag[0]! ** 2;
  };
  // steps finer than the lobes of the spectrum, each 1/P wide
  const count = 8 * filter.values.length;
  const powers = Array.from({ length: count + 1 }, (_, k) => power(k / (2 * count)));
  const constant = powers[0]!;
  const first = powers.findIndex((value) => value <= constant / 2);
  if (first < 1 || Math.max(...powers) > constant * (1 + 1e-9)) {
    const expected = "a low-pass filter: none passes better than a constant, and some at half its power or less";
    return fail({ code: "option", where: "bandwidth", problem: "the filter has no width around 0", expected });
  }
  let [low, high] = [(first - 1) / (2 * count), first / (2 * count)];
  while (low < (low + high) / 2 && (low + high) / 2 < high) {
    const middle = (low + high) / 2;
    if (power(middle) > constant / 2) low = middle;
    else high = middle;
  }
  return high;
}

/** A signal over one axis. */
export function sequence(where: string, x: SignalLike) {
  const given = signalOf(where, x);
  if (given.shape.length === 1) return given;
  return wrongOption(where, "signal", given.shape, "samples along one axis");
}
