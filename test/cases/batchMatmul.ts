import type { Case } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

export function batchMatmulCase(
  batch: readonly number[],
  [m, k, n]: readonly [number, number, number],
  transposeA = false,
): Case<"batchMatmul"> {
  const name = `${batch.join("×")} of ${m}×${k}×${n}${transposeA ? ", Aᵀ" : ""}`;
  const a = transposeA ? [k, m] : [m, k];
  const inputs = [{ shape: [...batch, ...a] }, { shape: [...batch, k, n] }];
  return { op: "batchMatmul", name, inputs, attributes: { transposeA }, gradient: true };
}

export const batchMatmulCases: readonly Case<"batchMatmul">[] = [false, true].flatMap((transposeA) => [
  batchMatmulCase([3], [4, 5, 6], transposeA),
  batchMatmulCase([2, 3], [7, 5, 9], transposeA),
  batchMatmulCase([1], [1, 1, 1], transposeA),
  batchMatmulCase([2], [101, 70, 33], transposeA),
  batchMatmulCase([1], [96, 3, 8], transposeA),
  ...edgeSizes.flatMap((size) => [
    batchMatmulCase([2], [size, 5, 6], transposeA),
    batchMatmulCase([2], [3, size, 6], transposeA),
    batchMatmulCase([2], [3, 5, size], transposeA),
  ]),
]);
