import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const seluKind = pointwiseKind("selu", activations.selu);

/**
 * Scaled ELU: `y = λ·x` for x > 0 and `y = λ·α·(eˣ − 1)` elsewhere, with α = 1.67326… and λ = 1.05070…, so that
 * activations keep mean 0 and variance 1 from layer to layer.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Klambauer et al., "Self-normalizing neural networks", NIPS 2017.
 *
 * Keras: Activation("selu") · PyTorch: SELU
 *
 * @example selu()
 */
export function selu(options?: LayerOptions): Layer<SameShape<"selu">> {
  return createLayer(seluKind, {}, options);
}
