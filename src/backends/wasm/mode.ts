import { platform } from "#platform";
import { didYouMean, fail } from "../../core/errors.js";

/** What the environment variable FOVEA_WASM may ask for, and what it means for the options of the backend. */
const modes = {
  /** 128-bit vectors. */
  narrow: { wide: false },
  /** 128-bit vectors, and multiply and add apart: what every engine has. */
  plain: { wide: false, relaxedSimd: false },
} as const;

export type ForcedMode = keyof typeof modes;

/** The mode that the user forces on the engine; it wins over options. Any other value is an error of code "option". */
export function forcedMode(): ForcedMode | undefined {
  const where = "FOVEA_WASM";
  const value = platform.env(where);
  if (value === undefined || value in modes) return value as ForcedMode | undefined;
  return fail({
    code: "option",
    where,
    problem: "asks for an unknown mode of the engine",
    expected: '"narrow" or "plain"',
    received: JSON.stringify(value),
    fix: didYouMean(value, Object.keys(modes)),
  });
}

/** The options that the mode stands for. */
export function forcedOptions(): { readonly wide?: boolean; readonly relaxedSimd?: boolean } {
  const mode = forcedMode();
  return mode === undefined ? {} : modes[mode];
}
