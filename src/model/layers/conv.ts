import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { convNode } from "../../ops/conv.js";
import { windowOutput } from "../../ops/window.js";
import { type Activation, checkActivation, emitActivation } from "../activations.js";
import { trueOrFalse, wholeNumber, withDefault } from "../check.js";
import { checkInitializer, type Initializer } from "../initializers.js";
import type { LayerKind, LayerOptions, LayerWeight } from "../layer.js";
import {
  type AnyWindowConfig,
  checkAxes,
  checkPadding,
  checkStrides,
  type PaddingRule,
  wholeNumbers,
  windowOver,
} from "./window.js";

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
  /** Default: `"glorotUniform"`. */
  readonly kernelInitializer?: Initializer;
  /** Default: `"zeros"`. */
  readonly biasInitializer?: Initializer;
}

/** Names of these options. */
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
export interface ConvolutionConfig extends AnyWindowConfig {
  readonly kernelSize: readonly number[];
  readonly activation: Activation;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
}

/** Padding rules of layers over so many axes: only along one is there a before. */
export const rulesFor = (axes: number): readonly PaddingRule[] =>
  axes === 1 ? ["same", "valid", "full", "causal"] : ["same", "valid", "full"];

export function configureConvolution(
  given: Readonly<Record<string, unknown>>,
  axes: number,
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

/** Shape of one example after the window, with `filters` channels; fails where it does not fit once. */
export function outputOver(
  config: Pick<ConvolutionConfig, "kernelSize" | "strides" | "padding" | "dilation">,
  input: Shape,
  filters: number,
  where: string,
): Shape {
  const { extents } = checkAxes(input, config.kernelSize.length, where);
  const window = windowOver(input, config.kernelSize, config);
  return [...windowOutput(extents, config.kernelSize, window, where), filters];
}

export interface ConvConfig extends ConvolutionConfig {
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
export function convKind(kind: string, axes: number): LayerKind<ConvConfig> {
  return {
    kind,
    arguments: ["filters", "kernelSize"],
    options: [...convolutionOptions.slice(0, 4), "groups", ...convolutionOptions.slice(4)],
    arity: "one",
    configure(given, where) {
      const { filters, groups } = checkFilters(given, where);
      const { kernelSize, strides, padding, dilation, ...rest } = configureConvolution(given, axes, where);
      return { filters, kernelSize, strides, padding, dilation, groups, ...rest };
    },
    outputShape(config, [input], where) {
      checkAxes(input!, axes, where);
      checkGroups(input!, config.groups, where);
      return outputOver(config, input!, config.filters, where);
    },
    weights(config, [input]) {
      const { filters, groups, kernelSize, kernelInitializer } = config;
      const channels = input!.at(-1)! / groups;
      return [kernelOf(kernelSize, [channels, filters], kernelInitializer), ...biasOf(config, filters)];
    },
    emit({ builder, config, inputs, weights }) {
      const image = inputs[0]!;
      const window = windowOver(image.shape.slice(1), config.kernelSize, config);
      const sums = convNode(builder, image, weights.kernel!, { ...window, groups: config.groups });
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}
