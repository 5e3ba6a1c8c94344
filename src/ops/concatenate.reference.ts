import { sizeOf } from "../core/shapes.js";
import type { ConcatenateAttributes } from "./concatenate.js";
import type { ReferenceKernel } from "./reference.js";

/** For every index of the axes before `axis`, the inputs' runs over the axes from there on, one after the other. */
export const concatenate: ReferenceKernel<ConcatenateAttributes> = ({ inputs, output, attributes: { axis } }) => {
  const rows = sizeOf(output.shape.slice(0, axis));
  let place = 0;
  for (let row = 0; row < rows; row++) {
    for (const { data, shape } of inputs) {
      const run = sizeOf(shape.slice(axis));
      for (let i = 0; i < run; i++) output.data[place++] = data[row * run + i]!;
    }
  }
};
