import { fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, TensorType } from "../graph/types.js";
import { equal, multiply, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { argmax, softmaxCrossEntropy } from "../ops/softmax.js";
import { choice } from "./check.js";
import { placeOf } from "./layer.js";
import type { Network } from "./network.js";

interface Loss {
  /** Type of the target, given the output's shape with the batch. */
  readonly target: (output: Shape) => TensorType;
  /** Loss per element that is averaged: [batch, …]. */
  readonly emit: (builder: GraphBuilder, output: Node, target: Node) => Node;
  /** Whether targets are class labels, so that accuracy has a meaning. */
  readonly labels: boolean;
}

/**
 * Losses by name, one value per example:
 *
 * - `crossEntropy`: `log Σ_j e^(y_j) − y_label`, from logits y (raw scores, no softmax) and int32 labels
 * - `meanSquaredError`: `mean_i (y_i − t_i)²`, from float32 targets of the output's shape
 */
export const losses = {
  crossEntropy: {
    target: (output) => ({ shape: output.slice(0, -1), dtype: "int32" }),
    emit: (builder, output, target) => builder.add(softmaxCrossEntropy, [output, target], {}),
    labels: true,
  },
  meanSquaredError: {
    target: (output) => ({ shape: output, dtype: "float32" }),
    emit: (builder, output, target) => {
      const difference = mapNode(builder, [output, target], subtract(x(0), x(1)));
      return mapNode(builder, [difference], multiply(x(0), x(0)));
    },
    labels: false,
  },
} as const satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;

export const lossNames = Object.keys(losses) as readonly LossName[];

/** Checks a `loss` option; names the closest one on a slip. */
export function checkLossName(where: string, value: unknown): LossName {
  return choice(where, "loss", value, lossNames);
}

/** Type of a loss's target for an output of this shape (with the batch). */
export function targetType(name: LossName, output: Shape): TensorType {
  return losses[name].target(output);
}

/** Whether the loss takes class labels, so that accuracy can be measured. */
export function takesLabels(name: LossName): boolean {
  return losses[name].labels;
}

/**
 * Finds mistakes that would train without complaint but badly: a softmax before `crossEntropy`, and a single class.
 *
 * Errors: code "usage" for a softmax at the end, code "shape" for fewer than two classes, code "unsupported" for a
 * network with several outputs.
 */
export function checkLoss(network: Network, name: LossName): void {
  const where = `loss "${name}"`;
  if (network.outputs.length !== 1) {
    fail({
      code: "unsupported",
      where,
      problem: "takes a network with one output",
      received: `${network.outputs.length} outputs`,
    });
  }
  if (!takesLabels(name)) return;
  const [output] = network.outputs;
  const last = network.calls.find((call) => call.output === output);
  if (last !== undefined && endsInSoftmax(last)) {
    fail({
      code: "usage",
      where,
      problem: `the network ends in a softmax, ${placeOf(last.layer.kind, last.name)}`,
      fix: `Remove the softmax: ${name} takes logits`,
    });
  }
  const classes = output!.shape.at(-1)!;
  if (classes < 2) {
    fail({
      code: "shape",
      where,
      problem: `output ${formatShape(output!.shape)} has one class only, so that the loss is always 0`,
      expected: "2 classes or more",
      received: String(classes),
      fix: "Give the last layer one unit per class",
    });
  }
}

/** Whether the values of a network's only output are probabilities already. */
export function endsInSoftmax({ layer }: Network["calls"][number]): boolean {
  return layer.kind === "softmax" || ("activation" in layer.config && layer.config.activation === "softmax");
}

/**
 * Loss of each example: [batch]. Outputs with more axes (a class per pixel) are averaged over them.
 *
 * @param output the network's, [batch, …shape]
 * @param target of the type that {@link targetType} says
 */
export function emitLosses(builder: GraphBuilder, name: LossName, output: Node, target: Node): Node {
  return builder.scope("loss", () => meanPerExample(builder, losses[name].emit(builder, output, target)));
}

/**
 * Mean loss of the batch: [].
 *
 * @example const loss = emitLoss(builder, "crossEntropy", logits, labels);
 */
export function emitLoss(builder: GraphBuilder, name: LossName, output: Node, target: Node): Node {
  const perExample = emitLosses(builder, name, output, target);
  return reduceNode(builder, perExample, "mean", [0], "loss");
}

/**
 * For each example, 1 where the largest output is the label's and 0 where not: [batch]. With a label per pixel, the
 * part of the pixels that are right.
 *
 * @param output logits or probabilities, [batch, …, classes]
 * @param labels int32 [batch, …]; classes are compared as floats, exact below 2²⁴
 */
export function emitCorrect(builder: GraphBuilder, output: Node, labels: Node): Node {
  return builder.scope("accuracy", () => {
    const predicted = builder.add(argmax, [output], {});
    return meanPerExample(builder, mapNode(builder, [predicted, labels], equal(x(0), x(1))));
  });
}

/** Part of the batch whose largest output is the label's: []. */
export function emitAccuracy(builder: GraphBuilder, output: Node, labels: Node): Node {
  return reduceNode(builder, emitCorrect(builder, output, labels), "mean", [0], "accuracy");
}

function meanPerExample(builder: GraphBuilder, node: Node): Node {
  const axes = node.shape.map((_, axis) => axis).slice(1);
  return reduceNode(builder, node, "mean", axes);
}
