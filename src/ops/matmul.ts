import { fail } from "../core/errors.js";
import { formatShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { type Epilogue, epilogueInputs, inferEpilogue } from "./epilogue.js";
import { checkFloats } from "./floats.js";

export interface MatmulAttributes {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly epilogue?: Epilogue;
}

/**
 * Matrix product: `out[m, n] = Σ_k a[m, k] · b[k, n]`, with a read as a[k, m] under `transposeA` and b as b[n, k]
 * under `transposeB`. Inputs: a, b and, once fused, the epilogue's.
 */
export const matmul: OpDefinition<MatmulAttributes> = {
  name: "matmul",
  infer(inputs, attributes, where) {
    const [a, b] = inputs as [TensorType, TensorType];
    if (a.shape.length !== 2 || b.shape.length !== 2) {
      fail({
        code: "shape",
        where,
        problem: "takes two matrices",
        received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      });
    }
    checkFloats(inputs, where);
    const { m, n, k, kOfB } = matmulSizes(a, b, attributes);
    if (k !== kOfB) {
      const name = (shape: readonly number[], transposed: boolean) => formatShape(shape) + (transposed ? "ᵀ" : "");
      fail({
        code: "shape",
        where,
        problem: "inner sizes differ",
        expected: `${k} rows in the right matrix`,
        received: `${name(a.shape, attributes.transposeA)} · ${name(b.shape, attributes.transposeB)}`,
      });
    }
    return inferEpilogue({ shape: [m, n], dtype: "float32" }, epilogueInputs(inputs, 2), attributes.epilogue, where);
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [a, b] = inputs as [Node, Node];
    const { transposeA, transposeB } = node.attributes;
    const product = (left: Node, right: Node, tA: boolean, tB: boolean) => matmulNode(builder, left, right, tA, tB);
    // dA = dY·Bᵀ and dB = Aᵀ·dY, transposed where the operand is
    const dA = () => (transposeA ? product(b, gradient, transposeB, true) : product(gradient, b, false, !transposeB));
    const dB = () => (transposeB ? product(gradient, a, true, transposeA) : product(a, gradient, !transposeA, false));
    return [needed[0] ? dA() : undefined, needed[1] ? dB() : undefined];
  },
  cost([a, b], attributes) {
    const { m, n, k } = matmulSizes(a!, b!, attributes);
    return { multiplyAdds: m * n * k };
  },
};

export function matmulSizes(a: TensorType, b: TensorType, { transposeA, transposeB }: MatmulAttributes) {
  const [m, k] = transposeA ? [a.shape[1]!, a.shape[0]!] : [a.shape[0]!, a.shape[1]!];
  const [kOfB, n] = transposeB ? [b.shape[1]!, b.shape[0]!] : [b.shape[0]!, b.shape[1]!];
  return { m, n, k, kOfB };
}

export function matmulNode(
  builder: GraphBuilder,
  a: Node,
  b: Node,
  transposeA = false,
  transposeB = false,
  name?: string,
): Node {
  return builder.add(matmul, [a, b], { transposeA, transposeB }, name);
}

/** Rows and row length of a tensor seen as a matrix over its last axis. */
export function rowsOf(type: TensorType): { rows: number; columns: number } {
  const columns = type.shape[type.shape.length - 1] ?? 1;
  return { rows: columns === 0 ? 0 : sizeOf(type.shape) / columns, columns };
}
