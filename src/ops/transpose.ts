import { fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { checkFourBytes } from "./slice.js";

export interface TransposeAttributes {
  /** Axis `k` of the output is axis `permutation[k]` of the input. */
  readonly permutation: readonly number[];
}

/** Axes in another order: `y[i_p₀, i_p₁, …] = x[i₀, i₁, …]` with `p = permutation`. */
export const transpose: OpDefinition<TransposeAttributes> = {
  name: "transpose",
  infer([input], { permutation }, where) {
    checkFourBytes([input!], where);
    const { shape, dtype } = input!;
    if (!isPermutation(permutation, shape.length)) {
      fail({
        code: "option",
        where,
        problem: "the permutation must name every axis once",
        expected: `0 to ${shape.length - 1} in some order`,
        received: formatShape(permutation),
      });
    }
    return { shape: permutation.map((axis) => shape[axis]!), dtype };
  },
  gradient({ builder, node, gradient }) {
    const { permutation } = node.attributes;
    return [transposeNode(builder, gradient, inverted(permutation))];
  },
  cost: () => ({ multiplyAdds: 0 }),
};

/** Whether every axis below `rank` is named once. */
export function isPermutation(axes: readonly number[], rank: number): boolean {
  return axes.length === rank && Array.from({ length: rank }, (_, axis) => axis).every((axis) => axes.includes(axis));
}

function inverted(permutation: readonly number[]): number[] {
  return permutation.map((_, axis) => permutation.indexOf(axis));
}

/** Reorders the axes; in order as they are, the tensor is its own transpose. */
export function transposeNode(builder: GraphBuilder, input: Node, permutation: readonly number[], name?: string): Node {
  const same = permutation.every((axis, i) => axis === i);
  return same ? input : builder.add(transpose, [input], { permutation }, name);
}
