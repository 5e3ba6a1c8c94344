import { fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { add, x } from "./expression.js";
import { checkFloats } from "./floats.js";
import { mapNode } from "./map.js";
import { reduceNode } from "./reduce.js";
import { reshapeNode } from "./reshape.js";
import { embedAxis, sliceAxis, sliceNode } from "./slice.js";

/** What stands outside the tensor: see {@link pad}. */
export const padModes = ["constant", "reflect", "replicate", "circular"] as const;
export type PadMode = (typeof padModes)[number];

export interface PadAttributes {
  /** Elements added before and after, one pair for each axis. */
  readonly padding: readonly (readonly [before: number, after: number])[];
  readonly mode: PadMode;
  /** What `constant` writes; 0 in the other modes. */
  readonly value: number;
}

/**
 * A tensor with a border: `y[i] = x[i − before]` where that lies inside, along each axis; outside
 * - `constant`: `value`
 * - `reflect`: mirrored at the first and last element, which are not repeated: `c b | a b c d | c b`
 * - `replicate`: the nearest element: `a a | a b c d | d d`
 * - `circular`: from the other end: `c d | a b c d | a b`
 */
export const pad: OpDefinition<PadAttributes> = {
  name: "pad",
  infer([input], { padding, mode }, where) {
    checkFloats([input!], where);
    const { shape } = input!;
    if (padding.length !== shape.length) {
      fail({
        code: "shape",
        where,
        problem: "padding must name every axis",
        expected: `${shape.length} pairs`,
        received: String(padding.length),
      });
    }
    padding.forEach((amounts, axis) => checkAmounts(amounts, axis, shape, mode, where));
    return { shape: paddedShape(shape, padding), dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient }) {
    const { padding, mode } = node.attributes;
    const { shape } = inputs[0]!;
    if (mode === "constant") {
      return [
        sliceNode(
          builder,
          gradient,
          padding.map(([before]) => before),
          shape,
        ),
      ];
    }
    return [padding.reduce((part, [before, after], axis) => fold(builder, part, axis, before, after, mode), gradient)];
  },
  cost: () => ({ multiplyAdds: 0 }),
};

function checkAmounts(
  [before, after]: readonly [number, number],
  axis: number,
  shape: Shape,
  mode: PadMode,
  where: string,
) {
  const extent = shape[axis]!;
  const most = mode === "reflect" ? extent - 1 : mode === "circular" ? extent : Number.POSITIVE_INFINITY;
  if ([before, after].every((amount) => Number.isInteger(amount) && amount >= 0 && amount <= most)) return;
  fail({
    code: "option",
    where,
    problem: `padding of axis ${axis} is out of range`,
    expected: Number.isFinite(most)
      ? `whole numbers from 0 to ${most}, since ${mode} padding of ${extent} elements has no more to repeat`
      : "whole numbers ≥ 0",
    received: formatShape([before, after]),
  });
}

/** The shape with the padding of each axis added. */
export function paddedShape(shape: Shape, padding: PadAttributes["padding"]): number[] {
  return shape.map((extent, axis) => extent + padding[axis]![0] + padding[axis]![1]);
}

/** Adds the gradients of the two borders of one axis to the elements that they repeat. */
function fold(builder: GraphBuilder, gradient: Node, axis: number, before: number, after: number, mode: PadMode): Node {
  const extent = gradient.shape[axis]! - before - after;
  const part = (start: number, size: number, step = 1) => sliceAxis(builder, gradient, axis, start, size, step);
  const at = (node: Node, start: number) => embedAxis(builder, node, axis, start, extent);
  const total = (node: Node) => {
    const sum = reduceNode(builder, node, "sum", [axis]);
    return reshapeNode(
      builder,
      sum,
      node.shape.map((size, i) => (i === axis ? 1 : size)),
    );
  };
  const parts = [part(before, extent)];
  if (before > 0) {
    if (mode === "reflect") parts.push(at(part(before - 1, before, -1), 1));
    else if (mode === "replicate") parts.push(at(total(part(0, before)), 0));
    else parts.push(at(part(0, before), extent - before));
  }
  if (after > 0) {
    const end = before + extent;
    if (mode === "reflect") parts.push(at(part(end + after - 1, after, -1), extent - 1 - after));
    else if (mode === "replicate") parts.push(at(total(part(end, after)), extent - 1));
    else parts.push(at(part(end, after), 0));
  }
  return parts.reduce((sum, more) => mapNode(builder, [sum, more], add(x(0), x(1))));
}

/** Adds a border; where no axis gets one, the tensor is left as it is. */
export function padNode(
  builder: GraphBuilder,
  input: Node,
  padding: PadAttributes["padding"],
  mode: PadMode = "constant",
  value = 0,
  name?: string,
): Node {
  if (padding.every(([before, after]) => before === 0 && after === 0)) return input;
  return builder.add(pad, [input], { padding, mode, value }, name);
}
