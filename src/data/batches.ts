import type { NumericArray } from "../core/dtypes.js";
import { keyOf, permutation } from "../core/random.js";

/** The order in which an epoch visits the examples: a pure function of seed and epoch. */
export function epochOrder(length: number, seed: number, epoch: number, shuffle: boolean): Uint32Array {
  return shuffle ? permutation(length, keyOf(seed, "shuffle", epoch)) : Uint32Array.from({ length }, (_, i) => i);
}

/** Copies chosen examples of a flat array into a program's input. Copies whole words where sizes allow; allocates nothing. */
export class ExampleCopier {
  readonly #source: NumericArray;
  readonly #target: NumericArray;
  readonly #size: number;

  /** @param exampleSize elements of one example; source and target have the same element type */
  constructor(source: NumericArray, target: NumericArray, exampleSize: number) {
    const words = wordViews(source, target, exampleSize);
    this.#source = words?.source ?? source;
    this.#target = words?.target ?? target;
    this.#size = words?.size ?? exampleSize;
  }

  /** target[i] = source[order[start + i]] for i < count */
  copy(order: Uint32Array, start: number, count: number): void {
    const source = this.#source;
    const target = this.#target;
    const size = this.#size;
    let to = 0;
    for (let i = 0; i < count; i++) {
      let from = order[start + i]! * size;
      const end = to + size;
      while (to < end) target[to++] = source[from++]!;
    }
  }
}

/** Bytes that come in multiples of four can be moved four at a time. */
function wordViews(source: NumericArray, target: NumericArray, exampleSize: number) {
  const fits = [source.byteOffset, target.byteOffset, source.byteLength, target.byteLength, exampleSize];
  if (source.BYTES_PER_ELEMENT !== 1 || target.BYTES_PER_ELEMENT !== 1 || fits.some((n) => n % 4 !== 0)) {
    return undefined;
  }
  return {
    source: new Int32Array(source.buffer, source.byteOffset, source.byteLength / 4),
    target: new Int32Array(target.buffer, target.byteOffset, target.byteLength / 4),
    size: exampleSize / 4,
  };
}
