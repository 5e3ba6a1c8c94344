import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { type Dataset, labelsOf } from "../data/dataset.js";
import { endsInSoftmax } from "../model/losses.js";
import type { Network } from "../model/network.js";
import { predictedClasses } from "../train/metrics/index.js";
import type { Model } from "../train/model.js";
import { checkExamples, overBatches } from "./examples.js";
import { onlyInput, Probe, type ViewOptions } from "./probe.js";

/** What a classifier says of labelled examples. */
export interface Scored {
  /** examples × classes */
  readonly probabilities: Float64Array;
  readonly predicted: Int32Array;
  readonly labels: Int32Array;
  /** Names of classes; numbers, where there are no names. */
  readonly classes: readonly string[];
}

/** Examples of a step of views that classify. */
export const classBatch = 50;

/** The number of classes. Errors: code "unsupported" for a network whose first output is not one score per class. */
export function checkClassifier(network: Network, where: string): number {
  const { shape } = network.outputs[0]!;
  if (shape.length === 1 && shape[0]! > 1) return shape[0]!;
  return fail({
    code: "unsupported",
    where,
    problem: "needs a classifier",
    expected: "an output of one score for each of two classes or more",
    received: formatShape(shape),
  });
}

/** Labels of examples. Errors: code "label" where one is not among the network's classes. */
export function checkedLabels(data: Dataset, count: number, where: string): Int32Array {
  const labels = labelsOf(data, "compare with");
  const wrong = labels.findIndex((label) => label >= count);
  if (wrong >= 0) {
    fail({
      code: "label",
      where,
      problem: `example ${wrong} is of a class that the network does not have`,
      expected: `0 … ${count - 1}`,
      received: String(labels[wrong]),
    });
  }
  return labels;
}

/** Names of the network's classes: the model's, else the data's, else numbers. */
export function classNames(model: Model, count: number, data?: Dataset): readonly string[] {
  const known = [model.classes, data?.classes ?? []].find((names) => names.length === count);
  return known ?? Array.from({ length: count }, (_, i) => String(i));
}

/** A classifier in batches of one size: what memory is told of once. */
export class Classifier {
  readonly classes: number;
  readonly shape: Shape;
  readonly #isSoftmax: boolean;

  private constructor(
    readonly probe: Probe,
    readonly batchSize: number,
    private readonly run: (inputs: Float32Array) => ArrayLike<number>,
  ) {
    const { network } = probe;
    this.classes = checkClassifier(network, probe.where);
    this.shape = probe.input().shape;
    const last = network.calls.find(({ output }) => output === network.outputs[0]);
    this.#isSoftmax = last !== undefined && endsInSoftmax(last);
  }

  static async of(model: Model, where: string, options: ViewOptions, batchSize = classBatch): Promise<Classifier> {
    checkClassifier(model.network, where);
    const { name } = onlyInput(model.network, where);
    const probe = await Probe.of(model, where, options);
    const program = await probe.forward([model.network.outputs[0]!], batchSize);
    return new Classifier(probe, batchSize, (inputs) => {
      program.input(name).set(inputs);
      program.run();
      return program.output("0");
    });
  }

  /** Probabilities of a batch that may be smaller than the program's. */
  probabilities(inputs: Float32Array): Float64Array {
    const scores = this.run(inputs);
    const count = inputs.length / sizeOf(this.shape);
    const own = Float64Array.from({ length: count * this.classes }, (_, i) => scores[i]!);
    return this.#isSoftmax ? own : softmaxOf(own, this.classes);
  }
}

/** Softmax of rows, in float64, so that what differs stays different. */
export function softmaxOf(logits: ArrayLike<number>, classes: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    let highest = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) highest = Math.max(highest, logits[start + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += result[start + c] = Math.exp(logits[start + c]! - highest);
    for (let c = 0; c < classes; c++) result[start + c]! /= sum;
  }
  return result;
}

/** Runs a classifier over labelled examples, batch by batch. */
export async function score(model: Model, data: Dataset, where: string, options: ViewOptions): Promise<Scored> {
  const count = checkClassifier(model.network, where);
  checkExamples(model, data, where);
  const labels = checkedLabels(data, count, where);
  const classifier = await Classifier.of(model, where, options);
  const probabilities = new Float64Array(data.length * count);
  await overBatches(data, classifier.batchSize, (inputs, start) => {
    probabilities.set(classifier.probabilities(inputs), start * count);
  });
  const classes = classNames(model, count, data);
  return { probabilities, predicted: predictedClasses(probabilities, count), labels, classes };
}
