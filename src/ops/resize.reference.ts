import { type Shape, sizeOf } from "../core/shapes.js";
import type { ReferenceKernel } from "./reference.js";
import { positionsOf, type ResizeAttributes, type ResizeGradientAttributes } from "./resize.js";

/** Every element of the output is the weighted sum of the one or two that its position lies between. */
export const resize: ReferenceKernel<ResizeAttributes> = ({ inputs, output, attributes }) => {
  const x = inputs[0]!;
  output.data.fill(0);
  forEachReading(x.shape, output.shape, attributes, (from, to, weight) => {
    output.data[to]! += weight * x.data[from]!;
  });
};

/** Every element of the output's gradient goes to those that it was read from, by their weights. */
export const resizeGradient: ReferenceKernel<ResizeGradientAttributes> = ({ inputs, output, attributes }) => {
  const dy = inputs[0]!;
  const sums = new Float64Array(output.data.length);
  forEachReading(output.shape, dy.shape, attributes, (from, to, weight) => {
    sums[from]! += weight * dy.data[to]!;
  });
  output.data.set(sums);
};

/** Visits every pair of an element that is read and one that it becomes a part of, with its weight. */
function forEachReading(
  input: Shape,
  output: Shape,
  attributes: ResizeAttributes,
  visit: (from: number, to: number, weight: number) => void,
): void {
  const { axis, size, method } = attributes;
  const extent = input[axis]!;
  const [before, after] = [sizeOf(input.slice(0, axis)), sizeOf(input.slice(axis + 1))];
  const { slope, offset, unit } = positionsOf(attributes, extent);
  for (let outer = 0; outer < before; outer++) {
    for (let i = 0; i < size; i++) {
      const position = Math.min(extent - 1, Math.max(0, (slope * i + offset) / unit));
      const first = Math.floor(position);
      const part = method === "nearest" ? 0 : position - first;
      for (let inner = 0; inner < after; inner++) {
        const to = (outer * output[axis]! + i) * after + inner;
        const from = (outer * extent + first) * after + inner;
        visit(from, to, 1 - part);
        if (part > 0) visit(from + after, to, part);
      }
    }
  }
}
