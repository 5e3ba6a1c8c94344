import { fail } from "../core/errors.js";
import { broadcastShapes, formatShape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { x } from "./expression.js";
import { checkFloats } from "./floats.js";
import { mapNode } from "./map.js";
import { transposeNode } from "./transpose.js";

export interface BatchMatmulAttributes {
  readonly transposeA: boolean;
}

/**
 * A matrix product for every index of the leading axes: `out[…, m, n] = Σ_k a[…, m, k] · b[…, k, n]`, with a read as
 * a[…, k, m] under `transposeA`. The leading axes of both are the same; one matrix for all is `matmul`'s.
 */
export const batchMatmul: OpDefinition<BatchMatmulAttributes> = {
  name: "batchMatmul",
  infer(inputs, attributes, where) {
    const [a, b] = inputs as [TensorType, TensorType];
    checkFloats(inputs, where);
    const batch = a.shape.slice(0, -2);
    if (a.shape.length < 3 || !sameShape(batch, b.shape.slice(0, -2))) {
      fail({
        code: "shape",
        where,
        problem: "takes matrices over the same leading axes",
        expected: "[…, m, k] and […, k, n]",
        received: `${formatShape(a.shape)} and ${formatShape(b.shape)}`,
      });
    }
    const { m, n, k, kOfB } = batchMatmulSizes(a, b, attributes);
    if (k !== kOfB) {
      fail({
        code: "shape",
        where,
        problem: "inner sizes differ",
        expected: `${k} rows in the right matrices`,
        received: `${formatShape(a.shape)}${attributes.transposeA ? "ᵀ" : ""} · ${formatShape(b.shape)}`,
      });
    }
    return { shape: [...batch, m, n], dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [a, b] = inputs as [Node, Node];
    const { transposeA } = node.attributes;
    // dA = dY·Bᵀ and dB = Aᵀ·dY, transposed where the operand is
    const dA = () =>
      transposeA
        ? batchMatmulNode(builder, b, gradient, false, true)
        : batchMatmulNode(builder, gradient, b, false, true);
    const dB = () => batchMatmulNode(builder, a, gradient, !transposeA);
    return [needed[0] ? dA() : undefined, needed[1] ? dB() : undefined];
  },
  cost([a, b], attributes) {
    const { batch, m, n, k } = batchMatmulSizes(a!, b!, attributes);
    return { multiplyAdds: batch * m * n * k };
  },
};

export function batchMatmulSizes(a: TensorType, b: TensorType, { transposeA }: BatchMatmulAttributes) {
  const [rows, columns] = a.shape.slice(-2) as [number, number];
  const [kOfB, n] = b.shape.slice(-2) as [number, number];
  const [m, k] = transposeA ? [columns, rows] : [rows, columns];
  return { batch: sizeOf(a.shape.slice(0, -2)), m, n, k, kOfB };
}

/**
 * Products of matrices over leading axes, which broadcast as in NumPy: an operand that is repeated is written out first,
 * and a transposed right operand turned.
 */
export function batchMatmulNode(
  builder: GraphBuilder,
  a: Node,
  b: Node,
  transposeA = false,
  transposeB = false,
  name?: string,
): Node {
  const common = broadcastShapes([a.shape.slice(0, -2), b.shape.slice(0, -2)]);
  // without a common shape, the op says what is wrong
  const repeated = (node: Node) =>
    common === undefined ? node : mapNode(builder, [node], x(0), [...common, ...node.shape.slice(-2)]);
  const [left, right] = [repeated(a), repeated(b)];
  const axes = right.shape.map((_, axis) => axis);
  const turned = [...axes.slice(0, -2), axes.length - 1, axes.length - 2];
  return builder.add(
    batchMatmul,
    [left, transposeB ? transposeNode(builder, right, turned) : right],
    { transposeA },
    name,
  );
}
