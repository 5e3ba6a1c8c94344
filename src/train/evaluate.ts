import { platform } from "#platform";
import { evaluationGraph, predictionGraph } from "../autodiff/trainingGraph.js";
import type { NumericArray } from "../core/dtypes.js";
import { sizeOf } from "../core/shapes.js";
import { ExampleCopier, epochOrder } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import type { Graph } from "../graph/types.js";
import type { Network } from "../model/network.js";
import { keyOfObjectives, type Objective, suffixOf } from "../model/objectives.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";
import { type Arranged, dataOptions } from "./arrange.js";
import { furtherInputs, writeVectors } from "./furtherInputs.js";

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

/** A mean in the making: a number per example, each with its weight. */
class Mean {
  #sum = 0;
  #weight = 0;

  /** Sums run in float64, in the order of the examples. */
  add(sums: NumericArray, weights: NumericArray | undefined, count: number): void {
    for (let i = 0; i < count; i++) {
      this.#sum += sums[i]!;
      this.#weight += weights === undefined ? 1 : weights[i]!;
    }
  }

  get value(): number {
    return this.#weight === 0 ? 0 : this.#sum / this.#weight;
  }
}

/** Examples per step where the caller does not say: enough that overheads vanish, little memory. */
export const evaluationBatch = 250;

/** Losses and accuracies over a data set that was checked already. */
export async function evaluateOn(
  session: Session,
  network: Network,
  data: Arranged,
  { objectives, batchSize = evaluationBatch }: { objectives: readonly Objective[]; batchSize?: number },
): Promise<Evaluation> {
  const options = {
    loss: Object.fromEntries(objectives.map(({ name, loss }) => [name, loss])),
    lossWeights: Object.fromEntries(objectives.map(({ name, weight }) => [name, weight])),
    ...dataOptions(network, data),
  };
  const means = objectives.map(() => ({ loss: new Mean(), accuracy: undefined as Mean | undefined }));
  const graph = (size: number) => evaluationGraph(network, { ...options, batchSize: size });
  const key = `evaluate ${keyOfObjectives(objectives)} ${JSON.stringify(dataOptions(network, data))}`;
  await overBatches(session, network, data, batchSize, key, graph, (program, order, start, count) => {
    const targets = new ExampleCopier(data.targets, program.input("target"), sizeOf(data.targetShape));
    targets.copy(order, start, count);
    const { copiers, vectors } = furtherInputs(program, data, objectives);
    for (const copier of copiers) copier.copy(order, start, count);
    writeVectors(vectors);
    return () => {
      const read = (name: string) => (name in program.plan.graph.outputs ? program.output(name) : undefined);
      objectives.forEach((objective, i) => {
        const suffix = suffixOf(objective);
        const mean = means[i]!;
        mean.loss.add(read(`losses${suffix}`)!, read(`weights${suffix}`), count);
        const correct = read(`correct${suffix}`);
        if (correct === undefined) return;
        mean.accuracy ??= new Mean();
        mean.accuracy.add(correct, read(`counted${suffix}`), count);
      });
    };
  });
  const each = means.map(({ loss, accuracy }) => {
    return accuracy === undefined ? { loss: loss.value } : { loss: loss.value, accuracy: accuracy.value };
  });
  const accuracy = each.find((measured) => measured.accuracy !== undefined)?.accuracy;
  return {
    loss: each.reduce((sum, { loss }, i) => sum + objectives[i]!.weight * loss, 0),
    examples: data.length,
    ...(accuracy === undefined ? {} : { accuracy }),
    ...(each.length === 1 ? {} : { outputs: Object.fromEntries(each.map((one, i) => [objectives[i]!.name, one])) }),
  };
}

/** What is predicted on: examples without targets. */
export type Examples = Pick<Arranged, "inputs" | "shape" | "length" | "columns">;

/** Outputs for every example: length × outputs values, by the names of the program's outputs. */
export async function predictOn(
  session: Session,
  network: Network,
  data: Examples,
  { probabilities, batchSize = evaluationBatch }: { probabilities: boolean; batchSize?: number },
): Promise<Map<string, Float32Array>> {
  const results = new Map<string, Float32Array>();
  const { inputDtype } = dataOptions(network, data);
  const graph = (count: number) => predictionGraph(network, { batchSize: count, inputDtype, softmax: probabilities });
  const key = `predict ${probabilities} ${JSON.stringify(inputDtype)}`;
  await overBatches(session, network, data, batchSize, key, graph, (program, order, start, count) => {
    const { copiers } = furtherInputs(program, data, []);
    for (const copier of copiers) copier.copy(order, start, count);
    return () => {
      for (const name of Object.keys(program.plan.graph.outputs)) {
        const values = program.output(name);
        const size = values.length / count;
        if (!results.has(name)) results.set(name, new Float32Array(data.length * size));
        results.get(name)!.set(values, start * size);
      }
    };
  });
  return results;
}

/**
 * Runs a program over all examples in order: in whole batches, then one of what is left. `prepare` writes what is
 * wanted beside the images and returns what to do after the run.
 */
async function overBatches(
  session: Session,
  network: Network,
  data: Pick<Dataset, "inputs" | "shape" | "length">,
  batchSize: number,
  key: string,
  graph: (size: number) => Graph,
  prepare: (program: Program, order: Uint32Array, start: number, count: number) => () => void,
): Promise<void> {
  const order = epochOrder(data.length, 0, 0, false);
  let breath = platform.now();
  for (let start = 0; start < data.length; start += batchSize) {
    const count = Math.min(batchSize, data.length - start);
    const program = await session.program(`${key} ${count}`, () => graph(count));
    new ExampleCopier(data.inputs, program.input(network.inputs[0]!.name), sizeOf(data.shape)).copy(
      order,
      start,
      count,
    );
    const finish = prepare(program, order, start, count);
    program.run();
    finish();
    if (platform.now() - breath < 60) continue;
    await platform.yield();
    breath = platform.now();
  }
}
