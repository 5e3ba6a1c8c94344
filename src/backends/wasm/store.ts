import { allocateArray, bytesOf, type DType, type NumericArray } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { TensorType } from "../../graph/types.js";
import { formatType, sameType } from "../../graph/verify.js";
import type { Store } from "../../plan/backend.js";
import type { Plan } from "../../plan/types.js";
import {
  align,
  constantsAddress,
  constantsBytes,
  controlBytes,
  maximumPages,
  pageBytes,
  slackBytes,
} from "./layout.js";

/** A model's tensors in one WebAssembly memory: variables grow from the bottom, the arena lies wherever it fits. */
export class WasmStore implements Store {
  readonly memory: WebAssembly.Memory;
  readonly #constants = new Map<number, number>();
  readonly #variables = new Map<string, { type: TensorType; address: number }>();
  #arena = { address: 0, bytes: 0 };
  readonly addresses = {
    variable: (name: string) => this.address(name),
    constant: (value: number) => this.constant(value),
  };
  /** First byte that nothing occupies. */
  #top = controlBytes;
  /** Bytes that the memory may grow to. */
  #limit: number;

  constructor(readonly shared: boolean) {
    const { memory, maximum } = reserve(shared);
    this.memory = memory;
    this.#limit = maximum * pageBytes;
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
    const address = this.#take(sizeOf(type.shape) * bytesOf(type.dtype), `variable "${name}"`);
    this.#variables.set(name, { type, address });
  }

  fits({ buffers, arenaBytes }: Plan): boolean {
    let top = this.#top;
    for (const { kind, name, type } of buffers) {
      if (kind === "variable" && !this.has(name)) top += align(sizeOf(type.shape) * bytesOf(type.dtype));
    }
    const { bytes } = this.#arena;
    const end = arenaBytes <= bytes ? top : (top === this.#top ? this.#arenaPlace() : top) + align(arenaBytes);
    return end + slackBytes <= this.#limit;
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
    const view = this.#viewOf(name);
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

  address(name: string): number {
    return this.#known(name).address;
  }

  /** The arena of at least `bytes`, one for all programs of the store; it may move when a larger one is asked for. */
  arena(bytes: number): number {
    const { address, bytes: size } = this.#arena;
    if (address > 0 && bytes <= size) return address;
    this.#arena = { address: this.#take(bytes, "the arena", this.#arenaPlace()), bytes };
    return this.#arena.address;
  }

  /** Where a larger arena begins: the old one's place is free again if nothing was put behind it. */
  #arenaPlace(): number {
    const { address, bytes } = this.#arena;
    return address > 0 && address + align(bytes) === this.#top ? address : this.#top;
  }

  view(address: number, length: number, dtype: DType): NumericArray {
    const { buffer } = this.memory;
    if (dtype === "float32") return new Float32Array(buffer, address, length);
    return dtype === "int32" ? new Int32Array(buffer, address, length) : new Uint8Array(buffer, address, length);
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

  /** Occupies `bytes` from `address` on. A failure changes nothing. */
  #take(bytes: number, what: string, address = this.#top): number {
    const end = address + align(bytes);
    const missing = end + slackBytes - this.memory.buffer.byteLength;
    if (missing > 0) this.#grow(Math.ceil(missing / pageBytes), end, what);
    this.#top = end;
    return address;
  }

  #grow(pages: number, end: number, what: string): void {
    let cause: unknown;
    if (end + slackBytes <= this.#limit) {
      try {
        this.memory.grow(pages);
        return;
      } catch (error) {
        cause = error;
        this.#limit = this.#growToHalf(pages);
      }
    }
    fail({
      code: "memory",
      where: what,
      problem: "memory cannot be had",
      expected: `at most ${formatBytes(this.#limit)} for one model`,
      received: formatBytes(end + slackBytes),
      fix: "Use a smaller batch",
      cause,
    });
  }

  /**
   * What the memory can grow to where it cannot grow by `pages`: half as much, or a quarter, … so that there is a size
   * that surely can be had. Pages are addresses until they are written to.
   */
  #growToHalf(pages: number): number {
    for (let half = pages >> 1; half > 0; half >>= 1) {
      try {
        this.memory.grow(half);
        break;
      } catch {
        // even less
      }
    }
    return this.memory.buffer.byteLength;
  }
}

/** Pages that are worth a start: 64 MiB. */
const leastPages = 1024;

/**
 * An empty memory that may grow as far as addresses reach, or where an engine does not reserve that much (phones, a
 * process with limits), as far as it does, in powers of two.
 */
function reserve(shared: boolean): { memory: WebAssembly.Memory; maximum: number } {
  let cause: unknown;
  for (let maximum = maximumPages; maximum >= leastPages; maximum /= 2) {
    try {
      return { memory: new WebAssembly.Memory({ initial: 1, maximum, shared }), maximum };
    } catch (error) {
      cause ??= error;
    }
  }
  return fail({
    code: "memory",
    where: "wasm backend",
    problem: "the engine refuses to reserve memory for a model",
    expected: `at least ${formatBytes(leastPages * pageBytes)}`,
    fix: "Close other models or tabs; in a shell, raise the limit of addresses (ulimit -v unlimited)",
    cause,
  });
}

function formatBytes(count: number): string {
  return count >= 2 ** 30 ? `${(count / 2 ** 30).toFixed(2)} GiB` : `${(count / 2 ** 20).toFixed(1)} MiB`;
}
