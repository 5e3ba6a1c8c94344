import { elu as eluOf } from "../activations.js";
import { numberThat } from "../check.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export interface EluOptions extends LayerOptions {
  /** α, what the function falls to is −α: a number > 0. Default: 1. */
  readonly alpha?: number;
}

export interface EluConfig {
  readonly alpha: number;
}

export const eluKind = pointwiseKind(
  "elu",
  (a, { alpha }: EluConfig) => eluOf(a, alpha),
  ["alpha"],
  ({ alpha = 1 }, where): EluConfig => ({
    alpha: numberThat(where, "alpha", alpha, "a number > 0", (value) => value > 0),
  }),
);

/**
 * Exponential linear unit: `y = x` for x > 0 and `y = α·(eˣ − 1)` elsewhere.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for an α out of range.
 *
 * Source: Clevert, Unterthiner and Hochreiter, "Fast and accurate deep network learning by exponential linear
 * units", ICLR 2016.
 *
 * Keras: ELU · PyTorch: ELU
 *
 * @example elu({ alpha: 0.5 })
 */
export function elu(options?: EluOptions): Layer<SameShape<"elu">> {
  return createLayer(eluKind, {}, options);
}
