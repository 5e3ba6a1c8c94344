import { arrayTypes, bytesOf, type DataArray } from "../../core/dtypes.js";
import { sizeOf } from "../../core/shapes.js";
import type { ExampleLayout } from "../augment/augment.js";

/** States of a slot, as workers and loader tell each other. */
export const slotStates = { working: 1, done: 2 } as const;

/** What a ring is made of; a worker gets it as a message. */
export interface RingLayout {
  readonly layout: ExampleLayout;
  /** Chunks that there is place for. */
  readonly slots: number;
  /** Examples of a chunk. */
  readonly chunk: number;
  /** Whether each example has place for a partner. */
  readonly partners: boolean;
}

/** Examples on their way, in memory that workers share: slots for chunks of examples. */
export class Ring {
  readonly states: Int32Array;
  /** Numbers of the examples, chunk by chunk, and those of their partners. */
  readonly indices: Uint32Array;
  readonly partnerIndices: Uint32Array;
  readonly examples: Examples;
  readonly partners: Examples;

  static bytes({ layout, slots, chunk, partners }: RingLayout): number {
    const rows = slots * chunk;
    return 4 * slots + 8 * rows + Examples.bytes(layout, rows) * (partners ? 2 : 1);
  }

  constructor(
    readonly given: RingLayout,
    readonly memory: ArrayBufferLike,
  ) {
    const { layout, slots, chunk, partners } = given;
    const rows = slots * chunk;
    this.states = new Int32Array(memory, 0, slots);
    this.indices = new Uint32Array(memory, 4 * slots, rows);
    this.partnerIndices = new Uint32Array(memory, 4 * slots + 4 * rows, rows);
    const start = 4 * slots + 8 * rows;
    this.examples = new Examples(layout, memory, start, rows);
    this.partners = new Examples(layout, memory, start + Examples.bytes(layout, rows), partners ? rows : 0);
  }
}

/** Rows of inputs and targets, in one piece of memory. */
class Examples {
  readonly inputs: DataArray;
  readonly targets: Int32Array | Float32Array;
  readonly #size: number;
  readonly #targetSize: number;

  static bytes({ shape, targetShape, inputType }: ExampleLayout, rows: number): number {
    const inputs = rows * sizeOf(shape) * bytesOf(inputType);
    return Math.ceil(inputs / 4) * 4 + 4 * rows * sizeOf(targetShape);
  }

  constructor(layout: ExampleLayout, memory: ArrayBufferLike, start: number, rows: number) {
    this.#size = sizeOf(layout.shape);
    this.#targetSize = sizeOf(layout.targetShape);
    const Inputs = arrayTypes[layout.inputType];
    const Targets = layout.targetType === "int32" ? Int32Array : Float32Array;
    // TypeScript tells shared memory from other memory, which makes no difference here
    const bytes = memory as ArrayBuffer;
    const inputs = new Inputs(bytes, rows === 0 ? 0 : start, rows * this.#size);
    const after = rows === 0 ? 0 : start + Math.ceil(inputs.byteLength / 4) * 4;
    this.inputs = inputs;
    this.targets = new Targets(bytes, after, rows * this.#targetSize);
  }

  inputsOf(row: number): DataArray {
    return this.inputs.subarray(row * this.#size, (row + 1) * this.#size);
  }

  targetsOf(row: number): Int32Array | Float32Array {
    return this.targets.subarray(row * this.#targetSize, (row + 1) * this.#targetSize);
  }
}
