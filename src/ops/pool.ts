import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { type PoolWindows, pooledExtents, windowAxes } from "./poolWindows.js";

export type MaxPoolAttributes = PoolWindows;

export type AveragePoolAttributes = PoolWindows & {
  /**
   * What sums are divided by: the pixels under the window (Keras), its taps within the padded input (PyTorch), or a
   * number; 1 leaves them sums.
   */
  readonly divisor: "pixels" | "window" | number;
};

export type AveragePoolGradientAttributes = AveragePoolAttributes & { readonly inputShape: Shape };

/** Largest value under each window, channel by channel; padding never wins. One to three spatial axes, channels last. */
export const maxPool: OpDefinition<MaxPoolAttributes> = {
  name: "maxPool",
  infer: ([image], attributes, where) => infer(image!, attributes, where),
  gradient: ({ builder, node, inputs, gradient }) => [
    builder.add(maxPoolGradient, [inputs[0]!, node, gradient], node.attributes),
  ],
  cost: ([image], attributes, output) => cost(image!.shape, attributes, output.shape),
};

/**
 * ∂loss/∂image of `maxPool`. Inputs: image, pooled, ∂loss/∂pooled. Each window's gradient goes to its winner alone:
 * the first pixel, row by row, that equals the maximum. It is also how pooled values go back to their places
 * (unpooling); where windows share a winner, their values add up.
 */
export const maxPoolGradient: OpDefinition<MaxPoolAttributes> = {
  name: "maxPoolGradient",
  infer(inputs, attributes, where) {
    const [image, pooled, gradient] = inputs as [TensorType, TensorType, TensorType];
    const expected = infer(image, attributes, where);
    checkShape(pooled, expected, "the pooled tensor does not have the output's shape", where);
    checkShape(gradient, expected, "the gradient does not have the output's shape", where);
    return { shape: image.shape, dtype: "float32" };
  },
  // which pixel wins does not vary smoothly: image and pooled take no part
  gradient: ({ builder, node, inputs, gradient }) => [
    undefined,
    undefined,
    builder.add(maxPoolPick, [inputs[0]!, inputs[1]!, gradient], node.attributes),
  ],
  cost: ([image, pooled], attributes) => cost(image!.shape, attributes, pooled!.shape),
};

/**
 * The values of one tensor at the winners of another. Inputs: image, pooled, and a tensor of the image's shape that is
 * read where the image is largest: 0 where the maximum is NaN. The transpose of `maxPoolGradient`.
 */
export const maxPoolPick: OpDefinition<MaxPoolAttributes> = {
  name: "maxPoolPick",
  infer(inputs, attributes, where) {
    const [image, pooled, values] = inputs as [TensorType, TensorType, TensorType];
    const expected = infer(image, attributes, where);
    checkShape(pooled, expected, "the pooled tensor does not have the output's shape", where);
    checkShape(values, image, "the values do not have the image's shape", where);
    return expected;
  },
  gradient: ({ builder, node, inputs, gradient }) => [
    undefined,
    undefined,
    builder.add(maxPoolGradient, [inputs[0]!, inputs[1]!, gradient], node.attributes),
  ],
  cost: ([image, pooled], attributes) => cost(image!.shape, attributes, pooled!.shape),
};

/**
 * Where each window's winner lies: int32, the linear index over the spatial axes (row · width + column), −1 where the
 * maximum is NaN. Inputs: image and pooled.
 */
export const maxPoolIndices: OpDefinition<MaxPoolAttributes> = {
  name: "maxPoolIndices",
  infer(inputs, attributes, where) {
    const [image, pooled] = inputs as [TensorType, TensorType];
    const expected = infer(image, attributes, where);
    checkShape(pooled, expected, "the pooled tensor does not have the output's shape", where);
    return { shape: expected.shape, dtype: "int32" };
  },
  gradient: { none: "a position does not vary smoothly" },
  cost: ([image, pooled], attributes) => cost(image!.shape, attributes, pooled!.shape),
};

/** Sum under each window, channel by channel, divided by what `divisor` says. One to three spatial axes. */
export const averagePool: OpDefinition<AveragePoolAttributes> = {
  name: "averagePool",
  infer: ([image], attributes, where) => infer(image!, attributes, where),
  gradient: ({ builder, node, inputs, gradient }) => [
    builder.add(averagePoolGradient, [gradient], { ...node.attributes, inputShape: inputs[0]!.shape }),
  ],
  cost: ([image], attributes, output) => cost(image!.shape, attributes, output.shape),
};

/** ∂loss/∂image of `averagePool`: each window's gradient is shared equally by the pixels that it averaged. */
export const averagePoolGradient: OpDefinition<AveragePoolGradientAttributes> = {
  name: "averagePoolGradient",
  infer([gradient], attributes, where) {
    const image: TensorType = { shape: attributes.inputShape, dtype: "float32" };
    const expected = infer(image, attributes, where);
    checkShape(gradient!, expected, "the gradient does not have the output's shape", where);
    return image;
  },
  gradient({ builder, node, gradient }) {
    const { inputShape: _, ...attributes } = node.attributes;
    return [builder.add(averagePool, [gradient], attributes)];
  },
  cost: ([gradient], attributes) => cost(attributes.inputShape, attributes, gradient!.shape),
};

function infer({ shape, dtype }: TensorType, windows: PoolWindows, where: string): TensorType {
  const extents = pooledExtents(shape, windows, where);
  if (dtype !== "float32") {
    fail({ code: "dtype", where, problem: "pools floats", expected: "float32", received: dtype });
  }
  return { shape: [shape[0]!, ...extents, shape[shape.length - 1]!], dtype: "float32" };
}

function cost(image: Shape, windows: PoolWindows, pooled: Shape) {
  const taps = windowAxes(windows, image.slice(1, -1)).map(({ kernel }) => kernel);
  return { multiplyAdds: sizeOf(pooled) * sizeOf(taps) };
}

function checkShape(tensor: Node | TensorType, expected: TensorType, problem: string, where: string): void {
  if (sameShape(tensor.shape, expected.shape)) return;
  const received = formatShape(tensor.shape);
  fail({ code: "shape", where, problem, expected: formatShape(expected.shape), received });
}
