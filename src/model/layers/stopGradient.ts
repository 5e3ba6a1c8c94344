import { stopGradient as stopGradientOf } from "../../ops/reshape.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export const stopGradientKind: LayerKind = {
  kind: "stopGradient",
  arguments: [],
  options: [],
  arity: "one",
  configure: () => ({}),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit: ({ builder, inputs }) => stopGradientOf(builder, inputs[0]!),
  reach: () => "point",
};

/**
 * The same values, as a constant for training: no gradient leads back through it, so what comes before learns nothing
 * from what comes after. Costs nothing: the memory stays as it is.
 *
 * Input: any shape. Output: the same shape.
 *
 * Keras: ops.stop_gradient · PyTorch: Tensor.detach
 *
 * @example stopGradient()
 */
export function stopGradient(options?: LayerOptions): Layer<SameShape<"stopGradient">> {
  return createLayer(stopGradientKind, {}, options);
}
