import { type BatchMatmulAttributes, batchMatmulSizes } from "../../../ops/batchMatmul.js";
import type { NodeContext } from "../../../plan/types.js";
import { i32 } from "../assembler/index.js";
import { attributesOf, type WasmKernel } from "../kernel.js";
import { emitProduct, tiledCycles } from "./tile.js";

/** Rows of a product that one task computes: many tiles, and enough tasks where the matrices are few. */
const taskRows = 48;

function sizesOf(node: NodeContext) {
  const attributes = attributesOf<BatchMatmulAttributes>(node);
  return batchMatmulSizes(node.inputs[0]!, node.inputs[1]!, attributes);
}

/** Products of matrices that stay in cache, each in tiles as `matmul` has them; tasks are strips of rows. */
export const batchMatmul: WasmKernel = {
  name: "f32_batch_matmul_tiled_simd128",
  accepts: () => true,
  phases(node) {
    const { batch, m, n, k } = sizesOf(node);
    const { transposeA } = attributesOf<BatchMatmulAttributes>(node);
    const strips = Math.ceil(m / taskRows);
    return [
      {
        tasks: batch * strips,
        cycles: batch * (tiledCycles(m * n * k) + m * n),
        usesScratch: false,
        emit(scope) {
          const { f, begin, end, inputs, output } = scope;
          const [rowBytesOfA, stepBytesOfA] = transposeA ? [4, 4 * m] : [4 * k, 4];
          const task = f.local("i32");
          const [a, b, target] = [f.local("i32"), f.local("i32"), f.local("i32")];
          const strip = (rows: number) => {
            const matrix = i32.divU(task.get, strips);
            const first = i32.mul(i32.remU(task.get, strips), taskRows);
            f.set(a, i32.add(inputs[0]!, i32.add(i32.mul(matrix, 4 * m * k), i32.mul(first, rowBytesOfA))));
            f.set(b, i32.add(inputs[1]!, i32.mul(matrix, 4 * k * n)));
            f.set(target, i32.add(output, i32.mul(i32.add(i32.mul(matrix, m), first), 4 * n)));
            emitProduct(scope, {
              a: a.get,
              rowBytesOfA,
              stepBytesOfA,
              b: b.get,
              rowBytesOfB: 4 * n,
              target: target.get,
              rowBytesOfTarget: 4 * n,
              m: rows,
              n,
              k,
              add: false,
            });
          };
          const rest = m % taskRows;
          f.for(task, begin, end, 1, () => {
            if (rest === 0) strip(taskRows);
            else if (strips === 1) strip(rest);
            else
              f.if(
                i32.eq(i32.remU(task.get, strips), strips - 1),
                () => strip(rest),
                () => strip(taskRows),
              );
          });
        },
      },
    ];
  },
};
