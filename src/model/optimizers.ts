import { fail } from "../core/errors.js";
import type { Node } from "../graph/types.js";
import { add, divide, type Expression, less, maximum, multiply, sqrt, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { choice, located, namedParts, trueOrFalse } from "./check.js";
import {
  above0,
  atLeast0,
  averaged,
  fraction,
  type Given,
  guardedMap,
  makeOptimizer,
  type Optimizer,
  type OptimizerKind,
  type OptimizerOptions,
  onlyRate,
  type Rule,
  termsOf,
  type UpdatedWeight,
} from "./optimizer.js";

export {
  guardedMap,
  type Optimizer,
  type OptimizerDescription,
  type OptimizerKind,
  type OptimizerOptions,
  type ParameterGroup,
} from "./optimizer.js";

export interface SgdOptions extends OptimizerOptions {
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
 * Keras: SGD (there η is a part of v) · PyTorch: optim.SGD
 *
 * Errors: code "option" for a rate that is not above 0, a momentum outside [0, 1), or Nesterov without momentum.
 *
 * Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", ICML 2013.
 *
 * @param learningRate η
 * @example sgd(0.02, { momentum: 0.9, nesterov: true })
 * @example sgd(0.1, { weightDecay: 1e-4, groups: [{ match: "*.bias", weightDecay: 0 }], clipNorm: 1 })
 */
export function sgd(learningRate: number, options: SgdOptions = {}): Optimizer {
  return makeOptimizer("sgd", learningRate, options, { momentum: 0, nesterov: false }, (where, given) => {
    const momentum = fraction(where, "momentum", given.momentum);
    const nesterov = trueOrFalse(where, "nesterov", given.nesterov);
    if (nesterov && momentum === 0) {
      fail({ code: "option", where, problem: "nesterov needs a momentum above 0", fix: "Add momentum: 0.9" });
    }
    return {
      slots: momentum > 0 ? ["momentum"] : [],
      scalars: onlyRate,
      emit(builder, context): UpdatedWeight {
        const { weight, gradient, slots, scalars } = context;
        const { rate, pulled } = termsOf(context);
        if (momentum === 0) {
          const plain = subtract(x(0), multiply(rate(x(1)), pulled(x(2), x(0))));
          const operands = [weight, scalars.learningRate!, gradient];
          return { weight: guardedMap(builder, operands, plain, context), slots: {} };
        }
        const velocity = add(multiply(momentum, x(0)), pulled(x(1), x(2)));
        const next = guardedMap(builder, [slots.momentum!, gradient, weight], velocity, context);
        const direction = nesterov ? add(pulled(x(3), x(0)), multiply(momentum, x(2))) : x(2);
        const moved = subtract(x(0), multiply(rate(x(1)), direction));
        const operands = [weight, scalars.learningRate!, next, gradient];
        return { weight: guardedMap(builder, operands, moved, context), slots: { momentum: next } };
      },
    };
  });
}

export interface AdamOptions extends OptimizerOptions {
  /** β₁, decay of the mean of gradients: 0 ≤ β₁ < 1. Default: 0.9. */
  readonly beta1?: number;
  /** β₂, decay of the mean of squared gradients: 0 ≤ β₂ < 1. Default: 0.999. */
  readonly beta2?: number;
  /** ε, what keeps the divisor above 0. Default: 1e-8 (PyTorch's; Keras has 1e-7). */
  readonly epsilon?: number;
}

const adamDefaults = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

/**
 * Adam: steps of about η in the direction of the mean gradient, each weight scaled by its own gradients:
 *
 * `m ← β₁·m + (1 − β₁)·g`, `v ← β₂·v + (1 − β₂)·g²`, `w ← w − η·m̂ / (√v̂ + ε)`
 *
 * with `m̂ = m / (1 − β₁ᵗ)` and `v̂ = v / (1 − β₂ᵗ)` at step t = 1, 2, …
 *
 * Keras: Adam · PyTorch: optim.Adam
 *
 * Errors: code "option" for a rate or ε that is not above 0, or a β outside [0, 1).
 *
 * Source: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
 *
 * @param learningRate η. Default: 0.001
 * @example adam(0.001, { beta2: 0.99 })
 */
export function adam(learningRate = 0.001, options: AdamOptions = {}): Optimizer {
  return makeOptimizer("adam", learningRate, options, adamDefaults, (where, given) => adamRule(where, given, false));
}

/**
 * Adam with decoupled weight decay: weights are drawn to 0 by `w ← w − η·λ·w`, whatever their gradients' scale, and
 * Adam's step follows.
 *
 * Keras: AdamW (λ = 0.004) · PyTorch: optim.AdamW
 *
 * Errors: those of {@link adam}.
 *
 * Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
 *
 * @param learningRate η. Default: 0.001
 * @example adamW(0.001, { weightDecay: 0.05, groups: [{ match: ["*.bias", "*norm*"], weightDecay: 0 }] })
 */
export function adamW(learningRate = 0.001, options: AdamOptions = {}): Optimizer {
  const decaying = { weightDecay: 0.01, ...options };
  return makeOptimizer("adamW", learningRate, decaying, adamDefaults, (where, given) => adamRule(where, given, true));
}

function adamRule(where: string, given: Given, decoupled: boolean): Rule {
  const beta1 = fraction(where, "beta1", given.beta1);
  const beta2 = fraction(where, "beta2", given.beta2);
  const epsilon = above0(where, "epsilon", given.epsilon);
  return {
    slots: ["mean", "square"],
    scalars: (step, rate) => ({
      stepSize: rate / (1 - beta1 ** step),
      rootScale: 1 / Math.sqrt(1 - beta2 ** step),
      ...(decoupled ? { learningRate: rate } : {}),
    }),
    emit(builder, context): UpdatedWeight {
      const { weight, gradient, slots, scalars } = context;
      const terms = termsOf(context);
      const g = decoupled ? x(1) : terms.pulled(x(1), x(2));
      const mean = guardedMap(builder, [slots.mean!, gradient, weight], averaged(beta1, x(0), g), context);
      const squares = averaged(beta2, x(0), multiply(g, g));
      const square = guardedMap(builder, [slots.square!, gradient, weight], squares, context);
      const divisor = add(multiply(sqrt(x(3)), x(4)), epsilon);
      const start = decoupled ? terms.decayed(x(0), x(5)) : x(0);
      const moved = subtract(start, divide(multiply(terms.rate(x(1)), x(2)), divisor));
      const rates = decoupled ? [scalars.rootScale!, scalars.learningRate!] : [scalars.rootScale!];
      const operands = [weight, scalars.stepSize!, mean, square, ...rates];
      return { weight: guardedMap(builder, operands, moved, context), slots: { mean, square } };
    },
  };
}

export interface AdagradOptions extends OptimizerOptions {
  /** How the rate falls beside the sums: `η / (1 + (t − 1)·decay)`. Default: 0. */
  readonly learningRateDecay?: number;
  /** What the sums of squares start from: ≥ 0. Default: 0 (PyTorch's; Keras has 0.1). */
  readonly initialAccumulator?: number;
  /** ε, what keeps the divisor above 0. Default: 1e-10 (PyTorch's; Keras has 1e-7). */
  readonly epsilon?: number;
}

/**
 * Adagrad: each weight's steps shrink with the sum of its squared gradients: `s ← s + g²`, `w ← w − η·g / (√s + ε)`.
 *
 * Keras: Adagrad · PyTorch: optim.Adagrad
 *
 * Errors: code "option" for numbers out of range.
 *
 * Source: Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic optimization",
 * JMLR 2011.
 *
 * @param learningRate η. Default: 0.01
 * @example adagrad(0.05)
 */
export function adagrad(learningRate = 0.01, options: AdagradOptions = {}): Optimizer {
  const defaults = { learningRateDecay: 0, initialAccumulator: 0, epsilon: 1e-10 };
  return makeOptimizer("adagrad", learningRate, options, defaults, (where, given) => {
    const decay = atLeast0(where, "learningRateDecay", given.learningRateDecay);
    const start = atLeast0(where, "initialAccumulator", given.initialAccumulator);
    const epsilon = above0(where, "epsilon", given.epsilon);
    return {
      slots: ["sum"],
      scalars: (step, rate) => ({ learningRate: rate / (1 + (step - 1) * decay) }),
      emit(builder, context): UpdatedWeight {
        const { weight, gradient, slots, scalars } = context;
        const { rate, pulled } = termsOf(context);
        const g = pulled(x(1), x(2));
        const sum = guardedMap(builder, [slots.sum!, gradient, weight], add(x(0), multiply(g, g)), context);
        // slots start at 0: what the sum starts from is added where it is read
        const divisor = add(sqrt(add(x(3), start)), epsilon);
        const moved = subtract(x(0), divide(multiply(rate(x(1)), pulled(x(2), x(0))), divisor));
        const operands = [weight, scalars.learningRate!, gradient, sum];
        return { weight: guardedMap(builder, operands, moved, context), slots: { sum } };
      },
    };
  });
}

export interface RmspropOptions extends OptimizerOptions {
  /** ρ, decay of the mean of squared gradients: 0 ≤ ρ < 1. Default: 0.99 (PyTorch's; Keras has 0.9). */
  readonly rho?: number;
  /** μ, the part of the last change that is kept: 0 ≤ μ < 1. Default: 0. */
  readonly momentum?: number;
  /** ε, what keeps the divisor above 0. Default: 1e-8 (PyTorch's; Keras has 1e-7). */
  readonly epsilon?: number;
  /** Divide by the deviation of gradients and not by their root mean square. Default: false. */
  readonly centered?: boolean;
}

/**
 * RMSprop: gradients divided by their root mean square: `v ← ρ·v + (1 − ρ)·g²`, `w ← w − η·g / (√v + ε)`.
 *
 * - centered: `a ← ρ·a + (1 − ρ)·g`, and `√(v − a²)` in the place of `√v`
 * - momentum μ: `b ← μ·b + g / (√v + ε)`, `w ← w − η·b`
 *
 * Keras: RMSprop · PyTorch: optim.RMSprop
 *
 * Errors: code "option" for numbers out of range.
 *
 * Source: Tieleman and Hinton, "Lecture 6.5: RMSprop", Coursera 2012; centred by Graves, arXiv 1308.0850, 2013.
 *
 * @param learningRate η. Default: 0.01 (PyTorch's; Keras has 0.001)
 * @example rmsprop(0.001, { centered: true, momentum: 0.9 })
 */
export function rmsprop(learningRate = 0.01, options: RmspropOptions = {}): Optimizer {
  const defaults = { rho: 0.99, momentum: 0, epsilon: 1e-8, centered: false };
  return makeOptimizer("rmsprop", learningRate, options, defaults, (where, given) => {
    const rho = fraction(where, "rho", given.rho);
    const momentum = fraction(where, "momentum", given.momentum);
    const epsilon = above0(where, "epsilon", given.epsilon);
    const centered = trueOrFalse(where, "centered", given.centered);
    return {
      slots: ["square", ...(centered ? ["mean"] : []), ...(momentum > 0 ? ["momentum"] : [])],
      scalars: onlyRate,
      emit(builder, context): UpdatedWeight {
        const { weight, gradient, slots, scalars } = context;
        const { rate, pulled } = termsOf(context);
        const g = pulled(x(1), x(2));
        const average = (slot: Node, value: Expression) =>
          guardedMap(builder, [slot, gradient, weight], averaged(rho, x(0), value), context);
        const square = average(slots.square!, multiply(g, g));
        const mean = centered ? average(slots.mean!, g) : undefined;
        const means = mean === undefined ? [] : [mean];
        // rounding may make the variance negative, whose root would be NaN
        const root = (at: number) =>
          sqrt(centered ? maximum(subtract(x(at), multiply(x(at + 1), x(at + 1))), 0) : x(at));
        const scaled = (at: number) => divide(g, add(root(at), epsilon));
        const next = { square, ...(mean === undefined ? {} : { mean }) };
        if (momentum === 0) {
          const moved = subtract(x(2), multiply(rate(x(0)), scaled(3)));
          const operands = [scalars.learningRate!, gradient, weight, square, ...means];
          return { weight: guardedMap(builder, operands, moved, context, 2), slots: next };
        }
        const velocity = add(multiply(momentum, x(0)), scaled(3));
        const operands = [slots.momentum!, gradient, weight, square, ...means];
        const kept = guardedMap(builder, operands, velocity, context);
        const moved = subtract(x(0), multiply(rate(x(1)), x(2)));
        return {
          weight: guardedMap(builder, [weight, scalars.learningRate!, kept], moved, context),
          slots: { ...next, momentum: kept },
        };
      },
    };
  });
}

export interface AdadeltaOptions extends OptimizerOptions {
  /** ρ, decay of both means of squares: 0 ≤ ρ < 1. Default: 0.9 (PyTorch's; Keras has 0.95). */
  readonly rho?: number;
  /** ε, what the roots start from. Default: 1e-6 (PyTorch's; Keras has 1e-7). */
  readonly epsilon?: number;
}

/**
 * Adadelta: steps of the size of the steps before them:
 *
 * `v ← ρ·v + (1 − ρ)·g²`, `d = √(s + ε) / √(v + ε) · g`, `s ← ρ·s + (1 − ρ)·d²`, `w ← w − η·d`
 *
 * Keras: Adadelta · PyTorch: optim.Adadelta
 *
 * Errors: code "option" for numbers out of range.
 *
 * Source: Zeiler, "ADADELTA: an adaptive learning rate method", arXiv 1212.5701, 2012.
 *
 * @param learningRate η. Default: 1 (PyTorch's; Keras has 0.001)
 * @example adadelta(1, { rho: 0.95 })
 */
export function adadelta(learningRate = 1, options: AdadeltaOptions = {}): Optimizer {
  return makeOptimizer("adadelta", learningRate, options, { rho: 0.9, epsilon: 1e-6 }, (where, given) => {
    const rho = fraction(where, "rho", given.rho);
    const epsilon = above0(where, "epsilon", given.epsilon);
    return {
      slots: ["square", "change"],
      scalars: onlyRate,
      emit(builder, context): UpdatedWeight {
        const { weight, gradient, slots, scalars } = context;
        const { rate, pulled } = termsOf(context);
        const g = pulled(x(1), x(2));
        const squares = averaged(rho, x(0), multiply(g, g));
        const square = guardedMap(builder, [slots.square!, gradient, weight], squares, context);
        const root = (e: Expression) => sqrt(add(e, epsilon));
        const delta = mapNode(
          builder,
          [slots.change!, gradient, weight, square],
          multiply(divide(root(x(0)), root(x(3))), g),
        );
        const changes = averaged(rho, x(0), multiply(x(1), x(1)));
        const change = guardedMap(builder, [slots.change!, delta], changes, context);
        const moved = subtract(x(0), multiply(rate(x(1)), x(2)));
        const operands = [weight, scalars.learningRate!, delta];
        return { weight: guardedMap(builder, operands, moved, context), slots: { square, change } };
      },
    };
  });
}

export interface LionOptions extends OptimizerOptions {
  /** β₁, the mean's part in the direction: 0 ≤ β₁ < 1. Default: 0.9. */
  readonly beta1?: number;
  /** β₂, decay of the mean of gradients: 0 ≤ β₂ < 1. Default: 0.99. */
  readonly beta2?: number;
}

/**
 * Lion: steps of η in the sign of the mean gradient, with decoupled weight decay λ:
 *
 * `w ← w − η·(sign(β₁·m + (1 − β₁)·g) + λ·w)`, `m ← β₂·m + (1 − β₂)·g`
 *
 * Rates are 3 to 10 times smaller than Adam's, and decays as much larger.
 *
 * Keras: Lion · PyTorch: none
 *
 * Errors: code "option" for a rate that is not above 0, or a β outside [0, 1).
 *
 * Source: Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023.
 *
 * @param learningRate η. Default: 0.0001
 * @example lion(0.0003, { weightDecay: 0.1 })
 */
export function lion(learningRate = 0.0001, options: LionOptions = {}): Optimizer {
  return makeOptimizer("lion", learningRate, options, { beta1: 0.9, beta2: 0.99 }, (where, given) => {
    const beta1 = fraction(where, "beta1", given.beta1);
    const beta2 = fraction(where, "beta2", given.beta2);
    return {
      slots: ["mean"],
      scalars: onlyRate,
      emit(builder, context): UpdatedWeight {
        const { weight, gradient, slots, scalars } = context;
        const { rate, decayed } = termsOf(context);
        const mean = guardedMap(builder, [slots.mean!, gradient], averaged(beta2, x(0), x(1)), context);
        const direction = averaged(beta1, x(2), x(3));
        const sign = subtract(less(0, direction), less(direction, 0));
        const moved = subtract(decayed(x(0), x(1)), multiply(rate(x(1)), sign));
        const operands = [weight, scalars.learningRate!, slots.mean!, gradient];
        return { weight: guardedMap(builder, operands, moved, context), slots: { mean } };
      },
    };
  });
}

const optimizers = { sgd, adam, adamW, adagrad, rmsprop, adadelta, lion } satisfies Record<OptimizerKind, unknown>;

/**
 * Makes an optimiser of what its `toJSON` wrote, checking everything.
 *
 * @param where what errors name: a file. Default: "optimizer"
 * @example optimizerFromJSON({ kind: "sgd", learningRate: 0.02, momentum: 0.9, nesterov: true })
 */
export function optimizerFromJSON(json: unknown, where = "optimizer"): Optimizer {
  const { kind, learningRate, ...options } = namedParts(where, "optimizer", json);
  const make = optimizers[choice(where, "kind", kind, Object.keys(optimizers) as OptimizerKind[])];
  return located(where, () => make(above0(where, "learningRate", learningRate), options));
}
