import type { DType } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { choice, wholeNumber } from "../model/check.js";
import { emitInputs, emitNetwork, emitNormalized } from "../model/emit.js";
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
import type { InputDType } from "../model/symbolic.js";
import { x } from "../ops/expression.js";
import { gatherNode } from "../ops/gather.js";
import { softmax } from "../ops/softmax.js";
import { differentiate } from "./differentiate.js";

type BatchOptions = Pick<EvaluationGraphOptions, "batchSize" | "inputDtype" | "table">;

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

/**
 * Examples that lie in the model's store, one row each: variables `<name>.<input>` [rows, …shape] for each of the
 * network's inputs, and `<name>.target` [rows, …].
 */
export interface ExampleTable {
  readonly name: string;
  readonly rows: number;
}

export interface EvaluationGraphOptions {
  readonly loss: LossName;
  /** Examples per step. */
  readonly batchSize: number;
  /** Type of the data; uint8 is divided by 255. Default: what each `input(…)` says. */
  readonly inputDtype?: InputDType;
  /** Where the examples lie, if they are not written into inputs before each step. Default: inputs. */
  readonly table?: ExampleTable;
  /** Default: accuracy where the loss takes labels. */
  readonly metrics?: readonly MetricName[];
}

export interface TrainingGraphOptions extends EvaluationGraphOptions {
  readonly optimizer: Optimizer;
}

/**
 * One step of training: forward, loss, gradients, and the update of every trainable weight that the loss depends on,
 * and of those that layers update themselves (running averages).
 *
 * Inputs: the network's (`input` [batch, …shape]); `target` (int32 labels [batch], or float32 of the output's shape);
 * with a table, in place of these two, `indices` int32 [batch], the rows of the step's examples;
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
  checkOptions(where, options, ["loss", "optimizer", "batchSize", "inputDtype", "table", "metrics"]);
  const { loss: lossName, metrics } = checkEvaluation(network, options, where);
  const { optimizer } = options;
  const builder = new GraphBuilder();
  const { inputs, targetOf } = emitExamples(network, builder, options);
  const randomKey = isRandom(network) ? builder.input("randomKey", [2], "int32") : undefined;
  const { outputs, weights, updates } = emitNetwork(network, builder, inputs, { training: true, randomKey });
  const target = targetOf(outputs[0]!);
  const loss = emitLoss(builder, lossName, outputs[0]!, target);
  builder.output("loss", loss);
  if (metrics.includes("accuracy")) builder.output("accuracy", emitAccuracy(builder, outputs[0]!, target));

  const trainable = network.weights.filter((weight) => weight.trainable).map(({ name }) => weights.get(name)!);
  const gradients = differentiate(builder, loss, trainable);
  const scalars = Object.fromEntries(
    Object.keys(optimizer.scalars(1)).map((name) => [name, builder.input(`optimizer.${name}`, [], "float32")]),
  );
  trainable.forEach((weight, i) => {
    const gradient = gradients[i];
    if (gradient === undefined) return;
    const slots = Object.fromEntries(
      optimizer.slots.map((slot) => [slot, builder.variable(slotName(slot, weight.name), weight.shape)]),
    );
    const next = builder.scope(`optimizer.${weight.name}`, () =>
      optimizer.emit(builder, { weight, gradient, slots, scalars, loss }),
    );
    for (const slot of optimizer.slots) builder.update(slots[slot]!, next.slots[slot]!);
    builder.update(weight, next.weight);
  });
  for (const [name, value] of updates) {
    const weight = weights.get(name)!;
    const next = builder.scope(value.name, () => guardedMap(builder, [weight, value], x(1), { loss }));
    builder.update(weight, next);
  }
  return builder.build();
}

/** The variable that holds a slot of a weight: `optimizer.momentum.conv2d.kernel`. */
export function slotName(slot: string, weight: string): string {
  return `optimizer.${slot}.${weight}`;
}

/**
 * Measures a batch without learning from it. Inputs: the network's, and `target`; with a table, `indices`.
 * Outputs: `losses` [batch], and `correct` [batch] (1 or 0) with labels; per example, so that a last batch which is
 * filled up can be cut.
 *
 * @example evaluationGraph(digits, { loss: "crossEntropy", batchSize: 500, inputDtype: "uint8" })
 */
export function evaluationGraph(network: Network, options: EvaluationGraphOptions): Graph {
  const where = "evaluation graph";
  checkOptions(where, options, ["loss", "batchSize", "inputDtype", "table", "metrics"]);
  const { loss, metrics } = checkEvaluation(network, options, where);
  const builder = new GraphBuilder();
  const { inputs, targetOf } = emitExamples(network, builder, options);
  const output = emitNetwork(network, builder, inputs, { training: false }).outputs[0]!;
  const target = targetOf(output);
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

/** The nodes of a batch: what the network takes, and the targets for what it gives. */
function emitExamples(network: Network, builder: GraphBuilder, options: EvaluationGraphOptions) {
  const { batchSize, inputDtype, loss, table } = options;
  const type = (output: Node) => targetType(loss, output.shape);
  if (table === undefined) {
    return {
      inputs: emitInputs(network, builder, batchSize, inputDtype),
      targetOf: (output: Node) => builder.input("target", type(output).shape, type(output).dtype),
    };
  }
  const indices = builder.input("indices", [batchSize], "int32");
  const rowsOf = (name: string, shape: Shape, dtype: DType) => {
    const all = builder.variable(`${table.name}.${name}`, [table.rows, ...shape], dtype);
    return gatherNode(builder, all, indices, name);
  };
  return {
    inputs: network.inputs.map(({ name, shape, dtype }) =>
      emitNormalized(builder, rowsOf(name, shape, inputDtype ?? dtype)),
    ),
    targetOf: (output: Node) => rowsOf("target", type(output).shape.slice(1), type(output).dtype),
  };
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

function checkBatch({ batchSize, inputDtype, table }: BatchOptions, where: string): void {
  wholeNumber(where, "batchSize", batchSize);
  if (table !== undefined) wholeNumber(where, "table.rows", table.rows);
  if (inputDtype !== undefined) choice(where, "inputDtype", inputDtype, ["float32", "uint8"]);
}
