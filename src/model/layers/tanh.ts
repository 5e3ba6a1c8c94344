import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const tanhKind = pointwiseKind("tanh", activations.tanh);

/**
 * Hyperbolic tangent: `y = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)`, between −1 and 1.
 *
 * Input: any shape. Output: the same shape.
 *
 * Keras: Activation("tanh") · PyTorch: Tanh
 *
 * @example tanh()
 */
export function tanh(options?: LayerOptions): Layer<SameShape<"tanh">> {
  return createLayer(tanhKind, {}, options);
}
