import type { ThemeName } from "./svg.js";

/** Red, green and blue, 0 … 255. */
export type Rgb = readonly [number, number, number];

/** A colour for each number from 0 to 1. */
export type ColorMap = (value: number) => Rgb;

/** Viridis (Smith and van der Walt): even in lightness, and readable for those who see no red or green. */
export const sequential: ColorMap = through([
  "440154",
  "482475",
  "414487",
  "355f8d",
  "2a788e",
  "21918c",
  "22a884",
  "44bf70",
  "7ad151",
  "bddf26",
  "fde725",
]);

/** Blue below the middle, orange above; the middle is the background's, so that nothing looks like nothing. */
export const diverging: Readonly<Record<ThemeName, ColorMap>> = {
  light: through(["053061", "2166ac", "92c5de", "f7f7f7", "f4a582", "b2182b", "67001f"]),
  dark: through(["c6e2f5", "4a9fd8", "1c527a", "1c1c1c", "7d3a12", "e5823c", "fdd9b5"]),
};

export const greys: ColorMap = (value) => {
  const level = Math.round(255 * Math.min(1, Math.max(0, value)));
  return [level, level, level];
};

function through(stops: readonly string[]): ColorMap {
  const colors = stops.map((hex): Rgb => {
    const value = Number.parseInt(hex, 16);
    return [value >> 16, (value >> 8) & 255, value & 255];
  });
  return (value) => {
    const at = Math.min(1, Math.max(0, Number.isNaN(value) ? 0 : value)) * (colors.length - 1);
    const low = Math.min(colors.length - 2, Math.floor(at));
    return mix(colors[low]!, colors[low + 1]!, at - low);
  };
}

/** `a` and, by the part `part`, `b`. */
export function mix(a: Rgb, b: Rgb, part: number): Rgb {
  const one = (i: 0 | 1 | 2) => Math.round(a[i] + (b[i] - a[i]) * part);
  return [one(0), one(1), one(2)];
}
