import { type Shape, stridesOf } from "../core/shapes.js";
import { offsetsOf } from "./offsets.reference.js";
import type { ReferenceKernel } from "./reference.js";
import type { SliceAttributes, SliceGradientAttributes } from "./slice.js";

/** `y[i₀, i₁, …] = x[start₀ + i₀·step₀, start₁ + i₁·step₁, …]` */
export const slice: ReferenceKernel<SliceAttributes> = ({ inputs, output, attributes }) => {
  const x = inputs[0]!;
  placesOf(x.shape, attributes).forEach((place, element) => {
    output.data[element] = x.data[place]!;
  });
};

/** `dx[start₀ + i₀·step₀, start₁ + i₁·step₁, …] = dy[i₀, i₁, …]`, and 0 everywhere else. */
export const sliceGradient: ReferenceKernel<SliceGradientAttributes> = ({ inputs, output, attributes }) => {
  const dy = inputs[0]!;
  output.data.fill(0);
  placesOf(output.shape, attributes).forEach((place, element) => {
    output.data[place] = dy.data[element]!;
  });
};

/** For every element of the slice its place in a tensor of this shape. */
function placesOf(shape: Shape, { start, size, step }: SliceAttributes): Int32Array {
  const strides = stridesOf(shape);
  const first = start.reduce((sum, index, axis) => sum + index * strides[axis]!, 0);
  const steps = strides.map((stride, axis) => stride * step[axis]!);
  return offsetsOf(size, steps).map((offset) => first + offset);
}
