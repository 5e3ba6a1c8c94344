import { allocateArray, type NumericArray } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { TensorType } from "../../graph/types.js";
import { formatType, sameType } from "../../graph/verify.js";
import type { Store } from "../../plan/backend.js";

/** What floats are kept and computed in. float64 serves gradient checks and is the tests' measure of truth. */
export type Precision = "float32" | "float64";

/** Memory for a tensor; under float64 precision, floats get a Float64Array, integers stay as they are. */
export function allocate({ shape, dtype }: TensorType, precision: Precision): NumericArray {
  const length = sizeOf(shape);
  return dtype === "float32" && precision === "float64" ? new Float64Array(length) : allocateArray(dtype, length);
}

/** Variables by name, one typed array each. */
export class ReferenceStore implements Store {
  readonly #variables = new Map<string, { readonly type: TensorType; readonly data: NumericArray }>();

  constructor(readonly precision: Precision) {}

  declare(name: string, type: TensorType): void {
    const known = this.#variables.get(name);
    if (known === undefined) this.#variables.set(name, { type, data: allocate(type, this.precision) });
    else if (!sameType(known.type, type)) {
      fail({
        code: "usage",
        where: `variable "${name}"`,
        problem: "is declared again with another type",
        expected: formatType(known.type),
        received: formatType(type),
      });
    }
  }

  release(name: string): void {
    this.memoryOf(name);
    this.#variables.delete(name);
  }

  has(name: string): boolean {
    return this.#variables.has(name);
  }

  read(name: string): NumericArray {
    return this.memoryOf(name).slice();
  }

  write(name: string, values: ArrayLike<number>): void {
    const memory = this.memoryOf(name);
    if (values.length !== memory.length) {
      fail({
        code: "shape",
        where: `variable "${name}"`,
        problem: "is written with another number of values",
        expected: String(memory.length),
        received: String(values.length),
      });
    }
    memory.set(values);
  }

  names(): string[] {
    return [...this.#variables.keys()];
  }

  memoryOf(name: string): NumericArray {
    const known = this.#variables.get(name);
    if (known !== undefined) return known.data;
    return fail({ code: "usage", where: `variable "${name}"`, problem: "is not declared" });
  }
}
