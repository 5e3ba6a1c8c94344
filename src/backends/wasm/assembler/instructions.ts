import { float32Bytes, signed, unsigned, type ValueType } from "./encoding.js";

/**
 * Typed instruction trees. An `Expression<T>` is code that leaves one value of type T on the stack; constructors take
 * and give typed operands, so that kernels with wrong operand types do not compile in TypeScript.
 */
export interface Expression<T extends ValueType = ValueType> {
  readonly type: T;
  readonly code: readonly number[];
}

export type I32 = Expression<"i32">;
export type F32 = Expression<"f32">;
export type V128 = Expression<"v128">;
/** An i32, or a number that becomes a constant. */
export type I32Like = I32 | number;

function make<T extends ValueType>(type: T, ...parts: (readonly number[])[]): Expression<T> {
  const code: number[] = [];
  for (const part of parts) for (const byte of part) code.push(byte);
  return { type, code };
}

const simd = (opcode: number): number[] => [0xfd, ...unsigned(opcode)];
const toI32 = (value: I32Like): I32 => (typeof value === "number" ? i32.constant(value) : value);
const constantOf = (e: I32): number | undefined => constants.get(e);
const constants = new WeakMap<I32, number>();

const i32Binary =
  (opcode: number, fold: (a: number, b: number) => number) =>
  (a: I32Like, b: I32Like): I32 => {
    const [left, right] = [toI32(a), toI32(b)];
    const [x, y] = [constantOf(left), constantOf(right)];
    if (x !== undefined && y !== undefined) {
      const folded = fold(x, y);
      if (!Number.isFinite(folded)) throw new RangeError("division by zero");
      return i32.constant(folded);
    }
    return make("i32", left.code, right.code, [opcode]);
  };

export const i32 = {
  constant(value: number): I32 {
    const expression = make("i32", [0x41, ...signed(value | 0)]);
    constants.set(expression, value | 0);
    return expression;
  },
  add(a: I32Like, b: I32Like): I32 {
    if (b === 0) return toI32(a);
    if (a === 0) return toI32(b);
    return i32Binary(0x6a, (x, y) => x + y)(a, b);
  },
  sub: i32Binary(0x6b, (x, y) => x - y),
  mul(a: I32Like, b: I32Like): I32 {
    if (b === 1) return toI32(a);
    if (a === 1) return toI32(b);
    return i32Binary(0x6c, (x, y) => Math.imul(x, y))(a, b);
  },
  divU: i32Binary(0x6e, (x, y) => Math.floor((x >>> 0) / (y >>> 0))),
  remU: i32Binary(0x70, (x, y) => (x >>> 0) % (y >>> 0)),
  and: i32Binary(0x71, (x, y) => x & y),
  or: i32Binary(0x72, (x, y) => x | y),
  xor: i32Binary(0x73, (x, y) => x ^ y),
  shl: i32Binary(0x74, (x, y) => x << y),
  shrU: i32Binary(0x76, (x, y) => x >>> y),
  rotl: i32Binary(0x77, (x, y) => (x << y) | (x >>> (32 - y))),
  eq: i32Binary(0x46, (x, y) => Number(x === y)),
  ne: i32Binary(0x47, (x, y) => Number(x !== y)),
  ltS: i32Binary(0x48, (x, y) => Number(x < y)),
  ltU: i32Binary(0x49, (x, y) => Number(x >>> 0 < y >>> 0)),
  gtS: i32Binary(0x4a, (x, y) => Number(x > y)),
  leS: i32Binary(0x4c, (x, y) => Number(x <= y)),
  geS: i32Binary(0x4e, (x, y) => Number(x >= y)),
  geU: i32Binary(0x4f, (x, y) => Number(x >>> 0 >= y >>> 0)),
  eqz: (a: I32): I32 => make("i32", a.code, [0x45]),
  /** condition ≠ 0 ? a : b, both evaluated. */
  select: (condition: I32, a: I32Like, b: I32Like): I32 =>
    make("i32", toI32(a).code, toI32(b).code, condition.code, [0x1b]),
  min(a: I32Like, b: I32Like): I32 {
    const [left, right] = [toI32(a), toI32(b)];
    return i32.select(i32.ltS(left, right), left, right);
  },
  load: (address: I32, offset = 0): I32 => make("i32", address.code, [0x28, 2, ...unsigned(offset)]),
  load8U: (address: I32, offset = 0): I32 => make("i32", address.code, [0x2d, 0, ...unsigned(offset)]),
  atomicLoad: (address: I32): I32 => make("i32", address.code, [0xfe, 0x10, 2, 0]),
  atomicAdd: (address: I32, value: I32Like): I32 => make("i32", address.code, toI32(value).code, [0xfe, 0x1e, 2, 0]),
  /** 0 "ok", 1 "not equal", 2 "timed out"; `nanoseconds` −1 waits for ever. */
  atomicWait: (address: I32, expected: I32, nanoseconds: number): I32 =>
    make("i32", address.code, expected.code, [0x42, ...signed(nanoseconds)], [0xfe, 0x01, 2, 0]),
  atomicNotify: (address: I32, count: number): I32 => make("i32", address.code, toI32(count).code, [0xfe, 0x00, 2, 0]),
};

const f32Binary =
  (opcode: number) =>
  (a: F32, b: F32): F32 =>
    make("f32", a.code, b.code, [opcode]);

export const f32 = {
  constant: (value: number): F32 => make("f32", [0x43, ...float32Bytes(value)]),
  add: f32Binary(0x92),
  sub: f32Binary(0x93),
  mul: f32Binary(0x94),
  div: f32Binary(0x95),
  lt: (a: F32, b: F32): I32 => make("i32", a.code, b.code, [0x5d]),
  gt: (a: F32, b: F32): I32 => make("i32", a.code, b.code, [0x5e]),
  eq: (a: F32, b: F32): I32 => make("i32", a.code, b.code, [0x5b]),
  ne: (a: F32, b: F32): I32 => make("i32", a.code, b.code, [0x5c]),
  select: (condition: I32, a: F32, b: F32): F32 => make("f32", a.code, b.code, condition.code, [0x1b]),
  load: (address: I32, offset = 0): F32 => make("f32", address.code, [0x2a, 2, ...unsigned(offset)]),
  fromI32: (a: I32): F32 => make("f32", a.code, [0xb2]),
  lane: (a: V128, lane: number): F32 => make("f32", a.code, simd(0x1f), [lane]),
};

const unaryV =
  (opcode: number) =>
  (a: V128): V128 =>
    make("v128", a.code, simd(opcode));
const binaryV =
  (opcode: number) =>
  (a: V128, b: V128): V128 =>
    make("v128", a.code, b.code, simd(opcode));
const shiftV =
  (opcode: number) =>
  (a: V128, by: number): V128 =>
    make("v128", a.code, i32.constant(by).code, simd(opcode));

/** Four lanes of float32 (`f32x4`) or int32 (`i32x4`). */
export const f32x4 = {
  constant: (value: number): V128 => make("v128", f32.constant(value).code, simd(0x13)),
  splat: (a: F32): V128 => make("v128", a.code, simd(0x13)),
  add: binaryV(0xe4),
  sub: binaryV(0xe5),
  mul: binaryV(0xe6),
  div: binaryV(0xe7),
  /** NaN in either operand gives NaN. */
  min: binaryV(0xe8),
  max: binaryV(0xe9),
  abs: unaryV(0xe0),
  neg: unaryV(0xe1),
  sqrt: unaryV(0xe3),
  floor: unaryV(0x68),
  nearest: unaryV(0x6a),
  eq: binaryV(0x41),
  ne: binaryV(0x42),
  lt: binaryV(0x43),
  gt: binaryV(0x44),
  le: binaryV(0x45),
  ge: binaryV(0x46),
  /** a · b + c in one rounding or two: the fused form where the engine has it. */
  relaxedMadd: (a: V128, b: V128, c: V128): V128 => make("v128", a.code, b.code, c.code, simd(0x105)),
  fromI32x4: unaryV(0xfa),
  fromU32x4: unaryV(0xfb),
  replaceLane: (a: V128, lane: number, value: F32): V128 => make("v128", a.code, value.code, simd(0x20), [lane]),
};

export const i32x4 = {
  constant: (value: number): V128 => make("v128", i32.constant(value).code, simd(0x11)),
  /** Four different lanes. */
  lanes: (values: readonly [number, number, number, number]): V128 =>
    make("v128", simd(0x0c), [...new Uint8Array(new Int32Array(values).buffer)]),
  splat: (a: I32): V128 => make("v128", a.code, simd(0x11)),
  add: binaryV(0xae),
  sub: binaryV(0xb1),
  mul: binaryV(0xb5),
  shl: shiftV(0xab),
  shrS: shiftV(0xac),
  shrU: shiftV(0xad),
  eq: binaryV(0x37),
  truncateF32x4: unaryV(0xf8),
  /** Eight int16 lanes of each: products, of which neighbours are added to four int32 lanes. */
  dotI16x8: binaryV(0xba),
  lane: (a: V128, lane: number): I32 => make("i32", a.code, simd(0x1b), [lane]),
};

export const v128 = {
  load: (address: I32, offset = 0): V128 => make("v128", address.code, simd(0x00), [2, ...unsigned(offset)]),
  /** One float in all four lanes. */
  load32Splat: (address: I32, offset = 0): V128 => make("v128", address.code, simd(0x09), [2, ...unsigned(offset)]),
  load32Zero: (address: I32, offset = 0): V128 => make("v128", address.code, simd(0x5c), [2, ...unsigned(offset)]),
  /** `a` with 32 bits of memory in a lane. */
  load32Lane: (a: V128, lane: number, address: I32, offset = 0): V128 =>
    make("v128", address.code, a.code, simd(0x56), [2, ...unsigned(offset), lane]),
  load64Zero: (address: I32, offset = 0): V128 => make("v128", address.code, simd(0x5d), [3, ...unsigned(offset)]),
  and: binaryV(0x4e),
  andNot: binaryV(0x4f),
  or: binaryV(0x50),
  xor: binaryV(0x51),
  not: unaryV(0x4d),
  /** Bits of a where the mask is 1, of b elsewhere. */
  bitselect: (mask: V128, a: V128, b: V128): V128 => make("v128", a.code, b.code, mask.code, simd(0x52)),
  /** Bytes of a (0…15) and b (16…31) by index. */
  shuffle: (a: V128, b: V128, bytes: readonly number[]): V128 => make("v128", a.code, b.code, simd(0x0d), bytes),
  /** Eight int16 lanes of int32 lanes, those of a first: what is too large becomes the largest, or the least. */
  narrowI32x4: binaryV(0x85),
  /** Sixteen bytes of int16 lanes, those of a first, cut off at 0 and 255. */
  narrowI16x8: binaryV(0x66),
  /** Four unsigned bytes at `address`, widened to four int32 lanes. */
  loadU8x4: (address: I32, offset = 0): V128 => {
    const bytes = v128.load32Zero(address, offset);
    const halves = make("v128", bytes.code, simd(0x89));
    return make("v128", halves.code, simd(0xa9));
  },
};
