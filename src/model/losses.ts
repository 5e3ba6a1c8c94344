import { fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, TensorType } from "../graph/types.js";
import { choice, namedParts, wrongOption } from "./check.js";
import { binaryCrossEntropy, categoricalHinge, crossEntropy, dice, klDivergence } from "./classLosses.js";
import { customLoss, type LossFunction } from "./customLoss.js";
import { placeOf } from "./layer.js";
import { emitMean, type Loss, type Parts, weighted } from "./loss.js";
import type { Network } from "./network.js";
import { cosineSimilarity, hinge, huber, meanAbsoluteError, meanSquaredError, squaredHinge } from "./numberLosses.js";

export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropy,
  type CrossEntropyOptions,
  categoricalHinge,
  crossEntropy,
  type DiceOptions,
  dice,
  klDivergence,
} from "./classLosses.js";
export type { LossFunction } from "./customLoss.js";
export type { Loss } from "./loss.js";
export {
  cosineSimilarity,
  type HuberOptions,
  hinge,
  huber,
  meanAbsoluteError,
  meanSquaredError,
  squaredHinge,
} from "./numberLosses.js";

const makers = {
  crossEntropy,
  binaryCrossEntropy,
  meanSquaredError,
  meanAbsoluteError,
  huber,
  hinge,
  squaredHinge,
  categoricalHinge,
  dice,
  klDivergence,
  cosineSimilarity,
};

/** Losses that are known by their names, with the defaults of their options. */
export type LossName = keyof typeof makers;

export const lossNames = Object.keys(makers) as readonly LossName[];

/** A loss: its name, what a function such as `crossEntropy({ … })` returned, or a function of your own. */
export type LossOption = LossName | Loss | LossFunction;

/** Checks a `loss` option; names the closest one on a slip. */
export function lossOf(where: string, value: unknown): Loss {
  if (typeof value === "function") {
    const name = lossNames.find((known) => makers[known] === value);
    if (name === undefined) return customLoss(value as LossFunction);
    return wrongOption(where, "loss", value, "a loss", `Call it: ${name}()`);
  }
  if (typeof value === "object" && value !== null && "emit" in value) return value as Loss;
  return makers[choice(where, "loss", value, lossNames)]();
}

/** Makes a loss of what its `toJSON` wrote: a name, or an object with its options. */
export function lossFromJSON(where: string, json: unknown): Loss {
  if (typeof json === "string") return lossOf(where, json);
  const { kind, ...options } = namedParts(where, "loss", json);
  const make: (options: object) => Loss = makers[choice(where, "loss", kind, lossNames)];
  return make(options);
}

/** Type of a loss's target for an output of this shape (with the batch). */
export function targetType(loss: LossOption, output: Shape): TensorType {
  return lossOf("loss", loss).target(output);
}

/** Whether the loss takes class labels. */
export function takesLabels(loss: LossOption): boolean {
  return lossOf("loss", loss).labels;
}

/** Whether accuracy has a meaning under the loss. */
export function measuresAccuracy(loss: LossOption): boolean {
  return lossOf("loss", loss).emitCorrect !== undefined;
}

/**
 * Finds mistakes that would train without complaint but badly: a softmax before a loss that takes logits, and a single
 * class.
 *
 * Errors: code "usage" for a softmax at the end; code "shape" for fewer than two classes, or vectors that do not fit.
 *
 * @param position which of the network's outputs the loss is of. Default: the first
 */
export function checkLoss(network: Network, option: LossOption, position = 0): void {
  const loss = lossOf("loss", option);
  const where = `loss "${loss.kind}"`;
  const output = network.outputs[position]!;
  const last = network.calls.find((call) => call.output === output);
  if (loss.logits && last !== undefined && endsInSoftmax(last)) {
    fail({
      code: "usage",
      where,
      problem: `the network ends in a softmax, ${placeOf(last.layer.kind, last.name)}`,
      fix: `Remove the softmax: ${loss.kind} takes logits`,
    });
  }
  loss.check(output.shape, where);
}

/** Whether the values of a network's only output are probabilities already. */
export function endsInSoftmax({ layer }: Network["calls"][number]): boolean {
  return layer.kind === "softmax" || ("activation" in layer.config && layer.config.activation === "softmax");
}

export interface LossInputs {
  /** float32 [batch]: what each example counts. Default: 1 each. */
  readonly sampleWeight?: Node;
  /** What names of inputs begin with. Default: `loss`. */
  readonly prefix?: string;
}

/**
 * Loss of each example, [batch], and what it weighs in the mean. Outputs with more axes (a class per pixel) are
 * averaged over them. Adds an input `loss:<vector>` for each of the loss's vectors.
 *
 * @param output the network's, [batch, …shape]
 * @param target of the type that {@link targetType} says
 */
export function emitLosses(
  builder: GraphBuilder,
  option: LossOption,
  output: Node,
  target: Node,
  { sampleWeight, prefix = "loss" }: LossInputs = {},
): Parts {
  const loss = lossOf("loss", option);
  const vectors = Object.fromEntries(
    Object.entries(loss.vectors).map(([name, values]) => {
      return [name, builder.input(`${prefix}:${name}`, [values.length], "float32")];
    }),
  );
  return builder.scope("loss", () => {
    const parts = loss.emit({ builder, output, target, vectors });
    return sampleWeight === undefined ? parts : weighted(builder, parts, sampleWeight);
  });
}

/**
 * Mean loss of the batch: []. With weights it is the weighted mean, `Σ_n s_n·loss_n / Σ_n s_n·w_n`.
 *
 * @example const loss = emitLoss(builder, "crossEntropy", logits, labels);
 */
export function emitLoss(
  builder: GraphBuilder,
  option: LossOption,
  output: Node,
  target: Node,
  inputs?: LossInputs,
): Node {
  const parts = emitLosses(builder, option, output, target, inputs);
  return builder.scope("loss", () => emitMean(builder, parts, "loss"));
}

/** For each example, the part that is right, 0 to 1: [batch], and what it weighs. Losses say what is right. */
export function emitCorrect(builder: GraphBuilder, option: LossOption, output: Node, target: Node): Parts {
  const loss = lossOf("loss", option);
  if (loss.emitCorrect === undefined) {
    fail({ code: "option", where: `loss "${loss.kind}"`, problem: "accuracy has no meaning under this loss" });
  }
  return builder.scope("accuracy", () => loss.emitCorrect!({ builder, output, target }));
}

/** Part of the batch that is right: []. */
export function emitAccuracy(builder: GraphBuilder, option: LossOption, output: Node, target: Node): Node {
  const parts = emitCorrect(builder, option, output, target);
  return builder.scope("accuracy", () => emitMean(builder, parts, "accuracy"));
}
