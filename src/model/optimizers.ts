import { checkOptions, fail } from "../core/errors.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { add, divide, type Expression, equal, multiply, select, sqrt, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { choice, located, namedParts, numberThat, trueOrFalse, wholeNumber } from "./check.js";

/** What an optimiser sees of one weight. All tensors have the weight's shape, but for scalars and the loss. */
export interface UpdateContext {
  readonly weight: Node;
  /** ∂loss/∂weight */
  readonly gradient: Node;
  /** One tensor for each of `slots`. */
  readonly slots: Readonly<Record<string, Node>>;
  /** float32 []: what `scalars` computed for this step. */
  readonly scalars: Readonly<Record<string, Node>>;
  /** The scalar loss, if given: where it is NaN or infinite, weight and slots stay as they are. */
  readonly loss?: Node;
}

export interface UpdatedWeight {
  readonly weight: Node;
  readonly slots: Readonly<Record<string, Node>>;
}

/** An optimiser as JSON: its kind and its numbers. */
export type OptimizerDescription =
  | { readonly kind: "sgd"; readonly learningRate: number; readonly momentum: number; readonly nesterov: boolean }
  | {
      readonly kind: "adam";
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly epsilon: number;
    };

/** How weights follow their gradients: a description that holds no state. */
export interface Optimizer {
  readonly kind: OptimizerDescription["kind"];
  readonly learningRate: number;
  /** Tensors that it keeps beside each weight, zeros at first. */
  readonly slots: readonly string[];
  /**
   * Numbers of one step, computed in float64 and passed to the program as scalar inputs.
   *
   * @param step from 1
   * @param learningRate of this step, for schedules. Default: the optimiser's
   */
  scalars(step: number, learningRate?: number): Readonly<Record<string, number>>;
  /** Adds the nodes of the new weight and the new slots. */
  emit(builder: GraphBuilder, context: UpdateContext): UpdatedWeight;
  toJSON(): OptimizerDescription;
}

export interface SgdOptions {
  /** μ, the part of the last change that is kept: 0 ≤ μ < 1. Default: 0. */
  readonly momentum?: number;
  /** Take the gradient where momentum leads. Default: false. */
  readonly nesterov?: boolean;
}

/**
 * Stochastic gradient descent, with PyTorch's conventions (v starts at zero):
 *
 * - plain: `w ← w − η·g`
 * - momentum μ: `v ← μ·v + g`, `w ← w − η·v`
 * - Nesterov: `v ← μ·v + g`, `w ← w − η·(g + μ·v)`
 *
 * Errors: code "option" for a rate that is not above 0, a momentum outside [0, 1), or Nesterov without momentum.
 *
 * Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 *
 * @param learningRate η
 * @example sgd(0.02, { momentum: 0.9, nesterov: true })
 */
export function sgd(learningRate: number, options: SgdOptions = {}): Optimizer {
  const where = "sgd";
  checkOptions(where, namedParts(where, "options", options), ["momentum", "nesterov"]);
  const { momentum = 0, nesterov = false } = options;
  checkRate(where, learningRate);
  checkFraction(where, "momentum", momentum);
  trueOrFalse(where, "nesterov", nesterov);
  if (nesterov && momentum === 0) {
    fail({ code: "option", where, problem: "nesterov needs a momentum above 0", fix: "Add momentum: 0.9" });
  }
  return {
    kind: "sgd",
    learningRate,
    slots: momentum > 0 ? ["momentum"] : [],
    scalars(step, rate = learningRate) {
      checkStep(where, step);
      return { learningRate: rate };
    },
    emit(builder, context): UpdatedWeight {
      const { weight, gradient, slots, scalars } = context;
      const rate = scalars.learningRate!;
      if (momentum === 0) {
        const plain = subtract(x(0), multiply(x(1), x(2)));
        return { weight: guardedMap(builder, [weight, rate, gradient], plain, context), slots: {} };
      }
      const velocity = add(multiply(momentum, x(0)), x(1));
      const next = guardedMap(builder, [slots.momentum!, gradient], velocity, context);
      const direction = nesterov ? add(x(3), multiply(momentum, x(2))) : x(2);
      const moved = subtract(x(0), multiply(x(1), direction));
      const operands = [weight, rate, next, gradient];
      return { weight: guardedMap(builder, operands, moved, context), slots: { momentum: next } };
    },
    toJSON: () => ({ kind: "sgd", learningRate, momentum, nesterov }),
  };
}

export interface AdamOptions {
  /** β₁, decay of the mean of gradients: 0 ≤ β₁ < 1. Default: 0.9. */
  readonly beta1?: number;
  /** β₂, decay of the mean of squared gradients: 0 ≤ β₂ < 1. Default: 0.999. */
  readonly beta2?: number;
  /** ε, what keeps the divisor above 0. Default: 1e-8 (PyTorch's; Keras has 1e-7). */
  readonly epsilon?: number;
}

/**
 * Adam: steps of about η in the direction of the mean gradient, each weight scaled by its own gradients:
 *
 * `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`, `w ← w − η·m̂ / (√v̂ + ε)`
 *
 * with `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)` at step t = 1, 2, …
 *
 * Errors: code "option" for a rate or ε that is not above 0, or a β outside [0, 1).
 *
 * Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 *
 * @param learningRate η. Default: 0.001
 * @example adam(0.001, { beta2: 0.99 })
 */
export function adam(learningRate = 0.001, options: AdamOptions = {}): Optimizer {
  const where = "adam";
  checkOptions(where, namedParts(where, "options", options), ["beta1", "beta2", "epsilon"]);
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  checkRate(where, learningRate);
  checkFraction(where, "beta1", beta1);
  checkFraction(where, "beta2", beta2);
  numberThat(where, "epsilon", epsilon, "a number > 0", (value) => value > 0);
  return {
    kind: "adam",
    learningRate,
    slots: ["mean", "square"],
    scalars(step, rate = learningRate) {
      checkStep(where, step);
      return { stepSize: rate / (1 - beta1 ** step), rootScale: 1 / Math.sqrt(1 - beta2 ** step) };
    },
    emit(builder, context) {
      const { weight, gradient, slots, scalars } = context;
      const decayed = (beta: number, value: Expression) => add(multiply(beta, x(0)), multiply(1 - beta, value));
      const mean = guardedMap(builder, [slots.mean!, gradient], decayed(beta1, x(1)), context);
      const squared = decayed(beta2, multiply(x(1), x(1)));
      const square = guardedMap(builder, [slots.square!, gradient], squared, context);
      const divisor = add(multiply(sqrt(x(3)), x(4)), epsilon);
      const moved = subtract(x(0), divide(multiply(x(1), x(2)), divisor));
      const operands = [weight, scalars.stepSize!, mean, square, scalars.rootScale!];
      return { weight: guardedMap(builder, operands, moved, context), slots: { mean, square } };
    },
    toJSON: () => ({ kind: "adam", learningRate, beta1, beta2, epsilon }),
  };
}

/**
 * Makes an optimiser of what its `toJSON` wrote, checking everything.
 *
 * @param where what errors name: a file. Default: "optimizer"
 * @example optimizerFromJSON({ kind: "sgd", learningRate: 0.02, momentum: 0.9, nesterov: true })
 */
export function optimizerFromJSON(json: unknown, where = "optimizer"): Optimizer {
  const { kind, learningRate, ...options } = namedParts(where, "optimizer", json);
  const make = { sgd, adam }[choice(where, "kind", kind, ["sgd", "adam"])];
  return located(where, () => make(checkRate(where, learningRate), options));
}

/**
 * A map whose first input is the old value: the new value, or the old one while the loss is NaN or infinite, so that
 * one bad batch cannot destroy what was learned. `loss − loss` is 0 for finite numbers alone.
 */
export function guardedMap(
  builder: GraphBuilder,
  inputs: readonly Node[],
  expression: Expression,
  { loss }: Pick<UpdateContext, "loss">,
): Node {
  if (loss === undefined) return mapNode(builder, inputs, expression);
  const judge = x(inputs.length);
  return mapNode(builder, [...inputs, loss], select(equal(subtract(judge, judge), 0), expression, x(0)));
}

function checkRate(where: string, value: unknown): number {
  return numberThat(where, "learningRate", value, "a number > 0", (rate) => rate > 0);
}

function checkFraction(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number ≥ 0 and < 1", (part) => part >= 0 && part < 1);
}

function checkStep(where: string, step: number): void {
  wholeNumber(where, "step", step);
}
