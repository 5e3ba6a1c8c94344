import { checkOptions, fail } from "../core/errors.js";
import { choice, numberThat, wholeNumber, withDefault } from "../model/check.js";
import { dtft } from "./frequency.js";
import { type Signal, signal } from "./signal.js";

const cosines = {
  rectangular: [1],
  hann: [0.5, 0.5],
  hamming: [0.54, 0.46],
  blackman: [0.42, 0.5, 0.08],
} as const;

/** A weight for each tap that fades towards both ends. */
export type WindowName = keyof typeof cosines;

export interface FilterOptions {
  /**
   * How the ideal filter, which is endless, is cut off: the smoother, the less leaks through where nothing should, and
   * the wider the transition. Default: `"hamming"`.
   */
  readonly window?: WindowName;
}

/**
 * Weights of a window: `Σ_j (−1)ʲ · a_j · cos(2π·j·n / (taps − 1))`, with a = 1 (rectangular), 0.5, 0.5 (Hann), 0.54,
 * 0.46 (Hamming), 0.42, 0.5, 0.08 (Blackman). Symmetric.
 *
 * Errors: code "option" for an unknown window or a number of taps that is not whole.
 *
 * NumPy: hanning, hamming, blackman
 *
 * @example windowWeights("hann", 5).values; // 0, 0.5, 1, 0.5, 0
 */
export function windowWeights(name: WindowName, taps: number): Signal {
  const where = "windowWeights";
  const factors = cosines[choice(where, "window", name, Object.keys(cosines) as WindowName[])];
  const count = wholeNumber(where, "taps", taps);
  const weight = (n: number) =>
    factors.reduce((sum, factor, j) => sum + (-1) ** j * factor * Math.cos((2 * Math.PI * j * n) / (count - 1)), 0);
  return signal(Float64Array.from({ length: count }, (_, n) => (count === 1 ? 1 : weight(n))));
}

/**
 * Low-pass filter: frequencies below the cutoff pass, others do not. Windowed sinc: `w[n] ∝ sin(2π·c·m) / (π·m)` with
 * `m = n − (taps − 1) / 2`, times a window, scaled so that constants stay as they are. At the cutoff the magnitude is ½.
 *
 * Errors: code "option" for a cutoff outside of 0 to ½, a number of taps that is not odd, or an unknown window.
 *
 * SciPy: signal.firwin(taps, cutoff, fs=1)
 *
 * Source: Oppenheim and Schafer, "Discrete-time signal processing", on filter design by windowing.
 *
 * @param cutoff in cycles per sample
 * @param taps odd, so that the filter has a centre
 * @example lowPass(0.1, 31); // a wave of 4 samples' length vanishes, one of 40 stays
 */
export function lowPass(cutoff: number, taps: number, options?: FilterOptions): Signal {
  return windowedSinc("lowPass", [0, frequencyIn("lowPass", "cutoff", cutoff)], taps, options);
}

/**
 * High-pass filter: frequencies above the cutoff pass, scaled so that the fastest alternation stays as it is.
 *
 * Errors: as for {@link lowPass}.
 *
 * SciPy: signal.firwin(taps, cutoff, pass_zero=False, fs=1)
 *
 * @param cutoff in cycles per sample
 * @param taps odd: an even symmetric filter cannot let the fastest alternation pass
 * @example highPass(0.1, 31);
 */
export function highPass(cutoff: number, taps: number, options?: FilterOptions): Signal {
  return windowedSinc("highPass", [frequencyIn("highPass", "cutoff", cutoff), 0.5], taps, options);
}

/**
 * Band-pass filter: frequencies between the two pass, scaled so that the middle of the band stays as it is.
 *
 * Errors: as for {@link lowPass}, and code "option" where `low` is not below `high`.
 *
 * SciPy: signal.firwin(taps, [low, high], pass_zero=False, fs=1)
 *
 * @param low in cycles per sample
 * @param high in cycles per sample
 * @param taps odd
 * @example bandPass(0.1, 0.2, 31);
 */
export function bandPass(low: number, high: number, taps: number, options?: FilterOptions): Signal {
  const where = "bandPass";
  const band = [frequencyIn(where, "low", low), frequencyIn(where, "high", high)] as const;
  if (low < high) return windowedSinc(where, band, taps, options);
  const problem = "the band is empty";
  return fail({ code: "option", where, problem, expected: "low < high", received: `${low} and ${high}` });
}

/**
 * Mean of the last `taps` samples: 1/taps each. A low-pass filter, if a leaky one: its magnitude is
 * `|sin(π·f·taps) / (taps · sin(π·f))|`.
 *
 * Errors: code "option" for a number of taps that is not whole.
 *
 * @example convolve([0, 3, 0, 3, 3], movingAverage(3), { mode: "valid" }).values; // 1, 2, 2
 */
export function movingAverage(taps: number): Signal {
  return signal(new Float64Array(wholeNumber("movingAverage", "taps", taps)).fill(1 / taps));
}

/** The ideal filter of a band, cut off by a window and scaled to a magnitude of 1 within the band. */
function windowedSinc(
  where: string,
  [low, high]: readonly [number, number],
  taps: number,
  options: FilterOptions = {},
): Signal {
  checkOptions(where, options, ["window"]);
  const odd = numberThat(where, "taps", taps, "an odd whole number ≥ 1", (count) => count > 0 && count % 2 === 1);
  const name = choice(where, "window", withDefault(options.window, "hamming"), Object.keys(cosines) as WindowName[]);
  const weights = windowWeights(name, odd).values;
  const ideal = weights.map((weight, n) => {
    const m = n - (odd - 1) / 2;
    return weight * (idealLowPass(high, m) - idealLowPass(low, m));
  });
  const centre = low === 0 ? 0 : high === 0.5 ? 0.5 : (low + high) / 2;
  const { real, imag } = dtft(ideal, [centre]);
  const gain = Math.hypot(real[0]!, imag[0]!);
  return signal(ideal.map((value) => value / gain));
}

/** The inverse transform of 1 up to the cutoff and 0 beyond it. */
function idealLowPass(cutoff: number, m: number): number {
  return m === 0 ? 2 * cutoff : Math.sin(2 * Math.PI * cutoff * m) / (Math.PI * m);
}

function frequencyIn(where: string, name: string, value: number): number {
  return numberThat(where, name, value, "cycles per sample, above 0 and below 0.5", (f) => f > 0 && f < 0.5);
}
