import type { DType, NumericArray } from "../../src/core/dtypes.js";
import { keyOf, permutation, RandomStream } from "../../src/core/random.js";
import { type Shape, sizeOf } from "../../src/core/shapes.js";
import type { AttributesOf, LeafName, OpName } from "../../src/ops/index.js";

/** Ops that have cases: all that a graph computes, and `reshape`. */
export type CaseOp = Exclude<OpName, LeafName>;

/** One tensor that a case feeds to its op. Floats are rounded to float32, so that every backend sees the same. */
export interface CaseInput {
  readonly shape: Shape;
  /** Default: float32. */
  readonly dtype?: DType;
  /** Default: {@link uniform} from −1 to 1. */
  readonly values?: Values;
}

/** Makes the values of a tensor of `size` elements from a stream of random numbers; `index` is the input's position. */
export type Values = (size: number, stream: RandomStream, index: number) => ArrayLike<number>;

/** An op on given inputs: what the harness checks on every backend. */
export interface Case<Op extends CaseOp = CaseOp> {
  readonly op: Op;
  readonly name: string;
  readonly inputs: readonly CaseInput[];
  readonly attributes: AttributesOf<Op>;
  /** Whether gradients of float inputs are checked too. */
  readonly gradient: boolean;
  /** False where the op has a kink at the values (ties): gradients are compared between backends only. */
  readonly finiteDifferences?: boolean;
}

/** A case of any op, with the attributes of that op. */
export type AnyCase = { [Op in CaseOp]: Case<Op> }[CaseOp];

export const uniform =
  (low: number, high: number): Values =>
  (size, stream) =>
    Float64Array.from({ length: size }, () => stream.uniform(low, high));

/**
 * A shuffled arithmetic sequence over (−2, 2) without 0, another one for every input: no ties and nothing near a kink,
 * for finite differences.
 */
export const distinct: Values = (size, stream, index) => {
  const order = permutation(size, stream.key);
  const shift = 0.2 + 0.15 * index;
  return Float64Array.from(order, (k) => (4 * (k + shift - size / 2)) / size);
};

/** Whole numbers from `low` up to, not including, `high`. */
export const integers =
  (low: number, high: number): Values =>
  (size, stream) =>
    Float64Array.from({ length: size }, () => low + stream.integer(high - low));

/** Just these values. */
export const exactly =
  (...values: number[]): Values =>
  () =>
    values;

/** The values of every input of a case: a pure function of the case's op and name. */
export function valuesOf(testCase: AnyCase): NumericArray[] {
  return testCase.inputs.map(({ shape, dtype = "float32", values = uniform(-1, 1) }, index) => {
    const made = values(sizeOf(shape), new RandomStream(keyOf(1, testCase.op, testCase.name, index)), index);
    if (dtype === "uint8") return Uint8Array.from(made);
    return dtype === "int32" ? Int32Array.from(made) : Float32Array.from(made);
  });
}
