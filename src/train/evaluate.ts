import { platform } from "#platform";
import { evaluationGraph, predictionGraph } from "../autodiff/trainingGraph.js";
import { sizeOf } from "../core/shapes.js";
import { ExampleCopier, epochOrder } from "../data/batches.js";
import type { Dataset } from "../data/dataset.js";
import type { LossName } from "../model/losses.js";
import type { Network } from "../model/network.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";

/** Means over a data set. */
export interface Evaluation {
  readonly loss: number;
  /** Part of the examples whose largest output is the label's; undefined where targets are no labels. */
  readonly accuracy?: number;
  readonly examples: number;
}

/** Examples per step where the caller does not say, and memory suffices: enough that overheads vanish. */
const evaluationBatch = 250;

/** Loss and accuracy over a data set that was checked already. Sums run in float64, in the order of the examples. */
export async function evaluateOn(
  session: Session,
  network: Network,
  data: Dataset,
  { loss, batchSize }: { loss: LossName; batchSize?: number },
): Promise<Evaluation> {
  let lossSum = 0;
  let correct: number | undefined;
  const graph = (size: number, inputDtype: "uint8" | "float32") =>
    evaluationGraph(network, { loss, batchSize: size, inputDtype });
  await overBatches(session, network, data, batchSize, `evaluate ${loss}`, graph, (program, order, start, count) => {
    const targets = new ExampleCopier(data.targets, program.input("target"), sizeOf(data.targetShape));
    targets.copy(order, start, count);
    return () => {
      for (const value of program.output("losses").subarray(0, count)) lossSum += value;
      if ("correct" in program.plan.graph.outputs) {
        for (const value of program.output("correct").subarray(0, count)) correct = (correct ?? 0) + value;
      }
    };
  });
  const mean = { loss: lossSum / data.length, examples: data.length };
  return correct === undefined ? mean : { ...mean, accuracy: correct / data.length };
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
  const graph = (count: number, inputDtype: "uint8" | "float32") =>
    predictionGraph(network, { batchSize: count, inputDtype, softmax: probabilities });
  await overBatches(
    session,
    network,
    data,
    batchSize,
    `predict ${name}`,
    graph,
    (program, _order, start, count) => () => {
      result.set(program.output(name).subarray(0, count * size), start * size);
    },
  );
  return result;
}

/**
 * Runs a program over all examples in order: in whole batches, then one of what is left. `prepare` writes what is
 * wanted beside the images and returns what to do after the run.
 */
async function overBatches(
  session: Session,
  network: Network,
  data: Pick<Dataset, "inputs" | "shape" | "length">,
  wanted: number | undefined,
  key: string,
  graph: (size: number, inputDtype: "uint8" | "float32") => ReturnType<typeof predictionGraph>,
  prepare: (program: Program, order: Uint32Array, start: number, count: number) => () => void,
): Promise<void> {
  if (data.length === 0) return;
  const inputDtype = data.inputs instanceof Uint8Array ? "uint8" : "float32";
  const graphOf = (size: number) => graph(size, inputDtype);
  const typedKey = `${key} ${inputDtype}`;
  const usual = Math.min(evaluationBatch, data.length);
  const batchSize = wanted ?? (await session.fittingBatch(typedKey, graphOf, usual));
  const order = epochOrder(data.length, 0, 0, false);
  let breath = platform.now();
  for (let start = 0; start < data.length; start += batchSize) {
    const count = Math.min(batchSize, data.length - start);
    const program = await session.program(typedKey, graphOf, count);
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
