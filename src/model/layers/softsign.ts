import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const softsignKind = pointwiseKind("softsign", activations.softsign);

/**
 * `y = x / (1 + |x|)`, between −1 and 1 with long tails.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", AISTATS
 * 2010.
 *
 * Keras: Activation("softsign") · PyTorch: Softsign
 *
 * @example softsign()
 */
export function softsign(options?: LayerOptions): Layer<SameShape<"softsign">> {
  return createLayer(softsignKind, {}, options);
}
