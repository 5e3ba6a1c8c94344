import { fail } from "../core/errors.js";
import { frequencyResponse, sequence } from "./frequency.js";
import type { SignalLike } from "./signal.js";

/** A filter and what it is called in a figure. */
export interface NamedFilter {
  readonly name: string;
  readonly taps: SignalLike;
}

/** One point of a curve, for figures and tables: plain JSON. */
export interface TimePoint {
  readonly filter: string;
  /** In samples from the centre of the filter. */
  readonly time: number;
  readonly value: number;
}

export interface FrequencyPoint {
  readonly filter: string;
  /** In cycles per sample, 0 to ½. */
  readonly frequency: number;
  readonly magnitude: number;
}

/** Filters in time and in frequency. */
export interface FilterCharts {
  readonly time: readonly TimePoint[];
  readonly frequency: readonly FrequencyPoint[];
}

/**
 * What a figure of filters shows: their taps, centred, and their magnitudes. Short in time is wide in frequency.
 *
 * Errors: code "data" without filters, or where two have the same name; otherwise as for `frequencyResponse`.
 *
 * @param filters with their names
 * @param options.points frequencies from 0 to ½. Default: 257
 * @example filterCharts([{ name: "3 taps", taps: movingAverage(3) }]).time.length; // 3
 */
export function filterCharts(filters: readonly NamedFilter[], options?: { readonly points?: number }): FilterCharts {
  const where = "filterCharts";
  if (filters.length === 0) fail({ code: "data", where, problem: "there are no filters" });
  const twice = filters.find(({ name }, i) => filters.findIndex((other) => other.name === name) < i);
  if (twice !== undefined) {
    fail({ code: "data", where, problem: `two filters are called "${twice.name}"`, fix: "Give each its own name" });
  }
  return {
    time: filters.flatMap(({ name, taps }) => {
      const { values } = sequence(where, taps);
      return Array.from(values, (value, n) => ({ filter: name, time: n - (values.length - 1) / 2, value }));
    }),
    frequency: filters.flatMap(({ name, taps }) => {
      const { frequency, magnitude } = frequencyResponse(taps, options);
      return Array.from(frequency, (f, k) => ({ filter: name, frequency: f, magnitude: magnitude[k]! }));
    }),
  };
}
