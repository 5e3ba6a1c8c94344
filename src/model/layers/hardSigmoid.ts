import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const hardSigmoidKind = pointwiseKind("hardSigmoid", activations.hardSigmoid);

/**
 * Sigmoid by straight lines: `y = min(max(x + 3, 0), 6) / 6`.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Howard et al., "Searching for MobileNetV3", ICCV 2019.
 *
 * Keras: Activation("hard_sigmoid") · PyTorch: Hardsigmoid
 *
 * @example hardSigmoid()
 */
export function hardSigmoid(options?: LayerOptions): Layer<SameShape<"hardSigmoid">> {
  return createLayer(hardSigmoidKind, {}, options);
}
