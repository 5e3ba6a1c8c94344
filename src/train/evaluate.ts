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
import { inputDtypeOf, PlacedData } from "./placed.js";

/** Means over a data set. */
export interface Evaluation {
  readonly loss: number;
  /** Part of the examples whose largest output is the label's; undefined where targets are no labels. */
  readonly accuracy?: number;
  readonly examples: number;
}

/** Examples per step where the caller does not say, and memory suffices: enough that overheads vanish. */
export const evaluationBatch = 250;

/** Loss and accuracy over a data set that was checked already, each example read once. */
export async function evaluateOn(
  session: Session,
  network: Network,
  data: Dataset,
  { loss, batchSize }: { loss: LossName; batchSize?: number },
): Promise<Evaluation> {
  if (data.reader !== undefined) return evaluateRead(session, network, data, loss, batchSize);
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

/** Loss and accuracy over a data set whose examples are read as they are needed. */
async function evaluateRead(
  session: Session,
  network: Network,
  data: Dataset,
  loss: LossName,
  batchSize = evaluationBatch,
): Promise<Evaluation> {
  const placed = await PlacedData.place(session, network, data, { name: "validation data", batchSize });
  try {
    return await evaluatePlaced(network, placed, loss);
  } finally {
    await placed.close();
  }
}

/** Loss and accuracy over a data set in its table, where it is measured again and again. */
export async function evaluatePlaced(network: Network, placed: PlacedData, loss: LossName): Promise<Evaluation> {
  const { session, data, source } = placed;
  const means = new Means(data.length);
  await overBatches(session, {
    ...placedBatches(network, placed, loss),
    begin: () => placed.begin(epochOrder(data.length, 0, 0, false), 0),
    write: (program) => source.next(program.input("indices") as Int32Array),
    read: (program) => means.add(program),
  });
  return means.evaluation();
}

/** Compiles what {@link evaluatePlaced} runs, so that it is known beforehand whether there is memory for it. */
export async function prepareEvaluation(network: Network, placed: PlacedData, loss: LossName): Promise<void> {
  await programsOf(placed.session, placedBatches(network, placed, loss));
}

function placedBatches(network: Network, { data, table, inputDtype }: PlacedData, loss: LossName): Batches {
  return {
    length: data.length,
    // a source hands out as many examples at once as its table has rows
    ...(table.rows < Math.min(evaluationBatch, data.length) ? { batchSize: table.rows } : {}),
    key: `evaluate ${loss} ${inputDtype} ${JSON.stringify(table)}`,
    graph: (count) => evaluationGraph(network, { loss, batchSize: count, inputDtype, table }),
  };
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
  { probabilities, batchSize }: { probabilities: boolean; batchSize?: number },
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

interface Batches {
  /** Examples. */
  readonly length: number;
  /** Default: {@link evaluationBatch}, or fewer where memory does not suffice. */
  readonly batchSize?: number;
  /** What the program is known by, but for the size of its batches. */
  readonly key: string;
  readonly graph: (count: number) => Graph;
}

interface Pass extends Batches {
  /** Comes when all programs are compiled. */
  readonly begin?: () => void;
  readonly write: (program: Program, start: number, count: number) => Promise<void> | undefined | void;
  readonly read: (program: Program, start: number) => void;
}

/** The program of whole batches, if there is one, that of the last batch, and the size of whole batches. */
async function programsOf(session: Session, { length, batchSize, key, graph }: Batches) {
  const usual = Math.min(evaluationBatch, length);
  const size = batchSize ?? (length === 0 ? 1 : await session.fittingBatch(key, graph, usual));
  const program = (count: number) => session.program(key, graph, count);
  const rest = length % size;
  const whole = length >= size ? await program(size) : undefined;
  return { size, whole, last: rest > 0 ? await program(rest) : whole };
}

/** Runs a program over all examples in order: in whole batches, then one of what is left. */
async function overBatches(session: Session, pass: Pass): Promise<void> {
  const { length } = pass;
  const { size, whole, last } = await programsOf(session, pass);
  pass.begin?.();
  let breath = platform.now();
  for (let start = 0; start < length; start += size) {
    const count = Math.min(size, length - start);
    const current = (count === size ? whole : last)!;
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
