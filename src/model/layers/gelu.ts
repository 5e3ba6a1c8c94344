import { activations } from "../activations.js";
import { choice } from "../check.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export interface GeluOptions extends LayerOptions {
  /** `"none"` is exact, `"tanh"` the approximation that BERT and GPT-2 use. Default: `"none"`. */
  readonly approximate?: "none" | "tanh";
}

export interface GeluConfig {
  readonly approximate: "none" | "tanh";
}

export const geluKind = pointwiseKind(
  "gelu",
  (a, { approximate }: GeluConfig) => (approximate === "none" ? activations.gelu(a) : activations.geluTanh(a)),
  ["approximate"],
  ({ approximate = "none" }, where): GeluConfig => ({
    approximate: choice(where, "approximate", approximate, ["none", "tanh"]),
  }),
);

/**
 * Gaussian error linear unit: `y = x·Φ(x) = x/2 · (1 + erf(x/√2))`, with Φ the distribution function of the normal
 * distribution; or approximately `x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for an unknown approximation.
 *
 * Source: Hendrycks and Gimpel, "Gaussian error linear units", 2016.
 *
 * Keras: Activation("gelu") · PyTorch: GELU
 *
 * @example gelu({ approximate: "tanh" })
 */
export function gelu(options?: GeluOptions): Layer<SameShape<"gelu">> {
  return createLayer(geluKind, {}, options);
}
