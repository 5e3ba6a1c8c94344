import { x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { leakyRelu as leaky } from "../activations.js";
import { numberThat } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface LeakyReluConfig {
  readonly negativeSlope: number;
}

export const leakyReluKind: LayerKind<LeakyReluConfig> = {
  kind: "leakyRelu",
  arguments: [],
  options: ["negativeSlope"],
  arity: "one",
  configure: ({ negativeSlope = 0.01 }, where) => ({
    negativeSlope: numberThat(where, "negativeSlope", negativeSlope, "a number ≥ 0 and < 1", (a) => a >= 0 && a < 1),
  }),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit: ({ builder, config, inputs }) => mapNode(builder, inputs, leaky(x(0), config.negativeSlope)),
  reach: () => "point",
};

export interface LeakyReluOptions extends LayerOptions {
  /** Slope below 0: 0 ≤ negativeSlope < 1. Default: 0.01 (PyTorch's; Keras has 0.3). */
  readonly negativeSlope?: number;
}

/**
 * Leaky rectifier: `y = x` for x > 0 and `y = negativeSlope · x` elsewhere, so that units cannot die. The derivative
 * at 0 is the slope, as in PyTorch.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for a slope out of range.
 *
 * Source: Maas, Hannun and Ng, "Rectifier nonlinearities improve neural network acoustic models", ICML 2013.
 *
 * Keras: LeakyReLU · PyTorch: LeakyReLU
 *
 * @example leakyRelu({ negativeSlope: 0.1 })
 */
export function leakyRelu(options?: LeakyReluOptions): Layer<SameShape<"leakyRelu">> {
  return createLayer(leakyReluKind, {}, options);
}
