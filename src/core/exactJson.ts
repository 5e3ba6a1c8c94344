/** JSON that tells all numbers apart, for keys: plain JSON writes Infinity and NaN as null and loses the sign of zero. */
export function exactJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === "number" && (!Number.isFinite(part) || Object.is(part, -0)) ? `#${1 / part}${part}` : part,
  );
}
