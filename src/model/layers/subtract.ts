import { subtract as minus } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const subtractKind: LayerKind = {
  ...mergeKind("subtract", ([a, b]) => minus(a!, b!)),
  arity: "two",
};

/**
 * Difference of two tensors, element by element: `y = x₁ − x₂`.
 *
 * Inputs: two tensors of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for another number of tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Subtract · PyTorch: torch.sub
 *
 * @example const y = subtract()(x, relu()(x));
 */
export function subtract(options?: LayerOptions): Layer<Merge<"subtract", "two">> {
  return createLayer(subtractKind, {}, options);
}
