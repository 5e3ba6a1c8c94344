import { emitActivation } from "../activations.js";
import { wholeNumber, withDefault } from "../check.js";
import type { LayerKind } from "../layer.js";
import {
  biasOf,
  configureForward,
  emitConvolution,
  type ForwardConfig,
  type ForwardOptions,
  forwardOptions,
  kernelOf,
  outputOver,
  product,
} from "./conv.js";
import { checkSpatial, type Dimensions } from "./spatial.js";
import { windowOver } from "./window.js";

/** Options of depthwise layers over any number of axes. */
export interface DepthwiseOptions<Each extends readonly number[]> extends ForwardOptions<Each> {
  /** Filters for each channel. Default: 1. */
  readonly depthMultiplier?: number;
}

export interface DepthwiseConfig extends ForwardConfig {
  readonly depthMultiplier: number;
}

/** The depthwise convolution layer over `axes` axes: as many groups as channels. */
export function depthwiseKind(kind: string, axes: Dimensions): LayerKind<DepthwiseConfig> {
  return {
    kind,
    arguments: ["kernelSize"],
    options: [...forwardOptions, "depthMultiplier"],
    arity: "one",
    configure: (given, where) => ({
      ...configureForward(given, axes, where),
      depthMultiplier: wholeNumber(where, "depthMultiplier", withDefault(given.depthMultiplier, 1)),
    }),
    outputShape(config, [input], where) {
      checkSpatial(input!, axes, where);
      const channels = input!.at(-1)!;
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
      const sums = emitConvolution(builder, inputs[0]!, weights.kernel!, config, inputs[0]!.shape.at(-1)!);
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}
