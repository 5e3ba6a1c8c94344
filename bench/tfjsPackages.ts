import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { platform } from "#platform";
import { fail } from "../src/core/errors.js";
import type { Options } from "./options.js";

export const tfjsTitle = "TensorFlow.js";

export const tfjsFix =
  "In a directory outside of this one, run npm install @tensorflow/tfjs-core @tensorflow/tfjs-backend-wasm, and name it: " +
  "--vs-tfjs=DIRECTORY, or the variable FOVEA_TFJS";

/** The directory that TensorFlow.js is installed in. Errors: "usage" where none is named. */
export function tfjsDirectory({ tfjs }: Options): string {
  const directory = tfjs ?? platform.env("FOVEA_TFJS");
  if (directory !== undefined) return directory;
  return fail({ code: "usage", where: tfjsTitle, problem: "its directory is not known", fix: tfjsFix });
}

/** The directory of its .wasm files, beside the backend's program. Errors: "unsupported" where it is not installed. */
export function tfjsBinaries(directory: string): string {
  try {
    const require = createRequire(join(resolve(directory), "package.json"));
    require.resolve("@tensorflow/tfjs-core");
    return dirname(require.resolve("@tensorflow/tfjs-backend-wasm"));
  } catch (error) {
    const [received] = String((error as Error).message).split("\n");
    const problem = "cannot be measured";
    return fail({ code: "unsupported", where: `${tfjsTitle} (${directory})`, problem, received, fix: tfjsFix });
  }
}
