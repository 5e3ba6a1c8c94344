import { stridesOf } from "../core/shapes.js";
import { offsetsOf } from "./offsets.reference.js";
import type { ReferenceKernel } from "./reference.js";
import type { TransposeAttributes } from "./transpose.js";

/** Every element of the output reads the input with the steps of its axes in their old places. */
export const transpose: ReferenceKernel<TransposeAttributes> = ({ inputs, output, attributes: { permutation } }) => {
  const x = inputs[0]!;
  const strides = stridesOf(x.shape);
  const steps = permutation.map((axis) => strides[axis]!);
  offsetsOf(output.shape, steps).forEach((place, element) => {
    output.data[element] = x.data[place]!;
  });
};
