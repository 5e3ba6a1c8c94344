import type { Expression } from "../../ops/expression.js";
import { type FunctionBuilder, f32x4, type V128, v128 } from "./assembler/index.js";
import {
  type MultiplyAdd,
  vectorErf,
  vectorExp,
  vectorExpm1,
  vectorLog,
  vectorLog1p,
  vectorSigmoid,
  vectorTanh,
} from "./math.js";

/** Where an expression's leaves come from. Every `value` and `random` is asked for once per expression. */
export interface ElementEnvironment {
  /** Four elements of input `index`. */
  value(index: number): V128;
  /** Four uniform numbers of the key in input `key`; needed by expressions with `random`. */
  random?(key: number, salt: number): V128;
  /** A number in all lanes; `f32x4.constant` where it is left out. */
  constant?(value: number): V128;
  /** a · b + c; products that are added to something become one. */
  readonly fma: MultiplyAdd;
}

/**
 * Compiles a scalar expression for four lanes. Equal subexpressions are computed once, into locals; conditions stay
 * bit masks; `multiply` within `add` becomes fma; division by a power of two becomes multiplication.
 */
export function emitExpression(f: FunctionBuilder, expression: Expression, environment: ElementEnvironment): V128 {
  return new Emitter(f, environment, expression).value(expression);
}

type Binary = Expression & { kind: "binary" };
type Select = Expression & { kind: "select" };

class Emitter {
  readonly #f: FunctionBuilder;
  readonly #environment: ElementEnvironment;
  readonly #names = new Names();
  /** How many different expressions read the expression of this number. */
  readonly #uses: number[] = [];
  readonly #values = new Map<number, V128>();
  readonly #masks = new Map<number, V128>();

  constructor(f: FunctionBuilder, environment: ElementEnvironment, expression: Expression) {
    this.#f = f;
    this.#environment = environment;
    this.#countUses(expression);
  }

  #countUses(e: Expression): void {
    const name = this.#names.of(e);
    this.#uses[name] = (this.#uses[name] ?? 0) + 1;
    if (this.#uses[name] === 1) for (const part of partsOf(e)) this.#countUses(part);
  }

  #usedOnce(e: Expression): boolean {
    return this.#uses[this.#names.of(e)] === 1;
  }

  /** Code of the value, to be used once: a local's, if the value is wanted elsewhere too. */
  value(e: Expression): V128 {
    return this.#once(this.#values, e, !this.#usedOnce(e) || e.kind === "input", () => this.#compute(e));
  }

  /** Code of the value, to be used any number of times. */
  #reusable(e: Expression): V128 {
    return this.#once(this.#values, e, true, () => this.#compute(e));
  }

  #constant(value: number): V128 {
    return this.#environment.constant?.(value) ?? f32x4.constant(value);
  }

  /** All ones where the value is not 0. */
  #mask(e: Expression): V128 {
    return this.#once(this.#masks, e, !this.#usedOnce(e), () => {
      if (!isTruth(e)) return f32x4.ne(this.value(e), this.#constant(0));
      switch (e.fn) {
        case "less":
          return f32x4.lt(this.value(e.a), this.value(e.b));
        case "lessEqual":
          return f32x4.le(this.value(e.a), this.value(e.b));
        case "equal":
          return f32x4.eq(this.value(e.a), this.value(e.b));
        default:
          return v128.and(this.#mask(e.a), this.#mask(e.b)); // a product of truth values
      }
    });
  }

  #once(memory: Map<number, V128>, e: Expression, keep: boolean, compute: () => V128): V128 {
    const name = this.#names.of(e);
    const known = memory.get(name);
    if (known !== undefined) return known;
    const code = compute();
    if (!keep || e.kind === "constant") return code;
    const local = this.#f.local("v128", code).get;
    memory.set(name, local);
    return local;
  }

  #compute(e: Expression): V128 {
    switch (e.kind) {
      case "input":
        return this.#environment.value(e.index);
      case "constant":
        return this.#constant(e.value);
      case "random":
        if (this.#environment.random === undefined) throw new TypeError("no random numbers in this environment");
        return this.#environment.random(e.key, e.salt);
      case "unary":
        return this.#unary(e);
      case "binary":
        return isTruth(e) ? v128.and(this.#mask(e), this.#constant(1)) : this.#binary(e);
      case "select":
        return this.#select(e);
    }
  }

  #unary({ fn, a }: Expression & { kind: "unary" }): V128 {
    const { fma } = this.#environment;
    switch (fn) {
      case "negate":
        return f32x4.neg(this.value(a));
      case "absolute":
        return f32x4.abs(this.value(a));
      case "exp":
        return vectorExp(this.#f, this.value(a), fma);
      case "expm1":
        return vectorExpm1(this.#f, this.value(a), fma);
      case "log1p":
        return vectorLog1p(this.#f, this.value(a), fma);
      case "erf":
        return vectorErf(this.#f, this.value(a), fma);
      case "log":
        return vectorLog(this.#f, this.value(a), fma);
      case "sqrt":
        return f32x4.sqrt(this.value(a));
      case "tanh":
        return vectorTanh(this.#f, this.value(a), fma);
      case "sigmoid":
        return vectorSigmoid(this.#f, this.value(a), fma);
      case "floor":
        return f32x4.floor(this.value(a));
    }
  }

  #binary(e: Binary): V128 {
    switch (e.fn) {
      case "add":
        return this.#add(e);
      case "subtract":
        return this.#subtract(e);
      case "multiply":
      case "divide": {
        const factors = factorsOf(e);
        if (factors === undefined) return f32x4.div(this.value(e.a), this.value(e.b));
        return f32x4.mul(this.value(factors.a), this.value(factors.b));
      }
      case "maximum":
      case "minimum":
        return this.#extreme(e, e.fn);
      default:
        throw new TypeError(`${e.fn} gives a truth value`);
    }
  }

  /** The factors of a product that nothing else needs, so that it may vanish in an fma. */
  #freeProduct(e: Expression): Factors | undefined {
    return this.#usedOnce(e) ? factorsOf(e) : undefined;
  }

  #add({ a, b }: Binary): V128 {
    const left = this.#freeProduct(a);
    const product = left ?? this.#freeProduct(b);
    if (product === undefined) return f32x4.add(this.value(a), this.value(b));
    const rest = left === undefined ? a : b;
    return this.#environment.fma(this.value(product.a), this.value(product.b), this.value(rest));
  }

  /** a · b − constant, and a − constant · b, where the negation costs nothing. */
  #subtract({ a, b }: Binary): V128 {
    const { fma } = this.#environment;
    const left = b.kind === "constant" ? this.#freeProduct(a) : undefined;
    if (left !== undefined && b.kind === "constant") {
      return fma(this.value(left.a), this.value(left.b), this.#constant(-b.value));
    }
    const right = this.#freeProduct(b);
    if (right !== undefined) {
      const [scale, factor] = right.a.kind === "constant" ? [right.a, right.b] : [right.b, right.a];
      if (scale.kind === "constant") return fma(this.value(factor), this.#constant(-scale.value), this.value(a));
    }
    return f32x4.sub(this.value(a), this.value(b));
  }

  /**
   * max or min. With a constant (0 of a rectifier above all) by comparison, which keeps NaN as it is: x86-64 has no
   * instruction with the semantics of f32x4.max, so engines emit about eight.
   */
  #extreme({ a, b }: Binary, fn: "maximum" | "minimum"): V128 {
    const [limit, operand] = a.kind === "constant" ? [a, b] : [b, a];
    if (limit.kind !== "constant" || Number.isNaN(limit.value) || Object.is(Math.fround(limit.value), -0)) {
      return (fn === "maximum" ? f32x4.max : f32x4.min)(this.value(a), this.value(b));
    }
    const x = this.#reusable(operand);
    const bound = this.#constant(limit.value);
    // for +0 as the limit, −0 counts as less than it
    const beyond = fn === "maximum" ? f32x4.le(x, bound) : f32x4.gt(x, bound);
    return Math.fround(limit.value) === 0 ? v128.andNot(x, beyond) : v128.bitselect(beyond, bound, x);
  }

  #select({ condition, a, b }: Select): V128 {
    const mask = this.#mask(condition);
    if (isPositiveZero(b)) return v128.and(this.value(a), mask);
    if (isPositiveZero(a)) return v128.andNot(this.value(b), mask);
    return v128.bitselect(mask, this.value(a), this.value(b));
  }
}

/** Numbers expressions so that structurally equal ones have the same number. */
class Names {
  readonly #byObject = new Map<Expression, number>();
  readonly #byKey = new Map<string, number>();

  of(e: Expression): number {
    const known = this.#byObject.get(e);
    if (known !== undefined) return known;
    const key = `${this.#head(e)}:${partsOf(e).map((part) => this.of(part))}`;
    const name = this.#byKey.get(key) ?? this.#byKey.size;
    this.#byKey.set(key, name);
    this.#byObject.set(e, name);
    return name;
  }

  #head(e: Expression): string {
    switch (e.kind) {
      case "input":
        return `input ${e.index}`;
      case "constant":
        return Object.is(e.value, -0) ? "constant -0" : `constant ${e.value}`;
      case "random":
        return `random ${e.key} ${e.salt}`;
      case "select":
        return "select";
      default:
        return e.fn;
    }
  }
}

function partsOf(e: Expression): readonly Expression[] {
  if (e.kind === "unary") return [e.a];
  if (e.kind === "binary") return [e.a, e.b];
  return e.kind === "select" ? [e.condition, e.a, e.b] : [];
}

/** Comparisons, and products of comparisons: 1 or 0. */
function isTruth(e: Expression): e is Binary {
  if (e.kind !== "binary") return false;
  if (e.fn === "multiply") return isTruth(e.a) && isTruth(e.b);
  return e.fn === "less" || e.fn === "lessEqual" || e.fn === "equal";
}

function isPositiveZero(e: Expression): boolean {
  return e.kind === "constant" && Object.is(Math.fround(e.value), 0);
}

interface Factors {
  readonly a: Expression;
  readonly b: Expression;
}

/** The factors of a product, or of a division by a power of two (multiplying by the reciprocal is then exact). */
function factorsOf(e: Expression): Factors | undefined {
  if (e.kind !== "binary" || isTruth(e)) return undefined;
  if (e.fn === "multiply") return e;
  if (e.fn !== "divide" || e.b.kind !== "constant" || !hasExactReciprocal(e.b.value)) return undefined;
  return { a: e.a, b: { kind: "constant", value: 1 / e.b.value } };
}

/** ± a power of two that is a normal float32, as is its reciprocal. */
function hasExactReciprocal(value: number): boolean {
  const exponent = Math.log2(Math.abs(value));
  return Number.isInteger(exponent) && Math.abs(exponent) <= 126 && 2 ** exponent === Math.abs(value);
}
