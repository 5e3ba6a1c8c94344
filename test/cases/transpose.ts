import { type Case, integers } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

function transposeCase(shape: readonly number[], permutation: readonly number[]): Case<"transpose"> {
  const name = `${shape.join("×")} as ${permutation.join(" ")}`;
  return { op: "transpose", name, inputs: [{ shape }], attributes: { permutation }, gradient: true };
}

/** All orders of so many axes. */
function permutations(rank: number): number[][] {
  if (rank === 0) return [[]];
  return permutations(rank - 1).flatMap((order) =>
    Array.from({ length: rank }, (_, at) => [...order.slice(0, at), rank - 1, ...order.slice(at)]),
  );
}

export const transposeCases: readonly Case<"transpose">[] = [
  transposeCase([7], [0]),
  transposeCase([], []),
  ...permutations(4).map((permutation) => transposeCase([3, 4, 5, 7], permutation)),
  ...permutations(3).map((permutation) => transposeCase([1, 6, 1], permutation)),
  ...edgeSizes.flatMap((size) => [
    transposeCase([size, 5], [1, 0]),
    transposeCase([2, 6, size], [0, 2, 1]),
    transposeCase([size, 4, 3], [1, 0, 2]),
  ]),
  transposeCase([2, 33, 31, 8], [0, 3, 1, 2]),
  transposeCase([71, 203], [1, 0]),
  {
    ...transposeCase([5, 6], [1, 0]),
    name: "of integers",
    inputs: [{ shape: [5, 6], dtype: "int32", values: integers(-9, 9) }],
    gradient: false,
  },
];
