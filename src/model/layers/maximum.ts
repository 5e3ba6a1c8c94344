import { maximum as max } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const maximumKind: LayerKind = mergeKind("maximum", (values) =>
  values.reduce((largest, value) => max(largest, value)),
);

/**
 * Largest of tensors, element by element: `y = max(x₁, x₂, …)`. Where several are the largest, the gradient goes to
 * the last of them.
 *
 * Inputs: two tensors or more of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Maximum · PyTorch: torch.maximum
 *
 * @example const y = maximum()(x, conv2d(64, 3)(x));
 */
export function maximum(options?: LayerOptions): Layer<Merge<"maximum">> {
  return createLayer(maximumKind, {}, options);
}
