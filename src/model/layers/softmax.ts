import { emitActivation } from "../activations.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export const softmaxKind: LayerKind = {
  kind: "softmax",
  arguments: [],
  options: [],
  arity: "one",
  configure: () => ({}),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit: ({ builder, inputs }) => emitActivation(builder, inputs[0]!, "softmax"),
  reach: () => "point",
};

/**
 * Probabilities along the last axis: `y_i = e^(x_i − max) / Σ_j e^(x_j − max)`.
 * Not before the loss `crossEntropy`, which takes logits: raw scores.
 *
 * Input: [classes] or [height, width, classes]. Output: the same shape.
 *
 * Keras: Softmax · PyTorch: Softmax
 *
 * @example softmax()
 */
export function softmax(options?: LayerOptions): Layer<SameShape<"softmax">> {
  return createLayer(softmaxKind, {}, options);
}
