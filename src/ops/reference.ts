import type { NumericArray } from "../core/dtypes.js";
import type { Shape } from "../core/shapes.js";

/** A tensor as naive loops see it: values in row-major order. */
export interface ReferenceTensor {
  readonly data: NumericArray;
  readonly shape: Shape;
}

/**
 * The naive loops of one op: read the inputs, write every element of the output. Sums are taken in float64 and rounded
 * once, when they are stored: to float32, or not at all where the caller asks for float64.
 */
export type ReferenceKernel<Attributes> = (call: {
  readonly inputs: readonly ReferenceTensor[];
  readonly output: ReferenceTensor;
  readonly attributes: Attributes;
}) => void;
