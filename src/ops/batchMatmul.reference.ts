import { type BatchMatmulAttributes, batchMatmulSizes } from "./batchMatmul.js";
import type { ReferenceKernel } from "./reference.js";

/** `out[b, m, n] = Σ_k a[b, m, k] · b[b, k, n]` with all leading axes as one. */
export const batchMatmul: ReferenceKernel<BatchMatmulAttributes> = ({ inputs, output, attributes }) => {
  const [a, b] = [inputs[0]!, inputs[1]!];
  const type = ({ shape }: typeof a) => ({ shape, dtype: "float32" }) as const;
  const { batch, m, n, k } = batchMatmulSizes(type(a), type(b), attributes);
  for (let matrix = 0; matrix < batch; matrix++) {
    for (let row = 0; row < m; row++) {
      for (let column = 0; column < n; column++) {
        let sum = 0;
        for (let i = 0; i < k; i++) {
          const left = attributes.transposeA ? i * m + row : row * k + i;
          sum += a.data[matrix * m * k + left]! * b.data[(matrix * k + i) * n + column]!;
        }
        output.data[(matrix * m + row) * n + column] = sum;
      }
    }
  }
};
