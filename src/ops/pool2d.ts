import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { checkWindow, type WindowAttributes, windowOutput } from "./window.js";

export interface Pool2dAttributes extends WindowAttributes {
  /** Window: [height, width]. */
  readonly kernel: readonly [number, number];
}

export interface AveragePool2dAttributes extends Pool2dAttributes {
  /** Whether padding counts in the divisor (PyTorch's default) or only real pixels do (Keras). */
  readonly countPadding: boolean;
}

export interface AveragePool2dGradientAttributes extends AveragePool2dAttributes {
  readonly inputShape: Shape;
}

/** Largest value under each window, channel by channel; padding never wins. NHWC. */
export const maxPool2d: OpDefinition<Pool2dAttributes> = {
  name: "maxPool2d",
  infer: ([image], attributes, where) => infer(image!, attributes, where),
  gradient: ({ builder, node, inputs, gradient }) => [
    builder.add(maxPool2dGradient, [inputs[0]!, node, gradient], node.attributes),
  ],
  cost: (_inputs, { kernel }, output) => ({ multiplyAdds: sizeOf(output.shape) * kernel[0] * kernel[1] }),
};

/**
 * ∂loss/∂image of `maxPool2d`. Inputs: image, pooled, ∂loss/∂pooled. Each window's gradient goes to its winner alone:
 * the first pixel, row by row, that equals the maximum.
 */
export const maxPool2dGradient: OpDefinition<Pool2dAttributes> = {
  name: "maxPool2dGradient",
  infer(inputs, attributes, where) {
    const [image, pooled, gradient] = inputs as [TensorType, TensorType, TensorType];
    const expected = infer(image, attributes, where);
    checkGradient(pooled, expected, where);
    checkGradient(gradient, expected, where);
    return { shape: image.shape, dtype: "float32" };
  },
  gradient: { none: "second derivatives through max pooling are not written yet" },
  cost: ([, pooled], { kernel }) => ({ multiplyAdds: sizeOf(pooled!.shape) * kernel[0] * kernel[1] }),
};

/** Mean under each window, channel by channel; padding counts as zeros or not at all (`countPadding`). NHWC. */
export const averagePool2d: OpDefinition<AveragePool2dAttributes> = {
  name: "averagePool2d",
  infer: ([image], attributes, where) => infer(image!, attributes, where),
  gradient: ({ builder, node, inputs, gradient }) => [
    builder.add(averagePool2dGradient, [gradient], { ...node.attributes, inputShape: inputs[0]!.shape }),
  ],
  cost: (_inputs, { kernel }, output) => ({ multiplyAdds: sizeOf(output.shape) * kernel[0] * kernel[1] }),
};

/** ∂loss/∂image of `averagePool2d`: each window's gradient is shared equally by the pixels that it averaged. */
export const averagePool2dGradient: OpDefinition<AveragePool2dGradientAttributes> = {
  name: "averagePool2dGradient",
  infer([gradient], attributes, where) {
    const image: TensorType = { shape: attributes.inputShape, dtype: "float32" };
    checkGradient(gradient!, infer(image, attributes, where), where);
    return image;
  },
  gradient({ builder, node, gradient }) {
    const { inputShape: _, ...attributes } = node.attributes;
    return [builder.add(averagePool2d, [gradient], attributes)];
  },
  cost: ([gradient], { kernel }) => ({ multiplyAdds: sizeOf(gradient!.shape) * kernel[0] * kernel[1] }),
};

function infer(image: TensorType, attributes: Pool2dAttributes, where: string): TensorType {
  const { shape, dtype } = image;
  if (shape.length !== 4) {
    fail({
      code: "shape",
      where,
      problem: "takes images",
      expected: "[batch, height, width, channels]",
      received: formatShape(shape),
    });
  }
  if (dtype !== "float32") {
    fail({ code: "dtype", where, problem: "pools floats", expected: "float32", received: dtype });
  }
  checkWindow(attributes, where);
  const { kernel, padding } = attributes;
  if (padding[0] >= kernel[0] || padding[1] >= kernel[0] || padding[2] >= kernel[1] || padding[3] >= kernel[1]) {
    fail({
      code: "option",
      where,
      problem: "padding is as large as the window, so a window could see no pixel",
      expected: `padding below ${kernel[0]} × ${kernel[1]}`,
      received: formatShape(padding),
    });
  }
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const [pooledHeight, pooledWidth] = windowOutput([height, width], kernel, attributes, where);
  checkEveryWindow(pooledHeight, height, kernel[0], attributes.strides[0], attributes.dilation[0], padding[0], where);
  checkEveryWindow(pooledWidth, width, kernel[1], attributes.strides[1], attributes.dilation[1], padding[2], where);
  return { shape: [batch, pooledHeight, pooledWidth, channels], dtype: "float32" };
}

/** Under dilation, the taps of a window may all lie in the padding although it is narrower than the window. */
function checkEveryWindow(
  windows: number,
  extent: number,
  size: number,
  stride: number,
  dilation: number,
  before: number,
  where: string,
): void {
  if (dilation === 1) return;
  for (let window = 0; window < windows; window++) {
    const taps = Array.from({ length: size }, (_, tap) => window * stride + tap * dilation - before);
    if (taps.some((tap) => tap >= 0 && tap < extent)) continue;
    fail({
      code: "option",
      where,
      problem: "a dilated window would see padding alone",
      expected: "a pixel under every window",
      received: `taps at ${taps.join(", ")} of ${extent} pixels`,
    });
  }
}

function checkGradient(gradient: Node | TensorType, expected: TensorType, where: string): void {
  if (sameShape(gradient.shape, expected.shape)) return;
  fail({
    code: "shape",
    where,
    problem: "the gradient does not have the output's shape",
    expected: formatShape(expected.shape),
    received: formatShape(gradient.shape),
  });
}
