import { allocateArray, bytesOf, type DType, type NumericArray } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { TensorType } from "../../graph/types.js";
import { formatType, sameType } from "../../graph/verify.js";
import type { Store } from "../../plan/backend.js";
import {
  align,
  constantsAddress,
  constantsBytes,
  controlBytes,
  maximumPages,
  pageBytes,
  slackBytes,
} from "./layout.js";

/** A stretch of memory, of whole cache lines. */
interface Stretch {
  readonly address: number;
  readonly bytes: number;
}

/** A model's tensors in one WebAssembly memory: variables grow from the bottom, the arena lies wherever it fits. */
export class WasmStore implements Store {
  readonly memory: WebAssembly.Memory;
  readonly #constants = new Map<number, number>();
  readonly #variables = new Map<string, { type: TensorType; address: number }>();
  #arena: Stretch = { address: 0, bytes: 0 };
  readonly addresses = {
    variable: (name: string) => this.address(name),
    constant: (value: number) => this.constant(value),
    keep: (bytes: number) => this.#take(bytes, "the packed weights"),
  };
  #version = 0;
  /** First byte from which on nothing is occupied. */
  #top = controlBytes;
  /** What was given free below it, by address; no two touch, and the last does not touch the top. */
  #holes: readonly Stretch[] = [];

  constructor(readonly shared: boolean) {
    try {
      this.memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared });
    } catch (cause) {
      fail({
        code: "memory",
        where: "wasm backend",
        problem: "the engine refuses to reserve memory for a model",
        fix: "Close other models or tabs, or run with one thread",
        cause,
      });
    }
  }

  declare(name: string, type: TensorType): void {
    const known = this.#variables.get(name);
    if (known !== undefined) {
      if (sameType(known.type, type)) return;
      fail({
        code: "shape",
        where: `variable "${name}"`,
        problem: "exists with another type",
        expected: formatType(known.type),
        received: formatType(type),
      });
    }
    const address = this.#take(bytesOfType(type), `variable "${name}"`);
    // the memory may have served others
    this.view(address, bytesOfType(type), "uint8").fill(0);
    this.#variables.set(name, { type, address });
  }

  release(name: string): void {
    const { type, address } = this.#known(name);
    this.#variables.delete(name);
    this.#give({ address, bytes: bytesOfType(type) });
  }

  has(name: string): boolean {
    return this.#variables.has(name);
  }

  names(): string[] {
    return [...this.#variables.keys()];
  }

  read(name: string): NumericArray {
    const view = this.#viewOf(name);
    const copy = allocateArray(this.#known(name).type.dtype, view.length);
    copy.set(view);
    return copy;
  }

  write(name: string, values: ArrayLike<number>): void {
    const view = this.memoryOf(name);
    if (values.length !== view.length) {
      fail({
        code: "shape",
        where: `variable "${name}"`,
        problem: "a wrong number of values was written",
        expected: String(view.length),
        received: String(values.length),
      });
    }
    view.set(values);
  }

  /** Offset of a float among the store's constants; undefined when there is no room for more. */
  constant(value: number): number | undefined {
    const [bits] = new Uint32Array(new Float32Array([value]).buffer) as unknown as [number];
    const known = this.#constants.get(bits);
    if (known !== undefined) return known;
    const offset = 4 * this.#constants.size;
    if (offset >= constantsBytes) return undefined;
    this.#constants.set(bits, offset);
    this.view(constantsAddress + offset, 1, "float32")[0] = value;
    return offset;
  }

  /** A number that grows whenever a variable may have changed: what is made of variables is then made anew. */
  get version(): number {
    return this.#version;
  }

  /** Says that a program has changed variables. */
  changed(): void {
    this.#version += 1;
  }

  /** Gives free what a program kept. */
  forget(kept: Stretch): void {
    this.#give(kept);
  }

  address(name: string): number {
    return this.#known(name).address;
  }

  /** The arena of at least `bytes`, one for all programs of the store; it may move when a larger one is asked for. */
  arena(bytes: number): number {
    const old = this.#arena;
    if (old.address > 0 && bytes <= old.bytes) return old.address;
    // it grows where it is if nothing was put behind it
    const isLast = old.address > 0 && old.address + align(old.bytes) === this.#top;
    const address = isLast ? this.#takeAt(old.address, bytes, "the arena") : this.#take(bytes, "the arena");
    if (!isLast && old.address > 0) this.#give(old);
    this.#arena = { address, bytes };
    return address;
  }

  view(address: number, length: number, dtype: DType): NumericArray {
    const { buffer } = this.memory;
    if (dtype === "float32") return new Float32Array(buffer, address, length);
    return dtype === "int32" ? new Int32Array(buffer, address, length) : new Uint8Array(buffer, address, length);
  }

  memoryOf(name: string): NumericArray {
    // whoever asks for it may write
    this.changed();
    return this.#viewOf(name);
  }

  #viewOf(name: string): NumericArray {
    const { type, address } = this.#known(name);
    return this.view(address, sizeOf(type.shape), type.dtype);
  }

  #known(name: string) {
    return (
      this.#variables.get(name) ??
      fail({ code: "usage", where: `variable "${name}"`, problem: "was never declared in this store" })
    );
  }

  /** Occupies `bytes` where they fit: in a hole, or at the top. A failure changes nothing. */
  #take(bytes: number, what: string): number {
    const hole = this.#holes.find((hole) => hole.bytes >= align(bytes));
    if (hole === undefined) return this.#takeAt(this.#top, bytes, what);
    const rest = { address: hole.address + align(bytes), bytes: hole.bytes - align(bytes) };
    this.#holes = this.#holes.flatMap((other) => (other !== hole ? [other] : rest.bytes > 0 ? [rest] : []));
    return hole.address;
  }

  /** Gives a stretch free: it becomes a hole, joined with those around it, or the top comes down to it. */
  #give({ address, bytes }: Stretch): void {
    if (bytes === 0) return;
    let from = address;
    let to = address + align(bytes);
    const apart = this.#holes.filter((hole) => {
      const touches = hole.address + hole.bytes === from || hole.address === to;
      if (!touches) return true;
      from = Math.min(from, hole.address);
      to = Math.max(to, hole.address + hole.bytes);
      return false;
    });
    if (to === this.#top) this.#top = from;
    else apart.push({ address: from, bytes: to - from });
    this.#holes = apart.sort((a, b) => a.address - b.address);
  }

  /** Occupies the top from `address` on. A failure changes nothing. */
  #takeAt(address: number, bytes: number, what: string): number {
    const end = address + align(bytes);
    const missing = end + slackBytes - this.memory.buffer.byteLength;
    if (missing > 0) this.#grow(Math.ceil(missing / pageBytes), end, what);
    this.#top = end;
    return address;
  }

  #grow(pages: number, end: number, what: string): void {
    const gibibytes = (count: number) => `${(count / 2 ** 30).toFixed(2)} GiB`;
    try {
      if (end + slackBytes > maximumPages * pageBytes) throw new RangeError("beyond 32-bit addresses");
      this.memory.grow(pages);
    } catch (cause) {
      fail({
        code: "memory",
        where: what,
        problem: "memory cannot be had",
        expected: `at most ${gibibytes(maximumPages * pageBytes)} for one model`,
        received: gibibytes(end + slackBytes),
        fix: "Use a smaller batch",
        cause,
      });
    }
  }
}

function bytesOfType({ shape, dtype }: TensorType): number {
  return sizeOf(shape) * bytesOf(dtype);
}
