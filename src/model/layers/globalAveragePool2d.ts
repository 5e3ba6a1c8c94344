import { reduceNode } from "../../ops/reduce.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import { checkImage } from "./window.js";

export const globalAveragePool2dKind: LayerKind = {
  kind: "globalAveragePool2d",
  arguments: [],
  options: [],
  arity: "one",
  configure: () => ({}),
  outputShape: (_config, [input], where) => [checkImage(input!, where)[2]],
  weights: () => [],
  emit: ({ builder, inputs }) => reduceNode(builder, inputs[0]!, "mean", [1, 2]),
  reach: () => "whole",
};

/**
 * Mean of each channel over the whole image: `y[c] = mean_{i, j} x[i, j, c]`; what takes the place of `flatten()` in
 * networks that are to work on images of any size.
 *
 * Input: [height, width, channels]. Output: [channels].
 *
 * Errors: code "shape" for an input that is no image.
 *
 * Source: Lin et al., "Network in network", ICLR 2014.
 *
 * @example globalAveragePool2d() // 7 × 7 × 512 → 512
 */
export function globalAveragePool2d(options?: LayerOptions): Layer {
  return createLayer(globalAveragePool2dKind, {}, options);
}
