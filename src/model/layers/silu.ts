import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const siluKind = pointwiseKind("silu", activations.silu);

/**
 * Sigmoid-weighted linear unit, also called swish: `y = x / (1 + e⁻ˣ)`.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Elfwing, Uchibe and Doya, "Sigmoid-weighted linear units for neural network function approximation in
 * reinforcement learning", 2017.
 *
 * Keras: Activation("silu") · PyTorch: SiLU
 *
 * @example silu()
 */
export function silu(options?: LayerOptions): Layer<SameShape<"silu">> {
  return createLayer(siluKind, {}, options);
}
