import { sizeOf, stridesOf } from "../core/shapes.js";
import { offsetsOf } from "./offsets.reference.js";
import type { ReduceAttributes } from "./reduce.js";
import type { ReferenceKernel } from "./reference.js";

/** Every input element goes to the output element that has the same indices along the kept axes. */
export const reduce: ReferenceKernel<ReduceAttributes> = ({ inputs, output, attributes: { kind, axes } }) => {
  const input = inputs[0]!;
  const keptStrides = stridesOf(output.shape);
  const strides = input.shape.map((_, axis) => (axes.includes(axis) ? 0 : keptStrides.shift()!));
  const target = offsetsOf(input.shape, strides);

  const results = new Float64Array(output.data.length).fill(kind === "max" ? -Infinity : 0);
  for (let element = 0; element < target.length; element++) {
    const value = input.data[element]!;
    const place = target[element]!;
    // Math.max passes NaN on
    results[place] = kind === "max" ? Math.max(results[place]!, value) : results[place]! + value;
  }
  const count = sizeOf(axes.map((axis) => input.shape[axis]!));
  for (let place = 0; place < results.length; place++) {
    output.data[place] = kind === "mean" ? results[place]! / count : results[place]!;
  }
};
