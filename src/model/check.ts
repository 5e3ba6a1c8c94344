import { didYouMean, FoveaError, fail } from "../core/errors.js";

/**
 * Checks of single options, the same for what a user writes and for what a file says. Each takes the place (`where`),
 * the option's name and its value, and gives the value back typed. All fail with code "option" and the wording
 * `where: wrong filters (expected a whole number ≥ 1, received 0).`
 */

/** A value as messages show it: `"relu"`, `3`, `[1, 2]`, `an object`, `nothing`. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(describe).join(", ")}]`;
  if (typeof value === "function") return "a function";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

/** Fails because option `name` has a value that it cannot take. */
export function wrongOption(where: string, name: string, value: unknown, expected: string, fix?: string): never {
  return fail({ code: "option", where, problem: `wrong ${name}`, expected, received: describe(value), fix });
}

/** `value`, or `fallback` where the option is left out; null is not left out. */
export function withDefault(value: unknown, fallback: unknown): unknown {
  return value === undefined ? fallback : value;
}

/** A whole number of at least `least`. */
export function wholeNumber(where: string, name: string, value: unknown, least = 1): number {
  return isWhole(value, least) ? value : wrongOption(where, name, value, `a whole number ≥ ${least}`);
}

/** One whole number for both axes, or `[vertical, horizontal]`. */
export function wholePair(where: string, name: string, value: unknown, least = 1): readonly [number, number] {
  if (isWhole(value, least)) return [value, value];
  if (Array.isArray(value) && value.length === 2 && value.every((part) => isWhole(part, least))) {
    return [value[0], value[1]];
  }
  return wrongOption(where, name, value, `a whole number ≥ ${least} or two of them, [vertical, horizontal]`);
}

/** Sizes of axes, each at least 1. */
export function extents(where: string, name: string, value: unknown): readonly number[] {
  if (Array.isArray(value) && value.length > 0 && value.every((part) => isWhole(part, 1))) return [...value];
  return wrongOption(where, name, value, "whole numbers ≥ 1, such as [28, 28, 1]");
}

/** A finite number for which `holds` is true; `expected` says so in words. */
export function numberThat(
  where: string,
  name: string,
  value: unknown,
  expected: string,
  holds: (value: number) => boolean,
): number {
  return typeof value === "number" && Number.isFinite(value) && holds(value)
    ? value
    : wrongOption(where, name, value, expected);
}

export function trueOrFalse(where: string, name: string, value: unknown): boolean {
  return typeof value === "boolean" ? value : wrongOption(where, name, value, "true or false");
}

/** One of `known`; a near miss is named. */
export function choice<T extends string>(where: string, name: string, value: unknown, known: readonly T[]): T {
  const found = known.find((candidate) => candidate === value);
  if (found !== undefined) return found;
  const expected = `one of ${known.join(", ")}`;
  if (typeof value !== "string") return wrongOption(where, name, value, expected);
  const fix = didYouMean(value, known);
  return fail({ code: "option", where, problem: `unknown ${name} "${value}"`, expected, fix });
}

/** An object with named parts (not an array), for options and for parts of files. */
export function namedParts(where: string, name: string, value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  return wrongOption(where, name, value, "an object");
}

/** A list of anything. */
export function list(where: string, name: string, value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : wrongOption(where, name, value, "a list");
}

/** Prefixes of names that programs keep for their own inputs and variables. */
const reserved = ["target", "randomKey", "optimizer"];

/**
 * The name of a layer or an input: letters, digits, `_`, `-`, `.` and `/`, since it becomes a part of weight names
 * (`stem.kernel`) and a key in files.
 */
export function checkName(where: string, value: unknown): string {
  if (typeof value !== "string" || !/^[A-Za-z0-9_][A-Za-z0-9_./-]*$/.test(value)) {
    return wrongOption(where, "name", value, 'letters, digits, "_", "-", "." and "/"');
  }
  if (reserved.some((word) => value === word || value.startsWith(`${word}.`))) {
    return fail({
      code: "option",
      where,
      problem: `the name "${value}" is kept for training`,
      fix: "Choose another name",
    });
  }
  return value;
}

/** Runs `body`; its errors say that they arose within `where`, a file or a part of one. */
export function located<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof FoveaError) || error.where.startsWith(where)) throw error;
    const { code, problem, expected, received, fix } = error;
    return fail({ code, where: `${where}: ${error.where}`, problem, expected, received, fix, cause: error });
  }
}

function isWhole(value: unknown, least: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
