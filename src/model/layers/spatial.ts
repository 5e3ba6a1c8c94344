import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { wrongOption } from "../check.js";
import type { ReachedWindow } from "../layer.js";

/** Number of spatial axes of a layer: sequences, images, volumes. */
export type Dimensions = 1 | 2 | 3;

const inputs: { readonly [D in Dimensions]: readonly [noun: string, shape: string] } = {
  1: ["a sequence", "[steps, channels]"],
  2: ["an image", "[height, width, channels]"],
  3: ["a volume", "[depth, height, width, channels]"],
};

/** Names of the axes as errors list them. */
const axisNames: { readonly [D in Dimensions]: string } = {
  1: "[steps]",
  2: "[vertical, horizontal]",
  3: "[depth, vertical, horizontal]",
};

/** Checks that an input has so many spatial axes before its channels, and gives their extents. */
export function checkSpatial(shape: Shape, dimensions: Dimensions, where: string): readonly number[] {
  if (shape.length === dimensions + 1) return shape.slice(0, -1);
  const [noun, expected] = inputs[dimensions];
  const problem = `input ${formatShape(shape)} is not ${noun}`;
  return fail({ code: "shape", where, problem, expected, received: formatShape(shape) });
}

export function isWhole(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

/** One whole number for all spatial axes, or one for each. */
export function wholeNumbers(
  where: string,
  name: string,
  value: unknown,
  dimensions: Dimensions,
  least = 1,
): readonly number[] {
  if (isWhole(value, least)) return new Array<number>(dimensions).fill(value);
  const listed = Array.isArray(value) && value.length === dimensions;
  if (listed && value.every((part) => isWhole(part, least))) return [...value];
  const counted = { 1: "one in a list", 2: "two of them", 3: "three of them" }[dimensions];
  return wrongOption(where, name, value, `a whole number ≥ ${least} or ${counted}, ${axisNames[dimensions]}`);
}

/** What users write for amounts at both ends of each spatial axis. */
export type Margins1d = number | readonly [before: number, after: number];
type Margin = number | readonly [before: number, after: number];
export type Margins2d = number | readonly [vertical: Margin, horizontal: Margin];
export type Margins3d = number | readonly [depth: Margin, vertical: Margin, horizontal: Margin];

/** Amounts before and after, for each spatial axis. */
export type Margins = readonly (readonly [before: number, after: number])[];

/** One amount for all ends, or for each axis an amount for both of its ends or `[before, after]`. */
export function checkMargins(where: string, name: string, value: unknown, dimensions: Dimensions): Margins {
  const pair = (part: unknown): readonly [number, number] | undefined => {
    if (isWhole(part, 0)) return [part, part];
    const isPair = Array.isArray(part) && part.length === 2 && part.every((amount) => isWhole(amount, 0));
    return isPair ? [part[0], part[1]] : undefined;
  };
  const parts: readonly unknown[] = isWhole(value, 0)
    ? new Array(dimensions).fill(value)
    : dimensions === 1 && !(Array.isArray(value) && Array.isArray(value[0]))
      ? [value]
      : Array.isArray(value)
        ? value
        : [];
  const pairs = parts.map(pair);
  if (pairs.length === dimensions && pairs.every((part) => part !== undefined)) return pairs;
  const each = dimensions === 1 ? "[before, after]" : `${axisNames[dimensions]}, each a number or [before, after]`;
  return wrongOption(where, name, value, `a whole number ≥ 0 or ${each}`);
}

/** The same for all axes of a batch: nothing at the ends of examples and channels. */
export const inBatch = (margins: Margins): Margins => [[0, 0], ...margins, [0, 0]];

/** What an element sees of an input that got a border: itself, so much further on. */
export function borderReach(margins: Margins, sign: 1 | -1): ReachedWindow {
  const ones = margins.map(() => 1);
  return { kernel: ones, strides: ones, dilation: ones, padding: margins.flat().map((amount) => sign * amount) };
}

/** One value for all spatial axes, or one for each. */
export interface PerAxis {
  readonly 1: number | readonly [number];
  readonly 2: number | readonly [vertical: number, horizontal: number];
  readonly 3: number | readonly [depth: number, vertical: number, horizontal: number];
}

/** What users write for the border of windows: a rule, one number, one for each axis, or one for every end. */
export interface WindowPadding {
  readonly 1: "same" | "valid" | number | readonly [before: number, after: number];
  readonly 2: "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];
  readonly 3:
    | "same"
    | "valid"
    | number
    | readonly [number, number, number]
    | readonly [number, number, number, number, number, number];
}
