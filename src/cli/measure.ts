import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/index.js";
import type { LossName } from "../model/losses.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import { type Evaluation, evaluationBatch } from "../train/evaluate.js";
import type { Model } from "../train/model.js";
import { piecesOf } from "./reading.js";

export interface MeasureOptions extends ExecutionOptions {
  readonly loss: LossName;
  /** Told how many examples have been measured. */
  readonly onProgress?: (done: number, total: number) => void;
}

/** What a model gives for a data set. */
export interface Measured {
  readonly evaluation: Evaluation;
  /** Outputs for every example, one after the other. */
  readonly scores: Float32Array;
}

/** Numbers that the examples of a step have, at most: large images go in smaller batches, which take less memory. */
const mostValues = 5e6;

/** Loss, accuracy and scores; examples of files are read once, in pieces, and not kept. */
export async function measure(model: Model, data: Dataset, options: MeasureOptions): Promise<Measured> {
  const { loss, onProgress, ...execution } = options;
  const scores = new Float32Array(data.length * sizeOf(model.network.outputs[0]!.shape));
  const evaluations: Evaluation[] = [];
  const fitting = Math.max(1, Math.floor(mostValues / sizeOf(data.shape)));
  const batch = fitting < evaluationBatch ? { batchSize: fitting } : {};
  for await (const { start, piece } of piecesOf(data)) {
    evaluations.push(await model.evaluate(piece, { loss, ...execution, ...batch }));
    scores.set(await model.predict(piece.inputs, { ...execution, ...batch }), (start * scores.length) / data.length);
    onProgress?.(start + piece.length, data.length);
  }
  return { evaluation: meanOf(evaluations), scores };
}

/** The mean over all examples from those over pieces. */
function meanOf([first, ...others]: readonly Evaluation[]): Evaluation {
  if (others.length === 0) return first!;
  const all = [first!, ...others];
  const examples = all.reduce((sum, each) => sum + each.examples, 0);
  const mean = (value: (each: Evaluation) => number) =>
    all.reduce((sum, each) => sum + value(each) * each.examples, 0) / examples;
  return {
    loss: mean(({ loss }) => loss),
    examples,
    ...(first!.accuracy === undefined ? {} : { accuracy: mean(({ accuracy = 0 }) => accuracy) }),
  };
}
