/** Largest finite float32; a larger float64 result may be infinite on a float32 backend. */
const largest = 3.4028234663852886e38;
/** Smallest normal float32: below it, a backend may flush to zero. */
const smallest = 2 ** -126;

/** Throws unless every element lies within its bound (by default none); names the element that is worst. */
export function expectWithin(
  where: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  bound: (index: number) => number = () => 0,
): void {
  if (actual.length !== expected.length) {
    throw new Error(`${where}: ${actual.length} elements, expected ${expected.length}`);
  }
  let worst = -1;
  let worstRatio = 1;
  for (let i = 0; i < expected.length; i++) {
    const allowed = bound(i);
    // where nothing is allowed, nothing may be flushed to zero either
    const ratio = excess(actual[i]!, expected[i]!, allowed > 0 ? allowed + smallest : 0);
    if (ratio > worstRatio) [worst, worstRatio] = [i, ratio];
  }
  if (worst < 0) return;
  const difference = Math.abs(actual[worst]! - expected[worst]!);
  throw new Error(
    `${where}: element ${worst} of ${expected.length} is ${actual[worst]}, expected ${expected[worst]} ` +
      `(off by ${difference.toExponential(2)}, bound ${bound(worst).toExponential(2)})`,
  );
}

/** Throws unless the norm of all differences is at most `tolerance` times the norm of what was expected. */
export function expectClose(
  where: string,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: number,
): void {
  const norm = (value: (i: number) => number) =>
    Math.sqrt(Array.from(expected, (_, i) => value(i) ** 2).reduce((sum, square) => sum + square, 0));
  const relative = norm((i) => actual[i]! - expected[i]!) / norm((i) => expected[i]!);
  if (actual.length === expected.length && relative <= tolerance) return;
  throw new Error(`${where}: relative error ${relative.toExponential(2)}, tolerance ${tolerance.toExponential(2)}`);
}

/** How many times its bound an element is off; NaN and infinities must be the same. */
function excess(actual: number, expected: number, bound: number): number {
  if (Object.is(actual, expected) || actual === expected) return 0;
  if (Number.isNaN(actual) || Number.isNaN(expected)) return Infinity;
  if (!Number.isFinite(actual))
    return Math.abs(expected) + bound > largest && actual > 0 === expected > 0 ? 0 : Infinity;
  if (!Number.isFinite(expected)) return Infinity;
  // a bound that is not a number comes from 0 · ∞: nothing is known
  return Number.isNaN(bound) ? 0 : Math.abs(actual - expected) / bound;
}
