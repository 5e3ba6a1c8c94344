import fc from "fast-check";
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
import { emitExpression } from "../../../src/backends/wasm/elementwise.js";
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
import { keyOf, threefry2x32 } from "../../../src/core/random.js";
import {
  absolute,
  add,
  binaryFunctions,
  derivative,
  divide,
  type Expression,
  equal,
  evaluateBinary,
  evaluateUnary,
  exp,
  floor,
  less,
  lessEqual,
  log,
  maximum,
  minimum,
  multiply,
  negate,
  random,
  select,
  sigmoid,
  sqrt,
  subtract,
  tanh,
  type UnaryFunction,
  unaryFunctions,
  x,
} from "../../../src/ops/expression.js";

const inputs = 3;
const capacity = 256;
const memory = new WebAssembly.Memory({ initial: 1 });
const floats = new Float32Array(memory.buffer);
/** Floats from the start of memory to the block of input `index`; the result follows the inputs. */
const blockOf = (index: number) => index * capacity;

interface Compiled {
  readonly bytes: number;
  /** How often each input was read. */
  readonly reads: number[];
  run(values: readonly (readonly number[])[], count: number): number[];
}

function compileBody(body: (f: FunctionBuilder, load: (index: number) => V128, lanes: V128) => V128): Compiled {
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  const reads = new Array<number>(inputs).fill(0);
  module.function(
    ["i32"],
    (f) => {
      const at = f.local("i32");
      f.for(at, 0, f.parameter(0, "i32").get, 16, () => {
        const load = (index: number) => {
          reads[index] = reads[index]! + 1;
          return v128.load(at.get, 4 * blockOf(index));
        };
        const lanes = i32x4.add(i32x4.splat(i32.shrU(at.get, 2)), i32x4.lanes([0, 1, 2, 3]));
        f.storeV128(at.get, body(f, load, lanes), 4 * blockOf(inputs));
      });
    },
    "main",
  );
  const bytes = module.encode();
  const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env: { memory } });
  const main = instance.exports.main as (byteLength: number) => void;
  return {
    bytes: bytes.length,
    reads,
    run(values, count) {
      for (const [index, column] of values.entries()) floats.set(column, blockOf(index));
      main(count * 4);
      return [...floats.subarray(blockOf(inputs), blockOf(inputs) + count)];
    },
  };
}

const compile = (expression: Expression, fma: MultiplyAdd = multiplyThenAdd): Compiled =>
  compileBody((f, load) => emitExpression(f, expression, { value: load, fma }));

function supportsRelaxedSimd(): boolean {
  const module = new ModuleBuilder({ module: "env", name: "memory", initialPages: 1 });
  module.function([], (f) => f.drop(f32x4.relaxedMadd(f32x4.constant(1), f32x4.constant(1), f32x4.constant(1))));
  return WebAssembly.validate(module.encode());
}

const vectorFunctions: Partial<Record<UnaryFunction, typeof vectorExp>> = {
  exp: vectorExp,
  expm1: vectorExpm1,
  log1p: vectorLog1p,
  erf: vectorErf,
  log: vectorLog,
  tanh: vectorTanh,
  sigmoid: vectorSigmoid,
};
const alone = new Map<UnaryFunction, Compiled>();

/** What a unary function gives in float32: from JavaScript where that is exact, else from math.ts (tested there). */
function unaryInFloat32(fn: UnaryFunction, a: number): number {
  const vectorFunction = vectorFunctions[fn];
  if (vectorFunction === undefined) return Math.fround(evaluateUnary(fn, a));
  const compiled = alone.get(fn) ?? compileBody((f, load) => vectorFunction(f, load(0), multiplyThenAdd));
  alone.set(fn, compiled);
  return compiled.run([[a, a, a, a]], 4)[0]!;
}

/** The expression in float32 arithmetic, every operation rounded: without fma the emitted code must give its bits. */
function evaluate(e: Expression, values: readonly number[]): number {
  switch (e.kind) {
    case "input":
      return values[e.index]!;
    case "constant":
      return Math.fround(e.value);
    case "unary":
      return unaryInFloat32(e.fn, evaluate(e.a, values));
    case "binary":
      return Math.fround(evaluateBinary(e.fn, evaluate(e.a, values), evaluate(e.b, values)));
    case "select":
      return evaluate(e.condition, values) !== 0 ? evaluate(e.a, values) : evaluate(e.b, values);
    case "random":
      throw new TypeError("no random numbers here");
  }
}

type Interval = readonly [low: number, high: number] | undefined;

/**
 * All values that float32 arithmetic with errors of up to 4 ulp (and contracted products) may give, evaluated in
 * float64 on intervals; undefined if NaN, an overflow or a pole may be among them.
 */
function bounds(e: Expression, values: readonly number[]): Interval {
  const widened = (candidates: readonly number[]): Interval => {
    if (candidates.some((value) => Number.isNaN(value) || Math.abs(value) > 1e38)) return undefined;
    const [low, high] = [Math.min(...candidates), Math.max(...candidates)];
    const slack = (value: number) => Math.abs(value) * 2 ** -21 + 2 ** -125;
    return [low - slack(low), high + slack(high)];
  };
  const part = (operand: Expression) => bounds(operand, values);
  if (e.kind === "input") return [values[e.index]!, values[e.index]!];
  if (e.kind === "constant") return Number.isFinite(e.value) ? [Math.fround(e.value), Math.fround(e.value)] : undefined;
  if (e.kind === "unary") {
    const a = part(e.a);
    if (a === undefined) return undefined;
    const ends = a.map((value) => evaluateUnary(e.fn, value));
    if (e.fn === "floor") return [ends[0]!, ends[1]!];
    return widened(e.fn === "absolute" && a[0] < 0 && a[1] > 0 ? [0, ...ends] : ends);
  }
  if (e.kind === "binary") {
    const [a, b] = [part(e.a), part(e.b)];
    if (a === undefined || b === undefined) return undefined;
    if (e.fn === "divide" && b[0] <= 0 && b[1] >= 0) return undefined;
    if (e.fn === "less" || e.fn === "lessEqual" || e.fn === "equal") {
      const overlap = a[0] <= b[1] && b[0] <= a[1] && (a[0] !== a[1] || b[0] !== b[1]);
      const truth = evaluateBinary(e.fn, a[0], b[0]);
      return overlap ? [0, 1] : [truth, truth];
    }
    return widened(a.flatMap((left) => b.map((right) => evaluateBinary(e.fn, left, right))));
  }
  if (e.kind === "select") {
    const condition = part(e.condition);
    const [a, b] = [part(e.a), part(e.b)];
    if (condition === undefined || a === undefined || b === undefined) return undefined;
    if (condition[0] > 0 || condition[1] < 0) return a;
    if (condition[0] === 0 && condition[1] === 0) return b;
    return [Math.min(a[0], b[0]), Math.max(a[1], b[1])];
  }
  return undefined;
}

const constants = fc.oneof(
  fc.constantFrom(0, -0, 1, -1, 2, 0.5, -0.25, 6, 255, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY),
  fc.float({ min: -8, max: 8, noNaN: true }),
);

/** Random expressions, written as objects: the constructors would simplify them. */
const expressions: fc.Arbitrary<Expression> = fc.letrec<{ e: Expression }>((tie) => ({
  e: fc.oneof(
    { maxDepth: 5, depthSize: "small", withCrossShrink: true },
    { weight: 2, arbitrary: fc.nat({ max: inputs - 1 }).map(x) },
    { weight: 1, arbitrary: constants.map((value): Expression => ({ kind: "constant", value })) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom(...unaryFunctions), tie("e"))
        .map(([fn, a]): Expression => ({ kind: "unary", fn, a })),
    },
    {
      weight: 7,
      arbitrary: fc
        .tuple(fc.constantFrom(...binaryFunctions), tie("e"), tie("e"), fc.boolean())
        .map(([fn, a, b, twice]): Expression => ({ kind: "binary", fn, a, b: twice ? a : b })),
    },
    {
      weight: 2,
      arbitrary: fc
        .tuple(tie("e"), tie("e"), tie("e"))
        .map(([condition, a, b]): Expression => ({ kind: "select", condition, a, b })),
    },
  ),
})).e;

const specials = [
  0,
  -0,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  1,
  -1,
  2 ** -149,
  2 ** -127,
  3.4e38,
];
const anyFloat = fc.oneof(
  fc.constantFrom(...specials.map(Math.fround)),
  fc.float(),
  fc.float({ min: -8, max: 8, noNaN: true }),
);
const rows = (float: fc.Arbitrary<number>) => fc.array(fc.tuple(float, float, float), { minLength: 8, maxLength: 8 });
const columns = (samples: readonly (readonly number[])[]) =>
  Array.from({ length: inputs }, (_, index) => samples.map((row) => row[index]!));

describe("emitExpression", () => {
  it("gives the bits of float32 arithmetic, special values included", () => {
    fc.assert(
      fc.property(expressions, rows(anyFloat), (expression, samples) => {
        const results = compile(expression).run(columns(samples), samples.length);
        // read before evaluate, which uses the same memory
        expect(results).toEqual(samples.map((row) => evaluate(expression, row)));
      }),
      { numRuns: 1500 },
    );
  });

  const forms: [string, MultiplyAdd][] = [["multiply and add", multiplyThenAdd]];
  if (supportsRelaxedSimd()) forms.push(["relaxed fma", f32x4.relaxedMadd]);

  it.each(forms)("stays within error bounds of evaluateUnary and evaluateBinary by %s", (_, fma) => {
    let decided = 0;
    fc.assert(
      fc.property(expressions, rows(fc.float({ min: -4, max: 4, noNaN: true })), (expression, samples) => {
        const results = compile(expression, fma).run(columns(samples), samples.length);
        samples.forEach((row, i) => {
          const interval = bounds(expression, row);
          if (interval === undefined) return;
          decided += 1;
          expect(results[i]).toBeGreaterThanOrEqual(interval[0]);
          expect(results[i]).toBeLessThanOrEqual(interval[1]);
        });
      }),
      { numRuns: 1500 },
    );
    expect(decided).toBeGreaterThan(3000);
  });

  it("compiles typical expressions and their derivatives", () => {
    const z = x(0);
    const swish = multiply(z, sigmoid(z));
    const typical: Expression[] = [
      maximum(z, 0),
      minimum(maximum(z, 0), 6),
      maximum(0, z),
      select(less(0, z), z, multiply(0.2, z)),
      swish,
      subtract(1, exp(negate(absolute(z)))),
      select(less(z, 0), subtract(exp(z), 1), z),
      multiply(z, tanh(log(add(1, exp(z))))),
      divide(subtract(z, x(1)), sqrt(add(multiply(x(2), x(2)), 1e-3))),
      add(multiply(0.9, z), multiply(0.1, floor(x(1)))),
      subtract(divide(z, 128), 1),
      select(multiply(lessEqual(0, z), less(z, 1)), x(1), x(2)),
      select(equal(floor(z), z), 0, z),
    ];
    const samples = Array.from({ length: 64 }, (_, i) => [(i - 32) / 8, ((i * 7) % 13) - 6, ((i * 5) % 11) - 5]);
    for (const expression of [...typical, ...typical.flatMap((e) => [derivative(e, 0), derivative(e, 0, x(2))])]) {
      const results = compile(expression).run(columns(samples), samples.length);
      expect(results).toEqual(samples.map((row) => evaluate(expression, row)));
    }
  });

  it("computes equal subexpressions once, and reads each input once", () => {
    const polynomial = (z: Expression) => add(multiply(z, z), exp(z));
    const once = compile(polynomial(x(0)));
    expect(once.reads).toEqual([1, 0, 0]);
    // structurally equal, built from separate objects
    const thrice = compile(add(polynomial(x(0)), multiply(polynomial(x(0)), polynomial(x(0)))));
    expect(thrice.reads).toEqual([1, 0, 0]);
    expect(thrice.bytes - once.bytes).toBeLessThan(40);
  });

  it("takes time linear in the number of different subexpressions", () => {
    let e: Expression = x(0);
    for (let i = 0; i < 60; i++) e = subtract(multiply(e, 0.5), multiply(e, 0.25));
    const [result] = compile(e).run([[8, 0, 0, 0]], 4);
    expect(result).toBeCloseTo(8 * 0.25 ** 60, 40);
  });

  const count = (expression: Expression): { fma: number; bytes: number } => {
    let fused = 0;
    const { bytes } = compile(expression, (a, b, c) => {
      fused += 1;
      return multiplyThenAdd(a, b, c);
    });
    return { fma: fused, bytes };
  };

  it("contracts products that nothing else needs", () => {
    const product = multiply(x(0), x(1));
    expect(count(add(product, x(2))).fma).toBe(1);
    expect(count(add(x(2), product)).fma).toBe(1);
    expect(count(add(product, multiply(x(1), x(2)))).fma).toBe(1);
    expect(count(subtract(multiply(x(0), 3), 1)).fma).toBe(1);
    expect(count(subtract(x(1), multiply(3, x(0)))).fma).toBe(1);
    expect(count(add(divide(x(0), 256), x(1))).fma).toBe(1);
    expect(count(multiply(add(product, 1), product)).fma).toBe(0);
    expect(count(subtract(product, x(2))).fma).toBe(0);
    expect(count(add(divide(x(0), 255), x(1))).fma).toBe(0);
  });

  it("uses comparisons as masks", () => {
    const comparison = less(x(0), x(1));
    const asValue = count(comparison).bytes;
    // and with 1.0 (splat: 7 bytes, and: 2) is what a value costs more than a mask
    expect(count(select(comparison, x(2), 0)).bytes).toBeLessThan(asValue + 12);
    const [a, b] = [
      [1, 2, 3, Number.NaN],
      [2, 2, 2, 2],
    ];
    expect(compile(comparison).run([a, b], 4)).toEqual([1, 0, 0, 0]);
    expect(compile(lessEqual(x(0), x(1))).run([a, b], 4)).toEqual([1, 1, 0, 0]);
    expect(compile(equal(x(0), x(1))).run([a, b], 4)).toEqual([0, 1, 0, 0]);
    expect(compile(add(comparison, select(comparison, x(0), x(1)))).run([a, b], 4)).toEqual([2, 2, 2, 2]);
  });

  it("maximum and minimum pass NaN on, also against constants", () => {
    const nan = Number.NaN;
    const a = [nan, -1, 7, 0];
    for (const fn of [maximum, minimum]) {
      expect(compile(fn(x(0), 0)).run([a], 4)[0]).toBe(nan);
      expect(compile(fn(6, x(0))).run([a], 4)[0]).toBe(nan);
      expect(
        compile(fn(x(0), x(1)))
          .run([a, [1, nan, 1, nan]], 4)
          .map(Number.isNaN),
      ).toEqual([true, true, false, true]);
    }
    expect(compile(minimum(maximum(x(0), 0), 6)).run([a], 4)).toEqual([nan, 0, 6, 0]);
  });

  it("tells 0 and −0 apart", () => {
    expect(compile(maximum(x(0), 0)).run([[-0, 0, -0, -1]], 4)).toEqual([0, 0, 0, 0]);
    expect(compile(minimum(x(0), 0)).run([[-0, 0, -0, 1]], 4)).toEqual([-0, 0, -0, 0]);
    expect(compile(maximum(x(0), -0)).run([[-0, 0, -1, 1]], 4)).toEqual([-0, 0, -0, 1]);
    const infinity = Number.POSITIVE_INFINITY;
    expect(compile(subtract(divide(x(0), 0), divide(x(0), -0))).run([[1, 1, 1, 1]], 4)[0]).toBe(infinity);
  });

  it("asks the environment for random numbers, once per key and salt", () => {
    const key = keyOf(3, "dropout");
    let asked = 0;
    const keep = less(random(1, 5), 0.5);
    const dropout = select(keep, multiply(x(0), 2), multiply(random(1, 5), random(1, 6)));
    const compiled = compileBody((f, load, lanes) =>
      emitExpression(f, dropout, {
        value: load,
        fma: multiplyThenAdd,
        random: (keyInput, salt) => {
          asked += 1;
          expect(keyInput).toBe(1);
          const [key0, key1] = [i32x4.constant(key[0]), i32x4.constant(key[1])];
          return vectorUniform(vectorThreefry(f, key0, key1, lanes, i32x4.constant(salt)));
        },
      }),
    );
    expect(asked).toBe(2);
    const uniform = (index: number, salt: number) => (threefry2x32(key, index, salt)[0] >>> 8) / 2 ** 24;
    const values = Array.from({ length: 64 }, (_, i) => i + 1);
    expect(compiled.run([values], 64)).toEqual(
      values.map((value, i) => (uniform(i, 5) < 0.5 ? 2 * value : Math.fround(uniform(i, 5) * uniform(i, 6)))),
    );
    expect(() => compile(dropout)).toThrow(TypeError);
  });
});
