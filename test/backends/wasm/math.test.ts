import { describe, expect, it } from "vitest";
import {
  type FunctionBuilder,
  f32x4,
  i32,
  i32x4,
  ModuleBuilder,
  type V128,
  v128,
} from "../../../src/backends/wasm/assembler/index.js";
import {
  type MultiplyAdd,
  multiplyThenAdd,
  vectorErf,
  vectorExp,
  vectorExpm1,
  vectorLog,
  vectorLog1p,
  vectorSigmoid,
  vectorTanh,
  vectorThreefry,
  vectorUniform,
} from "../../../src/backends/wasm/math.js";
import { keyOf, threefry2x32, uniformAt } from "../../../src/core/random.js";
import { evaluateUnary } from "../../../src/ops/expression.js";

type VectorFunction = (f: FunctionBuilder, a: V128, fma: MultiplyAdd) => V128;

const capacity = 1 << 18;

/** Compiles `out[i] = body(in[i])` over a block of floats that lies at 0 in memory; results replace arguments. */
function compile(body: (f: FunctionBuilder, a: V128, index: V128) => V128) {
  const memory = new WebAssembly.Memory({ initial: (capacity * 4) / 65536 });
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  module.function(
    ["i32"],
    (f) => {
      const at = f.local("i32");
      f.for(at, 0, f.parameter(0, "i32").get, 16, () => {
        const lanes = i32x4.add(i32x4.splat(i32.shrU(at.get, 2)), i32x4.lanes([0, 1, 2, 3]));
        f.storeV128(at.get, body(f, v128.load(at.get), lanes));
      });
    },
    "main",
  );
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode()), { env: { memory } });
  const main = instance.exports.main as (byteLength: number) => void;
  const words = new Uint32Array(memory.buffer);
  const floats = new Float32Array(memory.buffer);
  return { words, floats, run: (count: number) => main(count * 4) };
}

function evaluate(fn: VectorFunction, fma: MultiplyAdd, values: readonly number[]): number[] {
  const { floats, run } = compile((f, a) => fn(f, a, fma));
  floats.set(values);
  run(values.length);
  return [...floats.subarray(0, values.length)];
}

function supportsRelaxedSimd(): boolean {
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  module.function([], (f) => f.drop(f32x4.relaxedMadd(f32x4.constant(1), f32x4.constant(1), f32x4.constant(1))));
  return WebAssembly.validate(module.encode());
}

/** Distance of float32 values by bits: 2^(exponent − 23), that of denormals below the normal range. */
const unitInLastPlace = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (Math.max(exponent, 1) - 150));

interface Worst {
  ulp: number;
  at: number;
}

/** Largest error over float32 values, one in `stride` of all that there are; NaN and infinities must agree. */
function sweep(fn: VectorFunction, fma: MultiplyAdd, exact: (x: number) => number, stride: number, flush: boolean) {
  const { words, floats, run } = compile((f, a) => fn(f, a, fma));
  const argument = new Float32Array(capacity);
  const rounded = new Float32Array(1);
  const roundedBits = new Uint32Array(rounded.buffer);
  const worst: Worst = { ulp: 0, at: 0 };
  const wrong: { x: number; got: number; expected: number }[] = [];
  for (let bits = 0; bits < 2 ** 32; ) {
    let count = 0;
    for (; count < capacity && bits < 2 ** 32; count++, bits += stride) words[count] = bits;
    argument.set(floats);
    run(count);
    for (let i = 0; i < count; i++) {
      const x = argument[i]!;
      const got = floats[i]!;
      const expected = exact(x);
      rounded[0] = expected;
      const special = !Number.isFinite(rounded[0]!) || Number.isNaN(expected) || !Number.isFinite(got);
      if (special) {
        if (!Object.is(got, rounded[0])) wrong.push({ x, got, expected });
        continue;
      }
      if (flush && Math.abs(expected) < 2 ** -126 && got === 0) continue;
      const ulp = Math.abs(got - expected) / unitInLastPlace[(roundedBits[0]! >>> 23) & 255]!;
      if (ulp > worst.ulp) {
        worst.ulp = ulp;
        worst.at = x;
      }
    }
  }
  return { worst, wrong };
}

const functions: Record<string, { fn: VectorFunction; exact: (x: number) => number; bound: number; flush: boolean }> = {
  exp: { fn: vectorExp, exact: Math.exp, bound: 1.1, flush: true },
  log: { fn: vectorLog, exact: Math.log, bound: 1, flush: false },
  expm1: { fn: vectorExpm1, exact: Math.expm1, bound: 2, flush: false },
  log1p: { fn: vectorLog1p, exact: Math.log1p, bound: 2, flush: false },
  erf: { fn: vectorErf, exact: (x) => evaluateUnary("erf", x), bound: 2, flush: false },
  tanh: { fn: vectorTanh, exact: Math.tanh, bound: 3, flush: false },
  sigmoid: { fn: vectorSigmoid, exact: (x) => evaluateUnary("sigmoid", x), bound: 3, flush: true },
};

const relaxed = supportsRelaxedSimd();
const forms: [string, MultiplyAdd][] = [["multiply and add", multiplyThenAdd]];
if (relaxed) forms.push(["relaxed fma", f32x4.relaxedMadd]);

/** One float32 in this many; FOVEA_SWEEP_STRIDE=1 tries all of them. */
const stride = Number(process.env.FOVEA_SWEEP_STRIDE ?? 1021);

describe.each(forms)("vector functions by %s", (_, fma) => {
  for (const [name, { fn, exact, bound, flush }] of Object.entries(functions)) {
    it(`${name}: error ≤ ${bound} ulp over the float32 range`, { timeout: 3_600_000 }, () => {
      const { worst, wrong } = sweep(fn, fma, exact, stride, flush);
      if (process.env.FOVEA_SWEEP_STRIDE) console.log(name, _, worst);
      expect(wrong.slice(0, 5)).toEqual([]);
      expect(worst.ulp, `at ${worst.at}`).toBeLessThanOrEqual(bound);
    });
  }

  const { NaN: nan, POSITIVE_INFINITY: inf, MAX_VALUE: huge } = Number;
  const quietNaNs = new Float32Array(new Uint32Array([0x7fc001ff, 0xffc00001, 0x7fffffff, 0x7f800001]).buffer);

  it("exp at special values", () => {
    expect(evaluate(vectorExp, fma, [0, -0, nan, inf, -inf, 3.4e38, -3.4e38, -104])).toEqual([
      1,
      1,
      nan,
      inf,
      0,
      inf,
      0,
      0,
    ]);
    expect(evaluate(vectorExp, fma, [2 ** -149, -(2 ** -149), 88.72283172607422, 88.72283935546875])).toEqual([
      1,
      1,
      Math.fround(Math.exp(88.72283172607422)),
      inf,
    ]);
    const [smallest, below] = evaluate(vectorExp, fma, [-87.33654022216797, -87.3365478515625]);
    expect(smallest! / Math.exp(-87.33654022216797)).toBeCloseTo(1, 6);
    expect(below).toBe(0);
  });

  it("log at special values", () => {
    expect(evaluate(vectorLog, fma, [0, -0, 1, inf, -inf, -1, nan, -(2 ** -149)])).toEqual([
      -inf,
      -inf,
      0,
      inf,
      nan,
      nan,
      nan,
      nan,
    ]);
    const denormal = evaluate(vectorLog, fma, [2 ** -149, 2 ** -127, 2 ** -126, huge]);
    expect(denormal[0]).toBeCloseTo(Math.log(2 ** -149), 5);
    expect(denormal[1]).toBeCloseTo(Math.log(2 ** -127), 5);
    expect(denormal[2]).toBeCloseTo(Math.log(2 ** -126), 5);
    expect(denormal[3]).toBe(inf);
  });

  it("tanh at special values", () => {
    const tiny = 2 ** -149;
    expect(evaluate(vectorTanh, fma, [0, -0, tiny, -tiny, inf, -inf, nan, 3.4e38])).toEqual([
      0,
      -0,
      tiny,
      -tiny,
      1,
      -1,
      nan,
      1,
    ]);
    expect(evaluate(vectorTanh, fma, [9.5, -9.5, 20, -1e10])).toEqual([1, -1, 1, -1]);
  });

  it("expm1, log1p and erf at special values", () => {
    expect(evaluate(vectorExpm1, fma, [0, inf, -inf, nan, 100, -100, 88.72283935546875, 1e-30])).toEqual([
      0,
      inf,
      -1,
      nan,
      inf,
      -1,
      inf,
      Math.fround(1e-30),
    ]);
    expect(evaluate(vectorLog1p, fma, [0, inf, -inf, nan, -1, -2, 1e-30, 2 ** 100])).toEqual([
      0,
      inf,
      nan,
      nan,
      -inf,
      nan,
      Math.fround(1e-30),
      Math.fround(100 * Math.LN2),
    ]);
    expect(evaluate(vectorErf, fma, [0, inf, -inf, nan, 4, -4, 1e30, -1e30])).toEqual([0, 1, -1, nan, 1, -1, 1, -1]);
  });

  it("sigmoid at special values", () => {
    expect(evaluate(vectorSigmoid, fma, [0, -0, inf, -inf, nan, 1e30, -1e30, 20])).toEqual([
      0.5,
      0.5,
      1,
      0,
      nan,
      1,
      0,
      1,
    ]);
  });

  it.each(Object.entries(functions))("%s keeps NaN of any payload", (_name, { fn }) => {
    const { floats, words, run } = compile((f, a) => fn(f, a, fma));
    words.set(new Uint32Array(quietNaNs.buffer));
    run(4);
    expect([...floats.subarray(0, 4)]).toEqual([nan, nan, nan, nan]);
  });

  it("exp and sigmoid do not decrease, tanh is odd", () => {
    const ascending = Array.from({ length: 40_000 }, (_value, i) => (i - 20_000) / 200);
    for (const fn of [vectorExp, vectorExpm1, vectorSigmoid, vectorTanh, vectorErf]) {
      const results = evaluate(fn, fma, ascending);
      expect(ascending.filter((_value, i) => i > 0 && results[i]! < results[i - 1]!)).toEqual([]);
    }
    const right = evaluate(vectorTanh, fma, ascending);
    const left = evaluate(
      vectorTanh,
      fma,
      ascending.map((x) => -x),
    );
    expect(left).toEqual(right.map((y) => -y));
  });
});

describe("vector random numbers", () => {
  const keys = [keyOf(0), keyOf(1, "dropout"), [0xffffffff, 0x80000000] as const, keyOf(2 ** 40, "a", 7)];

  it.each(keys.map((key) => [key]))("threefry with key %o has the bits of threefry2x32", (key) => {
    for (const [first, salt] of [
      [0, 0],
      [2 ** 31 - 2000, 1],
      [2 ** 32 - 4000, 0xffffffff],
    ] as const) {
      const { words, run } = compile((f, _, index) =>
        vectorThreefry(
          f,
          i32x4.constant(key[0]),
          i32x4.constant(key[1]),
          i32x4.add(index, i32x4.constant(first)),
          i32x4.constant(salt),
        ),
      );
      run(4000);
      const expected = Array.from({ length: 4000 }, (_, i) => threefry2x32(key, first + i, salt)[0]);
      expect([...words.subarray(0, 4000)]).toEqual(expected);
    }
  });

  it("uniform numbers are those of uniformAt", () => {
    const key = keyOf(42, "uniform");
    const { floats, run } = compile((f, _, index) =>
      vectorUniform(vectorThreefry(f, i32x4.constant(key[0]), i32x4.constant(key[1]), index, i32x4.constant(0))),
    );
    run(1000);
    expect([...floats.subarray(0, 1000)]).toEqual(Array.from({ length: 1000 }, (_, i) => uniformAt(key, i)));
  });

  it("uniform numbers stay in [0, 1) at the ends of the range", () => {
    const { floats, words, run } = compile((_f, a) => vectorUniform(a));
    words.set([0, 255, 256, 0xffffffff]);
    run(4);
    expect([...floats.subarray(0, 4)]).toEqual([0, 0, 2 ** -24, 1 - 2 ** -24]);
  });
});
