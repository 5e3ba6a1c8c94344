import { allocateArray, arrayTypes, type DataArray, type DType, dtypeOf } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { keyOf, permutation } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import { checkInputType, checkSeed, classCounts, type Dataset, dataset, labelsOf, subset } from "./dataset.js";

/**
 * Parts as `split` does, but each class for itself: `[rest, part]`, where `part` has round(n · fraction) of the n examples
 * of every class, so that both have classes in the same proportion. Both are in the order of a shuffle.
 *
 * scikit-learn: train_test_split(stratify=labels)
 *
 * Errors: code "option" for fractions out of range; code "data" for examples without labels.
 *
 * @example const [train, validation] = stratifiedSplit(data, 0.1, { seed: 1 });
 */
export function stratifiedSplit(
  data: Dataset,
  fraction: number,
  options: { seed?: number } = {},
): [rest: Dataset, part: Dataset] {
  const where = `stratifiedSplit of "${data.name}"`;
  checkOptions(where, options, ["seed"]);
  if (!(fraction >= 0 && fraction <= 1)) {
    fail({
      code: "option",
      where,
      problem: "the fraction is out of range",
      expected: "0 … 1",
      received: `${fraction}`,
    });
  }
  const labels = labelsOf(data, "divide by");
  const wanted = classCounts(data).map((count) => Math.round(count * fraction));
  const [rest, part]: [number[], number[]] = [[], []];
  for (const index of permutation(data.length, keyOf(checkSeed(where, options.seed), "split"))) {
    const label = labels[index];
    if (wanted[label] > 0) {
      wanted[label] -= 1;
      part.push(index);
    } else rest.push(index);
  }
  return [subset(data, rest), subset(data, part)];
}

/**
 * Weights that make up for classes of different sizes: `length / (classes · count)`, so that their mean over all examples
 * is 1. Classes without examples get 0.
 *
 * scikit-learn: compute_class_weight("balanced")
 *
 * Errors: code "data" for examples without labels.
 *
 * @example const weights = classWeights(data); // for crossEntropy({ classWeights: weights })
 */
export function classWeights(data: Dataset): number[] {
  const counts = classCounts(data);
  const present = counts.filter((count) => count > 0).length;
  return counts.map((count) => (count === 0 ? 0 : data.length / (present * count)));
}

/**
 * The same data set with probabilities as targets, float32 [classes]: 1 for the label, 0 for the others. For
 * `crossEntropy({ targets: "probabilities" })`, and for augmentations that mix examples.
 *
 * Errors: code "data" for examples without labels.
 *
 * @example oneHot(data).targetShape // [10]
 */
export function oneHot(data: Dataset): Dataset {
  const labels = labelsOf(data, "make probabilities of");
  const count = data.classes.length;
  const targets = new Float32Array(labels.length * count);
  labels.forEach((label, i) => {
    targets[i * count + label] = 1;
  });
  return { ...data, targets, targetShape: [count] };
}

export interface Statistics {
  /** Of each channel, the last axis. */
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/**
 * Mean and standard deviation of each channel (the last axis) over all examples, as a network gets them: pixels are
 * divided by 255. Sums run in float64. Examples that do not lie in memory are read one by one.
 *
 * @example const { mean, deviation } = await statistics(data);
 */
export async function statistics(data: Dataset): Promise<Statistics> {
  const { shape, inputs, reader, length } = data;
  const channels = shape[shape.length - 1];
  const size = sizeOf(shape);
  const unit = inputs instanceof Uint8Array ? 255 : 1;
  const [sums, squares] = [new Float64Array(channels), new Float64Array(channels)];
  const own = allocateArray(dtypeOf(inputs), size);
  const unused = data.targets instanceof Int32Array ? Int32Array : Float32Array;
  const targets = new unused(sizeOf(data.targetShape));
  // around the first value, so that squares of large numbers do not swallow small deviations
  let origin = 0;
  for (let i = 0; i < length; i++) {
    const example = reader === undefined ? inputs.subarray(i * size, (i + 1) * size) : own;
    await reader?.read(i, own, targets);
    if (i === 0) origin = example[0];
    for (let at = 0; at < size; ) {
      for (let channel = 0; channel < channels; channel++, at++) {
        const value = example[at] - origin;
        sums[channel] += value;
        squares[channel] += value * value;
      }
    }
  }
  const count = (length * size) / channels;
  const means = [...sums].map((sum) => sum / count);
  return {
    mean: means.map((mean) => (mean + origin) / unit),
    deviation: means.map((mean, i) => Math.sqrt(Math.max(0, squares[i] / count - mean ** 2)) / unit),
  };
}

export interface CollectOptions {
  name?: string;
  source?: string;
  /** Shape of one example. */
  shape: readonly number[];
  /** What examples consist of. Default: "float32". */
  inputType?: DType;
  /** Names of the classes, or their number: then targets are labels. Default: targets are numbers. */
  classes?: readonly string[] | number;
  /** Examples at most; what comes after them is not asked for. Default: all, up to 1 GiB. */
  limit?: number;
}

/** One example of a stream. */
export interface StreamedExample {
  readonly inputs: ArrayLike<number>;
  /** A label, or as many numbers in each example. */
  readonly target: number | ArrayLike<number>;
}

const mostCollectedBytes = 2 ** 30;

/**
 * A data set of what an iterable or async iterable gives: rows of a data base, records of a stream, a generator's
 * examples. They are kept in memory. For examples that are to be read anew in every epoch, see {@link lazyDataset}.
 *
 * Errors: codes "shape" and "label", with the example's number; code "memory" beyond 1 GiB.
 *
 * @example
 * async function* points() {
 *   for (let i = 0; i < 100; i++) yield { inputs: [i % 2, i % 3], target: i % 2 };
 * }
 * const collected = await collect(points(), { shape: [2], classes: 2 });
 */
export async function collect(
  stream: Iterable<StreamedExample> | AsyncIterable<StreamedExample>,
  options: CollectOptions,
): Promise<Dataset> {
  const { name = "data", source = "a stream", shape, inputType = "float32", classes, limit = Infinity } = options;
  const where = `collect "${name}"`;
  checkOptions(where, options, ["name", "source", "shape", "inputType", "classes", "limit"]);
  const size = sizeOf(shape);
  checkInputType(where, inputType);
  const Inputs = arrayTypes[inputType];
  const inputs: DataArray[] = [];
  const targets: number[] = [];
  let targetSize = 0;
  for await (const { inputs: values, target } of stream) {
    const numbers = typeof target === "number" ? [target] : target;
    if (inputs.length === 0) targetSize = numbers.length;
    checkLength(where, inputs.length, "values", size, values.length);
    checkLength(where, inputs.length, "targets", targetSize, numbers.length);
    inputs.push(Inputs.from(values));
    for (let i = 0; i < numbers.length; i++) targets.push(numbers[i]);
    const bytes = inputs.length * size * Inputs.BYTES_PER_ELEMENT + targets.length * 8;
    if (bytes > mostCollectedBytes) {
      const fix = "Pass a limit, or read examples as they are needed: lazyDataset";
      fail({
        code: "memory",
        where,
        problem: "the examples have more than 1 GiB",
        received: `${inputs.length} so far`,
        fix,
      });
    }
    if (inputs.length >= limit) break;
  }
  const all = new Inputs(inputs.length * size);
  inputs.forEach((values, i) => all.set(values, i * size));
  const common = { name, source, inputs: all, shape };
  if (classes !== undefined) return dataset({ ...common, targets: Int32Array.from(targets), classes });
  return dataset({ ...common, targets: Float32Array.from(targets), targetShape: [targetSize] });
}

function checkLength(where: string, example: number, what: string, expected: number, received: number): void {
  if (received === expected) return;
  const problem = `example ${example} has another number of ${what}`;
  fail({ code: "shape", where, problem, expected: `${expected}`, received: `${received}` });
}
