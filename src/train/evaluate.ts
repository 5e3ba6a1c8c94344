import { platform } from "#platform";
import { evaluationGraph, predictionGraph } from "../autodiff/trainingGraph.js";
import type { NumericArray } from "../core/dtypes.js";
import { sizeOf } from "../core/shapes.js";
import { epochOrder } from "../data/batches.js";
import type { Column } from "../data/dataset.js";
import type { Graph } from "../graph/types.js";
import type { Network } from "../model/network.js";
import { keyOfObjectives, type Objective, suffixOf } from "../model/objectives.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";
import { type Arranged, dataOptions } from "./arrange.js";
import { furtherInputs, writeVectors } from "./furtherInputs.js";
import { PlacedData } from "./placed.js";

/** Means over a data set; weighted where examples, classes or pixels weigh differently. */
export interface Evaluation {
  /** Of several losses, the weighted sum. */
  readonly loss: number;
  /** Part of the examples that are right, under the first loss that says so; undefined where none does. */
  readonly accuracy?: number;
  readonly examples: number;
  /** Each loss by itself where there are several, by the names of outputs. */
  readonly outputs?: Readonly<Record<string, { readonly loss: number; readonly accuracy?: number }>>;
}

/** Examples per step where the caller does not say, and memory suffices: enough that overheads vanish. */
export const evaluationBatch = 250;

/** Losses and accuracies over a data set that was checked already, each example read once. */
export async function evaluateOn(
  session: Session,
  network: Network,
  data: Arranged,
  { objectives, batchSize }: { objectives: readonly Objective[]; batchSize?: number },
): Promise<Evaluation> {
  if (data.reader !== undefined) return evaluateRead(session, network, data, objectives, batchSize);
  const options = dataOptions(network, data);
  const means = new Means(objectives, data.length);
  await overBatches(session, {
    length: data.length,
    batchSize,
    key: evaluationKey(objectives, options),
    graph: (count) => evaluationGraph(network, { ...specOf(objectives), ...options, batchSize: count }),
    write: (program, start, count) => {
      copyExamples(data.inputs, program, network.inputs[0]!.name, sizeOf(data.shape), start, count);
      copyExamples(data.targets, program, "target", sizeOf(data.targetShape), start, count);
      writeFurther(program, data, objectives, start, count);
    },
    read: (program) => means.add(program),
  });
  return means.evaluation();
}

/** Losses and accuracies over a data set whose examples are read as they are needed. */
async function evaluateRead(
  session: Session,
  network: Network,
  data: Arranged,
  objectives: readonly Objective[],
  batchSize = evaluationBatch,
): Promise<Evaluation> {
  const placed = await PlacedData.place(session, network, data, { name: "validation data", batchSize });
  try {
    return await evaluatePlaced(network, placed, objectives);
  } finally {
    await placed.close();
  }
}

/** Losses and accuracies over a data set in its table, where it is measured again and again. */
export async function evaluatePlaced(
  network: Network,
  placed: PlacedData,
  objectives: readonly Objective[],
): Promise<Evaluation> {
  const { session, data, source } = placed;
  const means = new Means(objectives, data.length);
  await overBatches(session, {
    ...placedBatches(network, placed, objectives),
    begin: () => placed.begin(epochOrder(data.length, 0, 0, false), 0),
    write: (program, start, count) => {
      writeFurther(program, data, objectives, start, count);
      return source.next(program.input("indices") as Int32Array);
    },
    read: (program) => means.add(program),
  });
  return means.evaluation();
}

/** Compiles what {@link evaluatePlaced} runs, so that it is known beforehand whether there is memory for it. */
export async function prepareEvaluation(
  network: Network,
  placed: PlacedData,
  objectives: readonly Objective[],
): Promise<void> {
  await programsOf(placed.session, placedBatches(network, placed, objectives));
}

function placedBatches(
  network: Network,
  { data, table, graphOptions }: PlacedData,
  objectives: readonly Objective[],
): Batches {
  return {
    length: data.length,
    // a source hands out as many examples at once as its table has rows
    ...(table.rows < Math.min(evaluationBatch, data.length) ? { batchSize: table.rows } : {}),
    key: evaluationKey(objectives, graphOptions),
    graph: (count) => evaluationGraph(network, { ...specOf(objectives), ...graphOptions, batchSize: count }),
  };
}

function specOf(objectives: readonly Objective[]) {
  return {
    loss: Object.fromEntries(objectives.map(({ name, loss }) => [name, loss])),
    lossWeights: Object.fromEntries(objectives.map(({ name, weight }) => [name, weight])),
  };
}

function evaluationKey(objectives: readonly Objective[], options: object): string {
  return `evaluate ${keyOfObjectives(objectives)} ${JSON.stringify(options)}`;
}

/** A mean in the making: a number per example, each with its weight. */
class Mean {
  #sum = 0;
  #weight = 0;

  /** Sums run in float64, in the order of the examples. */
  add(sums: NumericArray, weights: NumericArray | undefined): void {
    for (let i = 0; i < sums.length; i++) {
      this.#sum += sums[i]!;
      this.#weight += weights === undefined ? 1 : weights[i]!;
    }
  }

  get value(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }
}

/** The means of all losses, and of what is right under them. */
class Means {
  readonly #means: { readonly objective: Objective; readonly loss: Mean; accuracy: Mean | undefined }[];

  constructor(
    objectives: readonly Objective[],
    readonly examples: number,
  ) {
    this.#means = objectives.map((objective) => ({ objective, loss: new Mean(), accuracy: undefined }));
  }

  add(program: Program): void {
    const read = (name: string) => (name in program.plan.graph.outputs ? program.output(name) : undefined);
    for (const mean of this.#means) {
      const suffix = suffixOf(mean.objective);
      mean.loss.add(read(`losses${suffix}`)!, read(`weights${suffix}`));
      const correct = read(`correct${suffix}`);
      if (correct === undefined) continue;
      mean.accuracy ??= new Mean();
      mean.accuracy.add(correct, read(`counted${suffix}`));
    }
  }

  evaluation(): Evaluation {
    const each = this.#means.map(({ objective, loss, accuracy }) => ({
      objective,
      measured: { loss: loss.value, ...(accuracy === undefined ? {} : { accuracy: accuracy.value }) },
    }));
    const accuracy = each.find(({ measured }) => "accuracy" in measured)?.measured.accuracy;
    return {
      loss: each.reduce((sum, { objective, measured }) => sum + objective.weight * measured.loss, 0),
      examples: this.examples,
      ...(accuracy === undefined ? {} : { accuracy }),
      ...(each.length === 1
        ? {}
        : { outputs: Object.fromEntries(each.map(({ objective, measured }) => [objective.name, measured])) }),
    };
  }
}

/** What is predicted on: examples without targets. */
export type Examples = Pick<Arranged, "inputs" | "shape" | "length" | "columns">;

/** Outputs for every example: length × outputs values, by the names of the program's outputs. */
export async function predictOn(
  session: Session,
  network: Network,
  data: Examples,
  { probabilities, batchSize }: { probabilities: boolean; batchSize?: number },
): Promise<Map<string, Float32Array>> {
  const results = new Map<string, Float32Array>();
  const { inputDtype } = dataOptions(network, data);
  await overBatches(session, {
    length: data.length,
    batchSize,
    key: `predict ${probabilities} ${JSON.stringify(inputDtype)}`,
    graph: (count) => predictionGraph(network, { batchSize: count, inputDtype, softmax: probabilities }),
    write: (program, start, count) => {
      copyExamples(data.inputs, program, network.inputs[0]!.name, sizeOf(data.shape), start, count);
      writeFurther(program, data, [], start, count);
    },
    read: (program, start, count) => {
      for (const name of Object.keys(program.plan.graph.outputs)) {
        const values = program.output(name);
        const size = values.length / count;
        if (!results.has(name)) results.set(name, new Float32Array(data.length * size));
        results.get(name)!.set(values, start * size);
      }
    },
  });
  return results;
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
  readonly read: (program: Program, start: number, count: number) => void;
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
    pass.read(current, start, count);
    if (platform.now() - breath < 60) continue;
    await platform.yield();
    breath = platform.now();
  }
}

/** Writes what a program takes beside the first input and the first target. */
function writeFurther(
  program: Program,
  data: Pick<Arranged, "columns">,
  objectives: readonly Objective[],
  start: number,
  count: number,
): void {
  for (const [name, { values, shape }] of Object.entries(data.columns)) {
    copyExamples(values, program, name, sizeOf(shape), start, count);
  }
  writeVectors(furtherInputs(program, { columns: {} }, objectives).vectors);
}

function copyExamples(
  from: Column["values"],
  program: Program,
  input: string,
  size: number,
  start: number,
  count: number,
): void {
  program.input(input).set(from.subarray(start * size, (start + count) * size));
}
