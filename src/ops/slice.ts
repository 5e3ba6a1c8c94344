import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";

export interface SliceAttributes {
  /** First index along each axis. */
  readonly start: readonly number[];
  /** Elements taken along each axis. */
  readonly size: readonly number[];
  /** Distance between them, negative to go backwards. */
  readonly step: readonly number[];
}

export interface SliceGradientAttributes extends SliceAttributes {
  /** Shape of the tensor that was sliced. */
  readonly inputShape: Shape;
}

/** A part of a tensor: `y[i₀, i₁, …] = x[start₀ + i₀·step₀, start₁ + i₁·step₁, …]`. Output shape: `size`. */
export const slice: OpDefinition<SliceAttributes> = {
  name: "slice",
  infer([input], attributes, where) {
    checkFourBytes([input!], where);
    checkSlice(input!.shape, attributes, where);
    return { shape: attributes.size, dtype: input!.dtype };
  },
  gradient: ({ builder, node, inputs, gradient }) => [
    builder.add(sliceGradient, [gradient], { ...node.attributes, inputShape: inputs[0]!.shape }),
  ],
  cost: () => ({ multiplyAdds: 0 }),
};

/**
 * ∂loss/∂x of `slice`: the gradient where its elements came from, zeros elsewhere. It is also how a tensor is put into
 * a larger one.
 */
export const sliceGradient: OpDefinition<SliceGradientAttributes> = {
  name: "sliceGradient",
  infer([gradient], { inputShape, ...attributes }, where) {
    checkFourBytes([gradient!], where);
    checkSlice(inputShape, attributes, where);
    if (!sameShape(gradient!.shape, attributes.size)) {
      fail({
        code: "shape",
        where,
        problem: "the gradient does not have the slice's shape",
        expected: formatShape(attributes.size),
        received: formatShape(gradient!.shape),
      });
    }
    return { shape: inputShape, dtype: gradient!.dtype };
  },
  gradient({ builder, node, gradient }) {
    const { inputShape: _, ...attributes } = node.attributes;
    return [builder.add(slice, [gradient], attributes)];
  },
  cost: () => ({ multiplyAdds: 0 }),
};

/** Refuses bytes where a kernel moves values of four bytes. */
export function checkFourBytes(inputs: readonly TensorType[], where: string): void {
  for (const { dtype } of inputs) {
    if (dtype !== "float32" && dtype !== "int32") {
      fail({
        code: "dtype",
        where,
        problem: "moves numbers of four bytes",
        expected: "float32 or int32",
        received: dtype,
      });
    }
  }
}

function checkSlice(shape: Shape, { start, size, step }: SliceAttributes, where: string): void {
  const rank = shape.length;
  if (start.length !== rank || size.length !== rank || step.length !== rank) {
    fail({
      code: "shape",
      where,
      problem: "start, size and step must name every axis",
      expected: `${rank} numbers each`,
      received: `${start.length}, ${size.length} and ${step.length}`,
    });
  }
  shape.forEach((extent, axis) => {
    const [from, count, by] = [start[axis]!, size[axis]!, step[axis]!];
    const last = from + (count - 1) * by;
    const inside = (index: number) => Number.isInteger(index) && index >= 0 && index < extent;
    if (Number.isInteger(count) && count >= 1 && by !== 0 && inside(from) && inside(last)) return;
    fail({
      code: "option",
      where,
      problem: `the slice leaves axis ${axis}`,
      expected: `at least one element, all from 0 to ${extent - 1}`,
      received: `start ${from}, size ${count}, step ${by}`,
    });
  });
}

/** Takes `size` elements from `start` on along each axis; of all axes in full, the tensor is its own slice. */
export function sliceNode(
  builder: GraphBuilder,
  input: Node,
  start: readonly number[],
  size: readonly number[],
  step: readonly number[] = start.map(() => 1),
  name?: string,
): Node {
  const whole = sameShape(size, input.shape) && step.every((by) => by === 1);
  return whole ? input : builder.add(slice, [input], { start, size, step }, name);
}

/** Takes `size` elements from `start` on along one axis, everything along the others. */
export function sliceAxis(
  builder: GraphBuilder,
  input: Node,
  axis: number,
  start: number,
  size: number,
  step = 1,
): Node {
  const along = (value: number, others: (extent: number) => number) =>
    input.shape.map((extent, i) => (i === axis ? value : others(extent)));
  return sliceNode(
    builder,
    input,
    along(start, () => 0),
    along(size, (extent) => extent),
    along(step, () => 1),
  );
}

/** Puts a tensor into zeros of `extent` along one axis, its first element at `start`, the others `step` apart. */
export function embedAxis(
  builder: GraphBuilder,
  input: Node,
  axis: number,
  start: number,
  extent: number,
  step = 1,
): Node {
  if (extent === input.shape[axis] && step === 1) return input;
  return builder.add(sliceGradient, [input], {
    start: input.shape.map((_, i) => (i === axis ? start : 0)),
    size: input.shape,
    step: input.shape.map((_, i) => (i === axis ? step : 1)),
    inputShape: input.shape.map((size, i) => (i === axis ? extent : size)),
  });
}
