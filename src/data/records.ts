import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import type { Column, Dataset } from "./dataset.js";

/** One input or target of a {@link recordDataset}. */
export interface ColumnOptions {
  /** One example after the other. Targets: Int32Array or Uint8Array for labels, Float32Array for numbers. */
  readonly values: Uint8Array | Int32Array | Float32Array;
  /** Shape of one example; [] for one label or number each. Default: as many values as there are, or [] for labels. */
  readonly shape?: Shape;
}

export interface RecordDatasetOptions {
  /** Default "data". */
  name?: string;
  /** Default "memory". */
  source?: string;
  /** By the names of the network's inputs. */
  inputs: Readonly<Record<string, ColumnOptions>>;
  /** By the names of the network's outputs: those of the layers that make them. */
  targets: Readonly<Record<string, ColumnOptions>>;
  /** What each example counts in the loss: ≥ 0. Default: 1 each. */
  sampleWeights?: Float32Array;
}

/**
 * A data set for networks with several inputs or outputs, checked. The arrays are kept, not copied (uint8 labels become
 * int32).
 *
 * Errors: code "option" for arrays of other types; code "shape" where numbers of examples differ; code "data" for values
 * that are not finite.
 *
 * @example
 * const both = recordDataset({
 *   inputs: { left: { values: Float32Array.of(0, 1, 2, 3), shape: [2] }, right: { values: Float32Array.of(4, 5) } },
 *   targets: { sum: { values: Float32Array.of(5, 10), shape: [1] }, isEven: { values: Int32Array.of(0, 1) } },
 * });
 */
export function recordDataset(options: RecordDatasetOptions): Dataset {
  const { name = "data", source = "memory", inputs, targets, sampleWeights } = options;
  const where = `dataset "${name}"`;
  checkOptions(where, options, ["name", "source", "inputs", "targets", "sampleWeights"]);
  const [first, ...others] = Object.entries(inputs);
  const [target] = Object.entries(targets);
  if (first === undefined || target === undefined) {
    fail({ code: "option", where, problem: "has no inputs or no targets", fix: "Give at least one of each" });
  }
  const length = lengthOf(where, first[0], first[1]);
  const columns: Record<string, Column> = {};
  for (const [key, column] of [first, ...others]) {
    columns[key] = checkColumn(where, `input "${key}"`, column, length);
  }
  for (const [key, column] of Object.entries(targets)) {
    const { values } = column;
    const labels = values instanceof Uint8Array ? { shape: [], ...column, values: Int32Array.from(values) } : column;
    const withShape = labels.values instanceof Int32Array ? { shape: [], ...labels } : labels;
    columns[`target.${key}`] = checkColumn(where, `target "${key}"`, withShape, length);
  }
  if (sampleWeights !== undefined) columns["sample weight"] = checkSampleWeights(where, sampleWeights, length);
  const [{ values, shape }, wanted] = [columns[first[0]]!, columns[`target.${target[0]}`]!];
  return {
    name,
    source,
    length,
    shape,
    inputs: values as Dataset["inputs"],
    targets: wanted.values as Dataset["targets"],
    targetShape: wanted.shape,
    classes: [],
    columns,
  };
}

/** The column of weights of examples, checked. */
export function checkSampleWeights(where: string, values: Float32Array, length: number): Column {
  if (!(values instanceof Float32Array)) wrongType(where, "sampleWeights", "a Float32Array");
  const column = checkColumn(where, "sampleWeights", { values, shape: [] }, length);
  const bad = values.findIndex((value) => value < 0);
  if (bad >= 0) {
    fail({
      code: "data",
      where,
      problem: `the weight of example ${bad} is negative`,
      expected: "numbers ≥ 0",
      received: `${values[bad]}`,
    });
  }
  return column;
}

function lengthOf(where: string, name: string, { values, shape }: ColumnOptions): number {
  if (shape === undefined) return values.length;
  const length = values.length / sizeOf(shape);
  if (length >= 1 && Number.isInteger(length)) return length;
  return fail({
    code: "shape",
    where,
    problem: `input "${name}" does not divide into examples of shape ${formatShape(shape)}`,
    expected: `a multiple of ${sizeOf(shape)} values`,
    received: `${values.length}`,
  });
}

function checkColumn(where: string, what: string, { values, shape }: ColumnOptions, length: number): Column {
  if (!(values instanceof Uint8Array || values instanceof Int32Array || values instanceof Float32Array)) {
    wrongType(where, what, "a typed array");
  }
  const full = shape ?? [values.length / length];
  if (
    values.length === 0 ||
    values.length !== length * sizeOf(full) ||
    !full.every((n) => Number.isInteger(n) && n > 0)
  ) {
    fail({
      code: "shape",
      where,
      problem: `${what} does not match the examples`,
      expected: shape === undefined ? `a multiple of ${length} values` : `${length} · ${sizeOf(shape)} values`,
      received: `${values.length}`,
    });
  }
  const bad = values instanceof Float32Array ? values.findIndex((value) => !Number.isFinite(value)) : -1;
  if (bad >= 0) {
    fail({
      code: "data",
      where,
      problem: `value ${bad} of ${what} is not a finite number`,
      received: `${values[bad]}`,
      fix: "Remove the example, or replace the value",
    });
  }
  return { values, shape: [...full] };
}

function wrongType(where: string, what: string, expected: string): never {
  return fail({ code: "option", where, problem: `${what} has another type`, expected });
}
