import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { describe, extents } from "../model/check.js";

/** Samples over one, two or three axes, in row-major order. Outside of its support a signal is zero. */
export interface Signal {
  readonly shape: Shape;
  readonly values: Float64Array;
}

/** Numbers in lists: of samples, of rows, or of slices. */
export type Nested = readonly number[] | readonly (readonly number[])[] | readonly (readonly (readonly number[])[])[];

/** What functions of signals take: a signal, lists of numbers, or a typed array (one axis). */
export type SignalLike = Signal | Nested | Float32Array | Float64Array | Uint8Array;

/**
 * A signal of what holds its samples: nested lists give its shape, flat arrays have one axis unless `shape` says how
 * they are laid out. The samples are copied.
 *
 * Errors: code "shape" for lists of different lengths, more than three axes, or a shape that does not hold the samples;
 * code "option" for what is no list of numbers.
 *
 * @param values samples
 * @param shape extents of the axes, outermost first. Default: that of the lists
 * @example signal([[1, 2], [3, 4]]).shape; // [2, 2]
 * @example signal(new Float32Array(12), [3, 4]);
 */
export function signal(values: SignalLike, shape?: Shape): Signal {
  return signalOf("signal", values, shape);
}

/**
 * The samples as nested lists.
 *
 * @example nested(signal([1, 2, 3, 4], [2, 2])); // [[1, 2], [3, 4]]
 */
export function nested({ shape, values }: Signal): Nested {
  const within = (axis: number, first: number): unknown => {
    if (axis === shape.length) return values[first]!;
    const step = sizeOf(shape.slice(axis + 1));
    return Array.from({ length: shape[axis]! }, (_, i) => within(axis + 1, first + i * step));
  };
  return within(0, 0) as Nested;
}

/** {@link signal}, with the place for messages. */
export function signalOf(where: string, given: SignalLike, shape?: Shape): Signal {
  if (isSignal(given)) return shaped(where, given.values, shape ?? given.shape);
  if (ArrayBuffer.isView(given)) return shaped(where, Float64Array.from(given), shape ?? [given.length]);
  const found: number[] = [];
  const own = shapeOf(where, given);
  flattenInto(where, found, given, own);
  return shaped(where, Float64Array.from(found), shape ?? own);
}

/** Visits the places of an array in row-major order. The list of indices is the same one each time. */
export function forEachPlace(shape: Shape, visit: (places: readonly number[], index: number) => void): void {
  const places = shape.map(() => 0);
  const size = sizeOf(shape);
  for (let index = 0; index < size; index++) {
    visit(places, index);
    for (let axis = shape.length - 1; axis >= 0 && ++places[axis]! === shape[axis]!; axis--) places[axis] = 0;
  }
}

/** Where a place lies in row-major order. */
export function indexOf(places: readonly number[], shape: Shape): number {
  return places.reduce((index, place, axis) => index * shape[axis]! + place, 0);
}

function isSignal(given: SignalLike): given is Signal {
  return typeof given === "object" && given !== null && "values" in given && "shape" in given;
}

function shaped(where: string, values: Float64Array, shape: Shape): Signal {
  const checked = extents(where, "shape", shape);
  if (checked.length > 3) {
    fail({ code: "shape", where, problem: "has too many axes", expected: "1 to 3", received: formatShape(checked) });
  }
  if (sizeOf(checked) === values.length) return { shape: checked, values };
  return fail({
    code: "shape",
    where,
    problem: `the shape ${formatShape(checked)} does not hold the samples`,
    expected: String(sizeOf(checked)),
    received: String(values.length),
  });
}

/** Extents along the first of everything. */
function shapeOf(where: string, given: unknown): number[] {
  if (typeof given === "number") return [];
  if (Array.isArray(given) && given.length > 0) return [given.length, ...shapeOf(where, given[0])];
  const expected = "numbers in lists, none of them empty";
  return fail({ code: "option", where, problem: "wrong samples", expected, received: describe(given) });
}

function flattenInto(where: string, found: number[], given: unknown, [extent, ...rest]: readonly number[]): void {
  if (extent === undefined) {
    if (typeof given === "number") found.push(given);
    else fail({ code: "option", where, problem: "wrong sample", expected: "a number", received: describe(given) });
    return;
  }
  if (!Array.isArray(given) || given.length !== extent) {
    fail({
      code: "shape",
      where,
      problem: "lists of one level differ in length",
      expected: `${extent} in each`,
      received: Array.isArray(given) ? String(given.length) : describe(given),
    });
  }
  for (const part of given) flattenInto(where, found, part, rest);
}
