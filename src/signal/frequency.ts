import { checkOptions } from "../core/errors.js";
import { wholeNumber, withDefault, wrongOption } from "../model/check.js";
import { type SignalLike, signalOf } from "./signal.js";

/** A spectrum at chosen frequencies. */
export interface Response {
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
export function dtft(x: SignalLike, frequencies: ArrayLike<number>): Response {
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
 * Errors: code "option" where the filter lets constants through less than every other frequency, so has no such width.
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
  const half = power(0) / 2;
  // steps finer than the lobes of the spectrum, each 1/P wide, then bisection
  const step = 1 / (16 * filter.values.length);
  let high = step;
  while (high < 0.5 && power(high) > half) high += step;
  high = Math.min(high, 0.5);
  if (!(half > 0) || power(high) > half) {
    return wrongOption("bandwidth", "filter", "one that is no low-pass filter", "one that damps fast oscillations");
  }
  let low = Math.max(0, high - step);
  for (let i = 0; i < 52; i++) {
    const middle = (low + high) / 2;
    if (power(middle) > half) low = middle;
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
