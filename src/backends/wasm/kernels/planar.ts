import type { Shape } from "../../../core/shapes.js";
import { type ConvAttributes, convGeometry } from "../../../ops/conv.js";
import type { NodeContext } from "../../../plan/types.js";
import type { WasmKernel } from "../kernel.js";

/**
 * Convolutions as the kernels over height and width see them. Sequences are images of height 1, and volumes whose
 * filter has a depth of 1 are images with the depth in the batch; other volumes have a third axis, `depth`.
 */
export interface Conv2dAttributes extends Pick<ConvAttributes, "groups" | "epilogue"> {
  /** [vertical, horizontal] */
  readonly strides: readonly [number, number];
  /** [top, bottom, left, right] */
  readonly padding: readonly [number, number, number, number];
  /** [vertical, horizontal] */
  readonly dilation: readonly [number, number];
  readonly depth?: DepthWindow;
}

/** The window along the third axis. */
export interface DepthWindow {
  readonly stride: number;
  readonly dilation: number;
  readonly padding: readonly [number, number];
}

/** The window along the third axis, also where there is none. */
export const depthOf = ({ depth }: Conv2dAttributes): DepthWindow =>
  depth ?? { stride: 1, dilation: 1, padding: [0, 0] };

export interface Conv2dInputGradientAttributes extends Conv2dAttributes {
  readonly inputShape: Shape;
}

export interface Conv2dFilterGradientAttributes extends Conv2dAttributes {
  readonly filterShape: Shape;
}

/** Sizes of one convolution, the same for the op and both gradients. */
export interface Conv2dGeometry {
  readonly batch: number;
  readonly inputDepth: number;
  readonly inputHeight: number;
  readonly inputWidth: number;
  readonly inputChannels: number;
  readonly kernelDepth: number;
  readonly kernelHeight: number;
  readonly kernelWidth: number;
  /** Channels that one filter reads: inputChannels / groups. */
  readonly groupChannels: number;
  readonly outputDepth: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  readonly outputChannels: number;
}

/** The sizes of a planar node. */
export function conv2dGeometry(
  image: Shape,
  filter: Shape,
  attributes: Conv2dAttributes,
  where: string,
): Conv2dGeometry {
  const g = convGeometry(image, filter, spatialAttributes(attributes), where);
  const [input, kernel, output] = [g.input, g.kernel, g.output].map(threeAxes);
  return {
    batch: g.batch,
    inputDepth: input![0],
    inputHeight: input![1],
    inputWidth: input![2],
    inputChannels: g.inputChannels,
    kernelDepth: kernel![0],
    kernelHeight: kernel![1],
    kernelWidth: kernel![2],
    groupChannels: g.groupChannels,
    outputDepth: output![0],
    outputHeight: output![1],
    outputWidth: output![2],
    outputChannels: g.outputChannels,
  };
}

function spatialAttributes({ depth, strides, dilation, padding, groups }: Conv2dAttributes): ConvAttributes {
  if (depth === undefined) return { strides, dilation, padding, groups };
  return {
    strides: [depth.stride, ...strides],
    dilation: [depth.dilation, ...dilation],
    padding: [...depth.padding, ...padding],
    groups,
  };
}

/** Extents of one to three axes as those of three. */
const threeAxes = (extents: readonly number[]): readonly [number, number, number] => [
  extents.at(-3) ?? 1,
  extents.at(-2) ?? 1,
  extents.at(-1)!,
];

/** The kernel of convolutions over height and width for nodes of any number of axes. */
export function planar(kernel: WasmKernel): WasmKernel {
  return {
    name: kernel.name,
    accepts: (node, engine) => kernel.accepts(planarNode(node), engine),
    scratchBytes: (node, engine) => kernel.scratchBytes?.(planarNode(node), engine) ?? 0,
    packs: (node, engine) => kernel.packs?.(planarNode(node), engine),
    ...(kernel.overwrites && { overwrites: (node) => kernel.overwrites!(planarNode(node)) }),
    phases: (node, engine) => kernel.phases(planarNode(node), engine),
  };
}

type SpatialAttributes = ConvAttributes & { readonly inputShape?: Shape; readonly filterShape?: Shape };

/** The node as one over height and width. Operands of an epilogue are told apart by their sizes alone, and stay. */
function planarNode(node: NodeContext): NodeContext {
  const attributes = node.attributes as SpatialAttributes;
  const axes = attributes.strides.length;
  if (axes === 2) return node;
  const { strides, dilation, padding, groups, epilogue, inputShape, filterShape } = attributes;
  const { image, filter } = viewsOf(node, attributes);
  const isFilter = (position: number) => (node.op === "convFilterGradient" ? false : position === 1);
  const inputs = node.inputs.map((type, position) =>
    position < 2 ? { ...type, shape: (isFilter(position) ? filter : image)(type.shape) } : type,
  );
  const output = {
    ...node.output,
    shape: (node.op === "convFilterGradient" ? filter : image)(node.output.shape),
  };
  const window: Conv2dAttributes = {
    strides: [strides.at(-2) ?? 1, strides.at(-1)!],
    dilation: [dilation.at(-2) ?? 1, dilation.at(-1)!],
    padding: [padding.at(-4) ?? 0, padding.at(-3) ?? 0, padding.at(-2)!, padding.at(-1)!],
    groups,
    epilogue,
  };
  const depth =
    output.shape.length === 5
      ? { depth: { stride: strides[0]!, dilation: dilation[0]!, padding: [padding[0]!, padding[1]!] } }
      : {};
  const shapes = {
    ...(inputShape === undefined ? {} : { inputShape: image(inputShape) }),
    ...(filterShape === undefined ? {} : { filterShape: filter(filterShape) }),
  };
  return { ...node, inputs, output, attributes: { ...window, ...depth, ...shapes } };
}

/** How shapes of images and of filters are seen over height and width. */
function viewsOf(node: NodeContext, { strides, padding, filterShape }: SpatialAttributes) {
  if (strides.length === 1) {
    return {
      image: ([batch, width, channels]: Shape): Shape => [batch!, 1, width!, channels!],
      filter: (shape: Shape): Shape => [1, ...shape],
    };
  }
  const kernelDepth = (filterShape ?? node.inputs[1]!.shape)[0]!;
  const flat = kernelDepth === 1 && strides[0] === 1 && padding[0] === 0 && padding[1] === 0;
  const same = (shape: Shape) => shape;
  if (!flat) return { image: same, filter: same };
  return {
    image: ([batch, depth, ...rest]: Shape): Shape => [batch! * depth!, ...rest],
    filter: (shape: Shape): Shape => shape.slice(1),
  };
}
