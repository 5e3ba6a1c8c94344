import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import { convNode } from "../../ops/conv.js";
import { type PadAttributes, pad, padNode } from "../../ops/pad.js";
import { type Window, windowOutput } from "../../ops/window.js";
import { type Activation, checkActivation, emitActivation } from "../activations.js";
import { choice, trueOrFalse, wholeNumber, withDefault } from "../check.js";
import { checkInitializer, type Initializer } from "../initializers.js";
import type { LayerKind, LayerOptions, LayerWeight } from "../layer.js";
import { checkSpatial, type Dimensions, wholeNumbers } from "./spatial.js";
import { checkPadding, checkStrides, type PaddingRule, type WindowConfig, windowOver } from "./window.js";

/** Options of every layer with windows and weights; `Each` has one number for each axis. */
export interface ConvolutionOptions<Each extends readonly number[]> extends LayerOptions {
  /** Pixels between windows: a number, or one for each axis. Default: 1. */
  readonly stride?: number | Each;
  /** The same as `stride`. */
  readonly strides?: number | Each;
  /** Pixels between taps: a number, or one for each axis. Default: 1. */
  readonly dilation?: number | Each;
  /** Applied to the result. Default: `"linear"`. */
  readonly activation?: Activation;
  /** Whether a value per filter is added. Default: true. */
  readonly useBias?: boolean;
  /** How first values of the kernel are drawn. Default: `"glorotUniform"`. */
  readonly kernelInitializer?: Initializer;
  /** How first values of the bias are drawn. Default: `"zeros"`. */
  readonly biasInitializer?: Initializer;
}

/** What stands beyond the edges of the input. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";
const paddingModes: readonly PaddingMode[] = ["zeros", "reflect", "replicate", "circular"];

/** Options of the layers that pad their input. */
export interface ForwardOptions<Each extends readonly number[]> extends ConvolutionOptions<Each> {
  /**
   * What padding consists of: `"zeros"`, `"reflect"` (mirrored at the edge pixel, which is not repeated), `"replicate"`
   * (the edge pixel) or `"circular"` (the other end). Default: `"zeros"` (Keras has no other).
   */
  readonly paddingMode?: PaddingMode;
}

/** Names of the options that all have. */
export const convolutionOptions = [
  "stride",
  "strides",
  "padding",
  "dilation",
  "activation",
  "useBias",
  "kernelInitializer",
  "biasInitializer",
] as const;

/** What every layer with windows and weights is made of. */
export interface ConvolutionConfig extends WindowConfig {
  readonly kernelSize: readonly number[];
  readonly activation: Activation;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
}

/** What the layers that pad their input are made of. */
export interface ForwardConfig extends ConvolutionConfig {
  readonly paddingMode: PaddingMode;
}

export const forwardOptions = [...convolutionOptions, "paddingMode"] as const;

/** Padding rules of layers over so many axes: only along one is there a before. */
export const rulesFor = (axes: Dimensions): readonly PaddingRule[] =>
  axes === 1 ? ["same", "valid", "full", "causal"] : ["same", "valid", "full"];

export function configureConvolution(
  given: Readonly<Record<string, unknown>>,
  axes: Dimensions,
  where: string,
  rules: readonly PaddingRule[] = rulesFor(axes),
): ConvolutionConfig {
  return {
    kernelSize: wholeNumbers(where, "kernelSize", given.kernelSize, axes),
    strides: checkStrides(given, new Array<number>(axes).fill(1), where),
    padding: checkPadding(where, withDefault(given.padding, "same"), axes, rules),
    dilation: wholeNumbers(where, "dilation", withDefault(given.dilation, 1), axes),
    activation: checkActivation(where, withDefault(given.activation, "linear")),
    useBias: trueOrFalse(where, "useBias", withDefault(given.useBias, true)),
    kernelInitializer: initializerOf(given, "kernelInitializer", "glorotUniform", where),
    biasInitializer: initializerOf(given, "biasInitializer", "zeros", where),
  };
}

export function configureForward(
  given: Readonly<Record<string, unknown>>,
  axes: Dimensions,
  where: string,
): ForwardConfig {
  const paddingMode = choice(where, "paddingMode", withDefault(given.paddingMode, "zeros"), paddingModes);
  return { ...configureConvolution(given, axes, where), paddingMode };
}

export function initializerOf(
  given: Readonly<Record<string, unknown>>,
  name: string,
  fallback: Initializer,
  where: string,
): Initializer {
  return checkInitializer(where, name, withDefault(given[name], fallback));
}

export const product = (factors: readonly number[]): number => factors.reduce((all, factor) => all * factor, 1);

/** A trainable kernel `[...taps, inputs, outputs]`, each of whose outputs reads `inputs` channels. */
export function kernelOf(
  taps: readonly number[],
  [inputs, outputs]: readonly [number, number],
  initializer: Initializer,
  { name = "kernel", fanOut = product(taps) * outputs } = {},
): LayerWeight {
  const fanIn = product(taps) * inputs;
  return { name, shape: [...taps, inputs, outputs], initializer, fanIn, fanOut, trainable: true };
}

/** The bias, in a list that is empty where there is none. */
export function biasOf(
  { useBias, biasInitializer }: Pick<ConvolutionConfig, "useBias" | "biasInitializer">,
  filters: number,
): LayerWeight[] {
  const fans = { fanIn: filters, fanOut: filters };
  return useBias ? [{ name: "bias", shape: [filters], initializer: biasInitializer, ...fans, trainable: true }] : [];
}

type PaddedWindow = Pick<ForwardConfig, "kernelSize" | "strides" | "padding" | "dilation" | "paddingMode">;

/** Shape of one example after the window, with `filters` channels; fails where it does not fit once. */
export function outputOver(config: PaddedWindow, input: Shape, filters: number, where: string): Shape {
  const extents = checkSpatial(input, config.kernelSize.length as Dimensions, where);
  const window = windowOver(input, config.kernelSize, config);
  const { paddingMode: mode } = config;
  if (mode !== "zeros") {
    pad.infer([{ shape: [1, ...input], dtype: "float32" }], { padding: bordersOf(window), mode, value: 0 }, where);
  }
  return [...windowOutput(extents, config.kernelSize, window, where), filters];
}

/** The padding of every axis of a batch. */
export function bordersOf({ padding }: Window): PadAttributes["padding"] {
  const sides = Array.from({ length: padding.length / 2 }, (_, axis) => {
    return [padding[2 * axis]!, padding[2 * axis + 1]!] as const;
  });
  return [[0, 0], ...sides, [0, 0]];
}

/** The convolution of a batch of images; padding other than zeros is put around them first. */
export function emitConvolution(
  builder: GraphBuilder,
  image: Node,
  kernel: Node,
  config: PaddedWindow,
  groups: number,
): Node {
  const window = windowOver(image.shape.slice(1), config.kernelSize, config);
  if (config.paddingMode === "zeros") return convNode(builder, image, kernel, { ...window, groups });
  const padded = padNode(builder, image, bordersOf(window), config.paddingMode);
  return convNode(builder, padded, kernel, { ...window, padding: window.padding.map(() => 0), groups });
}

export interface ConvConfig extends ForwardConfig {
  readonly filters: number;
  readonly groups: number;
}

/** Number of filters and groups, which must divide them. */
export function checkFilters(given: Readonly<Record<string, unknown>>, where: string) {
  const filters = wholeNumber(where, "filters", given.filters);
  const groups = wholeNumber(where, "groups", withDefault(given.groups, 1));
  if (filters % groups !== 0) {
    const problem = `${filters} filters cannot be split into ${groups} groups`;
    fail({ code: "option", where, problem, fix: "Make the number of filters a multiple of the groups" });
  }
  return { filters, groups };
}

/** Fails unless the channels of an input split into groups. */
export function checkGroups(input: Shape, groups: number, where: string): void {
  const channels = input.at(-1)!;
  if (channels % groups === 0) return;
  fail({
    code: "shape",
    where,
    problem: `input ${formatShape(input)} has ${channels} channels, which cannot be split into ${groups} groups`,
    fix: "Make the groups a divisor of the channels",
  });
}

/** The convolution layer over `axes` axes. */
export function convKind(kind: string, axes: Dimensions): LayerKind<ConvConfig> {
  return {
    kind,
    arguments: ["filters", "kernelSize"],
    options: [...convolutionOptions.slice(0, 4), "groups", ...forwardOptions.slice(4)],
    arity: "one",
    configure(given, where) {
      const { filters, groups } = checkFilters(given, where);
      const { kernelSize, strides, padding, dilation, ...rest } = configureForward(given, axes, where);
      return { filters, kernelSize, strides, padding, dilation, groups, ...rest };
    },
    outputShape(config, [input], where) {
      checkSpatial(input!, axes, where);
      checkGroups(input!, config.groups, where);
      return outputOver(config, input!, config.filters, where);
    },
    weights(config, [input]) {
      const { filters, groups, kernelSize, kernelInitializer } = config;
      const channels = input!.at(-1)! / groups;
      return [kernelOf(kernelSize, [channels, filters], kernelInitializer), ...biasOf(config, filters)];
    },
    emit({ builder, config, inputs, weights }) {
      const sums = emitConvolution(builder, inputs[0]!, weights.kernel!, config, config.groups);
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}
