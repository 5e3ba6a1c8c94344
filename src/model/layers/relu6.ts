import { activations } from "../activations.js";
import { createLayer, type Layer, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import { pointwiseKind } from "./pointwise.js";

export const relu6Kind = pointwiseKind("relu6", activations.relu6);

/**
 * Rectifier that stops at 6: `y = min(max(x, 0), 6)`. The derivative is 0 at 0 and at 6.
 *
 * Input: any shape. Output: the same shape.
 *
 * Source: Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications", 2017.
 *
 * Keras: Activation("relu6") · PyTorch: ReLU6
 *
 * @example relu6()
 */
export function relu6(options?: LayerOptions): Layer<SameShape<"relu6">> {
  return createLayer(relu6Kind, {}, options);
}
