import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printNode } from "../../src/graph/print.js";
import {
  absolute,
  add,
  derivative,
  divide,
  type Expression,
  equal,
  erf,
  evaluateBinary,
  evaluateUnary,
  exp,
  expm1,
  floor,
  less,
  lessEqual,
  log,
  log1p,
  maximum,
  minimum,
  multiply,
  negate,
  operationCount,
  random,
  select,
  sigmoid,
  sqrt,
  substitute,
  subtract,
  tanh,
  usedInputs,
  x,
} from "../../src/ops/expression.js";
import { evaluateExpression } from "../../src/ops/expression.reference.js";

const evaluate = (expression: Expression, ...values: number[]) =>
  evaluateExpression(expression, { value: (index) => values[index]!, random: () => 0.5 });

/** An expression as printed in graphs: `add($0, 1)`. */
function print(expression: Expression): string {
  const node = {
    id: 0,
    op: "map",
    inputs: [],
    name: "",
    shape: [],
    dtype: "float32",
    attributes: { expression },
  } as const;
  return /\{expression: (.*)\} :/.exec(printNode(node))![1]!;
}

describe("simplification", () => {
  const [a, b] = [x(0), x(1)];
  const simplified: readonly [Expression, string][] = [
    [add(a, 0), "$0"],
    [add(0, a), "$0"],
    [subtract(a, 0), "$0"],
    [subtract(0, a), "negate($0)"],
    [multiply(a, 0), "0"],
    [multiply(0, a), "0"],
    [multiply(a, 1), "$0"],
    [multiply(1, a), "$0"],
    [divide(a, 1), "$0"],
    [divide(0, a), "0"],
    [add(2, 3), "5"],
    [multiply(exp(0), b), "$1"],
    [select(less(1, 2), a, b), "$0"],
    [select(less(2, 1), a, b), "$1"],
    [select(less(a, b), 3, 3), "3"],
    [add(a, b), "add($0, $1)"],
    [select(lessEqual(a, 0), random(2, 5), floor(b)), "select(lessEqual($0, 0), random($2, 5), floor($1))"],
  ];
  for (const [expression, expected] of simplified) {
    it(expected, () => expect(print(expression)).toBe(expected));
  }
});

describe("meaning", () => {
  it("comparisons give 1 or 0 and are false for NaN", () => {
    for (const fn of ["less", "lessEqual", "equal"] as const) {
      expect(evaluateBinary(fn, NaN, 1)).toBe(0);
      expect(evaluateBinary(fn, 1, NaN)).toBe(0);
    }
    expect(evaluateBinary("less", 1, 2)).toBe(1);
    expect(evaluateBinary("lessEqual", 2, 2)).toBe(1);
    expect(evaluateBinary("equal", 2, 2)).toBe(1);
  });

  it("maximum and minimum pass NaN on", () => {
    expect(evaluateBinary("maximum", NaN, 1)).toBeNaN();
    expect(evaluateBinary("minimum", 1, NaN)).toBeNaN();
  });

  it("erf agrees with tables", () => {
    // Abramowitz and Stegun, table 7.1
    for (const [a, value] of [
      [0.1, 0.112462916],
      [0.5, 0.5204998778],
      [1, 0.8427007929],
      [2, 0.995322265],
      [3, 0.9999779095],
    ] as const) {
      expect(evaluateUnary("erf", a)).toBeCloseTo(value, 10);
      expect(evaluateUnary("erf", -a)).toBe(-evaluateUnary("erf", a));
    }
    expect(evaluateUnary("erf", 0)).toBe(0);
    expect(evaluateUnary("erf", Infinity)).toBe(1);
    expect(evaluateUnary("erf", NaN)).toBeNaN();
  });

  it("sigmoid does not overflow", () => {
    expect(evaluateUnary("sigmoid", 1e4)).toBe(1);
    expect(evaluateUnary("sigmoid", -1e4)).toBe(0);
    expect(evaluateUnary("sigmoid", 0)).toBe(0.5);
  });

  it("lists inputs and keys apart, counts operations, substitutes", () => {
    const dropout = select(less(random(1, 3), 0.7), divide(x(0), 0.7), 0);
    expect(usedInputs(dropout)).toEqual({ values: [0], keys: [1] });
    expect(operationCount(dropout)).toBe(63);
    const doubled = substitute(
      dropout,
      (index) => multiply(2, x(index + 4)),
      (key) => key + 4,
    );
    expect(print(doubled)).toBe("select(less(random($5, 3), 0.7), divide(multiply(2, $4), 0.7), 0)");
  });
});

describe("derivative", () => {
  const d = (expression: Expression, index = 0) => print(derivative(expression, index));

  it("comes simplified", () => {
    expect(d(x(0))).toBe("1");
    expect(d(x(1))).toBe("0");
    expect(d(multiply(x(0), x(1)))).toBe("$1");
    expect(d(subtract(x(1), multiply(3, x(0))))).toBe("-3");
    expect(d(floor(x(0)))).toBe("0");
    expect(d(random(1, 0))).toBe("0");
    expect(d(log(x(0)))).toBe("divide(1, $0)");
  });

  it("uses the result where it is at hand", () => {
    const result = x(2);
    expect(print(derivative(exp(x(0)), 0, result))).toBe("$2");
    expect(print(derivative(tanh(x(0)), 0, result))).toBe("subtract(1, multiply($2, $2))");
    expect(print(derivative(sigmoid(x(0)), 0, result))).toBe("multiply($2, subtract(1, $2))");
    expect(print(derivative(maximum(x(0), 0), 0, result))).toBe("select(less(0, $2), 1, 0)");
    expect(print(derivative(sqrt(x(0)), 0, result))).toBe("divide(0.5, $2)");
  });

  it("is 0 at the kinks of rectifier and absolute value, whatever the order of operands", () => {
    for (const kinked of [maximum(x(0), 0), maximum(0, x(0)), minimum(x(0), 0), minimum(0, x(0)), absolute(x(0))]) {
      expect(evaluate(derivative(kinked, 0), 0)).toBe(0);
    }
  });

  const constant = fc.integer({ min: -12, max: 12 }).map((n): Expression => ({ kind: "constant", value: n / 4 }));
  const { tree } = fc.letrec<{ tree: Expression }>((tie) => {
    const part = tie("tree");
    const unaries = [negate, absolute, exp, expm1, log, log1p, sqrt, tanh, sigmoid, erf, floor];
    const binaries = [add, subtract, multiply, divide, maximum, minimum];
    const comparisons = [less, lessEqual, equal];
    return {
      tree: fc.oneof(
        { maxDepth: 5, depthSize: "small" },
        fc.constantFrom(x(0), x(1)),
        constant,
        fc.tuple(fc.constantFrom(...unaries), part).map(([fn, a]) => fn(a)),
        fc.tuple(fc.constantFrom(...binaries), part, part).map(([fn, a, b]) => fn(a, b)),
        fc
          .tuple(fc.constantFrom(...comparisons), part, part, part, part)
          .map(([fn, left, right, a, b]) => select(fn(left, right), a, b)),
      ),
    };
  });
  const value = fc.integer({ min: -2000, max: 2000 }).map((n) => (n + 0.37) / 1000);

  /** The largest value that comes up on the way: derivatives of eᵃ overflow where it does. */
  const largest = (e: Expression, a: number, b: number): number => {
    const parts = Object.values(e).filter((part): part is Expression => typeof part === "object");
    return Math.max(Math.abs(evaluate(e, a, b)), ...parts.map((part) => largest(part, a, b)));
  };

  it("agrees with finite differences on random expressions", () => {
    const property = fc.property(tree, value, value, (expression, a, b) => {
      const slopes = [1e-4, 1e-5].flatMap((h) => {
        const [below, here, above] = [a - h, a, a + h].map((at) => evaluate(expression, at, b)) as [
          number,
          number,
          number,
        ];
        return [(here - below) / h, (above - here) / h];
      });
      // Only where the function is smooth and tame: one-sided differences of two step sizes must agree.
      const spread = Math.max(...slopes) - Math.min(...slopes);
      fc.pre(slopes.every((slope) => Math.abs(slope) < 100) && spread < 1e-2);
      fc.pre(largest(expression, a, b) < 1e100);
      const h = 1e-5;
      const numeric = (evaluate(expression, a + h, b) - evaluate(expression, a - h, b)) / (2 * h);
      const exact = evaluate(derivative(expression, 0), a, b);
      expect(Math.abs(exact - numeric)).toBeLessThan(1e-5 * (1 + Math.abs(numeric)));
      const result = evaluate(expression, a, b);
      const withResult = evaluate(derivative(expression, 0, x(2)), a, b, result);
      expect(Math.abs(withResult - exact)).toBeLessThan(1e-9 * (1 + Math.abs(exact)));
    });
    fc.assert(property, { seed: 4, numRuns: 2000 });
  });
});
