import type { MatmulAttributes } from "./matmul.js";
import type { ReferenceKernel } from "./reference.js";

/** `out[m, n] = Σ_k a[m, k] · b[k, n]`; a transposed operand is read with its indices swapped. */
export const matmul: ReferenceKernel<MatmulAttributes> = ({ inputs, output, attributes }) => {
  const [a, b] = [inputs[0]!, inputs[1]!];
  const [rows, columns] = output.shape as [number, number];
  const inner = a.shape[attributes.transposeA ? 0 : 1]!;
  const left = (m: number, k: number) => a.data[attributes.transposeA ? k * rows + m : m * inner + k]!;
  const right = (k: number, n: number) => b.data[attributes.transposeB ? n * inner + k : k * columns + n]!;

  for (let m = 0; m < rows; m++) {
    for (let n = 0; n < columns; n++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += left(m, k) * right(k, n);
      output.data[m * columns + n] = sum;
    }
  }
};
