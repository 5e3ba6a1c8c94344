import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { fitsEpilogue } from "./epilogue.js";
import { divide, type Expression, equal, multiply, operationCount, select, x } from "./expression.js";
import { mapNode } from "./map.js";
import { reshapeNode } from "./reshape.js";

export interface ReduceAttributes {
  readonly kind: "sum" | "mean" | "max" | "min" | "prod";
  /** Axes that disappear, ascending. */
  readonly axes: readonly number[];
  /**
   * Applied to the elements before they are reduced: `$i` is the element of input i after broadcasting; inputs are as
   * {@link fitsPrologue} says. Only the fusing pass makes these, after differentiation. Default: the input itself.
   */
  readonly prologue?: Expression;
}

/**
 * Sum, mean, maximum, minimum or product over axes: `out[kept] = Σ over axes of in[kept, axes]`. Axes are dropped from
 * the shape. Inputs: one; with a prologue, what it reads.
 *
 * Where several elements are the largest or smallest, they share the gradient equally, as in PyTorch's `amax`.
 */
export const reduce: OpDefinition<ReduceAttributes> = {
  name: "reduce",
  infer(inputs, { axes, prologue }, where) {
    const integer = inputs.find(({ dtype }) => dtype !== "float32");
    if (integer !== undefined) {
      fail({ code: "dtype", where, problem: "cannot reduce integers", expected: "float32", received: integer.dtype });
    }
    if (prologue === undefined && inputs.length > 1) fail({ code: "graph", where, problem: "has too many inputs" });
    const shape = reducedShape(inputs);
    const unfit = inputs.find((input) => !fitsPrologue(input.shape, shape));
    if (unfit !== undefined) {
      fail({
        code: "graph",
        where,
        problem: "an operand of the prologue does not fit what is reduced",
        expected: `one value, one per channel, or ${formatShape(shape)}`,
        received: formatShape(unfit.shape),
      });
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
    const { kind, axes, prologue } = node.attributes;
    const input = inputs[0]!;
    if (prologue !== undefined) {
      const problem = "has a prologue, which comes after differentiation";
      return fail({ code: "graph", where: `reduce "${node.name}"`, problem });
    }
    const kept = input.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
    const spread = reshapeNode(builder, gradient, kept);
    const total = (node: Node) => reshapeNode(builder, reduceNode(builder, node, "sum", axes), kept);
    if (kind === "max" || kind === "min") {
      const found = reshapeNode(builder, node, kept);
      const winners = mapNode(builder, [input, found], equal(x(0), x(1)));
      const share = mapNode(builder, [spread, total(winners)], divide(x(0), x(1)));
      return [mapNode(builder, [input, found, share], select(equal(x(0), x(1)), x(2), 0))];
    }
    if (kind === "prod") {
      // the product of the others: with one 0 among them, it is not 0 for that 0 alone
      const zero = equal(x(0), 0);
      const zeros = total(mapNode(builder, [input], zero));
      const nonzero = reduceNode(builder, mapNode(builder, [input], select(zero, 1, x(0))), "prod", axes);
      const others = select(
        equal(x(1), 0),
        divide(x(2), select(zero, 1, x(0))),
        select(multiply(zero, equal(x(1), 1)), x(2), 0),
      );
      const inputs = [input, zeros, reshapeNode(builder, nonzero, kept), spread];
      return [mapNode(builder, inputs, multiply(others, x(3)))];
    }
    const share = kind === "mean" ? axes.reduce((size, axis) => size * input.shape[axis]!, 1) : 1;
    // divided before it is spread: few values instead of many
    return [mapNode(builder, [mapNode(builder, [spread], divide(x(0), share))], x(0), input.shape)];
  },
  cost: (inputs, { prologue }) => {
    const operations = prologue === undefined ? 0 : operationCount(prologue);
    return { multiplyAdds: sizeOf(reducedShape(inputs)) * (1 + operations) };
  },
};

/** The shape that is reduced: that of the largest input, to which the others broadcast. */
export function reducedShape(inputs: readonly { readonly shape: Shape }[]): Shape {
  const [first, ...others] = inputs.map(({ shape }) => shape);
  const larger = (a: Shape, b: Shape) => sizeOf(b) > sizeOf(a) || (sizeOf(b) === sizeOf(a) && b.length > a.length);
  return others.reduce((largest, shape) => (larger(largest, shape) ? shape : largest), first!);
}

/**
 * What kernels can read while they reduce a tensor of this shape: one value, one value per channel (last axis), or the
 * shape itself, as for epilogues.
 */
export function fitsPrologue(operand: Shape, reduced: Shape): boolean {
  return fitsEpilogue(operand, reduced);
}

export function reduceNode(
  builder: GraphBuilder,
  input: Node,
  kind: ReduceAttributes["kind"],
  axes: readonly number[],
  name?: string,
): Node {
  return axes.length === 0 ? input : builder.add(reduce, [input], { kind, axes }, name);
}

/** `reduceNode` with the axes kept, each of extent 1, so that the result broadcasts against the input. */
export function reduceKeepingAxes(
  builder: GraphBuilder,
  input: Node,
  kind: ReduceAttributes["kind"],
  axes: readonly number[],
): Node {
  const kept = input.shape.map((extent, axis) => (axes.includes(axis) ? 1 : extent));
  return reshapeNode(builder, reduceNode(builder, input, kind, axes), kept);
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
