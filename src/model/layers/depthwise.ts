import { convNode } from "../../ops/conv.js";
import { emitActivation } from "../activations.js";
import { wholeNumber, withDefault } from "../check.js";
import type { LayerKind } from "../layer.js";
import {
  biasOf,
  type ConvolutionConfig,
  type ConvolutionOptions,
  configureConvolution,
  convolutionOptions,
  kernelOf,
  outputOver,
  product,
} from "./conv.js";
import { checkAxes, windowOver } from "./window.js";

/** Options of depthwise layers over any number of axes. */
export interface DepthwiseOptions<Each extends readonly number[]> extends ConvolutionOptions<Each> {
  /** Filters for each channel. Default: 1. */
  readonly depthMultiplier?: number;
}

export interface DepthwiseConfig extends ConvolutionConfig {
  readonly depthMultiplier: number;
}

/** The depthwise convolution layer over `axes` axes: as many groups as channels. */
export function depthwiseKind(kind: string, axes: number): LayerKind<DepthwiseConfig> {
  return {
    kind,
    arguments: ["kernelSize"],
    options: [...convolutionOptions, "depthMultiplier"],
    arity: "one",
    configure: (given, where) => ({
      ...configureConvolution(given, axes, where),
      depthMultiplier: wholeNumber(where, "depthMultiplier", withDefault(given.depthMultiplier, 1)),
    }),
    outputShape(config, [input], where) {
      const { channels } = checkAxes(input!, axes, where);
      return outputOver(config, input!, channels * config.depthMultiplier, where);
    },
    weights(config, [input]) {
      const { kernelSize, kernelInitializer, depthMultiplier } = config;
      const filters = input!.at(-1)! * depthMultiplier;
      // a channel feeds its own filters alone
      const fanOut = product(kernelSize) * depthMultiplier;
      return [kernelOf(kernelSize, [1, filters], kernelInitializer, { fanOut }), ...biasOf(config, filters)];
    },
    emit({ builder, config, inputs, weights }) {
      const image = inputs[0]!;
      const window = windowOver(image.shape.slice(1), config.kernelSize, config);
      const sums = convNode(builder, image, weights.kernel!, { ...window, groups: image.shape.at(-1)! });
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}
