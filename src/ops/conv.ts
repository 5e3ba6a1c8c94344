import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, TensorType } from "../graph/types.js";
import { type Epilogue, epilogueInputs, inferEpilogue } from "./epilogue.js";
import { checkFloats } from "./floats.js";
import { checkWindow, type Window, windowOutput } from "./window.js";

/**
 * A family of three: the convolution is linear in its image and in its filter, so each gradient is an op of the same
 * attributes, and each is the others' gradient too. The gradient for the image is also the transposed convolution.
 * Images have one, two or three axes between batch and channels: sequences, images, volumes.
 */
export interface ConvAttributes extends Window {
  /** Channels are split into this many independent convolutions. */
  readonly groups: number;
  readonly epilogue?: Epilogue;
}

export interface ConvInputGradientAttributes extends ConvAttributes {
  /** Shape of the image that the gradient is taken for. */
  readonly inputShape: Shape;
}

export interface ConvFilterGradientAttributes extends ConvAttributes {
  /** Shape of the filter that the gradient is taken for. */
  readonly filterShape: Shape;
}

/** Sizes of one convolution, the same for the op and both gradients; lists have one number for each axis. */
export interface ConvGeometry {
  readonly batch: number;
  readonly input: readonly number[];
  readonly inputChannels: number;
  readonly kernel: readonly number[];
  /** Channels that one filter reads: inputChannels / groups. */
  readonly groupChannels: number;
  readonly output: readonly number[];
  readonly outputChannels: number;
}

/** Most axes between batch and channels: depth, height, width. */
const mostAxes = 3;

/**
 * Convolution as deep learning means it (cross-correlation, no flip), channels last: image [batch, …axes, channels],
 * filter [...taps, channels / groups, filters]. For two axes:
 *
 * `y[n, i, j, o] = Σ_{u, v, c} x[n, i·s₀ + u·d₀ − before₀, j·s₁ + v·d₁ − before₁, c] · w[u, v, c, o]`
 *
 * with x zero outside its extent, and alike for one or three; under groups, output channel o reads the channels of its
 * group alone. Output along each axis: `⌊(size + before + after − (d·(k − 1) + 1)) / s⌋ + 1`.
 */
export const conv: OpDefinition<ConvAttributes> = {
  name: "conv",
  infer(inputs, attributes, where) {
    const [image, filter] = inputs as [TensorType, TensorType];
    checkFloats(inputs, where);
    const g = convGeometry(image.shape, filter.shape, attributes, where);
    const result = { shape: outputShape(g), dtype: "float32" } as const;
    return inferEpilogue(result, epilogueInputs(inputs, 2), attributes.epilogue, where);
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const [image, filter] = inputs as [Node, Node];
    const window = node.attributes;
    return [
      needed[0]
        ? builder.add(convInputGradient, [gradient, filter], { ...window, inputShape: image.shape })
        : undefined,
      needed[1]
        ? builder.add(convFilterGradient, [image, gradient], { ...window, filterShape: filter.shape })
        : undefined,
    ];
  },
  cost: ([image, filter], attributes) => cost(image!.shape, filter!.shape, attributes),
};

/** ∂loss/∂image. Inputs: ∂loss/∂y and the filter. Each image pixel gathers from the outputs that read it. */
export const convInputGradient: OpDefinition<ConvInputGradientAttributes> = {
  name: "convInputGradient",
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
      needed[0] ? builder.add(conv, [gradient, filter], window) : undefined,
      needed[1]
        ? builder.add(convFilterGradient, [gradient, outer], { ...window, filterShape: filter.shape })
        : undefined,
    ];
  },
  cost: ([, filter], attributes) => cost(attributes.inputShape, filter!.shape, attributes),
};

/** ∂loss/∂filter. Inputs: the image and ∂loss/∂y. Each tap sums image · gradient over all output pixels. */
export const convFilterGradient: OpDefinition<ConvFilterGradientAttributes> = {
  name: "convFilterGradient",
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
      needed[0] ? builder.add(convInputGradient, [outer, gradient], { ...window, inputShape: image.shape }) : undefined,
      needed[1] ? builder.add(conv, [image, gradient], window) : undefined,
    ];
  },
  cost: ([image], attributes) => cost(image!.shape, attributes.filterShape, attributes),
};

/** Checks image and filter against each other and works out every size once. */
export function convGeometry(image: Shape, filter: Shape, attributes: ConvAttributes, where: string): ConvGeometry {
  const axes = image.length - 2;
  if (axes < 1 || axes > mostAxes) {
    fail({
      code: "shape",
      where,
      problem: "takes images",
      expected: "[batch, …axes, channels] with one to three axes",
      received: formatShape(image),
    });
  }
  if (filter.length !== image.length) {
    fail({
      code: "shape",
      where,
      problem: "takes a filter with the axes of its image",
      expected: `[${"size, ".repeat(axes)}input channels, output channels]`,
      received: formatShape(filter),
    });
  }
  checkWindow(attributes, where, axes);
  const [batch, inputChannels] = [image[0]!, image[axes + 1]!];
  const [groupChannels, outputChannels] = [filter[axes]!, filter[axes + 1]!];
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
  const [input, kernel] = [image.slice(1, -1), filter.slice(0, -2)];
  const output = windowOutput(input, kernel, attributes, where);
  return { batch, input, inputChannels, kernel, groupChannels, output, outputChannels };
}

const outputShape = (g: ConvGeometry): Shape => [g.batch, ...g.output, g.outputChannels];

function checkGradientShape(gradient: Shape, image: Shape, filter: Shape, attributes: ConvAttributes, where: string) {
  const expected = outputShape(convGeometry(image, filter, attributes, where));
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

function cost(image: Shape, filter: Shape, attributes: ConvAttributes) {
  const { batch, output } = convGeometry(image, filter, attributes, "conv");
  return { multiplyAdds: batch * sizeOf(output) * sizeOf(filter) };
}

export function convNode(builder: GraphBuilder, image: Node, filter: Node, attributes: ConvAttributes): Node {
  return builder.add(conv, [image, filter], attributes);
}

/** The gradient for an image of shape `inputShape`: what a transposed convolution computes. */
export function convInputGradientNode(
  builder: GraphBuilder,
  gradient: Node,
  filter: Node,
  attributes: ConvInputGradientAttributes,
): Node {
  return builder.add(convInputGradient, [gradient, filter], attributes);
}
