import { fail } from "../core/errors.js";
import type { TensorType } from "../graph/types.js";

/** Refuses integers where an op multiplies or averages: only `map` converts them. */
export function checkFloats(inputs: readonly TensorType[], where: string): void {
  for (const { dtype } of inputs) {
    if (dtype !== "float32") {
      fail({ code: "dtype", where, problem: "takes floats", expected: "float32", received: dtype });
    }
  }
}
