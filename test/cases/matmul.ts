import type { MatmulAttributes } from "../../src/ops/matmul.js";
import type { Case } from "../harness/case.js";
import { epiloguesFor } from "./epilogues.js";
import { edgeSizes } from "./sizes.js";

const plain: MatmulAttributes = { transposeA: false, transposeB: false };

export function matmulCase(
  [m, k, n]: readonly [number, number, number],
  attributes: MatmulAttributes = plain,
): Case<"matmul"> {
  const { transposeA, transposeB } = attributes;
  return {
    op: "matmul",
    name: `${m}×${k}${transposeA ? "ᵀ" : ""} · ${k}×${n}${transposeB ? "ᵀ" : ""}`,
    inputs: [{ shape: transposeA ? [k, m] : [m, k] }, { shape: transposeB ? [n, k] : [k, n] }],
    attributes,
    gradient: true,
  };
}
const transposes: readonly MatmulAttributes[] = [
  plain,
  { transposeA: true, transposeB: false },
  { transposeA: false, transposeB: true },
  { transposeA: true, transposeB: true },
];

/** Every edge size in each of the three places, under every transposition. */
export const matmulCases: readonly Case<"matmul">[] = [
  ...transposes.flatMap((attributes) => [
    ...edgeSizes.flatMap((size) => [
      matmulCase([size, 7, 5], attributes),
      matmulCase([6, size, 10], attributes),
      matmulCase([5, 3, size], attributes),
    ]),
    ...[1, 8, 16, 17].map((size) => matmulCase([size, size, size], attributes)),
    matmulCase([1, 129, 1], attributes),
    matmulCase([33, 260, 70], attributes),
    // a few columns beside full tiles, or alone, with and without terms beside full vectors
    ...[1, 2, 4, 16 + 1, 16 + 2, 16 + 4].flatMap((n) => [
      matmulCase([13, 64, n], attributes),
      matmulCase([71, 67, n], attributes),
    ]),
    // a right-hand matrix that is put into panels
    matmulCase([49, 200, 256], attributes),
    // the last rows take several column tiles at once, in panels and not, and with column tiles to spare
    ...([62, 55, 51] as const).map((m) => ({ ...matmulCase([m, 1100, 130], attributes), gradient: false })),
    matmulCase([8, 9, 100], attributes),
  ]),
  // a transposed left-hand matrix whose rows would all fall into few sets of the cache
  ...[false, true].map((transposeB) => ({
    ...matmulCase([256, 521, 130], { transposeA: true, transposeB }),
    gradient: false,
  })),
  ...transposes.flatMap((attributes) =>
    edgeSizes.flatMap((size) => withEpilogues(matmulCase([5, 6, size], attributes))),
  ),
  ...edgeSizes.flatMap((size) => withEpilogues(matmulCase([size, 6, 9]))),
  ...withEpilogues(matmulCase([13, 6, 100])),
  ...transposes.flatMap((attributes) => withEpilogues(matmulCase([9, 65, 18], attributes))),
];

/** The product under every epilogue. */
function withEpilogues(base: Case<"matmul">): Case<"matmul">[] {
  const { transposeA, transposeB } = base.attributes;
  const [a, b] = base.inputs;
  const result = [a!.shape[transposeA ? 1 : 0]!, b!.shape[transposeB ? 0 : 1]!];
  return epiloguesFor(result).map(({ label, epilogue, operands }) => ({
    ...base,
    name: `${base.name}, ${label}`,
    inputs: [...base.inputs, ...operands],
    attributes: { ...base.attributes, epilogue },
    gradient: false,
  }));
}
