import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { divide, x } from "./expression.js";
import { mapNode } from "./map.js";
import { reshapeNode } from "./reshape.js";

export interface ReduceAttributes {
  readonly kind: "sum" | "mean" | "max";
  /** Axes that disappear, ascending. */
  readonly axes: readonly number[];
}

/** Sum, mean or maximum over axes: `out[kept] = Σ over axes of in[kept, axes]`. Axes are dropped from the shape. */
export const reduce: OpDefinition<ReduceAttributes> = {
  name: "reduce",
  infer([input], { axes }, where) {
    const { shape, dtype } = input!;
    if (dtype !== "float32") {
      fail({ code: "dtype", where, problem: "cannot reduce integers", expected: "float32", received: dtype });
    }
    if (axes.some((axis, i) => axis < (i === 0 ? 0 : axes[i - 1]! + 1) || axis >= shape.length)) {
      fail({
        code: "graph",
        where,
        problem: "axes are out of order or range",
        received: `axes ${formatShape(axes)} of ${formatShape(shape)}`,
      });
    }
    return { shape: shape.filter((_, axis) => !axes.includes(axis)), dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient }) {
    const { kind, axes } = node.attributes;
    const input = inputs[0]!;
    const kept = input.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const spread = reshapeNode(builder, gradient, kept);
    if (kind === "max") {
      return fail({ code: "unsupported", where: `reduce "${node.name}"`, problem: "the maximum has no gradient yet" });
    }
    const share = kind === "mean" ? axes.reduce((size, axis) => size * input.shape[axis]!, 1) : 1;
    return [mapNode(builder, [spread], divide(x(0), share), input.shape)];
  },
  cost: ([input]) => ({ multiplyAdds: sizeOf(input!.shape) }),
};

export function reduceNode(
  builder: GraphBuilder,
  input: Node,
  kind: ReduceAttributes["kind"],
  axes: readonly number[],
  name?: string,
): Node {
  return axes.length === 0 ? input : builder.add(reduce, [input], { kind, axes }, name);
}

/** Sums out the axes along which `shape` was broadcast to the node's shape: the transpose of broadcasting. */
export function sumTo(builder: GraphBuilder, node: Node, shape: Shape): Node {
  if (sameShape(node.shape, shape)) return node;
  const lead = node.shape.length - shape.length;
  const axes = node.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && node.shape[axis] !== 1));
  return reshapeNode(builder, reduceNode(builder, node, "sum", axes), shape);
}
