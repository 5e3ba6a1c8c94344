import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import {
  type AnyPadding,
  effectiveSize,
  type Padding,
  resolvePadding,
  type Window,
  type WindowAttributes,
} from "../../ops/window.js";
import { wholeNumber, wholePair, wrongOption } from "../check.js";

/** A window's options once checked: pairs are [vertical, horizontal]. */
export interface WindowConfig {
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly dilation: readonly [number, number];
}

/** The same over any number of axes. */
export interface AnyWindowConfig {
  readonly strides: readonly number[];
  readonly padding: AnyPadding;
  readonly dilation: readonly number[];
}

/** What one example is called and how its shape reads, by the number of its axes beside the channels. */
const kinds = [
  { name: "a sequence", shape: "[steps, channels]", each: "[horizontal]", sides: "[before, after]" },
  {
    name: "an image",
    shape: "[height, width, channels]",
    each: "[vertical, horizontal]",
    sides: "[top, bottom, left, right]",
  },
  {
    name: "a volume",
    shape: "[depth, height, width, channels]",
    each: "[depth, vertical, horizontal]",
    sides: "[front, back, top, bottom, left, right]",
  },
] as const;
const counts = ["", "", "two", "three"] as const;

/** One whole number for all axes, or one for each. */
export function wholeNumbers(where: string, name: string, value: unknown, axes: number, least = 1): readonly number[] {
  if (axes === 2) return wholePair(where, name, value, least);
  const numbers = Array.isArray(value) ? value : new Array<unknown>(axes).fill(value);
  if (axes === 1) {
    const [number] = numbers;
    return [wholeNumber(where, name, numbers.length === 1 ? number : value, least)];
  }
  if (numbers.length === axes && numbers.every((part) => isWhole(part, least))) return numbers as number[];
  const expected = `a whole number ≥ ${least} or ${counts[axes]} of them, ${kinds[axes - 1]!.each}`;
  return wrongOption(where, name, value, expected);
}

/** The options `stride` (one name for both) and `strides`; `fallback` where neither is given. */
export function checkStrides(
  given: Readonly<Record<string, unknown>>,
  fallback: readonly [number, number],
  where: string,
): readonly [number, number];
export function checkStrides(
  given: Readonly<Record<string, unknown>>,
  fallback: readonly number[],
  where: string,
): readonly number[];
export function checkStrides(
  { stride, strides }: Readonly<Record<string, unknown>>,
  fallback: readonly number[],
  where: string,
): readonly number[] {
  if (stride !== undefined && strides !== undefined) {
    const problem = "stride and strides are both given";
    fail({ code: "option", where, problem, fix: "Keep one of them; they mean the same" });
  }
  if (stride !== undefined) return wholeNumbers(where, "stride", stride, fallback.length);
  return strides === undefined ? fallback : wholeNumbers(where, "strides", strides, fallback.length);
}

/** Rules by which padding may be named. */
export type PaddingRule = Extract<AnyPadding, string>;

/** A rule, one number, one for each axis, or [before, after] of each axis, as in [top, bottom, left, right]. */
export function checkPadding(where: string, value: unknown): Padding;
export function checkPadding(where: string, value: unknown, axes: number, rules: readonly PaddingRule[]): AnyPadding;
export function checkPadding(
  where: string,
  value: unknown,
  axes = 2,
  rules: readonly PaddingRule[] = ["same", "valid"],
): AnyPadding {
  const rule = rules.find((known) => known === value);
  if (rule !== undefined) return rule;
  if (isWhole(value, 0)) return value;
  if (Array.isArray(value) && value.every((part) => isWhole(part, 0))) {
    if (value.length === axes || value.length === 2 * axes) return [...value];
  }
  const { each, sides } = kinds[axes - 1]!;
  const named = rules.map((name) => `"${name}"`).join(", ");
  const expected = `${named}, a whole number ≥ 0${axes === 1 ? "" : `, ${each}`} or ${sides}`;
  return wrongOption(where, "padding", value, expected);
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

/** Checks that an input is an image: [height, width, channels]. */
export function checkImage(shape: Shape, where: string): readonly [number, number, number] {
  checkAxes(shape, 2, where);
  return [shape[0]!, shape[1]!, shape[2]!];
}

/** Checks that an input has `axes` axes and channels; gives them apart. */
export function checkAxes(shape: Shape, axes: number, where: string): { extents: readonly number[]; channels: number } {
  if (shape.length === axes + 1) return { extents: shape.slice(0, axes), channels: shape[axes]! };
  const { name, shape: expected } = kinds[axes - 1]!;
  const problem = `input ${formatShape(shape)} is not ${name}`;
  return fail({ code: "shape", where, problem, expected, received: formatShape(shape) });
}

/** The window over an input of this size, with padding as whole numbers. */
export function windowOver(shape: Shape, kernel: readonly [number, number], window: WindowConfig): WindowAttributes;
export function windowOver(shape: Shape, kernel: readonly number[], window: AnyWindowConfig): Window;
export function windowOver(shape: Shape, kernel: readonly number[], window: AnyWindowConfig): Window {
  const { strides, padding, dilation } = window;
  const effective = kernel.map((size, axis) => effectiveSize(size, dilation[axis]!));
  return { strides, dilation, padding: resolvePadding(padding, shape.slice(0, kernel.length), effective, strides) };
}
