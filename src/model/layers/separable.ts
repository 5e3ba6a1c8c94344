import { convNode } from "../../ops/conv.js";
import { emitActivation } from "../activations.js";
import { wholeNumber, withDefault } from "../check.js";
import type { Initializer } from "../initializers.js";
import type { LayerKind } from "../layer.js";
import {
  biasOf,
  configureForward,
  emitConvolution,
  type ForwardConfig,
  type ForwardOptions,
  forwardOptions,
  initializerOf,
  kernelOf,
  outputOver,
  product,
} from "./conv.js";
import { checkSpatial, type Dimensions } from "./spatial.js";
import { windowOver } from "./window.js";

/** Options of separable layers over any number of axes. */
export interface SeparableOptions<Each extends readonly number[]>
  extends Omit<ForwardOptions<Each>, "kernelInitializer"> {
  /** Depthwise filters for each channel. Default: 1. */
  readonly depthMultiplier?: number;
  /** Of the depthwise filters. Default: `"glorotUniform"`. */
  readonly depthwiseInitializer?: Initializer;
  /** Of the filters that mix the channels. Default: `"glorotUniform"`. */
  readonly pointwiseInitializer?: Initializer;
}

export interface SeparableConfig extends Omit<ForwardConfig, "kernelInitializer"> {
  readonly filters: number;
  readonly depthMultiplier: number;
  readonly depthwiseInitializer: Initializer;
  readonly pointwiseInitializer: Initializer;
}

/** The separable convolution layer over `axes` axes: a depthwise one, then one of single pixels. */
export function separableKind(kind: string, axes: Dimensions): LayerKind<SeparableConfig> {
  return {
    kind,
    arguments: ["filters", "kernelSize"],
    options: [
      ...forwardOptions.filter((name) => name !== "kernelInitializer"),
      "depthMultiplier",
      "depthwiseInitializer",
      "pointwiseInitializer",
    ],
    arity: "one",
    configure(given, where) {
      const { kernelInitializer: _, ...config } = configureForward(given, axes, where);
      return {
        filters: wholeNumber(where, "filters", given.filters),
        ...config,
        depthMultiplier: wholeNumber(where, "depthMultiplier", withDefault(given.depthMultiplier, 1)),
        depthwiseInitializer: initializerOf(given, "depthwiseInitializer", "glorotUniform", where),
        pointwiseInitializer: initializerOf(given, "pointwiseInitializer", "glorotUniform", where),
      };
    },
    outputShape(config, [input], where) {
      checkSpatial(input!, axes, where);
      return outputOver(config, input!, config.filters, where);
    },
    weights(config, [input]) {
      const { filters, kernelSize, depthMultiplier, depthwiseInitializer, pointwiseInitializer } = config;
      const between = input!.at(-1)! * depthMultiplier;
      const fanOut = product(kernelSize) * depthMultiplier;
      const points = kernelSize.map(() => 1);
      return [
        kernelOf(kernelSize, [1, between], depthwiseInitializer, { name: "depthwise", fanOut }),
        kernelOf(points, [between, filters], pointwiseInitializer, { name: "pointwise" }),
        ...biasOf(config, filters),
      ];
    },
    emit({ builder, config, inputs, weights }) {
      const filtered = emitConvolution(builder, inputs[0]!, weights.depthwise!, config, inputs[0]!.shape.at(-1)!);
      const [ones, zeros] = [1, 0].map((value) => config.kernelSize.map(() => value)) as [number[], number[]];
      const point = { strides: ones, dilation: ones, padding: [...zeros, ...zeros], groups: 1 };
      const sums = convNode(builder, filtered, weights.pointwise!, point);
      return emitActivation(builder, sums, config.activation, weights.bias);
    },
    reach: (config, [input]) => ({ ...windowOver(input!, config.kernelSize, config), kernel: config.kernelSize }),
  };
}
