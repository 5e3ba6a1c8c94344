import { minimum as min } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const minimumKind: LayerKind = mergeKind("minimum", (values) =>
  values.reduce((smallest, value) => min(smallest, value)),
);

/**
 * Smallest of tensors, element by element: `y = min(x₁, x₂, …)`. Where several are the smallest, the gradient goes
 * to the last of them.
 *
 * Inputs: two tensors or more of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Minimum · PyTorch: torch.minimum
 *
 * @example const y = minimum()(x, conv2d(64, 3)(x));
 */
export function minimum(options?: LayerOptions): Layer<Merge<"minimum">> {
  return createLayer(minimumKind, {}, options);
}
