import { emitActivation } from "../activations.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export const reluKind: LayerKind = {
  kind: "relu",
  arguments: [],
  options: [],
  arity: "one",
  configure: () => ({}),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit: ({ builder, inputs }) => emitActivation(builder, inputs[0]!, "relu"),
  reach: () => "point",
};

/**
 * Rectifier: `y = max(x, 0)`, element by element; its derivative at 0 is 0.
 *
 * Input: any shape. Output: the same shape.
 *
 * Keras: ReLU · PyTorch: ReLU
 *
 * @example relu()
 */
export function relu(options?: LayerOptions): Layer<SameShape<"relu">> {
  return createLayer(reluKind, {}, options);
}
