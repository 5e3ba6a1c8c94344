import { threefry2x32 } from "../core/random.js";
import { type Expression, evaluateBinary, evaluateUnary } from "./expression.js";

/** What an expression reads at one element. */
export interface ElementReader {
  /** The value of input `index`. */
  value(index: number): number;
  /** The uniform number of the stream whose key is input `key`. */
  random(key: number, salt: number): number;
}

/** The value of an expression at one element: a walk over its tree. */
export function evaluateExpression(expression: Expression, reader: ElementReader): number {
  const at = (e: Expression): number => {
    switch (e.kind) {
      case "input":
        return reader.value(e.index);
      case "constant":
        return e.value;
      case "unary":
        return evaluateUnary(e.fn, at(e.a));
      case "binary":
        return evaluateBinary(e.fn, at(e.a), at(e.b));
      case "select":
        return at(e.condition) !== 0 ? at(e.a) : at(e.b);
      case "random":
        return reader.random(e.key, e.salt);
    }
  };
  return at(expression);
}

/**
 * The expression with its constants as float32 holds them. Derivatives compare saved results with constants
 * (`min(x, 0.1)` < 0.1), which only comes out right if both are rounded alike.
 */
export function withFloat32Constants(expression: Expression): Expression {
  const e = expression;
  switch (e.kind) {
    case "constant":
      return { ...e, value: Math.fround(e.value) };
    case "unary":
      return { ...e, a: withFloat32Constants(e.a) };
    case "binary":
      return { ...e, a: withFloat32Constants(e.a), b: withFloat32Constants(e.b) };
    case "select":
      return {
        ...e,
        condition: withFloat32Constants(e.condition),
        a: withFloat32Constants(e.a),
        b: withFloat32Constants(e.b),
      };
    default:
      return e;
  }
}

/**
 * Uniform in [0, 1) for element `element` (the linear index in the output): the upper 24 bits of the first word of
 * threefry-2x32 under the key, with (element, salt) as counter. 24 bits are exact in float32.
 */
export function uniformOfElement(key: ArrayLike<number>, element: number, salt: number): number {
  return (threefry2x32([key[0]!, key[1]!], element, salt)[0] >>> 8) / 2 ** 24;
}
