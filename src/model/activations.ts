import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { type Expression, less, maximum, multiply, add as plus, select, sigmoid, tanh, x } from "../ops/expression.js";
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
 * - `linear`: `x`
 */
export const activations = {
  relu: (a: Expression) => maximum(a, 0),
  leakyRelu: (a: Expression) => leakyRelu(a, 0.01),
  tanh: (a: Expression) => tanh(a),
  sigmoid: (a: Expression) => sigmoid(a),
  linear: (a: Expression) => a,
} as const;

/** The slope is 1 above 0 and `negativeSlope` elsewhere, at 0 too. */
export function leakyRelu(a: Expression, negativeSlope: number): Expression {
  return select(less(0, a), a, multiply(negativeSlope, a));
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
