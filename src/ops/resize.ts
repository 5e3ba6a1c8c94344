import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { checkFloats } from "./floats.js";

export interface ResizeAttributes {
  readonly axis: number;
  /** Extent of the output along the axis. */
  readonly size: number;
  readonly method: "nearest" | "linear";
  /** For `linear`: whether the first and last elements lie on each other, or the outer edges of both do. */
  readonly alignCorners: boolean;
}

export interface ResizeGradientAttributes extends ResizeAttributes {
  /** Extent of the resized tensor along the axis. */
  readonly inputSize: number;
}

/**
 * A tensor with more or fewer elements along one axis, of extent n before and m after:
 *
 * - `nearest`: `y[i] = x[⌊i·n/m⌋]`
 * - `linear`: `y[i] = (1 − t)·x[j] + t·x[j + 1]` at position `j + t = (i + ½)·n/m − ½`, kept within [0, n − 1], or
 *   `i·(n − 1)/(m − 1)` under `alignCorners`
 *
 * as in PyTorch's `interpolate`. Several axes are resized one after the other.
 */
export const resize: OpDefinition<ResizeAttributes> = {
  name: "resize",
  infer([input], attributes, where) {
    checkFloats([input!], where);
    const { axis, size } = attributes;
    checkSizes(input!.shape, axis, [size], where);
    return { shape: withExtent(input!.shape, axis, size), dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient }) {
    const inputSize = inputs[0]!.shape[node.attributes.axis]!;
    return [builder.add(resizeGradient, [gradient], { ...node.attributes, inputSize })];
  },
  cost: (_inputs, { method }, output) => ({ multiplyAdds: method === "linear" ? 2 * sizeOf(output.shape) : 0 }),
};

/** ∂loss/∂x of `resize`: every element gathers what it has given, `dx[j] = Σ_i weight(i, j)·dy[i]`. */
export const resizeGradient: OpDefinition<ResizeGradientAttributes> = {
  name: "resizeGradient",
  infer([gradient], { axis, size, inputSize }, where) {
    checkFloats([gradient!], where);
    checkSizes(gradient!.shape, axis, [size, inputSize], where);
    if (gradient!.shape[axis] !== size) {
      fail({
        code: "shape",
        where,
        problem: "the gradient does not have the output's shape",
        expected: `${size} along axis ${axis}`,
        received: formatShape(gradient!.shape),
      });
    }
    return { shape: withExtent(gradient!.shape, axis, inputSize), dtype: "float32" };
  },
  gradient({ builder, node, gradient }) {
    const { inputSize: _, ...attributes } = node.attributes;
    return [builder.add(resize, [gradient], attributes)];
  },
  cost: ([gradient]) => ({ multiplyAdds: 2 * sizeOf(gradient!.shape) }),
};

/** The largest extent: positions are fractions of whole numbers, which must stay below 2³¹. */
const largest = 16_384;

function checkSizes(shape: Shape, axis: number, sizes: readonly number[], where: string): void {
  if (!(Number.isInteger(axis) && axis >= 0 && axis < shape.length)) {
    const expected = `0 to ${shape.length - 1}`;
    fail({ code: "option", where, problem: "there is no such axis", expected, received: String(axis) });
  }
  for (const size of [shape[axis]!, ...sizes]) {
    if (Number.isInteger(size) && size >= 1 && size <= largest) continue;
    const expected = `a whole number from 1 to ${largest}`;
    fail({ code: "option", where, problem: "size is out of range", expected, received: String(size) });
  }
}

function withExtent(shape: Shape, axis: number, extent: number): number[] {
  return shape.map((size, i) => (i === axis ? extent : size));
}

/** Where output element i reads: at `(slope·i + offset) / unit`, in elements of the input. */
export interface Positions {
  readonly slope: number;
  readonly offset: number;
  readonly unit: number;
}

/** Positions of `size` elements over `inputSize`; `linear` ones are to be kept within [0, inputSize − 1]. */
export function positionsOf({ size, method, alignCorners }: ResizeAttributes, inputSize: number): Positions {
  if (method === "nearest") return { slope: inputSize, offset: 0, unit: size };
  if (!alignCorners) return { slope: 2 * inputSize, offset: inputSize - size, unit: 2 * size };
  return { slope: size === 1 ? 0 : inputSize - 1, offset: 0, unit: Math.max(1, size - 1) };
}

/** Resizes one axis; of the same extent, the tensor is left as it is. */
export function resizeNode(builder: GraphBuilder, input: Node, attributes: ResizeAttributes, name?: string): Node {
  return input.shape[attributes.axis] === attributes.size ? input : builder.add(resize, [input], attributes, name);
}
