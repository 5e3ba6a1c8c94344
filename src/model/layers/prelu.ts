import { less, multiply, select, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { trueOrFalse, withDefault } from "../check.js";
import { checkInitializer, constant, type Initializer } from "../initializers.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface PreluOptions extends LayerOptions {
  /** Whether all channels have one slope (PyTorch's default) or each its own. Default: false. */
  readonly shared?: boolean;
  /** First slopes. Default: `constant(0.25)`, as in PyTorch (Keras: zeros). */
  readonly alphaInitializer?: Initializer;
}

export interface PreluConfig {
  readonly shared: boolean;
  readonly alphaInitializer: Initializer;
}

export const preluKind: LayerKind<PreluConfig> = {
  kind: "prelu",
  arguments: [],
  options: ["shared", "alphaInitializer"],
  arity: "one",
  configure: (given, where) => ({
    shared: trueOrFalse(where, "shared", withDefault(given.shared, false)),
    alphaInitializer: checkInitializer(where, "alphaInitializer", withDefault(given.alphaInitializer, constant(0.25))),
  }),
  outputShape: (_config, [input]) => input!,
  weights({ shared, alphaInitializer }, [input]) {
    const slopes = shared ? 1 : input![input!.length - 1]!;
    const alpha = { name: "alpha", shape: [slopes], initializer: alphaInitializer, trainable: true };
    return [{ ...alpha, fanIn: slopes, fanOut: slopes }];
  },
  emit: ({ builder, inputs, weights }) =>
    mapNode(builder, [inputs[0]!, weights.alpha!], select(less(0, x(0)), x(0), multiply(x(1), x(0)))),
  reach: () => "point",
};

/**
 * Rectifier with a learned slope: `y = x` for x > 0 and `y = α·x` elsewhere, α for each channel.
 *
 * Input: any shape, channels last. Output: the same shape. Weights: `alpha` [channels], or [1] if `shared`.
 *
 * Errors: code "option" for options of the wrong type.
 *
 * Source: He et al., "Delving deep into rectifiers: surpassing human-level performance on ImageNet classification", ICCV
 * 2015.
 *
 * Keras: PReLU(shared_axes=[1, 2]) · PyTorch: PReLU(num_parameters=channels)
 *
 * @example prelu({ shared: true })
 */
export function prelu(options?: PreluOptions): Layer<SameShape<"prelu">> {
  return createLayer(preluKind, {}, options);
}
