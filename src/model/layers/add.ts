import { add as plus } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const addKind: LayerKind = mergeKind("add", (values) => values.reduce((sum, value) => plus(sum, value)));

/**
 * Sum of tensors, element by element: `y = x₁ + x₂ + …`; the join of a residual block.
 *
 * Inputs: two tensors or more of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes do not fit together.
 *
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
 *
 * Keras: Add · PyTorch: torch.add
 *
 * @example const y = add()(x, conv2d(64, 3)(x));
 */
export function add(options?: LayerOptions): Layer<Merge<"add">> {
  return createLayer(addKind, {}, options);
}
