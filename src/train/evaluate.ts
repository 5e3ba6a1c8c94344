import { platform } from "#platform";
import { evaluationGraph, predictionGraph } from "../autodiff/trainingGraph.js";
import { sizeOf } from "../core/shapes.js";
import { epochOrder } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import type { Graph } from "../graph/types.js";
import type { LossName } from "../model/losses.js";
import type { Network } from "../model/network.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";
import { inputDtypeOf, type PlacedData } from "./placed.js";

/** Means over a data set. */
export interface Evaluation {
  readonly loss: number;
  /** Part of the examples whose largest output is the label's; undefined where targets are no labels. */
  readonly accuracy?: number;
  readonly examples: number;
}

/** Examples per step where the caller does not say: enough that overheads vanish, little memory. */
export const evaluationBatch = 250;

/** Loss and accuracy over a data set that was checked already, each example read once. */
export async function evaluateOn(
  session: Session,
  network: Network,
  data: Dataset,
  { loss, batchSize = evaluationBatch }: { loss: LossName; batchSize?: number },
): Promise<Evaluation> {
  const inputDtype = inputDtypeOf(data);
  const means = new Means(data.length);
  await overBatches(session, {
    length: data.length,
    batchSize,
    key: `evaluate ${loss} ${inputDtype}`,
    graph: (count) => evaluationGraph(network, { loss, batchSize: count, inputDtype }),
    write: (program, start, count) => {
      copyExamples(data.inputs, program, network.inputs[0]!.name, sizeOf(data.shape), start, count);
      copyExamples(data.targets, program, "target", sizeOf(data.targetShape), start, count);
    },
    read: (program) => means.add(program),
  });
  return means.evaluation();
}

/** Loss and accuracy over a data set in its table, where it is measured again and again. */
export async function evaluatePlaced(network: Network, placed: PlacedData, loss: LossName): Promise<Evaluation> {
  const { session, data, source, table, inputDtype } = placed;
  const means = new Means(data.length);
  await overBatches(session, {
    length: data.length,
    batchSize: evaluationBatch,
    key: `evaluate ${loss} ${inputDtype} ${JSON.stringify(table)}`,
    graph: (count) => evaluationGraph(network, { loss, batchSize: count, inputDtype, table }),
    begin: () => placed.begin(epochOrder(data.length, 0, 0, false)),
    write: (program) => source.next(program.input("indices") as Int32Array),
    read: (program) => means.add(program),
  });
  return means.evaluation();
}

/** Sums run in float64, in the order of the examples. */
class Means {
  #loss = 0;
  #correct: number | undefined;

  constructor(readonly examples: number) {}

  add(program: Program): void {
    for (const value of program.output("losses")) this.#loss += value;
    if (!("correct" in program.plan.graph.outputs)) return;
    for (const value of program.output("correct")) this.#correct = (this.#correct ?? 0) + value;
  }

  evaluation(): Evaluation {
    const { examples } = this;
    const mean = { loss: this.#loss / examples, examples };
    return this.#correct === undefined ? mean : { ...mean, accuracy: this.#correct / examples };
  }
}

/** Outputs for every example: length × outputs values. */
export async function predictOn(
  session: Session,
  network: Network,
  data: Pick<Dataset, "inputs" | "shape" | "length">,
  { probabilities, batchSize = evaluationBatch }: { probabilities: boolean; batchSize?: number },
): Promise<Float32Array> {
  const size = sizeOf(network.outputs[0]!.shape);
  const result = new Float32Array(data.length * size);
  const name = probabilities ? "probabilities" : "output";
  const inputDtype = inputDtypeOf(data);
  await overBatches(session, {
    length: data.length,
    batchSize,
    key: `predict ${name} ${inputDtype}`,
    graph: (count) => predictionGraph(network, { batchSize: count, inputDtype, softmax: probabilities }),
    write: (program, start, count) =>
      copyExamples(data.inputs, program, network.inputs[0]!.name, sizeOf(data.shape), start, count),
    read: (program, start) => result.set(program.output(name), start * size),
  });
  return result;
}

interface Pass {
  /** Examples. */
  readonly length: number;
  readonly batchSize: number;
  /** What the program is known by, but for the size of its batches. */
  readonly key: string;
  readonly graph: (count: number) => Graph;
  /** Comes when all programs are compiled. */
  readonly begin?: () => void;
  readonly write: (program: Program, start: number, count: number) => Promise<void> | undefined | void;
  readonly read: (program: Program, start: number) => void;
}

/** Runs a program over all examples in order: in whole batches, then one of what is left. */
async function overBatches(session: Session, pass: Pass): Promise<void> {
  const { length, batchSize, key, graph } = pass;
  const program = (count: number) => session.program(`${key} ${count}`, () => graph(count));
  const rest = length % batchSize;
  const whole = length >= batchSize ? await program(batchSize) : undefined;
  const last = rest > 0 ? await program(rest) : whole;
  pass.begin?.();
  let breath = platform.now();
  for (let start = 0; start < length; start += batchSize) {
    const count = Math.min(batchSize, length - start);
    const current = (count === batchSize ? whole : last)!;
    await pass.write(current, start, count);
    current.run();
    pass.read(current, start);
    if (platform.now() - breath < 60) continue;
    await platform.yield();
    breath = platform.now();
  }
}

function copyExamples(
  from: Dataset["inputs"] | Dataset["targets"],
  program: Program,
  input: string,
  size: number,
  start: number,
  count: number,
): void {
  program.input(input).set(from.subarray(start * size, (start + count) * size));
}
