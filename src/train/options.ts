import { checkOptions, fail } from "../core/errors.js";
import { executionOptionNames } from "../runtime/backends.js";

/** Checks the names of options and the numbers that training, evaluation and prediction have in common. */
export function checkRunOptions(
  where: string,
  options: { readonly batchSize?: number; readonly epochs?: number; readonly seed?: number },
  names: readonly string[],
): void {
  checkOptions(where, options, [...names, ...executionOptionNames]);
  for (const name of ["batchSize", "epochs"] as const) {
    const value = options[name];
    if (value === undefined || (Number.isInteger(value) && value >= 1)) continue;
    fail({
      code: "option",
      where,
      problem: `${name} is out of range`,
      expected: "a whole number ≥ 1",
      received: String(value),
    });
  }
  const { seed } = options;
  if (seed !== undefined && !(Number.isSafeInteger(seed) && seed >= 0)) {
    const expected = "a whole number from 0 to 2^53 − 1";
    fail({ code: "option", where, problem: "seed is out of range", expected, received: String(seed) });
  }
}
