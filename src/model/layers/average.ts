import { divide, add as plus } from "../../ops/expression.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Merge } from "../shapes/axes.js";
import { mergeKind } from "./merge.js";

export const averageKind: LayerKind = mergeKind("average", (values) =>
  divide(
    values.reduce((total, value) => plus(total, value)),
    values.length,
  ),
);

/**
 * Mean of tensors, element by element: `y = (x₁ + … + x_n) / n`; an ensemble in one network.
 *
 * Inputs: two tensors or more of one shape; an extent of 1 is repeated. Output: the common shape.
 *
 * Errors: code "usage" for fewer than two tensors; code "shape" where shapes do not fit together.
 *
 * Keras: Average · PyTorch: torch.mean of torch.stack
 *
 * @example const y = average()(x, conv2d(64, 3)(x), conv2d(64, 5)(x));
 */
export function average(options?: LayerOptions): Layer<Merge<"average">> {
  return createLayer(averageKind, {}, options);
}
