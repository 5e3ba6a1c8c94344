import type { DType } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { choice, wholeNumber } from "../model/check.js";
import { emitInputs, emitNetwork, emitNormalized, type InputDTypes, inputDTypeOf } from "../model/emit.js";
import { emitAccuracy, emitCorrect, emitLoss, emitLosses, endsInSoftmax } from "../model/losses.js";
import { isRandom, isTrained, type Network, type NetworkInput } from "../model/network.js";
import { type LossSpec, type LossWeights, type Objective, objectivesOf, suffixOf } from "../model/objectives.js";
import { guardedMap, type Optimizer } from "../model/optimizers.js";
import { checkRegularizers, emitPenalties, type Regularizers } from "../model/regularizers.js";
import { inputDTypes } from "../model/symbolic.js";
import { emitUpdates } from "../model/updates.js";
import { add, multiply, x } from "../ops/expression.js";
import { gatherNode } from "../ops/gather.js";
import { mapNode } from "../ops/map.js";
import { softmax } from "../ops/softmax.js";
import { differentiate } from "./differentiate.js";

type BatchOptions = Pick<EvaluationGraphOptions, "batchSize" | "inputDtype" | "table">;

/** What is measured beside the loss. */
export type MetricName = "accuracy";

export interface PredictionGraphOptions {
  /** Examples per step. */
  readonly batchSize: number;
  /** Type of the data, of all inputs or by their names; uint8 is divided by 255. Default: what each `input(…)` says. */
  readonly inputDtype?: InputDTypes;
  /** Whether to give `probabilities`, too. Default: false. */
  readonly softmax?: boolean;
}

/**
 * Examples that lie in the model's store, one row each: variables `<name>.<input>` [rows, …shape] for the network's first
 * input, and `<name>.target` [rows, …] for the first targets.
 */
export interface ExampleTable {
  readonly name: string;
  readonly rows: number;
}

export interface EvaluationGraphOptions {
  readonly loss: LossSpec;
  /** What the losses of several outputs count. Default: 1 each. */
  readonly lossWeights?: LossWeights;
  /** Whether examples have weights: an input `sample weight` [batch]. Default: false. */
  readonly sampleWeights?: boolean;
  /** Examples per step. */
  readonly batchSize: number;
  /** Type of the data, of all inputs or by their names; uint8 is divided by 255. Default: what each `input(…)` says. */
  readonly inputDtype?: InputDTypes;
  /** Where first inputs and targets lie, if they are not written into inputs before each step. Default: inputs. */
  readonly table?: ExampleTable;
  /** Default: accuracy where a loss says what is right. */
  readonly metrics?: readonly MetricName[];
}

const evaluationOptionNames = ["loss", "lossWeights", "sampleWeights", "batchSize", "inputDtype", "table", "metrics"];

export interface TrainingGraphOptions extends EvaluationGraphOptions {
  readonly optimizer: Optimizer;
  /** Penalties that are part of the loss. Default: none. */
  readonly regularizers?: Regularizers;
}

/**
 * One step of training: forward, loss, gradients, and the update of every trainable weight that the loss depends on,
 * and of those that layers update themselves (running averages).
 *
 * Inputs: the network's (`input` [batch, …shape]); `target` (int32 labels [batch], or float32 of the output's shape),
 * and `target.<output>` for the losses after the first; with a table, in place of the first input and the first target,
 * `indices` int32 [batch], the rows of the step's examples; `loss:<vector>` where losses have vectors (weights of classes);
 * `sample weight` [batch] where asked for; `randomKey` int32 [2], only where the network draws random numbers; and
 * `optimizer.<scalar>` float32 [] for each of the optimiser's scalars. Variables: the weights, and
 * `optimizer.<slot>.<weight>`.
 * Outputs: `loss` [], the mean over the batch before the update (of several, the weighted sum), with penalties, and
 * `accuracy` [] of the first loss that says what is right.
 *
 * Where the loss is NaN or infinite, every variable keeps its value.
 *
 * Errors: code "option" for options out of range or unknown; those of {@link checkLoss}.
 *
 * @example trainingGraph(digits, { loss: "crossEntropy", optimizer: sgd(0.02), batchSize: 50, inputDtype: "uint8" })
 */
export function trainingGraph(network: Network, options: TrainingGraphOptions): Graph {
  const where = "training graph";
  checkOptions(where, options, [...evaluationOptionNames, "optimizer", "regularizers"]);
  const { objectives, measured } = checkEvaluation(network, options, where);
  const { optimizer } = options;
  const builder = new GraphBuilder();
  const { inputs, targetOf } = emitExamples(network, builder, options);
  const randomKey = isRandom(network) ? builder.input("randomKey", [2], "int32") : undefined;
  const { outputs, weights, updates } = emitNetwork(network, builder, inputs, { training: true, randomKey });
  const trainable = network.weights.filter(isTrained).map(({ name }) => weights.get(name)!);
  const targets = objectives.map((objective) => targetOf(objective, outputs));
  const sampleWeight = emitSampleWeight(builder, options);
  const losses = objectives.map(({ loss, prefix, position }, i) =>
    emitLoss(builder, loss, outputs[position]!, targets[i]!, { sampleWeight, prefix }),
  );
  const terms = objectives.map(({ weight }, i) => multiply(weight, x(i)));
  const dataLoss = builder.scope("loss", () => mapNode(builder, losses, terms.reduce(add)));
  const names = network.weights.map(({ name }) => name);
  const regularizers = checkRegularizers(where, options.regularizers ?? {}, names);
  const loss = emitPenalties(builder, regularizers, trainable, dataLoss);
  builder.output("loss", loss);
  const [shown] = measured;
  if (shown !== undefined) {
    const target = targets[objectives.indexOf(shown)]!;
    builder.output("accuracy", emitAccuracy(builder, shown.loss, outputs[shown.position]!, target));
  }

  const gradients = differentiate(builder, loss, trainable);
  emitUpdates(builder, optimizer, trainable, gradients, loss, names);
  for (const [name, value] of updates) {
    const weight = weights.get(name)!;
    const next = builder.scope(value.name, () => guardedMap(builder, [weight, value], x(1), { loss }));
    builder.update(weight, next);
  }
  return builder.build();
}

/**
 * Measures a batch without learning from it. Inputs: the network's, and those of targets and losses as in training.
 * Outputs: `losses` [batch], and `correct` [batch] (the part that is right) where the loss says what is right; per
 * example, so that a last batch which is filled up can be cut. Where examples weigh differently, `weights` and `counted`
 * [batch] are what to divide the sums by. Losses after the first have outputs `losses.<output>`, ….
 *
 * @example evaluationGraph(digits, { loss: "crossEntropy", batchSize: 500, inputDtype: "uint8" })
 */
export function evaluationGraph(network: Network, options: EvaluationGraphOptions): Graph {
  const where = "evaluation graph";
  checkOptions(where, options, evaluationOptionNames);
  const { objectives, measured } = checkEvaluation(network, options, where);
  const builder = new GraphBuilder();
  const { inputs, targetOf } = emitExamples(network, builder, options);
  const { outputs } = emitNetwork(network, builder, inputs, { training: false });
  const sampleWeight = emitSampleWeight(builder, options);
  for (const objective of objectives) {
    const { loss, prefix, position } = objective;
    const target = targetOf(objective, outputs);
    const suffix = suffixOf(objective);
    const losses = emitLosses(builder, loss, outputs[position]!, target, { sampleWeight, prefix });
    builder.output(`losses${suffix}`, losses.sums);
    if (losses.weights !== undefined) builder.output(`weights${suffix}`, losses.weights);
    if (!measured.includes(objective)) continue;
    const correct = emitCorrect(builder, loss, outputs[position]!, target);
    builder.output(`correct${suffix}`, correct.sums);
    if (correct.weights !== undefined) builder.output(`counted${suffix}`, correct.weights);
  }
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
function emitExamples(network: Network, builder: GraphBuilder, options: BatchOptions) {
  const { batchSize, inputDtype, table } = options;
  const typeOf = ({ loss, position }: Objective, outputs: readonly Node[]) => loss.target(outputs[position]!.shape);
  const written = (objective: Objective, outputs: readonly Node[]) => {
    const { shape, dtype } = typeOf(objective, outputs);
    return builder.input(objective.target, shape, dtype);
  };
  if (table === undefined) {
    return { inputs: emitInputs(network, builder, batchSize, inputDtype), targetOf: written };
  }
  const indices = builder.input("indices", [batchSize], "int32");
  const rowsOf = (name: string, shape: Shape, dtype: DType) => {
    const all = builder.variable(`${table.name}.${name}`, [table.rows, ...shape], dtype);
    return gatherNode(builder, all, indices, name);
  };
  const [first, ...others] = network.inputs as [NetworkInput, ...NetworkInput[]];
  const rows = rowsOf(first.name, first.shape, inputDTypeOf(first, inputDtype));
  return {
    inputs: [emitNormalized(builder, rows, first), ...emitInputs({ inputs: others }, builder, batchSize, inputDtype)],
    targetOf(objective: Objective, outputs: readonly Node[]) {
      if (objective.target !== "target") return written(objective, outputs);
      const { shape, dtype } = typeOf(objective, outputs);
      return rowsOf("target", shape.slice(1), dtype);
    },
  };
}

function emitSampleWeight(builder: GraphBuilder, options: EvaluationGraphOptions): Node | undefined {
  return options.sampleWeights === true ? builder.input("sample weight", [options.batchSize], "float32") : undefined;
}

/** The losses, and those of them whose accuracy is measured. */
function checkEvaluation(network: Network, options: EvaluationGraphOptions, where: string) {
  checkBatch(options, where);
  const objectives = objectivesOf(network, options.loss, options.lossWeights, where);
  const able = objectives.filter(({ loss }) => loss.emitCorrect !== undefined);
  for (const metric of options.metrics ?? []) {
    choice(where, "metric", metric, ["accuracy"]);
    if (able.length === 0) {
      const problem = `accuracy has no meaning under ${objectives.map(({ loss }) => loss.kind).join(", ")}`;
      fail({ code: "option", where, problem });
    }
  }
  return { objectives, measured: options.metrics === undefined || options.metrics.length > 0 ? able : [] };
}

function checkBatch({ batchSize, inputDtype, table }: BatchOptions, where: string): void {
  wholeNumber(where, "batchSize", batchSize);
  if (table !== undefined) wholeNumber(where, "table.rows", table.rows);
  if (inputDtype === undefined) return;
  const all = typeof inputDtype === "object" ? Object.values(inputDtype) : [inputDtype];
  for (const each of all) choice(where, "inputDtype", each, inputDTypes);
}
