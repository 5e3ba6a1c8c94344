import type { ReferenceKernel } from "./reference.js";
import type { WindowSumAttributes } from "./windowSum.js";

/** Every element of a row becomes the sum of those around it that are in the row. */
export const windowSum: ReferenceKernel<WindowSumAttributes> = ({ inputs, output, attributes: { before, after } }) => {
  const x = inputs[0]!;
  const columns = x.shape[x.shape.length - 1]!;
  for (let first = 0; first < x.data.length; first += columns) {
    for (let c = 0; c < columns; c++) {
      let sum = 0;
      for (let j = Math.max(0, c - before); j <= Math.min(columns - 1, c + after); j++) sum += x.data[first + j]!;
      output.data[first + c] = sum;
    }
  }
};
