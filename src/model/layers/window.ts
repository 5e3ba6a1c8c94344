import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { effectiveSize, type Padding, resolvePadding, type WindowAttributes } from "../../ops/window.js";
import { wholePair, wrongOption } from "../check.js";

/** A window's options once checked: pairs are [vertical, horizontal]. */
export interface WindowConfig {
  readonly strides: readonly [number, number];
  readonly padding: Padding;
  readonly dilation: readonly [number, number];
}

/** The options `stride` (one name for both) and `strides`; `fallback` where neither is given. */
export function checkStrides(
  given: Readonly<Record<string, unknown>>,
  fallback: readonly [number, number],
  where: string,
): readonly [number, number] {
  const { stride, strides } = given;
  if (stride !== undefined && strides !== undefined) {
    const problem = "stride and strides are both given";
    fail({ code: "option", where, problem, fix: "Keep one of them; they mean the same" });
  }
  if (stride !== undefined) return wholePair(where, "stride", stride);
  return strides === undefined ? fallback : wholePair(where, "strides", strides);
}

/** "same", "valid", one number, [vertical, horizontal] or [top, bottom, left, right]. */
export function checkPadding(where: string, value: unknown): Padding {
  if (value === "same" || value === "valid") return value;
  const isWhole = (part: unknown): part is number =>
    typeof part === "number" && Number.isSafeInteger(part) && part >= 0;
  if (isWhole(value)) return value;
  if (Array.isArray(value) && value.every(isWhole)) {
    if (value.length === 2) return [value[0]!, value[1]!];
    if (value.length === 4) return [value[0]!, value[1]!, value[2]!, value[3]!];
  }
  const expected = '"same", "valid", a whole number ≥ 0, [vertical, horizontal] or [top, bottom, left, right]';
  return wrongOption(where, "padding", value, expected);
}

/** Checks that an input is an image: [height, width, channels]. */
export function checkImage(shape: Shape, where: string): readonly [number, number, number] {
  if (shape.length === 3) return [shape[0]!, shape[1]!, shape[2]!];
  return fail({
    code: "shape",
    where,
    problem: `input ${formatShape(shape)} is not an image`,
    expected: "[height, width, channels]",
    received: formatShape(shape),
  });
}

/** The window over an image of this size, with padding as four whole numbers. */
export function windowOver(
  shape: Shape,
  kernel: readonly [number, number],
  { strides, padding, dilation }: WindowConfig,
): WindowAttributes {
  const effective = [effectiveSize(kernel[0], dilation[0]), effectiveSize(kernel[1], dilation[1])] as const;
  return { strides, dilation, padding: resolvePadding(padding, [shape[0]!, shape[1]!], effective, strides) };
}
