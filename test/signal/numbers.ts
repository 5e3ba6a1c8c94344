import { readFileSync } from "node:fs";
import type { Shape } from "fovea";
import type { Nested, Signal } from "fovea/signal";
import { sizeOf } from "../../src/core/shapes.js";

/** Whole numbers from −9 to 9, over any number of axes: the formula of generate.py. */
export function integers(seed: number, shape: Shape): Signal {
  const value = (i: number) => ((((i + 1) * (2 * seed + 3) * 7919) % 1009) % 19) - 9;
  return { shape, values: Float64Array.from({ length: sizeOf(shape) }, (_, i) => value(i)) };
}

export interface ScipyNumbers {
  readonly cases: readonly {
    readonly seed: number;
    readonly shape: Shape;
    readonly kernel: Shape;
    readonly mode: "full" | "same" | "valid";
    readonly convolve: Nested;
    readonly correlate: Nested;
  }[];
  readonly fft: readonly { readonly shape: Shape; readonly real: number[]; readonly imag: number[] }[];
  readonly windows: Readonly<Record<string, number[]>>;
  readonly filters: Readonly<Record<string, number[]>>;
  readonly convolutionMatrix: Nested;
}

export const scipy: ScipyNumbers = JSON.parse(readFileSync(new URL("scipy.json", import.meta.url), "utf8"));

/** Half a unit in the last place of float64, relative. */
export const u = 2 ** -53;

export const norm = (values: ArrayLike<number>) =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value ** 2, 0));
