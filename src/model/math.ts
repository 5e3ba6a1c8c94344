import * as expressions from "../ops/expression.js";
import {
  type BinaryFunction,
  binaryFunctions,
  type Expression,
  type UnaryFunction,
  unaryFunctions,
} from "../ops/expression.js";
import { choice, namedParts, numberThat, wholeNumber, wrongOption } from "./check.js";

const { add, subtract, multiply, divide, maximum, minimum, less, lessEqual, equal, select, power } = expressions;
const { negate, absolute, exp, expm1, log, log1p, sqrt, tanh, sigmoid, erf, floor } = expressions;

/**
 * Scalar functions, for {@link lambda} and for `Tensor.map`: they describe what happens to every element, so that the
 * derivative follows and every backend compiles it. Arguments are what the function is given, or numbers.
 *
 * - `add`, `subtract`, `multiply`, `divide`, `maximum`, `minimum`, `power(a, exponent)` for a > 0
 * - `negate`, `absolute`, `exp`, `expm1`, `log`, `log1p`, `sqrt`, `tanh`, `sigmoid`, `erf`, `floor`
 * - `less`, `lessEqual`, `equal`: 1 or 0; `select(condition, a, b)`: a where the condition is not 0, b elsewhere
 *
 * Derivatives at kinks are 0 from the flat side: that of `maximum(a, 0)` is 0 at 0.
 *
 * @example lambda((a) => math.select(math.less(0, a), a, math.multiply(0.1, a))) // leaky rectifier
 */
export const math = Object.freeze({
  ...{ add, subtract, multiply, divide, maximum, minimum, less, lessEqual, equal, select, power },
  ...{ negate, absolute, exp, expm1, log, log1p, sqrt, tanh, sigmoid, erf, floor },
});

/** An expression from a file or from a user: its parts checked, and those that do not belong left out. */
export function checkExpression(where: string, name: string, value: unknown): Expression {
  const parts = namedParts(where, name, value);
  const kinds = ["input", "constant", "unary", "binary", "select"] as const;
  const kind = choice(where, `${name}.kind`, parts.kind, kinds);
  const part = (key: string) => checkExpression(where, `${name}.${key}`, parts[key]);
  switch (kind) {
    case "input":
      return { kind, index: wholeNumber(where, `${name}.index`, parts.index, 0) };
    case "constant":
      return { kind, value: numberThat(where, `${name}.value`, parts.value, "a finite number", () => true) };
    case "unary": {
      const fn: UnaryFunction = choice(where, `${name}.fn`, parts.fn, unaryFunctions);
      return { kind, fn, a: part("a") };
    }
    case "binary": {
      const fn: BinaryFunction = choice(where, `${name}.fn`, parts.fn, binaryFunctions);
      return { kind, fn, a: part("a"), b: part("b") };
    }
    case "select":
      return { kind, condition: part("condition"), a: part("a"), b: part("b") };
  }
}

/** The expression that a function of scalars describes; a number stands for itself. */
export function expressionOf(where: string, body: unknown): Expression {
  if (typeof body !== "function") {
    return wrongOption(where, "function", body, "a function such as (a) => math.multiply(a, math.sigmoid(a))");
  }
  const inputs = Array.from({ length: Math.max(1, body.length) }, (_, index) => expressions.x(index));
  const result: unknown = body(...inputs);
  if (typeof result === "number") return { kind: "constant", value: result };
  return checkExpression(where, "result", result);
}

/** How many inputs an expression has: one more than the last that it reads, and at least one. */
export function inputCount(expression: Expression): number {
  return 1 + Math.max(0, ...expressions.usedInputs(expression).values);
}
