import { allocateArray, arrayTypes, type DataArray, type DType } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { keyOf, permutation } from "../core/random.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { checkSampleWeights } from "./records.js";

/** Values that examples have beside the first input and target. */
export interface Column {
  /** length × size(shape) values. */
  readonly values: DataArray;
  /** Shape of one example. */
  readonly shape: readonly number[];
}

/** Reads examples that do not lie in memory. */
export interface ExampleReader {
  /** Whether targets are read too, as masks are; else the data set has all of them. */
  readonly readsTargets: boolean;
  /**
   * Writes example `index` into `inputs` and, if targets are read too, `targets`. May be called again before an earlier
   * call is done. Its failures end the training as they are, so they should name the file.
   */
  read(index: number, inputs: DataArray, targets: Dataset["targets"]): Promise<void> | void;
}

/** Examples in memory. All arrays are plain: index them, draw them, make your own. */
export interface Dataset {
  readonly name: string;
  /** Where the data came from, in plain words, e.g. "MNIST from ../shared/data" or "generated digits (strokes)". */
  readonly source: string;
  /** Number of examples. */
  readonly length: number;
  /** Shape of one example without the batch, e.g. [28, 28, 1]. */
  readonly shape: readonly number[];
  /**
   * length × size(shape) values, NHWC. uint8 pixels 0…255 (fovea divides them by 255), floats as they are; for a network's
   * input of dtype int32 tokens, int32 or uint8.
   */
  readonly inputs: DataArray;
  /** Class labels (Int32Array, one per example), or float targets, length × size(targetShape). */
  readonly targets: Int32Array | Float32Array;
  /** Shape of one target; [] for labels. */
  readonly targetShape: readonly number[];
  /** Class names; empty for regression. */
  readonly classes: readonly string[];
  /** Where examples are read from, one by one, when they are needed: then `inputs` is empty. See {@link lazyDataset}. */
  readonly reader?: ExampleReader;
  /**
   * `sample weight`, what examples count in the loss; of a data set of records every input by its name and every target
   * as `target.<output>`. Default: none.
   */
  readonly columns?: Readonly<Record<string, Column>>;
}

export interface DatasetOptions {
  /** Default "data". */
  name?: string;
  /** Default "memory". */
  source?: string;
  /** Pixels (uint8), numbers (float32) or tokens (int32 or uint8), one example after the other. */
  inputs: DataArray;
  /** Integer arrays are class labels, a Float32Array is a regression target. */
  targets: Int32Array | Uint8Array | Float32Array;
  shape: Shape;
  /** For float targets; default: as many numbers per example as there are. */
  targetShape?: Shape;
  /** Names of the classes, or their number; default: as many as the largest label asks for. Labels only. */
  classes?: readonly string[] | number;
  /** What each example counts in the loss: ≥ 0. Default: 1 each. */
  sampleWeights?: Float32Array;
}

const optionNames = [
  "name",
  "source",
  "inputs",
  "targets",
  "shape",
  "targetShape",
  "classes",
  "sampleWeights",
] as const;

/**
 * A data set from arrays, checked. The arrays are kept, not copied (uint8 labels become int32).
 *
 * @example
 * // exclusive or: four examples of two numbers
 * const inputs = Float32Array.of(0, 0, 0, 1, 1, 0, 1, 1);
 * const data = dataset({ inputs, targets: Int32Array.of(0, 1, 1, 0), shape: [2] });
 */
export function dataset(options: DatasetOptions): Dataset {
  const { name = "data", source = "memory", inputs, targets, shape } = options;
  const where = `dataset "${name}"`;
  checkOptions(where, options, optionNames);
  if (!(inputs instanceof Uint8Array || inputs instanceof Int32Array || inputs instanceof Float32Array)) {
    const expected = "a Uint8Array, an Int32Array or a Float32Array";
    failOption(where, "the inputs are not a typed array", expected, typeName(inputs));
  }
  if (!(targets instanceof Int32Array || targets instanceof Uint8Array || targets instanceof Float32Array)) {
    failOption(where, "the targets are not a typed array", "an Int32Array or a Float32Array", typeName(targets));
  }
  checkShape(where, "shape", shape);
  const length = countExamples(where, inputs, shape);
  checkFinite(where, "input", inputs, sizeOf(shape));
  const { sampleWeights } = options;
  const columns =
    sampleWeights === undefined
      ? {}
      : { columns: { "sample weight": checkSampleWeights(where, sampleWeights, length) } };
  const common = { name, source, length, shape: [...shape], inputs, ...columns };
  if (targets instanceof Float32Array) {
    if (options.classes !== undefined) {
      failOption(where, "float targets have no classes", "integer labels", "a Float32Array");
    }
    const targetShape = checkTargets(where, targets, length, options.targetShape);
    return { ...common, targets, targetShape, classes: [] };
  }
  if (options.targetShape !== undefined && options.targetShape.length > 0) {
    failOption(
      where,
      "labels are one number per example",
      "targetShape []",
      `targetShape ${formatShape(options.targetShape)}`,
    );
  }
  const labels = targets instanceof Int32Array ? targets : Int32Array.from(targets);
  const classes = checkLabels(where, labels, length, options.classes);
  return { ...common, targets: labels, targetShape: [], classes };
}

function failOption(where: string, problem: string, expected: string, received: string): never {
  fail({ code: "option", where, problem, expected, received });
}

function typeName(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return value.constructor?.name ?? typeof value;
}

function checkShape(where: string, option: string, shape: Shape): void {
  const good =
    Array.isArray(shape) && shape.length > 0 && shape.every((extent) => Number.isSafeInteger(extent) && extent > 0);
  if (good) return;
  const received = Array.isArray(shape) ? formatShape(shape) : typeName(shape);
  failOption(where, `${option} is not a list of positive integers`, "for instance [28, 28, 1]", received);
}

function countExamples(where: string, inputs: DataArray, shape: Shape): number {
  const size = sizeOf(shape);
  if (inputs.length === 0) {
    fail({ code: "data", where, problem: "there are no examples", expected: "at least one", received: "0 values" });
  }
  if (inputs.length % size !== 0) {
    fail({
      code: "shape",
      where,
      problem: `the inputs do not divide into examples of shape ${formatShape(shape)}`,
      expected: `a multiple of ${size} values`,
      received: `${inputs.length}`,
    });
  }
  return inputs.length / size;
}

/** Refuses NaN and infinities at once: found later, they are only a loss that went wrong. */
function checkFinite(where: string, what: string, values: DataArray, sizeOfOne: number): void {
  if (!(values instanceof Float32Array)) return;
  const bad = values.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  fail({
    code: "data",
    where,
    problem: `${what} value ${bad % sizeOfOne} of example ${Math.floor(bad / sizeOfOne)} is not a finite number`,
    received: `${values[bad]}`,
    fix: "Remove the example, or replace the value",
  });
}

function checkTargets(where: string, targets: Float32Array, length: number, given: Shape | undefined): number[] {
  const targetShape = given ?? [targets.length / length];
  if (given !== undefined && given.length > 0) checkShape(where, "targetShape", given);
  const size = sizeOf(targetShape);
  if (!Number.isSafeInteger(size) || size === 0 || targets.length !== length * size) {
    fail({
      code: "shape",
      where,
      problem: "the targets do not match the examples",
      expected: given === undefined ? `a multiple of ${length} values` : `${length} · ${size} values`,
      received: `${targets.length}`,
    });
  }
  checkFinite(where, "target", targets, size);
  return [...targetShape];
}

function checkLabels(where: string, labels: Int32Array, length: number, given: DatasetOptions["classes"]): string[] {
  if (labels.length !== length) {
    fail({
      code: "shape",
      where,
      problem: "the labels do not match the examples",
      expected: `${length} labels`,
      received: `${labels.length}`,
    });
  }
  const count = given === undefined ? labels.reduce((a, b) => Math.max(a, b), 0) + 1 : numberOfClasses(where, given);
  const bad = labels.findIndex((label) => label < 0 || label >= count);
  if (bad >= 0) {
    fail({
      code: "label",
      where,
      problem: `the label at index ${bad} is not a class`,
      expected: `0 … ${count - 1}`,
      received: `${labels[bad]}`,
    });
  }
  return typeof given === "object" ? [...given] : Array.from({ length: count }, (_, label) => `${label}`);
}

function numberOfClasses(where: string, given: readonly string[] | number): number {
  const count = typeof given === "number" ? given : given.length;
  if (Number.isSafeInteger(count) && count > 0) return count;
  failOption(where, "classes is empty", "names of classes, or their number", `${count}`);
}

export interface LazyDatasetOptions {
  /** Default "data". */
  name?: string;
  /** Default "reader". */
  source?: string;
  /** Number of examples. */
  length: number;
  /** Shape of one example. */
  shape: Shape;
  /** What examples consist of: pixels, numbers, or tokens. */
  inputType: DType;
  /** Targets of all examples, as in `dataset`; or the type and shape of those that `read` writes. */
  targets: Int32Array | Uint8Array | Float32Array | { type: "int32" | "float32"; shape: Shape };
  /** For float targets that are given. */
  targetShape?: Shape;
  classes?: readonly string[] | number;
  /** Writes one example; see {@link ExampleReader}. */
  read: ExampleReader["read"];
}

/**
 * A data set of examples that are read when they are needed: for sets that are larger than memory, or that somebody else
 * has. Where it is trained on, examples of the next batches are read while a step runs, and no others are kept.
 *
 * Errors: code "option" and "shape" where sizes do not fit.
 *
 * @example
 * const squares = lazyDataset({
 *   length: 1000, shape: [8, 8, 1], inputType: "uint8", targets: new Int32Array(1000), classes: 2,
 *   async read(index, inputs) { inputs.fill(index % 256); },
 * });
 */
export function lazyDataset(options: LazyDatasetOptions): Dataset {
  const { name = "data", source = "reader", length, shape, inputType, read } = options;
  const where = `dataset "${name}"`;
  const known = ["name", "source", "length", "shape", "inputType", "targets", "targetShape", "classes", "read"];
  checkOptions(where, options, known);
  checkInteger(where, "length", length, 1, 2 ** 32 - 1);
  checkShape(where, "shape", shape);
  checkInputType(where, inputType);
  const inputs = allocateArray(inputType, 0);
  const common = { name, source, length, shape: [...shape], inputs };
  const { targets } = options;
  if ("type" in targets) {
    if (targets.shape.length > 0) checkShape(where, "targets.shape", targets.shape);
    return {
      ...common,
      targets: targets.type === "int32" ? new Int32Array(0) : new Float32Array(0),
      targetShape: [...targets.shape],
      classes: classNames(where, options.classes),
      reader: { readsTargets: true, read },
    };
  }
  const reader = { readsTargets: false, read };
  if (targets instanceof Float32Array) {
    return {
      ...common,
      targets,
      targetShape: checkTargets(where, targets, length, options.targetShape),
      classes: [],
      reader,
    };
  }
  const labels = targets instanceof Int32Array ? targets : Int32Array.from(targets);
  return {
    ...common,
    targets: labels,
    targetShape: [],
    classes: checkLabels(where, labels, length, options.classes),
    reader,
  };
}

export function checkInputType(where: string, inputType: DType): void {
  if (Object.hasOwn(arrayTypes, inputType)) return;
  failOption(where, "unknown inputType", '"uint8", "int32" or "float32"', String(inputType));
}

function classNames(where: string, given: DatasetOptions["classes"]): string[] {
  if (given === undefined) return [];
  const count = numberOfClasses(where, given);
  return typeof given === "object" ? [...given] : Array.from({ length: count }, (_, label) => `${label}`);
}

/**
 * The examples at `indices`, in that order, copied.
 *
 * @example subset(data, [2, 0]).length // 2
 */
export function subset(data: Dataset, indices: ArrayLike<number>): Dataset {
  const bad = Array.prototype.findIndex.call(indices, (i: number) => !Number.isInteger(i) || i < 0 || i >= data.length);
  if (bad >= 0) {
    fail({
      code: "option",
      where: `subset of "${data.name}"`,
      problem: `indices[${bad}] is not an example`,
      expected: `an integer in 0 … ${data.length - 1}`,
      received: `${indices[bad]}`,
    });
  }
  return {
    ...data,
    length: indices.length,
    ...(data.reader === undefined
      ? { inputs: gather(data.inputs, indices, sizeOf(data.shape)) }
      : { reader: subsetReader(data.reader, Uint32Array.from(indices)) }),
    ...(data.reader?.readsTargets ? {} : { targets: gather(data.targets, indices, sizeOf(data.targetShape)) }),
    ...(data.columns === undefined ? {} : { columns: gatherColumns(data.columns, indices) }),
  };
}

function subsetReader(reader: ExampleReader, indices: Uint32Array): ExampleReader {
  const { readsTargets } = reader;
  return { readsTargets, read: (index, inputs, targets) => reader.read(indices[index], inputs, targets) };
}

function gatherColumns(columns: Readonly<Record<string, Column>>, indices: ArrayLike<number>) {
  return Object.fromEntries(
    Object.entries(columns).map(([name, { values, shape }]) => {
      return [name, { values: gather(values, indices, sizeOf(shape)), shape }];
    }),
  );
}

function gather<A extends Uint8Array | Int32Array | Float32Array>(
  from: A,
  indices: ArrayLike<number>,
  size: number,
): A {
  const Constructor = from.constructor as new (length: number) => A;
  const result = new Constructor(indices.length * size);
  for (let i = 0; i < indices.length; i++) {
    result.set(from.subarray(indices[i] * size, (indices[i] + 1) * size), i * size);
  }
  return result;
}

/**
 * `count` random examples without replacement, in their original order. The same seed gives the same ones, and fewer
 * of them are a part of more of them.
 *
 * @example take(data, 10, { seed: 1 }).length // 10
 */
export function take(data: Dataset, count: number, options: { seed?: number } = {}): Dataset {
  const where = `take from "${data.name}"`;
  checkOptions(where, options, ["seed"]);
  checkInteger(where, "count", count, 0, data.length);
  if (count === data.length) return data;
  const order = permutation(data.length, keyOf(checkSeed(where, options.seed), "take"));
  return subset(data, order.subarray(0, count).sort());
}

/**
 * Shuffles and parts: `[rest, part]`, where `part` has round(length · fraction) examples. Each example is in exactly
 * one of the two.
 *
 * @example const [train, validation] = split(data, 0.1);
 */
export function split(
  data: Dataset,
  fraction: number,
  options: { seed?: number } = {},
): [rest: Dataset, part: Dataset] {
  const where = `split of "${data.name}"`;
  checkOptions(where, options, ["seed"]);
  if (!(fraction >= 0 && fraction <= 1)) {
    failOption(where, "the fraction is out of range", "0 … 1", `${fraction}`);
  }
  const order = permutation(data.length, keyOf(checkSeed(where, options.seed), "split"));
  const [, count] = splitSizes(data.length, fraction);
  return [subset(data, order.subarray(count)), subset(data, order.subarray(0, count))];
}

/** How many examples `split` gives to each part. */
export function splitSizes(length: number, fraction: number): [rest: number, part: number] {
  const part = Math.round(length * fraction);
  return [length - part, part];
}

/**
 * Number of examples of each class.
 *
 * @example classCounts(dataset({ inputs: new Uint8Array(6), targets: Uint8Array.of(1, 0, 1), shape: [2] })) // [1, 2]
 */
export function classCounts(data: Dataset): number[] {
  const targets = labelsOf(data, "count");
  const counts = new Array<number>(data.classes.length).fill(0);
  for (const label of targets) counts[label]++;
  return counts;
}

/** One label per example, or an error that says what they were wanted for. */
export function labelsOf({ name, targets, targetShape, reader }: Dataset, verb: string): Int32Array {
  const received = targets instanceof Float32Array ? "float targets" : `targets of shape ${formatShape(targetShape)}`;
  if (targets instanceof Int32Array && targetShape.length === 0 && !reader?.readsTargets) return targets;
  return fail({
    code: "data",
    where: `dataset "${name}"`,
    problem: `the examples have no classes to ${verb}`,
    expected: "integer labels",
    received,
  });
}

/** `value` as an integer in [low, high]. */
export function checkInteger(where: string, name: string, value: number, low: number, high: number): number {
  if (Number.isSafeInteger(value) && value >= low && value <= high) return value;
  const range = high === Number.MAX_SAFE_INTEGER ? `an integer of at least ${low}` : `an integer in ${low} … ${high}`;
  fail({ code: "option", where, problem: `${name} is out of range`, expected: range, received: `${value}` });
}

export function checkSeed(where: string, seed: number | undefined): number {
  return checkInteger(where, "seed", seed ?? 0, 0, Number.MAX_SAFE_INTEGER);
}
