import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const mishKind = pointwiseKind("mish", activations.mish);

/**
 * `y = x · tanh(log(1 + eˣ))`, smooth and not monotonic.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Misra, "Mish: a self regularized non-monotonic activation function", BMVC 2020.
 *
 * Keras: Activation("mish") · PyTorch: Mish
 *
 * @example mish()
 */
export function mish(options?: LayerOptions): Layer<SameShape<"mish">> {
  return createLayer(mishKind, {}, options);
}
