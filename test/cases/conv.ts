import { type ConvAttributes, convGeometry } from "../../src/ops/conv.js";
import { effectiveSize, type Padding, resolvePadding } from "../../src/ops/window.js";
import type { Case } from "../harness/case.js";
import { epiloguesFor } from "./epilogues.js";
import { edgeSizes } from "./sizes.js";

/** One convolution, as users would write it: over as many axes as `size` has, two by default. */
export interface ConvolutionSpec {
  readonly batch?: number;
  readonly size?: readonly number[];
  readonly channels?: number;
  readonly filters?: number;
  readonly kernel?: readonly number[];
  readonly strides?: readonly number[];
  readonly dilation?: readonly number[];
  readonly groups?: number;
  readonly padding?: Padding;
}

export interface Convolution {
  readonly name: string;
  readonly image: readonly number[];
  readonly filter: readonly number[];
  readonly result: readonly number[];
  readonly attributes: ConvAttributes;
}

/** Shapes and attributes of a spec; undefined where the filter does not fit into the image. */
export function convolution(spec: ConvolutionSpec): Convolution | undefined {
  const { batch = 2, size = [7, 6], channels = 3, filters = 5, groups = 1, padding = "same" } = spec;
  const each = (value: number) => size.map(() => value);
  const { kernel = each(3), strides = each(1), dilation = each(1) } = spec;
  const effective = kernel.map((taps, axis) => effectiveSize(taps, dilation[axis]!));
  const resolved = resolvePadding(padding, size, effective, strides);
  const fits = size.every((extent, i) => extent + resolved[2 * i]! + resolved[2 * i + 1]! >= effective[i]!);
  if (!fits) return undefined;
  const attributes = { strides, dilation, padding: resolved, groups };
  const image = [batch, ...size, channels];
  const filter = [...kernel, channels / groups, filters];
  const { output } = convGeometry(image, filter, attributes, "case");
  const name =
    `${image.join("×")} * ${kernel.join("×")}×${filters}, stride ${strides.join("×")}, ` +
    `dilation ${dilation.join("×")}, padding ${resolved.join(" ")}, groups ${groups}`;
  return { name, image, filter, result: [batch, ...output, filters], attributes };
}

/** The convolution with its gradients; undefined where it does not fit. */
export function convCase(spec: ConvolutionSpec): Case<"conv"> | undefined {
  const c = convolution(spec);
  if (c === undefined) return undefined;
  const { name, image, filter, attributes } = c;
  return { op: "conv", name, inputs: [{ shape: image }, { shape: filter }], attributes, gradient: true };
}

function inputGradientCase(spec: ConvolutionSpec): Case<"convInputGradient"> {
  const { name, image, filter, result, attributes } = convolution(spec)!;
  return {
    op: "convInputGradient",
    name,
    inputs: [{ shape: result }, { shape: filter }],
    attributes: { ...attributes, inputShape: image },
    gradient: true,
  };
}

function filterGradientCase(spec: ConvolutionSpec): Case<"convFilterGradient"> {
  const { name, image, filter, result, attributes } = convolution(spec)!;
  return {
    op: "convFilterGradient",
    name,
    inputs: [{ shape: image }, { shape: result }],
    attributes: { ...attributes, filterShape: filter },
    gradient: true,
  };
}

/** Values for one axis of the grid combined with those of another. */
function product<A, B, C>(as: readonly A[], bs: readonly B[], join: (a: A, b: B) => C): C[] {
  return as.flatMap((a) => bs.map((b) => join(a, b)));
}

const kernels: readonly (readonly number[])[] = [
  [1, 1],
  [2, 2],
  [3, 3],
  [5, 5],
  [3, 2],
  [1, 5],
];
const paddings: readonly Padding[] = ["valid", "same", 1, [2, 1], [0, 1, 2, 3], [3, 0, 0, 1]];

/** Kernel × stride × padding × dilation on one small image. */
const windows: readonly ConvolutionSpec[] = product(
  product(kernels, [1, 2, 3], (kernel, stride) => ({ kernel, strides: [stride, stride] as const })),
  product(paddings, [1, 2], (padding, dilation) => ({ padding, dilation: [dilation, dilation] as const })),
  (a, b) => ({ ...a, ...b, size: [9, 7], batch: 1, channels: 2, filters: 3 }),
);

/** Edge sizes of channels, filters, batch and image, each alone. */
const sizes: readonly ConvolutionSpec[] = [
  // filters that are put into panels, for the image's gradient, too
  { size: [5, 4], channels: 66, filters: 91, strides: [2, 2] },
  { size: [3, 5], channels: 231, filters: 221, kernel: [1, 1] },
  ...edgeSizes.flatMap((channels): ConvolutionSpec[] => [
    { channels, size: [4, 5] },
    { channels, kernel: [1, 1], filters: 4 },
  ]),
  ...edgeSizes.flatMap((filters): ConvolutionSpec[] => [
    { filters, size: [4, 5] },
    { filters, kernel: [1, 1], channels: 4 },
    { filters, channels: 1, kernel: [5, 5], strides: [2, 2] },
  ]),
  ...edgeSizes.flatMap((extent): ConvolutionSpec[] => [
    { size: [extent, 5], channels: 1 },
    { size: [3, extent], channels: 2 },
    { size: [extent, extent], channels: 1, filters: 4, strides: [2, 2], batch: 1 },
  ]),
  ...[1, 2, 5].map((batch) => ({ batch })),
  { strides: [1, 2] },
  { strides: [3, 1], dilation: [1, 2] },
  { size: [28, 28], channels: 1, filters: 10, kernel: [5, 5], strides: [2, 2], batch: 1 },
  { size: [14, 14], channels: 16, filters: 16, batch: 1 },
  { size: [1, 1], channels: 8, filters: 8 },
  { size: [1, 1], channels: 3, filters: 3, kernel: [5, 5] },
];

const grouped: readonly ConvolutionSpec[] = [
  { groups: 2, channels: 4, filters: 6 },
  { groups: 2, channels: 6, filters: 2, kernel: [1, 1] },
  { groups: 3, channels: 3, filters: 9, strides: [2, 2] },
  { groups: 4, channels: 16, filters: 32, size: [4, 4] },
  { groups: 2, channels: 18, filters: 34, size: [3, 4] },
  // depthwise: one channel per group; with a multiplier, several filters for each
  ...[1, 3, 4, 5, 8, 9, 16, 17].map((channels) => ({ groups: channels, channels, filters: channels })),
  { groups: 8, channels: 8, filters: 8, strides: [2, 2], kernel: [3, 3] },
  { groups: 8, channels: 8, filters: 8, dilation: [2, 2], padding: "valid", size: [9, 8] },
  { groups: 5, channels: 5, filters: 10, kernel: [5, 5] },
  { groups: 4, channels: 4, filters: 4, padding: [0, 1, 2, 0] },
  // tiles of pixels and blocks of channels with their rests, rows in parts, long and far-reaching filters
  ...[16, 17, 20, 33].map((width) => ({ ...depthwise(8), size: [5, width] })),
  ...[19, 36, 41].map((channels) => ({ ...depthwise(channels), size: [4, 11], batch: 1 })),
  { ...depthwise(8), size: [1, 200], kernel: [1, 3], batch: 1 },
  { ...depthwise(12), size: [12, 12], kernel: [5, 5], strides: [2, 2] },
  { ...depthwise(8), size: [12, 14], kernel: [7, 12], batch: 1 },
  { ...depthwise(8), size: [9, 12], kernel: [3, 3], strides: [3, 2], dilation: [2, 3] },
  { ...depthwise(4), size: [3, 3], kernel: [3, 3], dilation: [4, 4] },
  { ...depthwise(8), size: [6, 7], kernel: [1, 1], strides: [2, 3], padding: "valid" },
  { ...depthwise(8), size: [30, 30], batch: 3 },
  ...[2, 3, 6].map((multiplier) => ({ groups: 6, channels: 6, filters: 6 * multiplier, strides: [2, 1] })),
];

/** A filter of its own for each channel. */
function depthwise(channels: number) {
  return { groups: channels, channels, filters: channels };
}

/** Sequences: every option, and long reaches. */
const sequences: readonly ConvolutionSpec[] = [
  ...product(
    product([1, 2, 3, 5], [1, 2, 3], (taps, stride) => ({ kernel: [taps], strides: [stride] })),
    product(["valid", "same", "full", "causal", 2, [3, 1]] as const, [1, 2], (padding, dilation) => {
      return { padding, dilation: [dilation] };
    }),
    (a, b): ConvolutionSpec => ({ ...a, ...b, size: [9], batch: 2, channels: 2, filters: 3 }),
  ),
  { size: [40], kernel: [2], dilation: [32], padding: "causal", channels: 8, filters: 16, batch: 1 },
  { size: [20], kernel: [3], dilation: [16], channels: 5, filters: 7 },
  { size: [1], kernel: [3], channels: 1, filters: 1, batch: 1 },
  { size: [130], channels: 8, filters: 8, batch: 1 },
  { size: [40], channels: 1, filters: 10, kernel: [5] },
  { size: [390], channels: 4, filters: 5, kernel: [3], dilation: [3] },
  { size: [390], channels: 4, filters: 5, kernel: [4], strides: [2], padding: "valid" },
  { size: [260], channels: 8, filters: 9, kernel: [1] },
  { size: [1030], channels: 3, filters: 5, batch: 1, strides: [2] },
  { size: [31], channels: 6, filters: 4, groups: 2, strides: [2] },
  ...[4, 8, 11].map((channels) => ({ ...depthwise(channels), size: [23], padding: "causal" as const })),
  { ...depthwise(8), size: [300], kernel: [3], dilation: [40], batch: 1 },
  { ...depthwise(8), size: [23], kernel: [9], strides: [2], batch: 1 },
  { size: [23], groups: 4, channels: 4, filters: 8, kernel: [2] },
];

/** Few filters for whole vectors of channels, and what the gradient for an image of few channels reads. */
const few: readonly ConvolutionSpec[] = [
  ...[1, 2, 3, 4].flatMap((filters): ConvolutionSpec[] => [
    { channels: 16, filters, size: [5, 19] },
    { channels: 8, filters, size: [7, 6], strides: [2, 3], dilation: [2, 1] },
    { channels: filters, filters: 16, size: [9, 10], strides: [2, 2] },
  ]),
  { channels: 8, filters: 1, size: [4, 5], kernel: [1, 1] },
  { channels: 8, filters: 1, size: [130], batch: 1 },
  { channels: 1, filters: 8, size: [5, 4, 6], strides: [2, 1, 2], kernel: [2, 3, 2] },
];

/** Volumes: depth goes through loops of its own in every kernel. */
const volumes: readonly ConvolutionSpec[] = [
  ...product([1, 2], [1, 2], (stride, dilation): ConvolutionSpec => {
    return { size: [5, 6, 4], strides: [stride, 1, stride], dilation: [dilation, dilation, 1] };
  }).map((spec) => ({ ...spec, batch: 1, channels: 2, filters: 3 })),
  { size: [4, 5, 6], kernel: [2, 3, 1], channels: 3, filters: 4, padding: [1, 0, 0, 2, 1, 1] },
  { size: [4, 3, 3], kernel: [1, 3, 3], channels: 2, filters: 2 },
  { size: [4, 3, 3], kernel: [1, 3, 3], channels: 2, filters: 2, strides: [2, 1, 1] },
  { size: [3, 4, 4], kernel: [3, 1, 1], channels: 4, filters: 8, padding: "full" },
  { size: [6, 7, 8], channels: 8, filters: 17, strides: [2, 2, 2], batch: 1 },
  { size: [5, 4, 3], kernel: [2, 2, 2], strides: [3, 3, 3], padding: "valid", channels: 1, filters: 4 },
  { size: [2, 2, 2], kernel: [5, 5, 5], channels: 1, filters: 2 },
  { size: [3, 4, 19], channels: 1, filters: 10, batch: 1 },
  { size: [3, 4, 5], groups: 2, channels: 4, filters: 6 },
  { size: [3, 4, 5], groups: 3, channels: 3, filters: 3, strides: [2, 1, 2] },
  { size: [4, 4, 9], groups: 8, channels: 8, filters: 8, dilation: [2, 1, 2] },
];

/** Geometries that meet the tiles and their tails in every kernel; each is tried under every epilogue. */
const underEpilogues: readonly ConvolutionSpec[] = [
  ...edgeSizes.map((filters): ConvolutionSpec => ({ filters, size: [3, 5] })),
  ...edgeSizes.map((filters): ConvolutionSpec => ({ filters, kernel: [1, 1], size: [3, 3], channels: 4 })),
  { strides: [2, 2], size: [9, 9], filters: 8, padding: [0, 1, 2, 1] },
  { groups: 2, channels: 4, filters: 6 },
  { groups: 8, channels: 8, filters: 8, size: [4, 5] },
  { groups: 5, channels: 5, filters: 5, strides: [2, 1], dilation: [1, 2] },
  { groups: 12, channels: 12, filters: 12, size: [5, 11] },
  { groups: 5, channels: 5, filters: 10, size: [3, 4] },
  { size: [11], channels: 4, filters: 9, dilation: [2] },
  { size: [5, 6], channels: 8, filters: 3 },
  { size: [5, 6], channels: 1, filters: 8, strides: [2, 2] },
  { size: [3, 4, 5], channels: 2, filters: 9 },
];

/** One channel, and filters that leave lanes of a vector empty: 8 lanes and up to 4 more. */
const narrow: readonly ConvolutionSpec[] = [
  ...[1, 2, 3, 4, 9, 10, 11, 12].flatMap((filters): ConvolutionSpec[] => [
    { channels: 1, filters, size: [12, 11], kernel: [5, 5], strides: [2, 2] },
    { channels: 1, filters, size: [5, 19], kernel: [3, 3] },
  ]),
  { channels: 1, filters: 10, size: [9, 75], kernel: [3, 5], strides: [1, 2] },
  { channels: 1, filters: 10, size: [3, 70], kernel: [3, 3], padding: "valid" },
  { channels: 1, filters: 10, size: [8, 23], kernel: [2, 7], strides: [3, 3], padding: [0, 2, 4, 1] },
  { channels: 1, filters: 9, size: [20, 9], kernel: [3, 3], dilation: [2, 1] },
  { channels: 1, filters: 9, size: [9, 20], kernel: [3, 3], dilation: [1, 2] },
  { channels: 1, filters: 12, size: [3, 3], kernel: [3, 3], padding: "valid", batch: 1 },
  { channels: 1, filters: 10, size: [28, 28], kernel: [5, 5], strides: [2, 2], batch: 19 },
];

export const convCases: readonly Case<"conv">[] = [
  ...[...windows, ...sizes, ...grouped, ...narrow, ...few, ...sequences, ...volumes]
    .map(convCase)
    .filter((testCase) => testCase !== undefined),
  ...underEpilogues.flatMap((spec) => {
    const { name, image, filter, result, attributes } = convolution(spec)!;
    return epiloguesFor(result).map(
      ({ label, epilogue, operands }): Case<"conv"> => ({
        op: "conv",
        name: `${name}, ${label}`,
        inputs: [{ shape: image }, { shape: filter }, ...operands],
        attributes: { ...attributes, epilogue },
        gradient: false,
      }),
    );
  }),
];

/** The gradients as ops of their own: their values are checked with conv, their gradients (second order) here. */
const secondOrder: readonly ConvolutionSpec[] = [
  {},
  { strides: [2, 2] },
  { strides: [3, 2], padding: [0, 1, 2, 3] },
  { dilation: [2, 1], padding: "valid" },
  { groups: 3, filters: 6, strides: [2, 1] },
  { kernel: [1, 1], channels: 9, filters: 17 },
  { kernel: [1, 1], strides: [3, 3], padding: "valid" },
  { kernel: [5, 5], channels: 8, filters: 4, strides: [2, 2] },
  { batch: 1, size: [16, 17], channels: 1, filters: 8 },
  { groups: 8, channels: 8, filters: 8, strides: [2, 1] },
  { size: [11], strides: [2], dilation: [2], padding: "causal" },
  { size: [4, 3, 5], strides: [2, 1, 1], batch: 1, channels: 2, filters: 3 },
  { size: [9, 9], channels: 1, filters: 10, strides: [2, 2] },
];
export const convInputGradientCases: readonly Case<"convInputGradient">[] = [
  ...secondOrder.map(inputGradientCase),
  ...[...secondOrder, ...underEpilogues].flatMap((spec) => {
    const base = inputGradientCase(spec);
    return epiloguesFor(base.attributes.inputShape).map(({ label, epilogue, operands }) => ({
      ...base,
      name: `${base.name}, ${label}`,
      inputs: [...base.inputs, ...operands],
      attributes: { ...base.attributes, epilogue },
      gradient: false,
    }));
  }),
];
export const convFilterGradientCases = secondOrder.map(filterGradientCase);
