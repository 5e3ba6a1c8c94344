import { softplus as softplusOf } from "../activations.js";
import { numberThat } from "../check.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export interface SoftplusOptions extends LayerOptions {
  /** β, how sharply it bends: a number > 0. Default: 1. */
  readonly beta?: number;
}

export interface SoftplusConfig {
  readonly beta: number;
}

export const softplusKind = pointwiseKind(
  "softplus",
  (a, { beta }: SoftplusConfig) => softplusOf(a, beta),
  ["beta"],
  ({ beta = 1 }, where): SoftplusConfig => ({
    beta: numberThat(where, "beta", beta, "a number > 0", (value) => value > 0),
  }),
);

/**
 * A smooth rectifier: `y = log(1 + e^(β·x)) / β`, computed so that it neither overflows nor loses small values.
 * PyTorch takes `x` itself where β·x > 20, which is the same to float32.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for a β out of range.
 *
 * Source: Dugas et al., "Incorporating second-order functional knowledge for better option pricing", NIPS 2000.
 *
 * Keras: Activation("softplus") · PyTorch: Softplus
 *
 * @example softplus({ beta: 2 })
 */
export function softplus(options?: SoftplusOptions): Layer<SameShape<"softplus">> {
  return createLayer(softplusKind, {}, options);
}
