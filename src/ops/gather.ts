import { fail } from "../core/errors.js";
import { formatShape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { type Epilogue, epilogueInputs, inferEpilogue } from "./epilogue.js";
import { operationCount } from "./expression.js";

export interface GatherAttributes {
  /** Applied to every element on its way: conversion and normalisation of pixels. The result is float32 then. */
  readonly epilogue?: Epilogue;
}

/**
 * Rows of a table along its first axis: `out[i…, c…] = table[indices[i…], c…]`, of the table's data type, as NumPy's
 * `take(axis=0)`. A row that the table does not have (an index below 0 or from `rows` on) reads as zeros: memory outside
 * the table is never touched, and whoever fills the indices checks them where that would be a mistake.
 * Inputs: table [rows, …], indices int32 or uint8 of any shape, then the epilogue's.
 */
export const gather: OpDefinition<GatherAttributes> = {
  name: "gather",
  infer(inputs, { epilogue }, where) {
    const [table, indices] = inputs as [TensorType, TensorType];
    if (table.shape.length === 0) {
      fail({ code: "shape", where, problem: "takes rows of a table", expected: "[rows, …]", received: "[]" });
    }
    checkIndices(indices, where);
    const shape = [...indices.shape, ...table.shape.slice(1)];
    const dtype = epilogue === undefined ? table.dtype : "float32";
    return inferEpilogue({ shape, dtype }, epilogueInputs(inputs, 2), epilogue, where);
  },
  gradient: ({ builder, inputs, gradient }) => {
    const [table, indices] = inputs as [Node, Node];
    return [builder.add(scatterAdd, [gradient, indices], { rows: table.shape[0]! }), undefined];
  },
  cost: (_inputs, { epilogue }, output) => ({
    multiplyAdds: sizeOf(output.shape) * (1 + (epilogue === undefined ? 0 : operationCount(epilogue))),
  }),
};

export interface ScatterAddAttributes {
  /** Rows of the result. */
  readonly rows: number;
}

/**
 * The transpose of {@link gather}: `out[r, c…] = Σ over i with indices[i…] = r of values[i…, c…]`, summed in the order of
 * the indices. Values whose index is no row of the result are left out.
 * Inputs: values float32 [indices…, row…], indices int32 or uint8 of any shape.
 */
export const scatterAdd: OpDefinition<ScatterAddAttributes> = {
  name: "scatterAdd",
  infer(inputs, { rows }, where) {
    const [values, indices] = inputs as [TensorType, TensorType];
    checkIndices(indices, where);
    if (values.dtype !== "float32") {
      fail({ code: "dtype", where, problem: "sums floats", expected: "float32", received: values.dtype });
    }
    const rank = indices.shape.length;
    if (!sameShape(values.shape.slice(0, rank), indices.shape)) {
      fail({
        code: "shape",
        where,
        problem: "needs one index per row of values",
        expected: `indices ${formatShape(values.shape.slice(0, rank))}`,
        received: formatShape(indices.shape),
      });
    }
    return { shape: [rows, ...values.shape.slice(rank)], dtype: "float32" };
  },
  gradient: ({ builder, inputs, gradient }) => [gatherNode(builder, gradient, inputs[1]!), undefined],
  cost: ([values]) => ({ multiplyAdds: sizeOf(values!.shape) }),
};

/** The rows of `table` that `indices` names. */
export function gatherNode(builder: GraphBuilder, table: Node, indices: Node, name?: string): Node {
  return builder.add(gather, [table, indices], {}, name);
}

function checkIndices({ dtype }: TensorType, where: string): void {
  if (dtype !== "float32") return;
  fail({
    code: "dtype",
    where,
    problem: "takes whole numbers as indices",
    expected: "int32 or uint8",
    received: dtype,
  });
}
