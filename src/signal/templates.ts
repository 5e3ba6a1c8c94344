import { fail } from "../core/errors.js";
import { located, numberThat, wholeNumber } from "../model/check.js";
import { convolve, correlate, flip } from "./convolve.js";
import { forEachPlace, type Signal, type SignalLike, signal, signalOf } from "./signal.js";

/**
 * The filter that finds a template: the template, flipped, with unit energy. Convolved with a signal, it gives the dot
 * product of the template with every stretch of the signal; of all stretches of the same energy, the template's own
 * shape has the largest (Cauchy and Schwarz): `z = ‖x‖·cos(angle to the template) ≤ ‖x‖`, equal where `x / ‖x‖ = w̃ / ‖w̃‖`.
 *
 * Errors: code "option" for a template of zeros.
 *
 * @param template what to find, over one to three axes
 * @example highest(convolve([0, 3, 4, 0, 0], matchedFilter([3, 4]), { mode: "valid" })); // 5 at [1]
 */
export function matchedFilter(template: SignalLike): Signal {
  const { shape, values } = flip(signalOf("matchedFilter", template));
  const norm = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0));
  if (norm === 0) {
    fail({ code: "option", where: "matchedFilter", problem: "the template is zero: it is like everything" });
  }
  return { shape, values: values.map((value) => value / norm) };
}

/**
 * How alike each stretch of a signal is to a template, whatever its energy: the cosine of the angle between them, from
 * −1 (its negative) to 1 (a multiple of it); 0 where the stretch is zero.
 *
 * `z[n] = Σ_m x[n + m]·w[m] / (‖w‖ · √Σ_m x[n + m]²)`, for all n where the template lies within the signal
 *
 * Errors: code "option" for a template of zeros; code "shape" for one that does not fit.
 *
 * @param x signal
 * @param template what to find
 * @example normalizedCorrelation([0, 1, 2, 0], [2, 4]).values; // 0.894, 1, 0.447
 */
export function normalizedCorrelation(x: SignalLike, template: SignalLike): Signal {
  return located("normalizedCorrelation", () => {
    const given = signalOf("signal", x);
    const filter = matchedFilter(template);
    const { shape, values } = convolve(given, filter, { mode: "valid" });
    const squares = { shape: given.shape, values: given.values.map((value) => value ** 2) };
    const ones = signal(new Float64Array(filter.values.length).fill(1), filter.shape);
    const energy = correlate(squares, ones, { mode: "valid" }).values;
    return { shape, values: values.map((value, n) => (value === 0 ? 0 : value / Math.sqrt(energy[n]!))) };
  });
}

/** A sample and its place. */
export interface Peak {
  readonly value: number;
  readonly place: readonly number[];
}

/**
 * The largest sample, the first of several: what global max pooling keeps of a detector's response.
 *
 * @example highest([[0, 3], [5, 1]]); // { value: 5, place: [1, 0] }
 */
export function highest(x: SignalLike): Peak {
  const { shape, values } = signalOf("highest", x);
  let peak: Peak = { value: Number.NEGATIVE_INFINITY, place: shape.map(() => 0) };
  forEachPlace(shape, (place, n) => {
    if (values[n]! > peak.value) peak = { value: values[n]!, place: [...place] };
  });
  return peak;
}

/**
 * Detector of vertical edges by horizontal differences: [[−1, 1]]. Positive where the image gets brighter to the right.
 *
 * @example correlate([[1, 1, 5]], edgeDetector(), { mode: "valid" }).values; // 0, 4
 */
export function edgeDetector(): Signal {
  return signal([[-1, 1]]);
}

/**
 * Detector of spots and of edges in all directions: neighbours minus four times the pixel, the discrete Laplacian.
 *
 * @example correlate([[0, 0, 0], [0, 1, 0], [0, 0, 0]], laplacian(), { mode: "valid" }).values; // -4
 */
export function laplacian(): Signal {
  return signal([
    [0, 1, 0],
    [1, -4, 1],
    [0, 1, 0],
  ]);
}

/**
 * Detector of diagonals from the upper left: `on` along the diagonal, `off` elsewhere.
 *
 * Errors: code "option" for a size that is not whole, or weights that are no numbers.
 *
 * @param size pixels of each side. Default: 3
 * @param on Default: 0.9
 * @param off Default: 0.1
 * @example highest(correlate([[1, 0, 0], [0, 1, 0], [0, 0, 1]], diagonalDetector(), { mode: "valid" })).value; // 2.7
 */
export function diagonalDetector(size = 3, on = 0.9, off = 0.1): Signal {
  const where = "diagonalDetector";
  wholeNumber(where, "size", size);
  for (const [name, value] of [["on", on] as const, ["off", off] as const]) {
    numberThat(where, name, value, "a number", () => true);
  }
  const row = (i: number) => Array.from({ length: size }, (_, j) => (i === j ? on : off));
  return signal(Array.from({ length: size }, (_, i) => row(i)));
}
