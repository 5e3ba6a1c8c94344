import { checkOptions } from "../core/errors.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { add, type Expression, equal, multiply, select, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { list, namedParts, numberThat, wholeNumber } from "./check.js";
import { matches, patternList } from "./patterns.js";

export type OptimizerKind = "sgd" | "adam" | "adamW" | "adagrad" | "rmsprop" | "adadelta" | "lion";

/** What an optimiser sees of one weight. All tensors have the weight's shape, but for scalars and the judge. */
export interface UpdateContext {
  readonly weight: Node;
  /** ∂loss/∂weight, accumulated and clipped. */
  readonly gradient: Node;
  /** One tensor for each of `slots`. */
  readonly slots: Readonly<Record<string, Node>>;
  /** float32 []: what `scalars` computed for this step. */
  readonly scalars: Readonly<Record<string, Node>>;
  /** A scalar, such as the loss: where it is NaN or infinite, weight and slots stay as they are. */
  readonly loss?: Node;
  /** What the learning rate is multiplied by for this weight. Default: 1. */
  readonly rateFactor?: number;
  /** λ of this weight. Default: 0. */
  readonly weightDecay?: number;
}

export interface UpdatedWeight {
  readonly weight: Node;
  readonly slots: Readonly<Record<string, Node>>;
}

/** An optimiser as JSON: its kind, its numbers, and of the common options those that are not the defaults. */
export interface OptimizerDescription {
  readonly kind: OptimizerKind;
  readonly learningRate: number;
  readonly [option: string]: number | string | boolean | readonly ParameterGroup[];
}

/** Weights that are trained otherwise than the rest. */
export interface ParameterGroup {
  /** Patterns of the weights' names: `"*.bias"`, `["stem*", "norm*"]`; `*` stands for any characters. */
  readonly match: string | readonly string[];
  /** What the learning rate is multiplied by. Default: 1. PyTorch's groups have a rate of their own: give the ratio. */
  readonly learningRateFactor?: number;
  /** λ of these weights. Default: the optimiser's. */
  readonly weightDecay?: number;
}

/** What every optimiser takes beside its own options. */
export interface OptimizerOptions {
  /**
   * λ, how strongly weights are drawn to 0. `adamW` and `lion` decay weights apart from the gradient
   * (`w ← w − η·λ·w`); the others add `λ·w` to the gradient, as PyTorch's do. Default: 0; `adamW`: 0.01.
   */
  readonly weightDecay?: number;
  /** Weights with numbers of their own, by their names; the first group that matches counts. Default: none. */
  readonly groups?: readonly ParameterGroup[];
  /** Elements of gradients are limited to ±clipValue. Default: no limit. */
  readonly clipValue?: number;
  /**
   * c, what the norm of all gradients together is limited to: `g ← g · min(1, c / (‖g‖ + 10⁻⁶))`, after `clipValue`.
   * A step whose norm is not finite changes nothing. Default: no limit.
   */
  readonly clipNorm?: number;
  /** k: weights change after every k-th step, by the mean of k gradients. Default: 1. */
  readonly accumulationSteps?: number;
  /**
   * d, for an exponential moving average of the weights beside them: `e ← d·e + (1 − d)·w` after every update, the
   * first time `e ← w`. `fit` measures the validation data with the averages, and ends with them. Default: none.
   */
  readonly averageDecay?: number;
}

/** How weights follow their gradients: a description that holds no state. */
export interface Optimizer {
  readonly kind: OptimizerKind;
  readonly learningRate: number;
  /** The common options, defaults filled in. */
  readonly options: OptimizerOptions & { readonly accumulationSteps: number };
  /** Tensors that it keeps beside each weight, zeros at first. */
  readonly slots: readonly string[];
  /** Everything that programs depend on: the description but for the learning rate, which is an input. */
  readonly key: string;
  /**
   * Numbers of one step, computed in float64 and passed to the program as scalar inputs.
   *
   * @param step from 1
   * @param learningRate of this step, for schedules. Default: the optimiser's
   */
  scalars(step: number, learningRate?: number): Readonly<Record<string, number>>;
  /** Which update step `step` belongs to, both from 1: they differ where gradients are accumulated. */
  updateOf(step: number): number;
  /** Learning-rate factor and decay of a weight. */
  groupOf(weight: string): { readonly rateFactor: number; readonly weightDecay: number };
  /** Adds the nodes of the new weight and the new slots of the rule. */
  emit(builder: GraphBuilder, context: UpdateContext): UpdatedWeight;
  toJSON(): OptimizerDescription;
}

/** What is particular to a kind of optimiser. */
export interface Rule {
  readonly slots: readonly string[];
  /** `step` counts updates, from 1. */
  scalars(step: number, rate: number): Readonly<Record<string, number>>;
  emit(builder: GraphBuilder, context: UpdateContext): UpdatedWeight;
}

/** Scalars of a rule that needs no more than the rate. */
export const onlyRate: Rule["scalars"] = (_step, rate) => ({ learningRate: rate });

/**
 * A map of the new value, or of the old one while the judge is NaN or infinite, so that one bad batch cannot destroy
 * what was learned. `loss − loss` is 0 for finite numbers alone.
 *
 * @param old which of the inputs is the old value. Default: the first
 */
export function guardedMap(
  builder: GraphBuilder,
  inputs: readonly Node[],
  expression: Expression,
  { loss }: Pick<UpdateContext, "loss">,
  old = 0,
): Node {
  if (loss === undefined) return mapNode(builder, inputs, expression);
  const judge = x(inputs.length);
  return mapNode(builder, [...inputs, loss], select(equal(subtract(judge, judge), 0), expression, x(old)));
}

/** Options as a user gave them, defaults filled in. */
export type Given = Readonly<Record<string, unknown>>;

/** `d·old + (1 − d)·value` */
export function averaged(decay: number, old: Expression, value: Expression): Expression {
  return add(multiply(decay, old), multiply(1 - decay, value));
}

/** The parts of rules in which a weight's group counts; they vanish where it asks for nothing. */
export function termsOf({ rateFactor = 1, weightDecay = 0 }: UpdateContext) {
  const rate = (learningRate: Expression) => multiply(rateFactor, learningRate);
  return {
    /** η of this weight. */
    rate,
    /** The gradient with L2 decay: `g + λ·w`. */
    pulled: (gradient: Expression, weight: Expression) => add(gradient, multiply(weightDecay, weight)),
    /** The weight with decoupled decay: `w − η·λ·w`. */
    decayed: (weight: Expression, learningRate: Expression) =>
      subtract(weight, multiply(multiply(rateFactor * weightDecay, learningRate), weight)),
  };
}

/** Makes an optimiser of its kind's rule and of the options that all kinds have in common. */
export function makeOptimizer(
  kind: OptimizerKind,
  learningRate: number,
  options: OptimizerOptions,
  defaults: Readonly<Record<string, number | boolean>>,
  ruleOf: (where: string, given: Given) => Rule,
): Optimizer {
  const all: Given = namedParts(kind, "options", options);
  checkOptions(kind, all, [...Object.keys(defaults), ...commonNames]);
  above0(kind, "learningRate", learningRate);
  const defined = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  const given: Given = { ...defaults, ...defined };
  const rule = ruleOf(kind, given);
  const common = checkCommon(kind, given);
  const { accumulationSteps: k, averageDecay, groups, weightDecay, clipValue, clipNorm } = common;
  const description = {
    ...Object.fromEntries(Object.keys(defaults).map((name) => [name, given[name] as number | boolean])),
    ...(weightDecay > 0 || kind === "adamW" ? { weightDecay } : {}),
    ...(groups.length > 0 ? { groups } : {}),
    ...(clipValue === undefined ? {} : { clipValue }),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(k > 1 ? { accumulationSteps: k } : {}),
    ...(averageDecay === undefined ? {} : { averageDecay }),
  };
  const updateOf = (step: number) => Math.ceil(step / k);
  return {
    kind,
    learningRate,
    options: common,
    slots: [...rule.slots, ...(k > 1 ? ["accumulated"] : []), ...(averageDecay === undefined ? [] : ["average"])],
    key: JSON.stringify({ kind, ...description }),
    scalars(step, rate = learningRate) {
      wholeNumber(kind, "step", step);
      const update = updateOf(step);
      return {
        ...rule.scalars(update, rate),
        ...(k > 1 ? { apply: step % k === 0 ? 1 : 0 } : {}),
        ...(averageDecay === undefined ? {} : { averageDecay: update === 1 ? 0 : averageDecay }),
      };
    },
    updateOf,
    groupOf(weight) {
      const group = groups.find(({ match }) => [match].flat().some((pattern) => matches(pattern, weight)));
      return { rateFactor: group?.learningRateFactor ?? 1, weightDecay: group?.weightDecay ?? weightDecay };
    },
    emit: rule.emit,
    toJSON: () => ({ kind, learningRate, ...description }),
  };
}

const commonNames = ["weightDecay", "groups", "clipValue", "clipNorm", "accumulationSteps", "averageDecay"];

function checkCommon(where: string, given: Given) {
  const { weightDecay = 0, groups = [], clipValue, clipNorm, accumulationSteps = 1, averageDecay } = given;
  const optional = (check: typeof above0, name: string, value: unknown) =>
    value === undefined ? undefined : check(where, name, value);
  return {
    weightDecay: atLeast0(where, "weightDecay", weightDecay),
    groups: list(where, "groups", groups).map((group, i) => checkGroup(where, `groups[${i}]`, group)),
    clipValue: optional(above0, "clipValue", clipValue),
    clipNorm: optional(above0, "clipNorm", clipNorm),
    accumulationSteps: wholeNumber(where, "accumulationSteps", accumulationSteps),
    averageDecay: optional(fraction, "averageDecay", averageDecay),
  };
}

function checkGroup(where: string, name: string, value: unknown): ParameterGroup {
  const group = namedParts(where, name, value);
  checkOptions(`${where}: ${name}`, group, ["match", "learningRateFactor", "weightDecay"]);
  const { match, learningRateFactor, weightDecay } = group;
  return {
    match: patternList(where, `${name}.match`, match),
    ...(learningRateFactor === undefined
      ? {}
      : { learningRateFactor: atLeast0(where, `${name}.learningRateFactor`, learningRateFactor) }),
    ...(weightDecay === undefined ? {} : { weightDecay: atLeast0(where, `${name}.weightDecay`, weightDecay) }),
  };
}

export function above0(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number > 0", (number) => number > 0);
}

export function atLeast0(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number ≥ 0", (number) => number >= 0);
}

export function fraction(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number ≥ 0 and < 1", (part) => part >= 0 && part < 1);
}
