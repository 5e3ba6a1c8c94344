import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import {
  absolute,
  divide,
  type Expression,
  erf,
  exp,
  expm1,
  less,
  log1p,
  maximum,
  minimum,
  multiply,
  negate,
  add as plus,
  select,
  sigmoid,
  tanh,
  x,
} from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { softmax } from "../ops/softmax.js";
import { choice } from "./check.js";

/**
 * Elementwise activations by name. Each takes the expression of its input and gives the expression of its output, so
 * that it joins the loop, or the kernel, that makes the input. A new one is one line here.
 *
 * - `relu`: `max(x, 0)`, derivative 0 at 0
 * - `leakyRelu`: `x` above 0, `0.01 · x` elsewhere
 * - `tanh`: `(eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`
 * - `sigmoid`: `1 / (1 + e⁻ˣ)`
 * - `relu6`: `min(max(x, 0), 6)`
 * - `elu`: `x` above 0, `eˣ − 1` elsewhere
 * - `selu`: `λ · elu` with α = 1.67326… and λ = 1.05070…
 * - `gelu`: `x/2 · (1 + erf(x/√2))`
 * - `geluTanh`: `x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))`
 * - `silu`: `x / (1 + e⁻ˣ)`
 * - `softplus`: `log(1 + eˣ)`
 * - `softsign`: `x / (1 + |x|)`
 * - `mish`: `x · tanh(log(1 + eˣ))`
 * - `hardSigmoid`: `min(max(x + 3, 0), 6) / 6`
 * - `hardSwish`: `x · hardSigmoid(x)`
 * - `hardTanh`: `min(max(x, −1), 1)`
 * - `linear`: `x`
 */
export const activations = {
  relu: (a: Expression) => maximum(a, 0),
  leakyRelu: (a: Expression) => leakyRelu(a, 0.01),
  tanh: (a: Expression) => tanh(a),
  sigmoid: (a: Expression) => sigmoid(a),
  relu6: (a: Expression) => minimum(maximum(a, 0), 6),
  elu: (a: Expression) => elu(a, 1),
  selu: (a: Expression) => multiply(seluScale, elu(a, seluAlpha)),
  gelu: (a: Expression) => multiply(multiply(0.5, a), plus(1, erf(multiply(Math.SQRT1_2, a)))),
  geluTanh: (a: Expression) => {
    const cubic = multiply(multiply(0.044715, multiply(a, a)), a);
    return multiply(multiply(0.5, a), plus(1, tanh(multiply(Math.sqrt(2 / Math.PI), plus(a, cubic)))));
  },
  silu: (a: Expression) => multiply(a, sigmoid(a)),
  softplus: (a: Expression) => softplus(a, 1),
  softsign: (a: Expression) => divide(a, plus(1, absolute(a))),
  mish: (a: Expression) => multiply(a, tanh(softplus(a, 1))),
  hardSigmoid: (a: Expression) => hardSigmoid(a),
  hardSwish: (a: Expression) => multiply(a, hardSigmoid(a)),
  hardTanh: (a: Expression) => minimum(maximum(a, -1), 1),
  linear: (a: Expression) => a,
} as const;

/** The slope is 1 above 0 and `negativeSlope` elsewhere, at 0 too. */
export function leakyRelu(a: Expression, negativeSlope: number): Expression {
  return select(less(0, a), a, multiply(negativeSlope, a));
}

/** Constants for which mean 0 and variance 1 are a fixed point: Klambauer et al., NIPS 2017, equation 14. */
const seluAlpha = 1.6732632423543772;
const seluScale = 1.0507009873554805;

/** `a` above 0, `alpha·(eᵃ − 1)` elsewhere, at 0 too. */
export function elu(a: Expression, alpha: number): Expression {
  return select(less(0, a), a, multiply(alpha, expm1(a)));
}

/** `log(1 + e^(beta·a)) / beta`: each branch has its exponential of numbers ≤ 0, and so has its derivative. */
export function softplus(a: Expression, beta: number): Expression {
  const scaled = multiply(beta, a);
  const above = plus(scaled, log1p(exp(negate(scaled))));
  return divide(select(less(0, a), above, log1p(exp(scaled))), beta);
}

function hardSigmoid(a: Expression): Expression {
  return divide(minimum(maximum(plus(a, 3), 0), 6), 6);
}

/** Activations that work on one element at a time. */
export type ActivationName = keyof typeof activations;

/** What a layer's `activation` takes: elementwise ones, and `softmax` along the last axis. */
export type Activation = ActivationName | "softmax";

const elementwise = Object.keys(activations) as ActivationName[];

/** Every name that an `activation` option takes. */
export const activationNames: readonly Activation[] = [...elementwise, "softmax"];

/** Checks an `activation` option; names the closest one on a slip. */
export function checkActivation(where: string, value: unknown): Activation {
  return choice(where, "activation", value, activationNames);
}

/**
 * Adds `activation(node + bias)` as one `map` (and the op `softmax`, where that is asked for).
 *
 * @param node float32, any shape with channels last
 * @param bias one value per channel; left out, nothing is added
 */
export function emitActivation(builder: GraphBuilder, node: Node, activation: Activation, bias?: Node): Node {
  const inputs = bias === undefined ? [node] : [node, bias];
  const sum = bias === undefined ? x(0) : plus(x(0), x(1));
  const expression = activation === "softmax" ? sum : activations[activation](sum);
  const activated = expression.kind === "input" ? node : mapNode(builder, inputs, expression);
  return activation === "softmax" ? builder.add(softmax, [activated], {}) : activated;
}
