import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const hardSwishKind = pointwiseKind("hardSwish", activations.hardSwish);

/**
 * Swish by straight lines: `y = x · min(max(x + 3, 0), 6) / 6`.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Howard et al., "Searching for MobileNetV3", ICCV 2019.
 *
 * Keras: Activation("hard_silu") · PyTorch: Hardswish
 *
 * @example hardSwish()
 */
export function hardSwish(options?: LayerOptions): Layer<SameShape<"hardSwish">> {
  return createLayer(hardSwishKind, {}, options);
}
