import { list, sized, typeCode, unsigned, utf8, type ValueType } from "./encoding.js";
import type { Expression, F32, I32, I32Like, V128 } from "./instructions.js";
import { i32 } from "./instructions.js";

/** A local variable or parameter: read it with `get`. */
export interface Local<T extends ValueType = ValueType> {
  readonly index: number;
  readonly type: T;
  readonly get: Expression<T>;
}

/** A function of the module that others can call. */
export interface FunctionReference {
  readonly index: number;
  readonly parameters: readonly ValueType[];
}

const codeOf = (value: I32Like): readonly number[] => (typeof value === "number" ? i32.constant(value) : value).code;

/** Appends statements to one function's body. */
export class FunctionBuilder {
  readonly #parameters: readonly ValueType[];
  readonly #locals: ValueType[] = [];
  readonly #code: number[] = [];

  constructor(parameters: readonly ValueType[]) {
    this.#parameters = parameters;
  }

  parameter<T extends ValueType>(index: number, type: T): Local<T> {
    if (this.#parameters[index] !== type) throw new RangeError(`parameter ${index} is no ${type}`);
    return this.#reference(index, type);
  }

  local<T extends ValueType>(type: T, initial?: Expression<NoInfer<T>>): Local<T> {
    this.#locals.push(type);
    const local = this.#reference(this.#parameters.length + this.#locals.length - 1, type);
    if (initial !== undefined) this.set(local, initial);
    return local;
  }

  #reference<T extends ValueType>(index: number, type: T): Local<T> {
    return { index, type, get: { type, code: [0x20, ...unsigned(index)] } };
  }

  #emit(...parts: (readonly number[])[]): void {
    for (const part of parts) for (const byte of part) this.#code.push(byte);
  }

  set<T extends ValueType>(local: Local<T>, value: Expression<NoInfer<T>>): void {
    this.#emit(value.code, [0x21, ...unsigned(local.index)]);
  }

  /** local += amount */
  increase(local: Local<"i32">, amount: I32Like): void {
    if (amount !== 0) this.set(local, i32.add(local.get, amount));
  }

  drop(value: Expression): void {
    this.#emit(value.code, [0x1a]);
  }

  storeF32(address: I32, value: F32, offset = 0): void {
    this.#emit(address.code, value.code, [0x38, 2, ...unsigned(offset)]);
  }

  storeI32(address: I32, value: I32, offset = 0): void {
    this.#emit(address.code, value.code, [0x36, 2, ...unsigned(offset)]);
  }

  storeV128(address: I32, value: V128, offset = 0): void {
    this.#emit(address.code, value.code, [0xfd, 0x0b, 2, ...unsigned(offset)]);
  }

  /** Stores the first `count` (1…4) float lanes. */
  storeLanes(address: I32, value: V128, count: number, offset = 0): void {
    if (count >= 4) {
      this.storeV128(address, value, offset);
      return;
    }
    const keep = this.local("v128", value);
    if (count >= 2) this.storePair(address, keep.get, 0, offset);
    if (count !== 2) {
      const lane = count - 1;
      this.#emit(address.code, keep.get.code, [0xfd, 0x5a, 2, ...unsigned(offset + 4 * lane), lane]);
    }
  }

  /** Stores the first (0) or the last (1) two lanes. */
  storePair(address: I32, value: V128, pair: number, offset = 0): void {
    this.#emit(address.code, value.code, [0xfd, 0x5b, 3, ...unsigned(offset), pair]);
  }

  /** Copies memory; the two stretches may overlap. */
  copyBytes(target: I32, source: I32, bytes: I32Like): void {
    this.#emit(target.code, source.code, codeOf(bytes), [0xfc, 0x0a, 0, 0]);
  }

  /** Writes the same byte everywhere. */
  fillBytes(target: I32, byte: I32Like, bytes: I32Like): void {
    this.#emit(target.code, codeOf(byte), codeOf(bytes), [0xfc, 0x0b, 0]);
  }

  atomicStore(address: I32, value: I32Like): void {
    this.#emit(address.code, codeOf(value), [0xfe, 0x17, 2, 0]);
  }

  call(target: FunctionReference, args: readonly Expression[]): void {
    const { length } = target.parameters;
    if (args.length !== length) throw new TypeError(`${args.length} arguments for ${length} parameters`);
    target.parameters.forEach((type, i) => {
      if (args[i]?.type !== type) throw new TypeError(`argument ${i} is ${args[i]?.type}, not ${type}`);
    });
    this.#emit(...args.map((arg) => arg.code), [0x10, ...unsigned(target.index)]);
  }

  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#emit(condition.code, [0x04, 0x40]);
    then();
    if (otherwise !== undefined) {
      this.#emit([0x05]);
      otherwise();
    }
    this.#emit([0x0b]);
  }

  /** Runs `body` while `condition` holds, which is tested first. */
  while(condition: () => I32, body: () => void): void {
    this.#emit([0x03, 0x40]);
    this.#emit(condition().code, [0x04, 0x40]);
    body();
    this.#emit([0x0c, 1, 0x0b, 0x0b]);
  }

  /** Runs `body` at least once, and again as long as `condition` holds at its end: the tightest loop there is. */
  doWhile(body: () => void, condition: () => I32): void {
    this.#emit([0x03, 0x40]);
    body();
    this.#emit(condition().code, [0x0d, 0, 0x0b]);
  }

  /** for (variable = from; variable < to; variable += step), with `to` evaluated once if it is an expression. */
  for(variable: Local<"i32">, from: I32Like, to: I32Like, step: number, body: () => void): void {
    this.set(variable, typeof from === "number" ? i32.constant(from) : from);
    if (typeof from === "number" && typeof to === "number") {
      if (from >= to) return;
      if (from + step >= to) {
        body();
        this.increase(variable, step);
        return;
      }
      this.doWhile(
        () => {
          body();
          this.increase(variable, step);
        },
        () => i32.ltS(variable.get, to),
      );
      return;
    }
    const end = typeof to === "number" ? to : this.local("i32", to).get;
    this.while(
      () => i32.ltS(variable.get, end),
      () => {
        body();
        this.increase(variable, step);
      },
    );
  }

  unreachable(): void {
    this.#emit([0x00]);
  }

  return(): void {
    this.#emit([0x0f]);
  }

  /** The encoded body: local declarations (runs of one type joined), code, end. */
  encode(): number[] {
    const runs: [number, ValueType][] = [];
    for (const type of this.#locals) {
      const last = runs[runs.length - 1];
      if (last !== undefined && last[1] === type) last[0] += 1;
      else runs.push([1, type]);
    }
    const declarations = list(runs.map(([count, type]) => [...unsigned(count), typeCode[type]]));
    return sized([...declarations, ...this.#code, 0x0b]);
  }
}

export interface MemoryImport {
  readonly module: string;
  readonly name: string;
  readonly initialPages: number;
  /** Shared memory needs a maximum. */
  readonly shared?: { readonly maximumPages: number };
}

/** Collects functions into a module that imports one memory, and functions, and exports functions by name. */
export class ModuleBuilder {
  readonly #types: string[] = [];
  readonly #imports: { name: string; type: number }[] = [];
  readonly #functions: { type: number; builder: FunctionBuilder }[] = [];
  readonly #exports: { name: string; index: number }[] = [];

  constructor(readonly memory: MemoryImport) {}

  /** Adds a function without results; `body` writes it. */
  function(parameters: readonly ValueType[], body: (f: FunctionBuilder) => void, exportAs?: string): FunctionReference {
    const builder = new FunctionBuilder(parameters);
    body(builder);
    const index = this.#imports.length + this.#functions.push({ type: this.#type(parameters), builder }) - 1;
    if (exportAs !== undefined) this.#exports.push({ name: exportAs, index });
    return { index, parameters };
  }

  /** A function without results, from the same module as the memory. All imports come before the first function. */
  importFunction(name: string, parameters: readonly ValueType[]): FunctionReference {
    if (this.#functions.length > 0) throw new TypeError(`import ${name} comes after a function`);
    return { index: this.#imports.push({ name, type: this.#type(parameters) }) - 1, parameters };
  }

  #type(parameters: readonly ValueType[]): number {
    const key = parameters.join();
    const known = this.#types.indexOf(key);
    return known >= 0 ? known : this.#types.push(key) - 1;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const types = this.#types.map((key) => {
      const parameters = key === "" ? [] : (key.split(",") as ValueType[]);
      return [0x60, ...list(parameters.map((type) => [typeCode[type]])), 0];
    });
    const { module, name, initialPages, shared } = this.memory;
    const limits =
      shared === undefined
        ? [0x00, ...unsigned(initialPages)]
        : [0x03, ...unsigned(initialPages), ...unsigned(shared.maximumPages)];
    const section = (id: number, content: number[]) => [id, ...sized(content)];
    const pieces = [
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, list(types)),
      section(
        2,
        list([
          [...utf8(module), ...utf8(name), 0x02, ...limits],
          ...this.#imports.map((item) => [...utf8(module), ...utf8(item.name), 0x00, ...unsigned(item.type)]),
        ]),
      ),
      section(3, list(this.#functions.map(({ type }) => unsigned(type)))),
      section(7, list(this.#exports.map(({ name: exported, index }) => [...utf8(exported), 0x00, ...unsigned(index)]))),
      section(10, list(this.#functions.map(({ builder }) => builder.encode()))),
    ];
    const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
    let at = 0;
    for (const piece of pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    return bytes;
  }
}
