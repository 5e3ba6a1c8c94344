import type { NumericArray } from "../core/dtypes.js";
import { keyOf, permutation } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "./dataset.js";

/** The order in which an epoch visits the examples: a pure function of seed and epoch. */
export function epochOrder(length: number, seed: number, epoch: number, shuffle: boolean): Uint32Array {
  return shuffle ? permutation(length, keyOf(seed, "shuffle", epoch)) : Uint32Array.from({ length }, (_, i) => i);
}

/** The memory that a program gathers its examples from, one row each. */
export interface TableMemory {
  readonly inputs: NumericArray;
  readonly targets: NumericArray;
}

/**
 * Where batches come from. A program gathers the examples of a step from a table; a source sees to what lies in the
 * table's rows, and says for each step which of them it takes. Rows that were handed out stay as they are until the next
 * ones are asked for, so that others may be filled while a step runs: by workers, where examples have to be read,
 * decoded or varied. Such a source has rows for several batches, and keeps the caller waiting when none is ready.
 */
export interface BatchSource {
  /** Rows that the table must have. */
  readonly rows: number;
  /**
   * Begins an epoch over the examples in `order`. The table may have moved since the last one, and what is in it with it.
   * `epoch` counts from 1; where examples are measured, it is 0.
   */
  begin(table: TableMemory, order: Uint32Array, epoch: number): void;
  /** Writes into `rows` where the next examples lie, as many as it takes. They are there at once, or when the promise is fulfilled. */
  next(rows: Int32Array): Promise<void> | undefined;
  /** Ends what works for the source. */
  close?(): Promise<void>;
}

/** A data set that lies in the table as a whole: a step takes its numbers alone. */
export class ResidentBatches implements BatchSource {
  #order: Uint32Array = new Uint32Array(0);
  #position = 0;
  #filled = false;

  constructor(readonly data: Pick<Dataset, "inputs" | "targets" | "length">) {}

  get rows(): number {
    return this.data.length;
  }

  begin({ inputs, targets }: TableMemory, order: Uint32Array): void {
    if (!this.#filled) {
      inputs.set(this.data.inputs);
      targets.set(this.data.targets);
      this.#filled = true;
    }
    this.#order = order;
    this.#position = 0;
  }

  next(rows: Int32Array): undefined {
    for (let i = 0; i < rows.length; i++) rows[i] = this.#order[this.#position++]!;
  }
}

/** A data set that passes through a table of one batch: examples are copied in front of each step, in the data's type. */
export class CopiedBatches implements BatchSource {
  #order: Uint32Array = new Uint32Array(0);
  #position = 0;
  #inputs: ExampleCopier | undefined;
  #targets: ExampleCopier | undefined;

  /** @param rows examples of the largest batch */
  constructor(
    readonly data: Dataset,
    readonly rows: number,
  ) {}

  begin(table: TableMemory, order: Uint32Array): void {
    const { inputs, shape, targets, targetShape } = this.data;
    this.#inputs = new ExampleCopier(inputs, table.inputs, sizeOf(shape));
    this.#targets = new ExampleCopier(targets, table.targets, sizeOf(targetShape));
    this.#order = order;
    this.#position = 0;
  }

  next(rows: Int32Array): undefined {
    for (let i = 0; i < rows.length; i++) rows[i] = i;
    this.#inputs?.copy(this.#order, this.#position, rows.length);
    this.#targets?.copy(this.#order, this.#position, rows.length);
    this.#position += rows.length;
  }
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
