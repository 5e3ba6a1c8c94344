// long because every instruction and every rule of the builder is tried once, all with the same few helpers
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { float32Bytes, list, signed, sized, unsigned, utf8 } from "../../../src/backends/wasm/assembler/encoding.js";
import {
  type F32,
  type FunctionBuilder,
  f32,
  f32x4,
  type I32,
  i32,
  i32x4,
  ModuleBuilder,
  type V128,
  type ValueType,
  v128,
} from "../../../src/backends/wasm/assembler/index.js";

// ---- a real instance to run code in -----------------------------------------------------------------------------

/** Where functions under test leave their result; operands lie below. */
const resultAt = 256;

interface Running {
  readonly call: (...args: number[]) => void;
  readonly view: DataView;
  readonly bytes: Uint8Array;
}

function instantiate(
  parameters: readonly ValueType[],
  body: (f: FunctionBuilder, module: ModuleBuilder) => void,
  shared = false,
): Running {
  const memory = new WebAssembly.Memory(shared ? { initial: 1, maximum: 2, shared: true } : { initial: 1 });
  const limits = shared ? { shared: { maximumPages: 2 } } : {};
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1, ...limits });
  module.function(parameters, (f) => body(f, module), "main");
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } });
  return {
    call: instance.exports.main as (...args: number[]) => void,
    view: new DataView(memory.buffer),
    bytes: new Uint8Array(memory.buffer),
  };
}

/** A function of i32 operands whose result is read back as i32. */
function integerFunction(build: (...operands: I32[]) => I32, arity: number) {
  const { call, view } = instantiate(new Array<ValueType>(arity).fill("i32"), (f) => {
    const operands = Array.from({ length: arity }, (_, i) => f.parameter(i, "i32").get);
    f.storeI32(i32.constant(resultAt), build(...operands));
  });
  return (...args: number[]) => {
    call(...args);
    return view.getInt32(resultAt, true);
  };
}

function floatFunction(build: (...operands: F32[]) => F32 | I32, arity: number) {
  const { call, view } = instantiate(new Array<ValueType>(arity).fill("f32"), (f) => {
    const result = build(...Array.from({ length: arity }, (_, i) => f.parameter(i, "f32").get));
    if (result.type === "f32") f.storeF32(i32.constant(resultAt), result as F32);
    else f.storeF32(i32.constant(resultAt), f32.fromI32(result as I32));
  });
  return (...args: number[]) => {
    call(...args);
    return view.getFloat32(resultAt, true);
  };
}

/** A function of vectors, each given and read as four numbers of `kind`. */
function vectorFunction(build: (...operands: V128[]) => V128, arity: number, given: Lanes, read: Lanes = given) {
  const { call, view } = instantiate([], (f) => {
    const operands = Array.from({ length: arity }, (_, i) => v128.load(i32.constant(0), 16 * i));
    f.storeV128(i32.constant(resultAt), build(...operands));
  });
  return (...operands: (readonly number[])[]) => {
    operands.forEach((lanes, i) => {
      lanes.forEach((value, lane) => {
        if (given === "f32") view.setFloat32(16 * i + 4 * lane, value, true);
        else view.setInt32(16 * i + 4 * lane, value, true);
      });
    });
    call();
    return [0, 4, 8, 12].map((offset) =>
      read === "f32" ? view.getFloat32(resultAt + offset, true) : view.getInt32(resultAt + offset, true),
    );
  };
}
type Lanes = "f32" | "i32";

function canRun(f: (f: FunctionBuilder) => void): boolean {
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  module.function([], f);
  return WebAssembly.validate(module.encode());
}
const relaxedSimd = canRun((f) => f.drop(f32x4.relaxedMadd(f32x4.constant(1), f32x4.constant(1), f32x4.constant(1))));

// ---- encodings --------------------------------------------------------------------------------------------------

function decode(bytes: readonly number[], isSigned: boolean): bigint {
  let value = 0n;
  let shift = 0n;
  for (const [i, byte] of bytes.entries()) {
    value |= BigInt(byte & 0x7f) << shift;
    shift += 7n;
    if ((byte & 0x80) === 0) {
      expect(i).toBe(bytes.length - 1);
      return isSigned && (byte & 0x40) !== 0 ? value - (1n << shift) : value;
    }
  }
  throw new RangeError("unterminated");
}

describe("encodings", () => {
  const naturals = fc.oneof(fc.maxSafeNat(), fc.nat({ max: 300 }), fc.integer({ min: 0, max: 0xffffffff }));
  const integers = fc.oneof(fc.maxSafeInteger(), fc.integer(), fc.integer({ min: -300, max: 300 }));

  it("unsigned LEB128 can be decoded and is as short as possible", () => {
    fc.assert(
      fc.property(naturals, (value) => {
        const bytes = unsigned(value);
        expect(decode(bytes, false)).toBe(BigInt(value));
        expect(bytes.length).toBe(Math.max(1, Math.ceil(value.toString(2).length / 7)));
      }),
    );
    expect([0, 127, 128, 624485, 2 ** 32 - 1].map(unsigned)).toEqual([
      [0],
      [0x7f],
      [0x80, 1],
      [0xe5, 0x8e, 0x26],
      [0xff, 0xff, 0xff, 0xff, 0x0f],
    ]);
  });

  it("signed LEB128 can be decoded and is as short as possible", () => {
    fc.assert(
      fc.property(integers, (value) => {
        const bytes = signed(value);
        expect(decode(bytes, true)).toBe(BigInt(value));
        const magnitudeBits = value < 0 ? (-(value + 1)).toString(2) : value.toString(2);
        const bits = magnitudeBits === "0" ? 1 : magnitudeBits.length + 1;
        expect(bytes.length).toBe(Math.max(1, Math.ceil(bits / 7)));
      }),
    );
    expect([0, -0, -1, 63, 64, -64, -65, -123456, -(2 ** 31)].map(signed)).toEqual([
      [0],
      [0],
      [0x7f],
      [0x3f],
      [0xc0, 0],
      [0x40],
      [0xbf, 0x7f],
      [0xc0, 0xbb, 0x78],
      [0x80, 0x80, 0x80, 0x80, 0x78],
    ]);
  });

  it("floats, lists and names", () => {
    expect(float32Bytes(1)).toEqual([0, 0, 0x80, 0x3f]);
    expect(float32Bytes(-0)).toEqual([0, 0, 0, 0x80]);
    expect(sized(new Array<number>(200).fill(7)).slice(0, 3)).toEqual([0xc8, 1, 7]);
    expect(list([[1, 2], [3]])).toEqual([2, 1, 2, 3]);
    expect(utf8("é")).toEqual([2, 0xc3, 0xa9]);
  });

  it("integer constants of any size arrive in the engine", () => {
    fc.assert(
      fc.property(fc.integer(), (value) => {
        expect(integerFunction(() => i32.constant(value), 0)()).toBe(value);
      }),
    );
    expect(integerFunction(() => i32.constant(0xdeadbeef), 0)()).toBe(0xdeadbeef | 0);
  });
});

// ---- instructions: each table must name every constructor -------------------------------------------------------

type Covered<T> = { [K in keyof T]: () => void };

function testAll<T extends object>(name: string, constructors: T, tests: Covered<T>): void {
  describe(name, () => {
    it("has a test for every constructor", () => {
      expect(Object.keys(tests).sort()).toEqual(Object.keys(constructors).sort());
    });
    for (const key of Object.keys(tests) as (keyof T & string)[]) it(key, tests[key]);
  });
}

const integers = [0, 1, -1, 2, 3, 31, 32, 33, 1000, -98765, 0x7fffffff, -0x80000000];
const integerPairs = integers.flatMap((a) => integers.map((b): [number, number] => [a, b]));
const floats = [0, -0, 1, -1, 2.5, -2.5, 0.1, 1e-40, 3e38, -3e38, Infinity, -Infinity, NaN].map(Math.fround);
const floatPairs = floats.flatMap((a) => floats.map((b): [number, number] => [a, b]));

/** Run on parameters, on a parameter and a number, and folded when both are constants. */
function integerBinary(fn: (a: I32 | number, b: I32 | number) => I32, model: (a: number, b: number) => number) {
  return () => {
    const run = integerFunction((a, b) => fn(a!, b!), 2);
    for (const [a, b] of integerPairs) {
      if (!Number.isFinite(model(a, b))) {
        expect(() => run(a, b)).toThrow(WebAssembly.RuntimeError);
        expect(() => fn(a, b)).toThrow(RangeError);
        continue;
      }
      const expected = model(a, b) | 0;
      expect(run(a, b), `${a}, ${b}`).toBe(expected);
      expect(fn(a, b), `${a}, ${b} folded`).toEqual(i32.constant(expected));
    }
    for (const [a, b] of integerPairs.filter((pair) => Number.isFinite(model(...pair))).slice(0, 40)) {
      expect(integerFunction((x) => fn(x!, b), 1)(a)).toBe(model(a, b) | 0);
      expect(integerFunction((x) => fn(a, x!), 1)(b)).toBe(model(a, b) | 0);
    }
  };
}

const unsignedOf = (value: number) => value >>> 0;
const sharedTest = (body: (f: FunctionBuilder) => void, before: (view: DataView) => void = () => {}) => {
  const running = instantiate([], body, true);
  before(running.view);
  running.call();
  return running.view;
};

testAll("i32", i32, {
  constant: () => {
    for (const value of integers) expect(integerFunction(() => i32.constant(value), 0)()).toBe(value);
  },
  add: integerBinary(i32.add, (a, b) => a + b),
  sub: integerBinary(i32.sub, (a, b) => a - b),
  mul: integerBinary(i32.mul, Math.imul),
  divU: integerBinary(i32.divU, (a, b) => Math.trunc(unsignedOf(a) / unsignedOf(b))),
  remU: integerBinary(i32.remU, (a, b) => unsignedOf(a) % unsignedOf(b)),
  and: integerBinary(i32.and, (a, b) => a & b),
  or: integerBinary(i32.or, (a, b) => a | b),
  xor: integerBinary(i32.xor, (a, b) => a ^ b),
  shl: integerBinary(i32.shl, (a, b) => a << b),
  shrU: integerBinary(i32.shrU, (a, b) => a >>> b),
  rotl: integerBinary(i32.rotl, (a, b) => Number(BigInt.asIntN(32, rotated(a, b & 31)))),
  eq: integerBinary(i32.eq, (a, b) => Number(a === b)),
  ne: integerBinary(i32.ne, (a, b) => Number(a !== b)),
  ltS: integerBinary(i32.ltS, (a, b) => Number(a < b)),
  ltU: integerBinary(i32.ltU, (a, b) => Number(unsignedOf(a) < unsignedOf(b))),
  gtS: integerBinary(i32.gtS, (a, b) => Number(a > b)),
  leS: integerBinary(i32.leS, (a, b) => Number(a <= b)),
  geS: integerBinary(i32.geS, (a, b) => Number(a >= b)),
  geU: integerBinary(i32.geU, (a, b) => Number(unsignedOf(a) >= unsignedOf(b))),
  eqz: () => {
    const run = integerFunction((a) => i32.eqz(a!), 1);
    for (const a of integers) expect(run(a)).toBe(Number(a === 0));
  },
  select: () => {
    const run = integerFunction((condition, a) => i32.select(condition!, a!, -7), 2);
    expect([run(1, 5), run(0, 5), run(-3, 9)]).toEqual([5, -7, 9]);
  },
  min: () => {
    const run = integerFunction((a, b) => i32.min(a!, b!), 2);
    for (const [a, b] of integerPairs) expect(run(a, b)).toBe(Math.min(a, b));
  },
  load: () => {
    const { call, view } = instantiate(["i32"], (f) => {
      f.storeI32(i32.constant(resultAt), i32.load(f.parameter(0, "i32").get, 200));
    });
    view.setInt32(208, -123456789, true);
    call(8);
    expect(view.getInt32(resultAt, true)).toBe(-123456789);
    expect(() => call(65536)).toThrow(WebAssembly.RuntimeError);
  },
  load8U: () => {
    const { call, view, bytes } = instantiate(["i32"], (f) => {
      f.storeI32(i32.constant(resultAt), i32.load8U(f.parameter(0, "i32").get, 2));
    });
    bytes.set([1, 2, 3, 254], 0);
    call(1);
    expect(view.getInt32(resultAt, true)).toBe(254);
  },
  atomicLoad: () => {
    const view = sharedTest(
      (f) => f.storeI32(i32.constant(resultAt), i32.atomicLoad(i32.constant(8))),
      (before) => before.setInt32(8, -5, true),
    );
    expect(view.getInt32(resultAt, true)).toBe(-5);
  },
  atomicAdd: () => {
    const view = sharedTest(
      (f) => f.storeI32(i32.constant(resultAt), i32.atomicAdd(i32.constant(8), 3)),
      (before) => before.setInt32(8, 40, true),
    );
    expect([view.getInt32(resultAt, true), view.getInt32(8, true)]).toEqual([40, 43]);
  },
  atomicWait: () => {
    const view = sharedTest(
      (f) => {
        const unequal = i32.atomicWait(i32.constant(8), i32.constant(1), -1);
        const timedOut = i32.atomicWait(i32.constant(8), i32.constant(2), 1000);
        f.storeI32(i32.constant(resultAt), unequal);
        f.storeI32(i32.constant(resultAt), timedOut, 4);
      },
      (before) => before.setInt32(8, 2, true),
    );
    expect([view.getInt32(resultAt, true), view.getInt32(resultAt + 4, true)]).toEqual([1, 2]);
  },
  atomicNotify: () => {
    const view = sharedTest(
      (f) => f.storeI32(i32.constant(resultAt), i32.atomicNotify(i32.constant(8), 5)),
      (before) => before.setInt32(resultAt, 77, true),
    );
    expect(view.getInt32(resultAt, true)).toBe(0);
  },
});

function rotated(value: number, by: number): bigint {
  const bits = BigInt(unsignedOf(value));
  return (bits << BigInt(by)) | (bits >> BigInt(32 - by));
}

function floatBinary(fn: (a: F32, b: F32) => F32 | I32, model: (a: number, b: number) => number) {
  return () => {
    const run = floatFunction((a, b) => fn(a!, b!), 2);
    for (const [a, b] of floatPairs) expect(run(a, b), `${a}, ${b}`).toBe(Math.fround(model(a, b)));
  };
}

testAll("f32", f32, {
  constant: () => {
    for (const value of [...floats, 0.1, 1e300])
      expect(floatFunction(() => f32.constant(value), 0)()).toBe(Math.fround(value));
  },
  add: floatBinary(f32.add, (a, b) => a + b),
  sub: floatBinary(f32.sub, (a, b) => a - b),
  mul: floatBinary(f32.mul, (a, b) => a * b),
  div: floatBinary(f32.div, (a, b) => a / b),
  lt: floatBinary(f32.lt, (a, b) => Number(a < b)),
  gt: floatBinary(f32.gt, (a, b) => Number(a > b)),
  eq: floatBinary(f32.eq, (a, b) => Number(a === b)),
  ne: floatBinary(f32.ne, (a, b) => Number(a !== b)),
  select: () => {
    const run = floatFunction((a, b) => f32.select(f32.lt(a!, b!), a!, f32.constant(9)), 2);
    expect([run(1, 2), run(2, 1)]).toEqual([1, 9]);
  },
  load: () => {
    const { call, view } = instantiate([], (f) => {
      f.storeF32(i32.constant(resultAt), f32.load(i32.constant(4), 8));
    });
    view.setFloat32(12, -2.75, true);
    call();
    expect(view.getFloat32(resultAt, true)).toBe(-2.75);
  },
  fromI32: () => {
    const { call, view } = instantiate(["i32"], (f) => {
      f.storeF32(i32.constant(resultAt), f32.fromI32(f.parameter(0, "i32").get));
    });
    for (const value of [...integers, 16777217]) {
      call(value);
      expect(view.getFloat32(resultAt, true)).toBe(Math.fround(value));
    }
  },
  lane: () => {
    for (const lane of [0, 1, 2, 3]) {
      const run = vectorFunction((a) => f32x4.splat(f32.lane(a!, lane)), 1, "f32");
      expect(run([10, 20, 30, 40])).toEqual(new Array(4).fill(10 * (lane + 1)));
    }
  },
});

function vectorUnary(fn: (a: V128) => V128, model: (a: number) => number, given: Lanes, read: Lanes = given) {
  return () => {
    const run = vectorFunction((a) => fn(a!), 1, given, read);
    const values = given === "f32" ? [...floats, 0.5, 1.5, -0.5, 2147483648, -2147483904, 7.99] : integers;
    for (let i = 0; i < values.length; i++) {
      const lanes = [0, 1, 2, 3].map((lane) =>
        Math[given === "f32" ? "fround" : "trunc"](values[(i + lane) % values.length]!),
      );
      const expected = lanes.map(model).map((value) => (read === "f32" ? Math.fround(value) : value | 0));
      expect(run(lanes), `${lanes}`).toEqual(expected);
    }
  };
}

function vectorBinary(
  fn: (a: V128, b: V128) => V128,
  model: (a: number, b: number) => number,
  given: Lanes,
  read: Lanes = given,
) {
  return () => {
    const run = vectorFunction((a, b) => fn(a!, b!), 2, given, read);
    const pairs = given === "f32" ? floatPairs : integerPairs;
    for (let i = 0; i < pairs.length; i += 3) {
      const four = [0, 1, 2, 3].map((lane) => pairs[(i + lane) % pairs.length]!);
      const expected = four.map(([a, b]) => (read === "f32" ? Math.fround(model(a, b)) : model(a, b) | 0));
      const operands = [four.map(([a]) => a), four.map(([, b]) => b)];
      expect(run(...operands), `${operands.join(" | ")}`).toEqual(expected);
    }
  };
}

function vectorShift(fn: (a: V128, by: number) => V128, model: (a: number, by: number) => number) {
  return () => {
    for (const by of [0, 1, 13, 31])
      vectorUnary(
        (a) => fn(a, by),
        (a) => model(a, by),
        "i32",
      )();
  };
}

const comparison = (fn: (a: V128, b: V128) => V128, holds: (a: number, b: number) => boolean) =>
  vectorBinary(fn, (a, b) => (holds(a, b) ? -1 : 0), "f32", "i32");

function nearestEven(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Object.is(Math.round(value), -0) || value === 0 ? value * 0 : Math.round(value);
  const even = down % 2 === 0 ? down : down + 1;
  return even === 0 && value < 0 ? -0 : even;
}

testAll("f32x4", f32x4, {
  constant: () => {
    for (const value of floats)
      expect(vectorFunction(() => f32x4.constant(value), 0, "f32")()).toEqual(new Array(4).fill(value));
  },
  splat: () => expect(vectorFunction(() => f32x4.splat(f32.constant(3.5)), 0, "f32")()).toEqual([3.5, 3.5, 3.5, 3.5]),
  add: vectorBinary(f32x4.add, (a, b) => a + b, "f32"),
  sub: vectorBinary(f32x4.sub, (a, b) => a - b, "f32"),
  mul: vectorBinary(f32x4.mul, (a, b) => a * b, "f32"),
  div: vectorBinary(f32x4.div, (a, b) => a / b, "f32"),
  min: vectorBinary(f32x4.min, Math.min, "f32"),
  max: vectorBinary(f32x4.max, Math.max, "f32"),
  abs: vectorUnary(f32x4.abs, Math.abs, "f32"),
  neg: vectorUnary(f32x4.neg, (a) => -a, "f32"),
  sqrt: vectorUnary(f32x4.sqrt, Math.sqrt, "f32"),
  floor: vectorUnary(f32x4.floor, Math.floor, "f32"),
  nearest: () => {
    const run = vectorFunction((a) => f32x4.nearest(a!), 1, "f32");
    for (let i = -20; i <= 20; i++) {
      const lanes = [i / 2, i / 4, i + 0.25, i * 1000.75];
      expect(run(lanes)).toEqual(lanes.map(nearestEven));
    }
  },
  eq: comparison(f32x4.eq, (a, b) => a === b),
  ne: comparison(f32x4.ne, (a, b) => a !== b),
  lt: comparison(f32x4.lt, (a, b) => a < b),
  gt: comparison(f32x4.gt, (a, b) => a > b),
  le: comparison(f32x4.le, (a, b) => a <= b),
  ge: comparison(f32x4.ge, (a, b) => a >= b),
  relaxedMadd: () => {
    if (!relaxedSimd) {
      expect(() => vectorFunction((a) => f32x4.relaxedMadd(a!, a!, a!), 1, "f32")).toThrow(WebAssembly.CompileError);
      return;
    }
    const run = vectorFunction((a, b, c) => f32x4.relaxedMadd(a!, b!, c!), 3, "f32");
    expect(run([1, 2, 3, 4], [5, 6, 7, 8], [9, 10, 11, 12])).toEqual([14, 22, 32, 44]);
    const factor = 1 + 2 ** -12;
    const [result] = run([factor, 0, 0, 0], [factor, 0, 0, 0], [-1, 0, 0, 0]);
    expect([2 ** -11, 2 ** -11 + 2 ** -24]).toContain(result);
  },
  fromI32x4: vectorUnary(f32x4.fromI32x4, (a) => a, "i32", "f32"),
  fromU32x4: vectorUnary(f32x4.fromU32x4, unsignedOf, "i32", "f32"),
  replaceLane: () => {
    for (const lane of [0, 1, 2, 3]) {
      const run = vectorFunction((a) => f32x4.replaceLane(a!, lane, f32.constant(-9)), 1, "f32");
      expect(run([1, 2, 3, 4])).toEqual([1, 2, 3, 4].map((value, i) => (i === lane ? -9 : value)));
    }
  },
});

testAll("i32x4", i32x4, {
  constant: () => {
    for (const value of [...integers, 0x80000000]) {
      expect(vectorFunction(() => i32x4.constant(value), 0, "i32")()).toEqual(new Array(4).fill(value | 0));
    }
  },
  lanes: () => {
    expect(vectorFunction(() => i32x4.lanes([1, -2, 0x7fffffff, 0xffffffff]), 0, "i32")()).toEqual([
      1, -2, 0x7fffffff, -1,
    ]);
  },
  splat: () => {
    expect(vectorFunction(() => i32x4.splat(i32.load(i32.constant(4))), 1, "i32")([7, 8, 9, 10])).toEqual([8, 8, 8, 8]);
  },
  add: vectorBinary(i32x4.add, (a, b) => a + b, "i32"),
  sub: vectorBinary(i32x4.sub, (a, b) => a - b, "i32"),
  mul: vectorBinary(i32x4.mul, Math.imul, "i32"),
  shl: vectorShift(i32x4.shl, (a, by) => a << by),
  shrS: vectorShift(i32x4.shrS, (a, by) => a >> by),
  shrU: vectorShift(i32x4.shrU, (a, by) => a >>> by),
  eq: vectorBinary(i32x4.eq, (a, b) => (a === b ? -1 : 0), "i32"),
  truncateF32x4: vectorUnary(
    i32x4.truncateF32x4,
    (a) => (Number.isNaN(a) ? 0 : Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.trunc(a)))),
    "f32",
    "i32",
  ),
  dotI16x8: vectorBinary(
    i32x4.dotI16x8,
    (a, b) => ((a << 16) >> 16) * ((b << 16) >> 16) + (a >> 16) * (b >> 16),
    "i32",
  ),
  lane: () => {
    for (const lane of [0, 1, 2, 3]) {
      const run = vectorFunction((a) => i32x4.splat(i32x4.lane(a!, lane)), 1, "i32");
      expect(run([5, -6, 7, -8])).toEqual(new Array(4).fill([5, -6, 7, -8][lane]));
    }
  },
});

testAll("v128", v128, {
  load: () =>
    expect(vectorFunction(() => v128.load(i32.constant(4), 4), 2, "i32")([1, 2, 3, 4], [5, 6, 7, 8])).toEqual([
      3, 4, 5, 6,
    ]),
  load32Splat: () =>
    expect(vectorFunction(() => v128.load32Splat(i32.constant(4), 4), 1, "i32")([1, 2, 3, 4])).toEqual([3, 3, 3, 3]),
  load32Zero: () =>
    expect(vectorFunction(() => v128.load32Zero(i32.constant(4), 4), 1, "i32")([1, 2, 3, 4])).toEqual([3, 0, 0, 0]),
  load32Lane: () => {
    for (const lane of [0, 1, 2, 3]) {
      const run = vectorFunction((a) => v128.load32Lane(a!, lane, i32.constant(0), 4), 1, "i32");
      expect(run([1, 2, 3, 4])).toEqual([1, 2, 3, 4].map((value, i) => (i === lane ? 2 : value)));
    }
  },
  load64Zero: () =>
    expect(vectorFunction(() => v128.load64Zero(i32.constant(0), 4), 1, "i32")([1, 2, 3, 4])).toEqual([2, 3, 0, 0]),
  and: vectorBinary(v128.and, (a, b) => a & b, "i32"),
  andNot: vectorBinary(v128.andNot, (a, b) => a & ~b, "i32"),
  or: vectorBinary(v128.or, (a, b) => a | b, "i32"),
  xor: vectorBinary(v128.xor, (a, b) => a ^ b, "i32"),
  not: vectorUnary(v128.not, (a) => ~a, "i32"),
  bitselect: () => {
    const run = vectorFunction((mask, a, b) => v128.bitselect(mask!, a!, b!), 3, "i32");
    const [mask, a, b] = [
      [-1, 0, 0x0f0f0f0f, -0x80000000],
      [1, 2, 0x12345678, -1],
      [5, 6, 0x76543210, 0],
    ];
    expect(run(mask, a, b)).toEqual(mask.map((m, i) => (a[i]! & m) | (b[i]! & ~m)));
  },
  shuffle: () => {
    const order = [16, 17, 18, 19, 0, 1, 2, 3, 28, 29, 30, 31, 12, 13, 14, 15];
    const run = vectorFunction((a, b) => v128.shuffle(a!, b!, order), 2, "i32");
    expect(run([1, 2, 3, 4], [5, 6, 7, 8])).toEqual([5, 1, 8, 4]);
  },
  narrowI32x4: () => {
    const run = vectorFunction((a, b) => v128.narrowI32x4(a!, b!), 2, "i32");
    const [low, high] = [0x8000, 0x7fff];
    expect(run([1, -2, 40_000, -40_000], [3, 4, 5, -1])).toEqual([
      1 | (-2 << 16) | 0,
      high | (low << 16),
      3 | (4 << 16),
      5 | (-1 << 16),
    ]);
  },
  narrowI16x8: () => {
    const run = vectorFunction((a, b) => v128.narrowI16x8(a!, b!), 2, "i32");
    const halves = (first: number, second: number) => (first & 0xffff) | (second << 16);
    expect(run([halves(1, -2), halves(300, 255), 0, 0], [halves(4, 5), halves(-1, 6), 0, 0])).toEqual([
      0xffff0001 | 0,
      0,
      0x06000504,
      0,
    ]);
  },
  loadU8x4: () => {
    expect(vectorFunction(() => v128.loadU8x4(i32.constant(1), 3), 1, "i32")([0, 0xff80fe01 | 0, 5, 6])).toEqual([
      0x01, 0xfe, 0x80, 0xff,
    ]);
  },
});

// ---- functions, statements and modules --------------------------------------------------------------------------

describe("FunctionBuilder", () => {
  /** Runs `body`, which appends numbers to a log in memory, and gives the log. */
  function trace(body: (f: FunctionBuilder, log: (value: I32) => void) => void): number[] {
    const { call, view } = instantiate([], (f) => {
      const end = f.local("i32", i32.constant(resultAt));
      body(f, (value) => {
        f.storeI32(end.get, value);
        f.increase(end, 4);
      });
      f.storeI32(i32.constant(0), end.get);
    });
    call();
    const count = (view.getInt32(0, true) - resultAt) / 4;
    return Array.from({ length: count }, (_, i) => view.getInt32(resultAt + 4 * i, true));
  }

  it("for: constant and computed limits run the same turns and leave the same variable", () => {
    const small = fc.integer({ min: -6, max: 12 });
    fc.assert(
      fc.property(small, small, fc.integer({ min: 1, max: 5 }), (from, to, step) => {
        const expected: number[] = [];
        let i = from;
        for (; i < to; i += step) expected.push(i);
        expected.push(i);
        const limits: (number | ((f: FunctionBuilder) => I32))[] = [to, (f) => f.local("i32", i32.constant(to)).get];
        for (const limit of limits) {
          for (const start of [from, i32.constant(from)]) {
            const turns = trace((f, log) => {
              const variable = f.local("i32");
              f.for(variable, start, typeof limit === "number" ? limit : limit(f), step, () => log(variable.get));
              log(variable.get);
            });
            expect(turns).toEqual(expected);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("for: the limit is evaluated once", () => {
    const turns = trace((f, log) => {
      const limit = f.local("i32", i32.constant(3));
      const i = f.local("i32");
      f.for(i, 0, limit.get, 1, () => {
        log(i.get);
        f.increase(limit, 1);
      });
      log(limit.get);
    });
    expect(turns).toEqual([0, 1, 2, 6]);
  });

  it("while tests first, doWhile last", () => {
    const turns = (start: number) =>
      trace((f, log) => {
        const n = f.local("i32", i32.constant(start));
        const step = () => {
          log(n.get);
          f.increase(n, -1);
        };
        f.while(() => i32.gtS(n.get, 0), step);
        log(i32.constant(-100));
        f.set(n, i32.constant(start));
        f.doWhile(step, () => i32.gtS(n.get, 0));
      });
    expect(turns(3)).toEqual([3, 2, 1, -100, 3, 2, 1]);
    expect(turns(0)).toEqual([-100, 0]);
  });

  it("if, with and without otherwise, nested in loops", () => {
    const turns = trace((f, log) => {
      const [i, j] = [f.local("i32"), f.local("i32")];
      f.for(i, 0, 4, 1, () => {
        f.for(j, 0, i.get, 1, () => {
          f.if(
            i32.eq(i32.and(j.get, 1), 0),
            () => log(i32.add(i32.mul(i.get, 10), j.get)),
            () => f.if(i32.eq(i.get, 3), () => log(i32.constant(-1))),
          );
        });
      });
    });
    expect(turns).toEqual([10, 20, 30, -1, 32]);
  });

  it("return leaves, unreachable traps, drop evaluates", () => {
    const { call, view } = instantiate(["i32"], (f) => {
      const mode = f.parameter(0, "i32").get;
      f.drop(i32.load(mode, 65000));
      f.if(i32.eq(mode, 1), () => f.return());
      f.if(i32.eq(mode, 2), () => f.unreachable());
      f.storeI32(i32.constant(resultAt), mode);
    });
    call(1);
    expect(view.getInt32(resultAt, true)).toBe(0);
    expect(() => call(2)).toThrow(WebAssembly.RuntimeError);
    call(3);
    expect(view.getInt32(resultAt, true)).toBe(3);
    expect(() => call(65000)).toThrow(WebAssembly.RuntimeError);
  });

  it("storeLanes writes exactly the first lanes", () => {
    for (const count of [1, 2, 3, 4]) {
      const { call, view } = instantiate([], (f) => {
        f.storeLanes(i32.constant(resultAt), v128.load(i32.constant(0)), count, 8);
      });
      for (let lane = 0; lane < 4; lane++) view.setFloat32(4 * lane, lane + 1, true);
      for (let lane = -1; lane < 5; lane++) view.setFloat32(resultAt + 8 + 4 * lane, -1, true);
      call();
      const stored = Array.from({ length: 6 }, (_, i) => view.getFloat32(resultAt + 4 + 4 * i, true));
      expect(stored).toEqual([-1, 1, 2, 3, 4, -1].map((value) => (value > count ? -1 : value)));
    }
  });

  it("copies and fills bytes, also where they overlap", () => {
    const { call, view } = instantiate([], (f) => {
      f.copyBytes(i32.constant(resultAt + 2), i32.constant(resultAt), 5);
      f.fillBytes(i32.constant(resultAt + 8), 7, i32.constant(3));
    });
    for (let i = 0; i < 12; i++) view.setUint8(resultAt + i, i + 1);
    call();
    const bytes = Array.from({ length: 12 }, (_, i) => view.getUint8(resultAt + i));
    expect(bytes).toEqual([1, 2, 1, 2, 3, 4, 5, 8, 7, 7, 7, 12]);
  });

  it("stores at unaligned addresses with offsets", () => {
    const { call, view } = instantiate([], (f) => {
      f.storeI32(i32.constant(resultAt + 1), i32.constant(-2), 300);
      f.storeF32(i32.constant(resultAt + 1), f32.constant(0.5), 304);
      f.storeV128(i32.constant(resultAt + 1), i32x4.lanes([1, 2, 3, 4]), 308);
    });
    call();
    const at = resultAt + 301;
    expect(view.getInt32(at, true)).toBe(-2);
    expect(view.getFloat32(at + 4, true)).toBe(0.5);
    expect([8, 12, 16, 20].map((offset) => view.getInt32(at + offset, true))).toEqual([1, 2, 3, 4]);
  });

  it("keeps locals of mixed types, and more than 128 of them, apart", () => {
    const count = 150;
    const { call, view } = instantiate(["i32", "f32"], (f) => {
      const integersKept = Array.from(
        { length: count },
        (_, i) =>
          [
            f.local("i32", i32.add(f.parameter(0, "i32").get, i)),
            f.local("f32", f32.add(f.parameter(1, "f32").get, f32.constant(i))),
            f.local("v128", f32x4.constant(i / 4)),
          ] as const,
      );
      integersKept.forEach(([integer, float, vector], i) => {
        f.storeI32(i32.constant(1024 + 12 * i), integer.get);
        f.storeF32(i32.constant(1024 + 12 * i), float.get, 4);
        f.storeF32(i32.constant(1024 + 12 * i), f32.lane(vector.get, 3), 8);
      });
    });
    call(7, 0.5);
    for (let i = 0; i < count; i++) {
      const at = 1024 + 12 * i;
      expect(view.getInt32(at, true)).toBe(7 + i);
      expect(view.getFloat32(at + 4, true)).toBe(0.5 + i);
      expect(view.getFloat32(at + 8, true)).toBe(i / 4);
    }
  });
});

describe("ModuleBuilder", () => {
  it("calls other functions with arguments of every kind", () => {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const module = new ModuleBuilder({ module: "host", name: "heap", initialPages: 1 });
    const store = module.function(["i32", "f32", "v128"], (f) => {
      const at = f.parameter(0, "i32").get;
      f.storeF32(at, f.parameter(1, "f32").get);
      f.storeV128(at, f.parameter(2, "v128").get, 4);
    });
    for (const [i, name] of ["first", "second"].entries()) {
      module.function(
        [],
        (f) => f.call(store, [i32.constant(64 * i), f32.constant(i + 1), f32x4.constant(i + 5)]),
        name,
      );
    }
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { host: { heap: memory } });
    expect(Object.keys(instance.exports)).toEqual(["first", "second"]);
    (instance.exports.first as () => void)();
    (instance.exports.second as () => void)();
    const view = new Float32Array(memory.buffer);
    expect([...view.subarray(0, 5), ...view.subarray(16, 21)]).toEqual([1, 5, 5, 5, 5, 2, 6, 6, 6, 6]);
  });

  it("calls imported functions, which come before its own", () => {
    const heap = new WebAssembly.Memory({ initial: 1 });
    const module = new ModuleBuilder({ module: "host", name: "heap", initialPages: 1 });
    const tell = module.importFunction("tell", ["i32"]);
    const end = module.importFunction("end", []);
    const twice = module.function(["i32"], (f) => f.call(tell, [i32.mul(f.parameter(0, "i32").get, 2)]));
    module.function(
      [],
      (f) => {
        f.call(twice, [i32.constant(21)]);
        f.call(end, []);
      },
      "run",
    );
    expect(() => module.importFunction("late", [])).toThrow("import late comes after a function");
    const told: unknown[] = [];
    const host = { heap, tell: (value: number) => told.push(value), end: () => told.push("end") };
    const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { host });
    (instance.exports.run as () => void)();
    expect(told).toEqual([42, "end"]);
  });

  it("is valid without functions", () => {
    expect(WebAssembly.validate(new ModuleBuilder({ module: "env", name: "memory", initialPages: 0 }).encode())).toBe(
      true,
    );
  });

  it("sees another agent's atomic stores and notifications in shared memory", async () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 2, shared: true });
    const limits = { module: "env", name: "memory", initialPages: 1, shared: { maximumPages: 2 } };
    const module = new ModuleBuilder(limits);
    // waits for word 0 to change, then adds its value to word 4 and says so in word 8
    module.function(
      [],
      (f) => {
        f.atomicStore(i32.constant(8), 1);
        f.drop(i32.atomicNotify(i32.constant(8), 1));
        f.while(
          () => i32.eq(i32.atomicLoad(i32.constant(0)), 0),
          () => f.drop(i32.atomicWait(i32.constant(0), i32.constant(0), 5e9)),
        );
        f.drop(i32.atomicAdd(i32.constant(4), i32.atomicLoad(i32.constant(0))));
        f.atomicStore(i32.constant(8), 2);
        f.drop(i32.atomicNotify(i32.constant(8), 1));
      },
      "wait",
    );
    module.function(
      [],
      (f) => {
        f.atomicStore(i32.constant(0), i32.constant(42));
        f.drop(i32.atomicNotify(i32.constant(0), 1));
      },
      "wake",
    );
    const compiled = new WebAssembly.Module(module.encode());
    const { Worker } = await import("node:worker_threads");
    const worker = new Worker(
      `const { workerData: { compiled, memory } } = require("node:worker_threads");
       new WebAssembly.Instance(compiled, { env: { memory } }).exports.wait();`,
      { eval: true, workerData: { compiled, memory } },
    );
    const words = new Int32Array(memory.buffer);
    Atomics.store(words, 1, 100);
    const exited = new Promise((resolve, reject) => worker.once("exit", resolve).once("error", reject));
    while (Atomics.load(words, 2) === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    (new WebAssembly.Instance(compiled, { env: { memory } }).exports.wake as () => void)();
    await exited;
    expect([...words.subarray(0, 3)]).toEqual([42, 142, 2]);
  });
});

describe("type errors", () => {
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  const target = module.function(["i32", "v128"], () => {});

  it("parameters have the declared type", () => {
    module.function(["i32"], (f) => {
      expect(() => f.parameter(0, "f32")).toThrow(RangeError);
      expect(() => f.parameter(1, "i32")).toThrow(RangeError);
    });
  });

  it("calls need the declared arguments", () => {
    module.function([], (f) => {
      expect(() => f.call(target, [i32.constant(0), i32.constant(1)])).toThrow(TypeError);
      expect(() => f.call(target, [i32.constant(0)])).toThrow(TypeError);
      expect(() => f.call(target, [i32.constant(0), f32x4.constant(1), i32.constant(1)])).toThrow(TypeError);
    });
  });

  it("wrong operand types do not compile in TypeScript, nor in the engine", () => {
    const float = f32.constant(1);
    const vector = f32x4.constant(1);
    const wrong: ((f: FunctionBuilder) => void)[] = [
      // @ts-expect-error a float is no address
      (f) => f.drop(f32.load(float)),
      // @ts-expect-error a vector is no float
      (f) => f.drop(f32.add(float, vector)),
      // @ts-expect-error a float is no vector
      (f) => f.drop(f32x4.mul(vector, float)),
      // @ts-expect-error a float is no condition
      (f) => f.if(float, () => {}),
      // @ts-expect-error the local is an integer
      (f) => f.set(f.local("i32"), float),
      // @ts-expect-error so is the new local
      (f) => f.local("i32", float),
      // @ts-expect-error a vector is no float
      (f) => f.storeF32(i32.constant(0), vector),
    ];
    for (const body of wrong) expect(canRun(body)).toBe(false);
  });
});
