import { sizeOf, stridesOf } from "../core/shapes.js";
import { x } from "./expression.js";
import { evaluateExpression } from "./expression.reference.js";
import { broadcastOffsets, offsetsOf } from "./offsets.reference.js";
import { type ReduceAttributes, reducedShape } from "./reduce.js";
import type { ReferenceKernel } from "./reference.js";

const sum = { neutral: 0, take: (total: number, value: number) => total + value };
/** What each kind starts from, and how it takes up a value; NaN is passed on. */
const kinds = {
  sum,
  mean: sum,
  max: { neutral: -Infinity, take: Math.max },
  min: { neutral: Infinity, take: Math.min },
  prod: { neutral: 1, take: (total: number, value: number) => total * value },
} as const;

/** Every element goes, through the prologue, to the output element that has the same indices along the kept axes. */
export const reduce: ReferenceKernel<ReduceAttributes> = ({ inputs, output, attributes }) => {
  const { kind, axes, prologue = x(0) } = attributes;
  const shape = reducedShape(inputs);
  const keptStrides = stridesOf(output.shape);
  const strides = shape.map((_, axis) => (axes.includes(axis) ? 0 : keptStrides.shift()!));
  const target = offsetsOf(shape, strides);
  const offsets = inputs.map((input) => broadcastOffsets(shape, input.shape));

  const { neutral, take } = kinds[kind];
  const results = new Float64Array(output.data.length).fill(neutral);
  for (let element = 0; element < target.length; element++) {
    const value = evaluateExpression(prologue, {
      value: (index) => inputs[index]!.data[offsets[index]![element]!]!,
      random: () => Number.NaN, // no prologue draws random numbers
    });
    const place = target[element]!;
    results[place] = take(results[place]!, value);
  }
  const count = sizeOf(axes.map((axis) => shape[axis]!));
  for (let place = 0; place < results.length; place++) {
    output.data[place] = kind === "mean" ? results[place]! / count : results[place]!;
  }
};
