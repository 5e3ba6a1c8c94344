import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, TensorType } from "../graph/types.js";
import { divide, type Expression, equal, exp, less, log, multiply, select, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { reshapeNode, stopGradient } from "../ops/reshape.js";
import { argmax, softmaxCrossEntropyGradient } from "../ops/softmax.js";
import { namedParts } from "./check.js";

/** A weighted mean in the making, one value per example: `Σ sums / Σ weights` over the batch. */
export interface Parts {
  /** [batch]: each example's value times its weight. */
  readonly sums: Node;
  /** [batch]: each example's weight. Default: 1. */
  readonly weights?: Node;
}

/** What a loss sees when it writes its nodes. */
export interface LossContext {
  readonly builder: GraphBuilder;
  /** The network's output, [batch, …shape]. */
  readonly output: Node;
  /** Of the type that `target` says. */
  readonly target: Node;
  /** One node for each of `vectors`. */
  readonly vectors: Readonly<Record<string, Node>>;
}

/** What training makes small: a function of a network's output and of targets. A description that holds no state. */
export interface Loss {
  readonly kind: string;
  /** The options that are not the defaults, as JSON. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether targets are class labels (int32) and not numbers. */
  readonly labels: boolean;
  /** A label that counts nothing, whether it is a class or not. */
  readonly ignoreIndex?: number;
  /** Whether outputs are taken as raw scores (logits), so that a softmax before the loss would be a mistake. */
  readonly logits: boolean;
  /** Vectors that programs take as inputs `loss:<name>`, e.g. weights of classes. */
  readonly vectors: Readonly<Record<string, readonly number[]>>;
  /** Type of the target, given the output's shape with the batch. */
  target(output: Shape): TensorType;
  /** Fails where the output (without the batch) does not suit the loss. */
  check(output: Shape, where: string): void;
  emit(context: LossContext): Parts;
  /** Whether each example is right, where that has a meaning: sums of 0 and 1. */
  emitCorrect?(context: Omit<LossContext, "vectors">): Parts;
  /** Equal for losses that make the same nodes. */
  readonly key: string;
  toJSON(): object;
}

/** Mean over all axes but the first: one value per example. */
export function meanPerExample(builder: GraphBuilder, node: Node): Node {
  const axes = node.shape.map((_, axis) => axis).slice(1);
  return reduceNode(builder, node, "mean", axes);
}

/** `Σ sums / Σ weights` over the batch: []. A batch without weight has the mean 0, not NaN. */
export function emitMean(builder: GraphBuilder, { sums, weights }: Parts, name: string): Node {
  if (weights === undefined) return reduceNode(builder, sums, "mean", [0], name);
  const [sum, weight] = [reduceNode(builder, sums, "sum", [0], name), reduceNode(builder, weights, "sum", [0], name)];
  return mapNode(builder, [sum, weight], divide(x(0), select(equal(x(1), 0), { kind: "constant", value: 1 }, x(1))));
}

/** Every example times its own weight. */
export function weighted(builder: GraphBuilder, { sums, weights }: Parts, sampleWeight: Node): Parts {
  const product = (node: Node) => mapNode(builder, [node, sampleWeight], multiply(x(0), x(1)));
  return { sums: product(sums), weights: weights === undefined ? sampleWeight : product(weights) };
}

/** `[…, 1]`: values of rows, to be spread along the last axis again. */
export function asColumn(builder: GraphBuilder, rows: Node): Node {
  return reshapeNode(builder, rows, [...rows.shape, 1]);
}

/** Sum, mean or maximum along the last axis. */
export function alongLast(builder: GraphBuilder, node: Node, kind: "sum" | "mean" | "max"): Node {
  return reduceNode(builder, node, kind, [node.shape.length - 1]);
}

/** `log softmax(x)_i = x_i − max − log Σ_j e^(x_j − max)` along the last axis. */
export function logSoftmax(builder: GraphBuilder, logits: Node): Node {
  // the shift cancels: as a constant, it spares a gradient that would be 0
  const largest = asColumn(builder, alongLast(builder, stopGradient(builder, logits), "max"));
  const shifted = mapNode(builder, [logits, largest], subtract(x(0), x(1)));
  const total = alongLast(builder, mapNode(builder, [shifted], exp(x(0))), "sum");
  return mapNode(builder, [shifted, asColumn(builder, total)], subtract(x(0), log(x(1))));
}

/**
 * 1 at each row's label and 0 elsewhere: [..., classes]; rows of labels that are no class are 0. The gradient of
 * cross-entropy, `softmax − one-hot`, is negative at the label alone.
 */
export function oneHot(builder: GraphBuilder, labels: Node, classes: number): Node {
  const fill = (shape: Shape, value: number) => mapNode(builder, [], { kind: "constant", value }, shape);
  const scores = fill([...labels.shape, classes], 0);
  const gradient = builder.add(softmaxCrossEntropyGradient, [scores, labels, fill(labels.shape, 1)], {});
  return mapNode(builder, [gradient], less(x(0), 0));
}

/** 1 where the largest output is at the label: of the labels' shape. */
export function isRight(builder: GraphBuilder, output: Node, labels: Node): Node {
  return mapNode(builder, [builder.add(argmax, [output], {}), labels], equal(x(0), x(1)));
}

/** Refuses outputs with a last axis of one: a softmax of one class is always 1. */
export function checkClasses(output: Shape, where: string): void {
  const classes = output.at(-1)!;
  if (classes >= 2) return;
  fail({
    code: "shape",
    where,
    problem: `output ${formatShape(output)} has one class only, so that the loss is always 0`,
    expected: "2 classes or more",
    received: String(classes),
    fix: "Give the last layer one unit per class",
  });
}

/** Refuses a vector that has not one value per class. */
export function checkVector(name: string, vector: readonly number[] | undefined, output: Shape, where: string): void {
  const classes = output.at(-1)!;
  if (vector === undefined || vector.length === classes) return;
  fail({
    code: "shape",
    where,
    problem: `${name} has not one value per class of the output ${formatShape(output)}`,
    expected: String(classes),
    received: String(vector.length),
  });
}

/** float32 of the output's shape. */
export const likeOutput = (output: Shape): TensorType => ({ shape: output, dtype: "float32" });
/** int32, one for each row of the output. */
export const labelsOf = (output: Shape): TensorType => ({ shape: output.slice(0, -1), dtype: "int32" });

/** A loss of what is particular to its kind; the rest is that of losses of numbers. */
export function makeLoss(
  kind: string,
  given: Readonly<Record<string, unknown>>,
  parts: Partial<Loss> & Pick<Loss, "emit">,
): Loss {
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  const json = Object.keys(options).length === 0 ? kind : { kind, ...options };
  return {
    kind,
    options,
    labels: false,
    logits: false,
    vectors: {},
    target: likeOutput,
    check: () => {},
    key: JSON.stringify(json),
    toJSON: () => json as object,
    ...parts,
  };
}

/** A loss that is the mean of an expression of output ($0) and target ($1). */
export function elementwise(kind: string, given: Readonly<Record<string, unknown>>, expression: Expression): Loss {
  return makeLoss(kind, given, {
    emit: ({ builder, output, target }) => ({
      sums: meanPerExample(builder, mapNode(builder, [output, target], expression)),
    }),
  });
}

export function constant(value: number): Expression {
  return { kind: "constant", value };
}

/** Options as given, their names checked. */
export function optionsOf(kind: string, options: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  const given = namedParts(kind, "options", options);
  checkOptions(kind, given, names);
  return given;
}
