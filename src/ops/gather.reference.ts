import type { GatherAttributes, ScatterAddAttributes } from "./gather.js";
import type { ReferenceKernel } from "./reference.js";

/** `out[i] = table[indices[i]]`, row by row; zeros where there is no such row. */
export const gather: ReferenceKernel<GatherAttributes> = ({ inputs, output }) => {
  const [table, indices] = [inputs[0]!, inputs[1]!];
  const [rows] = table.shape as [number];
  const size = table.data.length / rows;
  indices.data.forEach((index, i) => {
    for (let c = 0; c < size; c++) {
      output.data[i * size + c] = isRow(index, rows) ? table.data[index * size + c]! : 0;
    }
  });
};

/** `out[indices[i]] += values[i]`, in the order of i. */
export const scatterAdd: ReferenceKernel<ScatterAddAttributes> = ({ inputs, output, attributes: { rows } }) => {
  const [values, indices] = [inputs[0]!, inputs[1]!];
  const size = output.data.length / rows;
  const sums = new Float64Array(output.data.length);
  indices.data.forEach((index, i) => {
    if (!isRow(index, rows)) return;
    for (let c = 0; c < size; c++) sums[index * size + c]! += values.data[i * size + c]!;
  });
  output.data.set(sums);
};

function isRow(index: number, rows: number): boolean {
  return index >= 0 && index < rows;
}
