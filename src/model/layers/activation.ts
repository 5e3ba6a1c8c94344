import { type Activation, checkActivation, emitActivation } from "../activations.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface ActivationConfig {
  readonly activation: Activation;
}

export const activationKind: LayerKind<ActivationConfig> = {
  kind: "activation",
  arguments: ["activation"],
  options: [],
  arity: "one",
  configure: (given, where) => ({ activation: checkActivation(where, given.activation) }),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit: ({ builder, config, inputs }) => emitActivation(builder, inputs[0]!, config.activation),
  reach: () => "point",
};

/**
 * An activation as a layer of its own. It costs no more than the `activation` option of the layer before it.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for an unknown name; the closest one is named.
 *
 * Keras: Activation · PyTorch: nn modules of the same names
 *
 * @param name `"relu"`, `"relu6"`, `"leakyRelu"`, `"elu"`, `"selu"`, `"gelu"`, `"geluTanh"`, `"silu"`, `"mish"`,
 * `"softplus"`, `"softsign"`, `"sigmoid"`, `"tanh"`, `"hardSigmoid"`, `"hardSwish"`, `"hardTanh"`, `"linear"`, or
 * `"softmax"` along the last axis
 * @example activation("tanh")
 */
export function activation(name: Activation, options?: LayerOptions): Layer<SameShape<"activation">> {
  return createLayer(activationKind, { activation: name }, options);
}
