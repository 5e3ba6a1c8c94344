import { maximum, minimum } from "../../ops/expression.js";
import { numberThat, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export interface HardTanhOptions extends LayerOptions {
  /** Smallest value. Default: −1. */
  readonly min?: number;
  /** Largest value, above `min`. Default: 1. */
  readonly max?: number;
}

export interface HardTanhConfig {
  readonly min: number;
  readonly max: number;
}

export const hardTanhKind = pointwiseKind(
  "hardTanh",
  (a, { min, max }: HardTanhConfig) => minimum(maximum(a, min), max),
  ["min", "max"],
  (given, where): HardTanhConfig => {
    const min = numberThat(where, "min", withDefault(given.min, -1), "a finite number", () => true);
    const above = (value: number) => value > min;
    return { min, max: numberThat(where, "max", withDefault(given.max, 1), `a number > ${min}`, above) };
  },
);

/**
 * Values cut off at both ends: `y = min(max(x, min), max)`. The derivative is 0 at the ends.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for ends that are no numbers or in the wrong order.
 *
 * Keras: Activation("hard_tanh") · PyTorch: Hardtanh
 *
 * @example hardTanh({ min: 0, max: 1 })
 */
export function hardTanh(options?: HardTanhOptions): Layer<SameShape<"hardTanh">> {
  return createLayer(hardTanhKind, {}, options);
}
