import type { DType } from "../../src/core/dtypes.js";
import { add, divide, type Expression, maximum, multiply, subtract, x } from "../../src/ops/expression.js";
import { type Case, exactly, integers, uniform, type Values } from "../harness/case.js";
import { edgeSizes } from "./sizes.js";

const valuesOf: { readonly [D in DType]: Values } = {
  float32: uniform(-1, 1),
  int32: integers(-100_000, 100_000),
  uint8: integers(0, 256),
};

/** Some of them name rows that the table does not have. */
function indicesOf(shape: readonly number[], rows: number, dtype: "int32" | "uint8" = "int32") {
  return { shape, dtype, values: integers(dtype === "int32" ? -2 : 0, rows + 2) };
}

function gatherCase(
  table: readonly number[],
  indices: readonly number[],
  dtype: DType,
  indexType?: "uint8",
): Case<"gather"> {
  return {
    op: "gather",
    name: `${dtype} rows of ${table.join("×")} by ${indexType === undefined ? "" : `${indexType} `}indices [${indices}]`,
    inputs: [{ shape: table, dtype, values: valuesOf[dtype] }, indicesOf(indices, table[0]!, indexType)],
    attributes: {},
    gradient: dtype === "float32",
  };
}

const dtypes = ["float32", "int32", "uint8"] as const;

const plain = dtypes.flatMap((dtype) => [
  ...edgeSizes.flatMap((size) => [
    gatherCase([7, size], [size], dtype),
    gatherCase([size], [5], dtype),
    gatherCase([size, 4], [3, 2], dtype),
  ]),
  gatherCase([9, 5, 4, 3], [11], dtype),
  gatherCase([9, 6], [], dtype),
  gatherCase([3, 2], [2, 3, 4], dtype),
  gatherCase([40, 1031], [23], dtype),
  gatherCase([9, 5], [2, 7], dtype, "uint8"),
]);

/** What the fusing pass makes of normalisation, on a table of this shape. */
function normalisation(
  table: readonly number[],
  indices: readonly number[],
  dtype: DType,
  [label, epilogue, ...operands]: readonly [string, Expression, ...(readonly number[])[]],
): Case<"gather"> {
  return {
    op: "gather",
    name: `${label} of ${dtype} rows of ${table.join("×")} by indices [${indices}]`,
    inputs: [
      { shape: table, dtype, values: valuesOf[dtype] },
      indicesOf(indices, table[0]!),
      ...operands.map((shape) => ({ shape, values: uniform(0.5, 2) })),
    ],
    attributes: { epilogue },
    gradient: false,
  };
}

const channelSizes = [1, 2, 3, 4, 5, 6, 8, 11, 12, 16, 31, 64];
const standardised = divide(subtract(x(0), x(1)), x(2));
const scaled = divide(x(0), 255);

const normalisations = dtypes.flatMap((dtype) => [
  ...edgeSizes.map((size) => normalisation([6, size], [4], dtype, ["v / 255", scaled])),
  normalisation([5, 28, 28, 1], [9], dtype, ["v / 255", scaled]),
  normalisation([9], [6], dtype, ["v / 255", scaled]),
  normalisation([9], [4, 6], dtype, ["(v − m) / s per column", standardised, [6], [6]]),
  normalisation([9], [6], dtype, ["v · a", multiply(x(0), x(1)), [6]]),
  ...channelSizes.map((channels) =>
    normalisation([5, 3, 3, channels], [4], dtype, ["(v − m) / s", standardised, [channels], [1, channels]]),
  ),
  ...[3, 10].map((channels) =>
    normalisation([5, 7, channels], [2, 2], dtype, [
      "sums of all kinds",
      add(multiply(x(0), x(1)), multiply(maximum(x(2), 1), x(3))),
      [channels],
      [],
      [2, 2, 7, channels],
    ]),
  ),
]);

export const gatherCases: readonly Case<"gather">[] = [...plain, ...normalisations];

function scatterCase(
  rows: number,
  row: readonly number[],
  indices: readonly number[],
  indexType?: "uint8",
): Case<"scatterAdd"> {
  return {
    op: "scatterAdd",
    name: `[${row}] each to ${rows} rows by ${indexType === undefined ? "" : `${indexType} `}indices [${indices}]`,
    inputs: [{ shape: [...indices, ...row] }, indicesOf(indices, rows, indexType)],
    attributes: { rows },
    gradient: true,
  };
}

export const scatterAddCases: readonly Case<"scatterAdd">[] = [
  ...edgeSizes.flatMap((size) => [
    scatterCase(size, [3], [10]),
    scatterCase(5, [size], [12]),
    scatterCase(4, [2], [size]),
  ]),
  scatterCase(3, [], [7]),
  scatterCase(3, [2, 2], [2, 4]),
  scatterCase(33, [5, 7], []),
  scatterCase(100, [9], [400]),
  scatterCase(6, [5], [3, 7], "uint8"),
  {
    op: "scatterAdd",
    name: "all to one row, in order",
    inputs: [
      { shape: [4, 1], values: exactly(1, 2 ** 24, 1, -(2 ** 24)) },
      { shape: [4], dtype: "int32", values: exactly(1, 1, 1, 1) },
    ],
    attributes: { rows: 2 },
    gradient: true,
    finiteDifferences: false,
  },
];
