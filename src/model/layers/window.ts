import { fail } from "../../core/errors.js";
import type { Shape } from "../../core/shapes.js";
import { effectiveSize, type Padding, resolvePadding, type Window } from "../../ops/window.js";
import { wrongOption } from "../check.js";
import { type Dimensions, isWhole, wholeNumbers } from "./spatial.js";

/** A window's options once checked; lists have one number for each axis. */
export interface WindowConfig {
  readonly strides: readonly number[];
  readonly padding: Padding;
  readonly dilation: readonly number[];
}

/** How padding may be listed: one number for each axis, or one for each side. */
const listings: { readonly [D in Dimensions]: readonly [each: string, sides: string] } = {
  1: ["[steps]", "[before, after]"],
  2: ["[vertical, horizontal]", "[top, bottom, left, right]"],
  3: ["[depth, vertical, horizontal]", "[front, back, top, bottom, left, right]"],
};

/** The options `stride` (one name for both) and `strides`; `fallback` where neither is given. */
export function checkStrides(
  { stride, strides }: Readonly<Record<string, unknown>>,
  fallback: readonly number[],
  where: string,
): readonly number[] {
  if (stride !== undefined && strides !== undefined) {
    const problem = "stride and strides are both given";
    fail({ code: "option", where, problem, fix: "Keep one of them; they mean the same" });
  }
  const axes = fallback.length as Dimensions;
  if (stride !== undefined) return wholeNumbers(where, "stride", stride, axes);
  return strides === undefined ? fallback : wholeNumbers(where, "strides", strides, axes);
}

/** Rules by which padding may be named. */
export type PaddingRule = Extract<Padding, string>;

/** A rule, one number, one for each axis, or [before, after] of each axis, as in [top, bottom, left, right]. */
export function checkPadding(where: string, value: unknown, axes: Dimensions, rules: readonly PaddingRule[]): Padding {
  const rule = rules.find((known) => known === value);
  if (rule !== undefined) return rule;
  if (isWhole(value, 0)) return value;
  if (Array.isArray(value) && value.every((part) => isWhole(part, 0))) {
    if (value.length === axes || value.length === 2 * axes) return [...value];
  }
  const [each, sides] = listings[axes];
  const named = rules.map((name) => `"${name}", `).join("");
  const expected = `${named}a whole number ≥ 0${axes === 1 ? "" : `, ${each}`} or ${sides}`;
  return wrongOption(where, "padding", value, expected);
}

/** The window over an input of this size, with padding as whole numbers. */
export function windowOver(shape: Shape, kernel: readonly number[], window: WindowConfig): Window {
  const { strides, padding, dilation } = window;
  const effective = kernel.map((size, axis) => effectiveSize(size, dilation[axis]!));
  return { strides, dilation, padding: resolvePadding(padding, shape.slice(0, kernel.length), effective, strides) };
}
