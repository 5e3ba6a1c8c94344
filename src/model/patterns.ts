import { fail } from "../core/errors.js";
import { wrongOption } from "./check.js";

/**
 * Whether `name` is of the pattern: `*` stands for any characters, everything else for itself.
 *
 * `conv2d*` is every weight of the layers `conv2d`, `conv2d_1`, …; `*.bias` every bias; `stem.kernel` one weight.
 */
export function matches(pattern: string, name: string): boolean {
  const [first, ...rest] = pattern.split("*") as [string, ...string[]];
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** One pattern or a list of them, checked. */
export function patternList(where: string, option: string, value: unknown): readonly string[] {
  const patterns = typeof value === "string" ? [value] : value;
  const isPattern = (each: unknown) => typeof each === "string" && each !== "";
  if (Array.isArray(patterns) && patterns.length > 0 && patterns.every(isPattern)) return [...patterns];
  return wrongOption(where, option, value, 'a pattern of names such as "*.bias", or a list of them');
}

/** Fails where a pattern is that of no name: a slip would otherwise have no effect, and nobody would know. */
export function checkPatterns(where: string, patterns: readonly string[], names: readonly string[]): void {
  const idle = patterns.find((pattern) => !names.some((name) => matches(pattern, name)));
  if (idle === undefined) return;
  fail({
    code: "option",
    where,
    problem: `no weight is called "${idle}"`,
    expected: `a pattern of ${names.join(", ")}`,
    fix: '"*" stands for any characters',
  });
}
