import { checkOptions, fail } from "../core/errors.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { choice, wholeNumber } from "../model/check.js";
import { emitInputs, emitNetwork } from "../model/emit.js";
import {
  checkLoss,
  checkLossName,
  emitAccuracy,
  emitCorrect,
  emitLoss,
  emitLosses,
  endsInSoftmax,
  type LossName,
  takesLabels,
  targetType,
} from "../model/losses.js";
import { isRandom, type Network } from "../model/network.js";
import { guardedMap, type Optimizer } from "../model/optimizers.js";
import { checkRegularizers, emitPenalties, type Regularizers } from "../model/regularizers.js";
import type { InputDType } from "../model/symbolic.js";
import { emitUpdates } from "../model/updates.js";
import { x } from "../ops/expression.js";
import { softmax } from "../ops/softmax.js";
import { differentiate } from "./differentiate.js";

/** What is measured beside the loss. */
export type MetricName = "accuracy";

export interface PredictionGraphOptions {
  /** Examples per step. */
  readonly batchSize: number;
  /** Type of the data; uint8 is divided by 255. Default: what each `input(…)` says. */
  readonly inputDtype?: InputDType;
  /** Whether to give `probabilities`, too. Default: false. */
  readonly softmax?: boolean;
}

export interface EvaluationGraphOptions {
  readonly loss: LossName;
  /** Examples per step. */
  readonly batchSize: number;
  /** Type of the data; uint8 is divided by 255. Default: what each `input(…)` says. */
  readonly inputDtype?: InputDType;
  /** Default: accuracy where the loss takes labels. */
  readonly metrics?: readonly MetricName[];
}

export interface TrainingGraphOptions extends EvaluationGraphOptions {
  readonly optimizer: Optimizer;
  /** Penalties that are part of the loss. Default: none. */
  readonly regularizers?: Regularizers;
}

/**
 * One step of training: forward, loss, gradients, and the update of every trainable weight that the loss depends on,
 * and of those that layers update themselves (running averages).
 *
 * Inputs: the network's (`input` [batch, …shape]); `target` (int32 labels [batch], or float32 of the output's shape);
 * `randomKey` int32 [2], only where the network draws random numbers; and `optimizer.<scalar>` float32 [] for each of
 * the optimiser's scalars. Variables: the weights, and `optimizer.<slot>.<weight>`.
 * Outputs: `loss` [], the mean over the batch before the update, and `accuracy` [] with labels.
 *
 * Where the loss is NaN or infinite, every variable keeps its value.
 *
 * Errors: code "option" for options out of range or unknown; those of {@link checkLoss}.
 *
 * @example trainingGraph(digits, { loss: "crossEntropy", optimizer: sgd(0.02), batchSize: 50, inputDtype: "uint8" })
 */
export function trainingGraph(network: Network, options: TrainingGraphOptions): Graph {
  const where = "training graph";
  checkOptions(where, options, ["loss", "optimizer", "batchSize", "inputDtype", "metrics", "regularizers"]);
  const { loss: lossName, metrics } = checkEvaluation(network, options, where);
  const { optimizer } = options;
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, options.batchSize, options.inputDtype);
  const randomKey = isRandom(network) ? builder.input("randomKey", [2], "int32") : undefined;
  const { outputs, weights, updates } = emitNetwork(network, builder, inputs, { training: true, randomKey });
  const target = targetInput(builder, lossName, outputs[0]!);
  const trainable = network.weights.filter((weight) => weight.trainable).map(({ name }) => weights.get(name)!);
  const dataLoss = emitLoss(builder, lossName, outputs[0]!, target);
  const names = trainable.map(({ name }) => name);
  const regularizers = checkRegularizers(where, options.regularizers ?? {}, names);
  const loss = emitPenalties(builder, regularizers, trainable, dataLoss);
  builder.output("loss", loss);
  if (metrics.includes("accuracy")) builder.output("accuracy", emitAccuracy(builder, outputs[0]!, target));

  const gradients = differentiate(builder, loss, trainable);
  emitUpdates(builder, optimizer, trainable, gradients, loss);
  for (const [name, value] of updates) {
    const weight = weights.get(name)!;
    const next = builder.scope(value.name, () => guardedMap(builder, [weight, value], x(1), { loss }));
    builder.update(weight, next);
  }
  return builder.build();
}

/**
 * Measures a batch without learning from it. Inputs: the network's, and `target`.
 * Outputs: `losses` [batch], and `correct` [batch] (1 or 0) with labels; per example, so that a last batch which is
 * filled up can be cut.
 *
 * @example evaluationGraph(digits, { loss: "crossEntropy", batchSize: 500, inputDtype: "uint8" })
 */
export function evaluationGraph(network: Network, options: EvaluationGraphOptions): Graph {
  const where = "evaluation graph";
  checkOptions(where, options, ["loss", "batchSize", "inputDtype", "metrics"]);
  const { loss, metrics } = checkEvaluation(network, options, where);
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, options.batchSize, options.inputDtype);
  const output = emitNetwork(network, builder, inputs, { training: false }).outputs[0]!;
  const target = targetInput(builder, loss, output);
  builder.output("losses", emitLosses(builder, loss, output, target));
  if (metrics.includes("accuracy")) builder.output("correct", emitCorrect(builder, output, target));
  return builder.build();
}

/**
 * Applies a network. Inputs: the network's. Outputs: `output`, as the last layer gives it (further outputs are
 * `output_1`, …), and `probabilities`, its softmax, when asked for.
 *
 * @example predictionGraph(digits, { batchSize: 1, inputDtype: "uint8", softmax: true })
 */
export function predictionGraph(network: Network, options: PredictionGraphOptions): Graph {
  const where = "prediction graph";
  checkOptions(where, options, ["batchSize", "inputDtype", "softmax"]);
  checkBatch(options, where);
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, options.batchSize, options.inputDtype);
  const { outputs } = emitNetwork(network, builder, inputs, { training: false });
  outputs.forEach((node, i) => {
    builder.output(i === 0 ? "output" : `output_${i}`, node);
  });
  if (options.softmax === true) {
    const last = network.calls.find(({ output }) => output === network.outputs[0]);
    const isProbability = last !== undefined && endsInSoftmax(last);
    const probabilities = isProbability ? outputs[0]! : builder.add(softmax, [outputs[0]!], {}, "probabilities");
    builder.output("probabilities", probabilities);
  }
  return builder.build();
}

function targetInput(builder: GraphBuilder, loss: LossName, output: Node): Node {
  const { shape, dtype } = targetType(loss, output.shape);
  return builder.input("target", shape, dtype);
}

function checkEvaluation(network: Network, options: EvaluationGraphOptions, where: string) {
  const loss = checkLossName(where, options.loss);
  checkBatch(options, where);
  checkLoss(network, loss);
  const metrics = options.metrics ?? (takesLabels(loss) ? ["accuracy" as const] : []);
  for (const metric of metrics) {
    choice(where, "metric", metric, ["accuracy"]);
    if (!takesLabels(loss)) {
      fail({ code: "option", where, problem: `accuracy needs labels, which ${loss} does not take` });
    }
  }
  return { loss, metrics };
}

function checkBatch({ batchSize, inputDtype }: { batchSize: number; inputDtype?: InputDType }, where: string): void {
  wholeNumber(where, "batchSize", batchSize);
  if (inputDtype !== undefined) choice(where, "inputDtype", inputDtype, ["float32", "uint8"]);
}
