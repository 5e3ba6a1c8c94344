import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { type ConvInputGradientAttributes, convInputGradientNode } from "../../ops/conv.js";
import { effectiveSize, type Padding, resolvePadding } from "../../ops/window.js";
import { emitActivation } from "../activations.js";
import type { LayerKind, Reach } from "../layer.js";
import {
  biasOf,
  type ConvolutionConfig,
  type ConvolutionOptions,
  checkFilters,
  checkGroups,
  configureConvolution,
  convolutionOptions,
  product,
} from "./conv.js";
import { checkSpatial, type Dimensions, wholeNumbers } from "./spatial.js";

/** Options of transposed layers over any number of axes. */
export interface TransposedOptions<Each extends readonly number[]> extends ConvolutionOptions<Each> {
  /**
   * Pixels more at the end of every axis, for a stride under which several sizes have the same number of windows: a
   * number, or one for each axis. Default: 0, and under `"same"` what makes the output `size · stride`.
   */
  readonly outputPadding?: number | Each;
  /** Channels are split into this many independent convolutions. Default: 1. */
  readonly groups?: number;
}

export interface TransposedConfig extends ConvolutionConfig {
  readonly filters: number;
  readonly groups: number;
  /** Null where the padding rule decides. */
  readonly outputPadding: readonly number[] | null;
}

/** The transposed convolution layer over `axes` axes: the gradient for the image of a convolution, used forwards. */
export function transposedKind(kind: string, axes: Dimensions): LayerKind<TransposedConfig> {
  return {
    kind,
    arguments: ["filters", "kernelSize"],
    options: [...convolutionOptions, "groups", "outputPadding"],
    arity: "one",
    configure(given, where) {
      const { filters, groups } = checkFilters(given, where);
      const { outputPadding = null } = given;
      return {
        filters,
        ...configureConvolution(given, axes, where, ["same", "valid"]),
        groups,
        outputPadding: outputPadding === null ? null : wholeNumbers(where, "outputPadding", outputPadding, axes, 0),
      };
    },
    outputShape(config, [input], where) {
      checkSpatial(input!, axes, where);
      checkGroups(input!, config.groups, where);
      return transposedWindow(config, input!, where).inputShape;
    },
    weights(config, [input]) {
      const { filters, groups, kernelSize, kernelInitializer } = config;
      const channels = input!.at(-1)!;
      const kernel = {
        name: "kernel",
        shape: [...kernelSize, filters / groups, channels],
        initializer: kernelInitializer,
        fanIn: product(kernelSize) * (channels / groups),
        fanOut: product(kernelSize) * filters,
        trainable: true,
      };
      return [kernel, ...biasOf(config, filters)];
    },
    emit({ builder, config, inputs, weights }) {
      const image = inputs[0]!;
      const [batch, ...shape] = image.shape;
      const { inputShape, ...window } = transposedWindow(config, shape, kind);
      const attributes = { ...window, inputShape: [batch!, ...inputShape] };
      const sums = convInputGradientNode(builder, image, weights.kernel!, attributes);
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => transposedReach(config, transposedWindow(config, input!, kind).padding),
  };
}

/** The convolution that leads from the layer's output (`inputShape`, without the batch) to its input. */
function transposedWindow(
  { kernelSize, strides, padding, dilation, groups, filters, outputPadding }: TransposedConfig,
  shape: Shape,
  where: string,
): Required<Omit<ConvInputGradientAttributes, "epilogue">> {
  const input = shape.slice(0, -1);
  const effective = kernelSize.map((size, axis) => effectiveSize(size, dilation[axis]!));
  const more = outputPadding ?? kernelSize.map(() => 0);
  if (typeof padding === "string") {
    const output = input.map((size, axis) => {
      const [stride, reach] = [strides[axis]!, effective[axis]!];
      if (outputPadding === null) return size * stride + (padding === "same" ? 0 : Math.max(0, reach - stride));
      const around = padding === "same" ? 2 * Math.floor(reach / 2) : 0;
      return (size - 1) * stride + reach - around + more[axis]!;
    });
    const sides = resolvePadding(padding, output, effective, strides);
    return checked(input, output, effective, { strides, padding: sides, dilation, groups }, filters, where);
  }
  const sides = resolvePadding(padding as Exclude<Padding, string>, input, effective, strides);
  const output = input.map((size, axis) => {
    return (size - 1) * strides[axis]! + effective[axis]! - sides[2 * axis]! - sides[2 * axis + 1]! + more[axis]!;
  });
  // what is more at the end is less padding there, as far as there is any: the windows stay the same
  const fitting = sides.map((side, i) => (i % 2 === 0 ? side : Math.max(0, side - more[(i - 1) / 2]!)));
  return checked(input, output, effective, { strides, padding: fitting, dilation, groups }, filters, where);
}

function checked(
  input: readonly number[],
  output: readonly number[],
  effective: readonly number[],
  window: Omit<ConvInputGradientAttributes, "inputShape" | "epilogue">,
  filters: number,
  where: string,
): Required<Omit<ConvInputGradientAttributes, "epilogue">> {
  if (output.some((size) => size < 1)) {
    fail({
      code: "shape",
      where,
      problem: "the padding leaves no output",
      expected: "at least one pixel along each axis",
      received: formatShape(output),
      fix: "Use less padding",
    });
  }
  const windows = output.map((size, axis) => {
    const sides = window.padding[2 * axis]! + window.padding[2 * axis + 1]!;
    return Math.floor((size + sides - effective[axis]!) / window.strides[axis]!) + 1;
  });
  if (windows.some((count, axis) => count !== input[axis])) {
    fail({
      code: "option",
      where,
      problem: "outputPadding adds whole windows",
      expected: `less than the stride ${window.strides.join(" × ")} beyond the padding`,
      received: `an output of ${formatShape(output)}, which has ${windows.join(" × ")} windows, not ${input.join(" × ")}`,
    });
  }
  return { ...window, inputShape: [...output, filters] };
}

/**
 * An output pixel r sees the inputs i with `r = i·s + u·d − before`: some `⌊(effective − 1) / s⌋ + 1` of them, centred
 * at `(r + before − (effective − 1) / 2) / s`; neighbours are 1/s of an input apart.
 */
function transposedReach({ kernelSize, strides, dilation }: TransposedConfig, padding: readonly number[]): Reach {
  const spans = kernelSize.map((size, axis) => effectiveSize(size, dilation[axis]!) - 1);
  const seen = spans.map((span, axis) => Math.floor(span / strides[axis]!));
  return {
    kernel: seen.map((span) => span + 1),
    strides: strides.map((stride) => 1 / stride),
    dilation: strides.map(() => 1),
    padding: seen.flatMap((span, axis) => {
      const centre = (padding[2 * axis]! - spans[axis]! / 2) / strides[axis]!;
      return [span / 2 - centre, 0];
    }),
  };
}
