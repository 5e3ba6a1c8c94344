import { multiply as times } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const multiplyKind: LayerKind = mergeKind("multiply", (values) =>
  values.reduce((product, value) => times(product, value)),
);

/**
 * Product of tensors, element by element: `y = x₁ · x₂ · …`; a gate where one tensor has a value per channel.
 *
 * Inputs: two tensors or more of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Multiply · PyTorch: torch.mul
 *
 * @example const y = multiply()(x, activation("sigmoid")(x));
 */
export function multiply(options?: LayerOptions): Layer<Merge<"multiply">> {
  return createLayer(multiplyKind, {}, options);
}
