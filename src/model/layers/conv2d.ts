import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { conv2dNode } from "../../ops/conv2d.js";
import { type Padding, windowOutput } from "../../ops/window.js";
import { type Activation, checkActivation, emitActivation } from "../activations.js";
import { trueOrFalse, wholeNumber, wholePair, withDefault } from "../check.js";
import { checkInitializer, type Initializer } from "../initializers.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import { checkImage, checkPadding, checkStrides, type WindowConfig, windowOver } from "./window.js";

export interface Conv2dOptions extends LayerOptions {
  /** Pixels between windows: a number or [vertical, horizontal]. Default: 1. */
  readonly stride?: number | readonly [number, number];
  /** The same as `stride`. */
  readonly strides?: number | readonly [number, number];
  /** Pixels of zeros around the input. Default: `"same"` (⌈size / stride⌉ outputs; Keras's default is `"valid"`). */
  readonly padding?: Padding;
  /** Pixels between taps: a number or [vertical, horizontal]. Default: 1. */
  readonly dilation?: number | readonly [number, number];
  /** Channels are split into this many independent convolutions. Default: 1. */
  readonly groups?: number;
  /** Applied to the result. Default: `"linear"`. */
  readonly activation?: Activation;
  /** Whether a value per filter is added. Default: true. */
  readonly useBias?: boolean;
  /** Default: `"glorotUniform"`. */
  readonly kernelInitializer?: Initializer;
  /** Default: `"zeros"`. */
  readonly biasInitializer?: Initializer;
}

export interface Conv2dConfig extends WindowConfig {
  readonly filters: number;
  readonly kernelSize: readonly [number, number];
  readonly groups: number;
  readonly activation: Activation;
  readonly useBias: boolean;
  readonly kernelInitializer: Initializer;
  readonly biasInitializer: Initializer;
}

export const conv2dKind: LayerKind<Conv2dConfig> = {
  kind: "conv2d",
  arguments: ["filters", "kernelSize"],
  options: [
    "stride",
    "strides",
    "padding",
    "dilation",
    "groups",
    "activation",
    "useBias",
    "kernelInitializer",
    "biasInitializer",
  ],
  arity: "one",
  configure(given, where) {
    const filters = wholeNumber(where, "filters", given.filters);
    const groups = wholeNumber(where, "groups", withDefault(given.groups, 1));
    if (filters % groups !== 0) {
      const problem = `${filters} filters cannot be split into ${groups} groups`;
      fail({ code: "option", where, problem, fix: "Make the number of filters a multiple of the groups" });
    }
    return {
      filters,
      kernelSize: wholePair(where, "kernelSize", given.kernelSize),
      strides: checkStrides(given, [1, 1], where),
      padding: checkPadding(where, withDefault(given.padding, "same")),
      dilation: wholePair(where, "dilation", withDefault(given.dilation, 1)),
      groups,
      activation: checkActivation(where, withDefault(given.activation, "linear")),
      useBias: trueOrFalse(where, "useBias", withDefault(given.useBias, true)),
      kernelInitializer: checkInitializer(
        where,
        "kernelInitializer",
        withDefault(given.kernelInitializer, "glorotUniform"),
      ),
      biasInitializer: checkInitializer(where, "biasInitializer", withDefault(given.biasInitializer, "zeros")),
    };
  },
  outputShape(config, [input], where) {
    const [height, width, channels] = checkImage(input!, where);
    if (channels % config.groups !== 0) {
      fail({
        code: "shape",
        where,
        problem: `input ${formatShape(input!)} has ${channels} channels, which cannot be split into ${config.groups} groups`,
        fix: "Make the groups a divisor of the channels",
      });
    }
    const window = windowOver(input!, config.kernelSize, config);
    return [...windowOutput([height, width], config.kernelSize, window, where), config.filters];
  },
  weights(config, [input]) {
    const [height, width] = config.kernelSize;
    const { filters, kernelInitializer, biasInitializer } = config;
    const channels = input![2]! / config.groups;
    const kernel = {
      name: "kernel",
      shape: [height, width, channels, filters],
      initializer: kernelInitializer,
      fanIn: height * width * channels,
      fanOut: height * width * filters,
      trainable: true,
    };
    const bias = {
      name: "bias",
      shape: [filters],
      initializer: biasInitializer,
      fanIn: filters,
      fanOut: filters,
      trainable: true,
    };
    return config.useBias ? [kernel, bias] : [kernel];
  },
  emit({ builder, config, inputs, weights }) {
    const image = inputs[0]!;
    const window = windowOver(image.shape.slice(1), config.kernelSize, config);
    const sums = conv2dNode(builder, image, weights.kernel!, { ...window, groups: config.groups });
    return emitActivation(builder, sums, config.activation, weights.bias);
  },
  reach: (config, [input]: readonly Shape[]) => ({
    ...windowOver(input!, config.kernelSize, config),
    kernel: config.kernelSize,
  }),
};

/**
 * 2-D convolution layer (cross-correlation, no flip), channels last:
 *
 * `y[i, j, o] = activation(bias[o] + Σ_{u, v, c} x[i·s₀ + u·d₀ − top, j·s₁ + v·d₁ − left, c] · kernel[u, v, c, o])`
 *
 * Input: [height, width, channels]. Output: [h, w, filters] with `h = ⌈height / s₀⌉` under `"same"` and
 * `⌊(height + top + bottom − (d₀·(kh − 1) + 1)) / s₀⌋ + 1` otherwise; w alike.
 * Weights: `kernel` [kh, kw, channels / groups, filters] and `bias` [filters].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is no image, channels that
 * do not split into the groups, or a window larger than its padded input.
 *
 * Source: LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.
 *
 * @param filters number of output channels
 * @param kernelSize taps: a number, or [height, width]
 * @example conv2d(10, 5, { stride: 2, activation: "relu" }) // 28 × 28 × 1 → 14 × 14 × 10, 260 parameters
 */
export function conv2d(
  filters: number,
  kernelSize: number | readonly [number, number],
  options?: Conv2dOptions,
): Layer {
  return createLayer(conv2dKind, { filters, kernelSize }, options);
}
