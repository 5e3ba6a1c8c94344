import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { type Epilogue, epilogueInputs, inferEpilogue } from "./epilogue.js";
import { checkFloats } from "./floats.js";
import { checkWindow, type WindowAttributes, windowOutput } from "./window.js";

/**
 * A family of three: the convolution is linear in its image and in its filter, so each gradient is an op of the same
 * attributes, and each is the others' gradient too.
 */
export interface Conv2dAttributes extends WindowAttributes {
  /** Channels are split into this many independent convolutions. */
  readonly groups: number;
  readonly epilogue?: Epilogue;
}

export interface Conv2dInputGradientAttributes extends Conv2dAttributes {
  /** Shape of the image that the gradient is taken for. */
  readonly inputShape: Shape;
}

export interface Conv2dFilterGradientAttributes extends Conv2dAttributes {
  /** Shape of the filter that the gradient is taken for. */
  readonly filterShape: Shape;
}

/** Sizes of one convolution, the same for the op and both gradients. */
export interface Conv2dGeometry {
  readonly batch: number;
  readonly inputHeight: number;
  readonly inputWidth: number;
  readonly inputChannels: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Channels that one filter reads: inputChannels / groups. */
  readonly groupChannels: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  readonly outputChannels: number;
}

/**
 * 2-D convolution as deep learning means it (cross-correlation, no flip), NHWC image and HWIO filter:
 *
 * `y[n, i, j, o] = Σ_{u, v, c} x[n, i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · w[u, v, c, o]`
 *
 * with x zero outside its extent; under groups, output channel o reads the channels of its group alone.
 * Output height: `⌊(H + top + bottom − (d₀·(kh − 1) + 1)) / s₀⌋ + 1`, width alike.
 */
export const conv2d: OpDefinition<Conv2dAttributes> = {
  name: "conv2d",
  infer(inputs, attributes, where) {
    const [image, filter] = inputs as [TensorType, TensorType];
    checkFloats(inputs, where);
    const g = conv2dGeometry(image.shape, filter.shape, attributes, where);
    const result = { shape: [g.batch, g.outputHeight, g.outputWidth, g.outputChannels], dtype: "float32" } as const;
    return inferEpilogue(result, epilogueInputs(inputs, 2), attributes.epilogue, where);
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [image, filter] = inputs as [Node, Node];
    const window = node.attributes;
    return [
      needed[0]
        ? builder.add(conv2dInputGradient, [gradient, filter], { ...window, inputShape: image.shape })
        : undefined,
      needed[1]
        ? builder.add(conv2dFilterGradient, [image, gradient], { ...window, filterShape: filter.shape })
        : undefined,
    ];
  },
  cost: ([image, filter], attributes) => cost(image!.shape, filter!.shape, attributes),
};

/** ∂loss/∂image. Inputs: ∂loss/∂y and the filter. Each image pixel gathers from the outputs that read it. */
export const conv2dInputGradient: OpDefinition<Conv2dInputGradientAttributes> = {
  name: "conv2dInputGradient",
  infer(inputs, attributes, where) {
    const [gradient, filter] = inputs as [TensorType, TensorType];
    checkFloats(inputs, where);
    checkGradientShape(gradient.shape, attributes.inputShape, filter.shape, attributes, where);
    const result = { shape: attributes.inputShape, dtype: "float32" } as const;
    return inferEpilogue(result, epilogueInputs(inputs, 2), attributes.epilogue, where);
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [outer, filter] = inputs as [Node, Node];
    const { inputShape: _, ...window } = node.attributes;
    return [
      needed[0] ? builder.add(conv2d, [gradient, filter], window) : undefined,
      needed[1]
        ? builder.add(conv2dFilterGradient, [gradient, outer], { ...window, filterShape: filter.shape })
        : undefined,
    ];
  },
  cost: ([, filter], attributes) => cost(attributes.inputShape, filter!.shape, attributes),
};

/** ∂loss/∂filter. Inputs: the image and ∂loss/∂y. Each tap sums image · gradient over all output pixels. */
export const conv2dFilterGradient: OpDefinition<Conv2dFilterGradientAttributes> = {
  name: "conv2dFilterGradient",
  infer(inputs, attributes, where) {
    const [image, gradient] = inputs as [TensorType, TensorType];
    checkFloats(inputs, where);
    checkGradientShape(gradient.shape, image.shape, attributes.filterShape, attributes, where);
    return { shape: attributes.filterShape, dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [image, outer] = inputs as [Node, Node];
    const { filterShape: _, ...window } = node.attributes;
    return [
      needed[0]
        ? builder.add(conv2dInputGradient, [outer, gradient], { ...window, inputShape: image.shape })
        : undefined,
      needed[1] ? builder.add(conv2d, [image, gradient], window) : undefined,
    ];
  },
  cost: ([image], attributes) => cost(image!.shape, attributes.filterShape, attributes),
};

/** Checks image and filter against each other and works out every size once. */
export function conv2dGeometry(
  image: Shape,
  filter: Shape,
  attributes: Conv2dAttributes,
  where: string,
): Conv2dGeometry {
  if (image.length !== 4) {
    fail({
      code: "shape",
      where,
      problem: "takes images",
      expected: "[batch, height, width, channels]",
      received: formatShape(image),
    });
  }
  if (filter.length !== 4) {
    const expected = "[height, width, input channels, output channels]";
    fail({ code: "shape", where, problem: "takes a filter", expected, received: formatShape(filter) });
  }
  checkWindow(attributes, where);
  const [batch, inputHeight, inputWidth, inputChannels] = image as [number, number, number, number];
  const [kernelHeight, kernelWidth, groupChannels, outputChannels] = filter as [number, number, number, number];
  const { groups } = attributes;
  if (inputChannels !== groupChannels * groups) {
    const across = groups === 1 ? "" : ` in ${groups} groups`;
    fail({
      code: "shape",
      where,
      problem: `input ${formatShape(image)} has ${inputChannels} channels, weights expect ${groupChannels * groups}${across}`,
    });
  }
  if (outputChannels % groups !== 0) {
    fail({
      code: "shape",
      where,
      problem: `${outputChannels} filters cannot be split into ${groups} groups`,
      fix: "Make the number of filters a multiple of the groups",
    });
  }
  const [outputHeight, outputWidth] = windowOutput(
    [inputHeight, inputWidth],
    [kernelHeight, kernelWidth],
    attributes,
    where,
  );
  return {
    batch,
    inputHeight,
    inputWidth,
    inputChannels,
    kernelHeight,
    kernelWidth,
    groupChannels,
    outputHeight,
    outputWidth,
    outputChannels,
  };
}

function checkGradientShape(gradient: Shape, image: Shape, filter: Shape, attributes: Conv2dAttributes, where: string) {
  const g = conv2dGeometry(image, filter, attributes, where);
  const expected = [g.batch, g.outputHeight, g.outputWidth, g.outputChannels];
  if (!sameShape(gradient, expected)) {
    fail({
      code: "shape",
      where,
      problem: "the gradient does not have the output's shape",
      expected: formatShape(expected),
      received: formatShape(gradient),
    });
  }
}

function cost(image: Shape, filter: Shape, attributes: Conv2dAttributes) {
  const g = conv2dGeometry(image, filter, attributes, "conv2d");
  return { multiplyAdds: g.batch * g.outputHeight * g.outputWidth * sizeOf(filter) };
}

export function conv2dNode(builder: GraphBuilder, image: Node, filter: Node, attributes: Conv2dAttributes): Node {
  return builder.add(conv2d, [image, filter], attributes);
}
