import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const sigmoidKind = pointwiseKind("sigmoid", activations.sigmoid);

/**
 * Logistic function: `y = 1 / (1 + e⁻ˣ)`, between 0 and 1.
 *
 * Input: any shape. Output: the same shape.
 *
 * Keras: Activation("sigmoid") · PyTorch: Sigmoid
 *
 * @example sigmoid()
 */
export function sigmoid(options?: LayerOptions): Layer<SameShape<"sigmoid">> {
  return createLayer(sigmoidKind, {}, options);
}
