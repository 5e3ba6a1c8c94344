/**
 * Scalar expressions: what `map` applies to every element. Activations, dropout, losses and optimiser updates are
 * written in them, so that one generator per backend compiles, differentiates and fuses them all.
 */
export type Expression =
  | { readonly kind: "input"; readonly index: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "unary"; readonly fn: UnaryFunction; readonly a: Expression }
  | { readonly kind: "binary"; readonly fn: BinaryFunction; readonly a: Expression; readonly b: Expression }
  | { readonly kind: "select"; readonly condition: Expression; readonly a: Expression; readonly b: Expression }
  /** Uniform in [0, 1): threefry of (the int32[2] key in input `key`; element index, salt), top 24 bits. */
  | { readonly kind: "random"; readonly key: number; readonly salt: number };

export const unaryFunctions = [
  "negate",
  "absolute",
  "exp",
  "expm1",
  "log",
  "log1p",
  "sqrt",
  "tanh",
  "sigmoid",
  "erf",
  "floor",
] as const;
export type UnaryFunction = (typeof unaryFunctions)[number];

/** Comparisons give 1 or 0. NaN compares false, and `maximum`/`minimum` pass it on. */
export const binaryFunctions = [
  "add",
  "subtract",
  "multiply",
  "divide",
  "maximum",
  "minimum",
  "less",
  "lessEqual",
  "equal",
] as const;
export type BinaryFunction = (typeof binaryFunctions)[number];

type Operand = Expression | number;
const lift = (value: Operand): Expression => (typeof value === "number" ? { kind: "constant", value } : value);
const isConstant = (e: Expression, value?: number): e is Expression & { kind: "constant" } =>
  e.kind === "constant" && (value === undefined || e.value === value);

/** The value of input `index` at the element. */
export const x = (index: number): Expression => ({ kind: "input", index });
export const random = (key: number, salt: number): Expression => ({ kind: "random", key, salt });

const unary = (fn: UnaryFunction, operand: Operand): Expression => {
  const a = lift(operand);
  return a.kind === "constant" ? lift(evaluateUnary(fn, a.value)) : { kind: "unary", fn, a };
};
const binary = (fn: BinaryFunction, left: Operand, right: Operand): Expression => {
  const [a, b] = [lift(left), lift(right)];
  if (a.kind === "constant" && b.kind === "constant") return lift(evaluateBinary(fn, a.value, b.value));
  return { kind: "binary", fn, a, b };
};

export const negate = (a: Operand): Expression => unary("negate", a);
export const absolute = (a: Operand): Expression => unary("absolute", a);
export const exp = (a: Operand): Expression => unary("exp", a);
/** eᵃ − 1, accurate for small a too. */
export const expm1 = (a: Operand): Expression => unary("expm1", a);
export const log = (a: Operand): Expression => unary("log", a);
/** log(1 + a), accurate for small a too. */
export const log1p = (a: Operand): Expression => unary("log1p", a);
export const sqrt = (a: Operand): Expression => unary("sqrt", a);
export const tanh = (a: Operand): Expression => unary("tanh", a);
export const sigmoid = (a: Operand): Expression => unary("sigmoid", a);
/** The error function, `2/√π · ∫₀ᵃ e^(−t²) dt`. */
export const erf = (a: Operand): Expression => unary("erf", a);
export const floor = (a: Operand): Expression => unary("floor", a);

export const maximum = (a: Operand, b: Operand): Expression => binary("maximum", a, b);
export const minimum = (a: Operand, b: Operand): Expression => binary("minimum", a, b);
export const less = (a: Operand, b: Operand): Expression => binary("less", a, b);
export const lessEqual = (a: Operand, b: Operand): Expression => binary("lessEqual", a, b);
export const equal = (a: Operand, b: Operand): Expression => binary("equal", a, b);

export function add(left: Operand, right: Operand): Expression {
  const [a, b] = [lift(left), lift(right)];
  if (isConstant(a, 0)) return b;
  return isConstant(b, 0) ? a : binary("add", a, b);
}

export function subtract(left: Operand, right: Operand): Expression {
  const [a, b] = [lift(left), lift(right)];
  if (isConstant(a, 0)) return negate(b);
  return isConstant(b, 0) ? a : binary("subtract", a, b);
}

/** 0 · a is taken as 0 here: derivatives of untaken branches vanish, as they do in every autodiff system. */
export function multiply(left: Operand, right: Operand): Expression {
  const [a, b] = [lift(left), lift(right)];
  if (isConstant(a, 0) || isConstant(b, 0)) return lift(0);
  if (isConstant(a, 1)) return b;
  return isConstant(b, 1) ? a : binary("multiply", a, b);
}

export function divide(left: Operand, right: Operand): Expression {
  const [a, b] = [lift(left), lift(right)];
  if (isConstant(a, 0)) return lift(0);
  return isConstant(b, 1) ? a : binary("divide", a, b);
}

/** a^exponent for a > 0, by roots where they do. */
export function power(a: Expression, exponent: number): Expression {
  if (exponent === 1) return a;
  if (exponent === 2) return multiply(a, a);
  if (exponent === 0.5) return sqrt(a);
  if (exponent === 0.75) return multiply(sqrt(a), sqrt(sqrt(a)));
  return exp(multiply(exponent, log(a)));
}

/** `condition` ≠ 0 ? a : b, element by element. */
export function select(condition: Expression, left: Operand, right: Operand): Expression {
  const [a, b] = [lift(left), lift(right)];
  if (condition.kind === "constant") return condition.value !== 0 ? a : b;
  if (isConstant(a) && isConstant(b, a.value)) return a;
  return { kind: "select", condition, a, b };
}

/** Inputs that the expression reads, ascending; keys of `random` are listed apart. */
export function usedInputs(expression: Expression): { values: number[]; keys: number[] } {
  const values = new Set<number>();
  const keys = new Set<number>();
  walk(expression, (e) => {
    if (e.kind === "input") values.add(e.index);
    if (e.kind === "random") keys.add(e.key);
  });
  const ascending = (set: Set<number>) => [...set].sort((a, b) => a - b);
  return { values: ascending(values), keys: ascending(keys) };
}

function walk(expression: Expression, visit: (e: Expression) => void): void {
  visit(expression);
  for (const part of partsOf(expression)) walk(part, visit);
}

function partsOf(e: Expression): Expression[] {
  if (e.kind === "unary") return [e.a];
  if (e.kind === "binary") return [e.a, e.b];
  return e.kind === "select" ? [e.condition, e.a, e.b] : [];
}

/** Replaces inputs by expressions and renumbers keys; the way two maps become one. */
export function substitute(
  expression: Expression,
  value: (index: number) => Expression,
  key: (index: number) => number,
): Expression {
  const go = (e: Expression): Expression => {
    switch (e.kind) {
      case "input":
        return value(e.index);
      case "constant":
        return e;
      case "unary":
        return { ...e, a: go(e.a) };
      case "binary":
        return { ...e, a: go(e.a), b: go(e.b) };
      case "select":
        return { ...e, condition: go(e.condition), a: go(e.a), b: go(e.b) };
      case "random":
        return { ...e, key: key(e.key) };
    }
  };
  return go(expression);
}

/** The expression rebuilt by the constructors above, which drop what constants make void. */
export function simplify(e: Expression): Expression {
  switch (e.kind) {
    case "unary":
      return unary(e.fn, simplify(e.a));
    case "select":
      return select(simplify(e.condition), simplify(e.a), simplify(e.b));
    case "binary": {
      const build = { add, subtract, multiply, divide }[e.fn as string] as typeof add | undefined;
      const [a, b] = [simplify(e.a), simplify(e.b)];
      return build === undefined ? binary(e.fn, a, b) : build(a, b);
    }
    default:
      return e;
  }
}

/** Number of operations: what one element costs. */
export function operationCount(expression: Expression): number {
  let count = 0;
  walk(expression, (e) => {
    if (e.kind === "unary" || e.kind === "binary" || e.kind === "select") count += 1;
    if (e.kind === "random") count += 60;
  });
  return count;
}

/**
 * ∂expression/∂input `index`. `result`, if given, stands for the value of the whole expression (saved by the forward
 * pass), which spares computing exp, tanh, sigmoid and the rectifier's comparison again.
 * At kinks the derivative is 0 from the flat side, as in Keras and PyTorch: relu′(0) = 0.
 */
export function derivative(expression: Expression, index: number, result?: Expression): Expression {
  const d = (e: Expression, saved?: Expression): Expression => {
    switch (e.kind) {
      case "input":
        return lift(e.index === index ? 1 : 0);
      case "constant":
      case "random":
        return lift(0);
      case "unary":
        return multiply(unaryDerivative(e.fn, e.a, saved ?? e), d(e.a));
      case "select":
        return select(e.condition, d(e.a), d(e.b));
      case "binary":
        return binaryDerivative(e.fn, e.a, e.b, d(e.a), d(e.b), saved ?? e);
    }
  };
  return d(expression, result);
}

/** f′(a), where y = f(a). */
function unaryDerivative(fn: UnaryFunction, a: Expression, y: Expression): Expression {
  switch (fn) {
    case "negate":
      return lift(-1);
    case "absolute":
      return subtract(less(0, a), less(a, 0));
    case "exp":
      return y;
    case "expm1":
      return add(y, 1);
    case "log":
      return divide(1, a);
    case "log1p":
      return divide(1, add(a, 1));
    case "sqrt":
      return divide(0.5, y);
    case "tanh":
      return subtract(1, multiply(y, y));
    case "sigmoid":
      return multiply(y, subtract(1, y));
    case "erf":
      return multiply(2 / Math.sqrt(Math.PI), exp(negate(multiply(a, a))));
    case "floor":
      return lift(0);
  }
}

function binaryDerivative(
  fn: BinaryFunction,
  a: Expression,
  b: Expression,
  da: Expression,
  db: Expression,
  y: Expression,
): Expression {
  switch (fn) {
    case "add":
      return add(da, db);
    case "subtract":
      return subtract(da, db);
    case "multiply":
      return add(multiply(da, b), multiply(a, db));
    case "divide":
      return subtract(divide(da, b), divide(multiply(y, db), b));
    case "maximum":
      // max(a, c): the comparison can be made with the result, which the forward pass keeps anyway
      if (isConstant(a)) return select(less(a, y), db, 0);
      return isConstant(b) ? select(less(b, y), da, 0) : select(less(b, a), da, db);
    case "minimum":
      if (isConstant(a)) return select(less(y, a), db, 0);
      return isConstant(b) ? select(less(y, b), da, 0) : select(less(a, b), da, db);
    case "less":
    case "lessEqual":
    case "equal":
      return lift(0);
  }
}

export function evaluateUnary(fn: UnaryFunction, a: number): number {
  switch (fn) {
    case "negate":
      return -a;
    case "absolute":
      return Math.abs(a);
    case "exp":
      return Math.exp(a);
    case "expm1":
      return Math.expm1(a);
    case "log":
      return Math.log(a);
    case "log1p":
      return Math.log1p(a);
    case "sqrt":
      return Math.sqrt(a);
    case "tanh":
      return Math.tanh(a);
    case "sigmoid":
      return a >= 0 ? 1 / (1 + Math.exp(-a)) : Math.exp(a) / (1 + Math.exp(a));
    case "erf":
      return errorFunction(a);
    case "floor":
      return Math.floor(a);
  }
}

/** `2/√π · e^(−a²) · Σ_k 2^k·a^(2k + 1) / (1·3·…·(2k + 1))`: all terms have one sign, so nothing cancels. */
function errorFunction(a: number): number {
  if (!(Math.abs(a) < 6)) return Number.isNaN(a) ? a : Math.sign(a); // 1 − erf 6 < 10⁻¹⁶
  let sum = 0;
  for (let term = a, k = 1; sum + term !== sum; k += 1) {
    sum += term;
    term *= (2 * a * a) / (2 * k + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * sum;
}

export function evaluateBinary(fn: BinaryFunction, a: number, b: number): number {
  switch (fn) {
    case "add":
      return a + b;
    case "subtract":
      return a - b;
    case "multiply":
      return a * b;
    case "divide":
      return a / b;
    case "maximum":
      return Math.max(a, b);
    case "minimum":
      return Math.min(a, b);
    case "less":
      return a < b ? 1 : 0;
    case "lessEqual":
      return a <= b ? 1 : 0;
    case "equal":
      return a === b ? 1 : 0;
  }
}
