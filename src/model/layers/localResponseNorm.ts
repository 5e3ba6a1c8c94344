import { divide, multiply, add as plus, power, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { windowSum } from "../../ops/windowSum.js";
import { numberThat, wholeNumber, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface LocalResponseNormOptions extends LayerOptions {
  /** n, neighbouring channels that are summed. Default: 5. */
  readonly size?: number;
  /** k, what keeps the divisor above 0. Default: 1, as in PyTorch (AlexNet: 2). */
  readonly k?: number;
  /** α. Default: 1e-4. */
  readonly alpha?: number;
  /** β. Default: 0.75. */
  readonly beta?: number;
}

export type LocalResponseNormConfig = Required<Omit<LocalResponseNormOptions, "name">>;

export const localResponseNormKind: LayerKind<LocalResponseNormConfig> = {
  kind: "localResponseNorm",
  arguments: [],
  options: ["size", "k", "alpha", "beta"],
  arity: "one",
  configure: (given, where) => ({
    size: wholeNumber(where, "size", withDefault(given.size, 5)),
    k: numberThat(where, "k", withDefault(given.k, 1), "a number > 0", (k) => k > 0),
    alpha: numberThat(where, "alpha", withDefault(given.alpha, 1e-4), "a number ≥ 0", (alpha) => alpha >= 0),
    beta: numberThat(where, "beta", withDefault(given.beta, 0.75), "a number > 0", (beta) => beta > 0),
  }),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit({ builder, config: { size, k, alpha, beta }, inputs }) {
    const squares = mapNode(builder, inputs, multiply(x(0), x(0)));
    const reach = { before: Math.floor(size / 2), after: Math.floor((size - 1) / 2) };
    const sums = builder.add(windowSum, [squares], reach);
    const divisor = power(plus(multiply(alpha / size, x(1)), k), beta);
    return mapNode(builder, [inputs[0]!, sums], divide(x(0), divisor));
  },
  reach: () => "point",
};

/**
 * Local response normalisation over neighbouring channels: `y[c] = x[c] / (k + α/n · Σ_j x[j]²)^β` with j from
 * `c − ⌊n/2⌋` to `c + ⌊(n − 1)/2⌋` as far as there are such channels.
 *
 * Conventions differ: α is divided by n here, as in PyTorch and Caffe. AlexNet's paper and TensorFlow do not divide, so
 * their α = 1e-4, n = 5, k = 2 is `{ alpha: 5e-4, size: 5, k: 2 }` here; TensorFlow's `depth_radius` is (n − 1)/2.
 *
 * Input: any shape, channels last. Output: the same shape.
 *
 * Errors: code "option" for options out of range or unknown.
 *
 * Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", NIPS
 * 2012.
 *
 * Keras: none, tf.nn.local_response_normalization · PyTorch: LocalResponseNorm
 *
 * @example localResponseNorm({ size: 5, k: 2, alpha: 5e-4, beta: 0.75 }) // as in AlexNet
 */
export function localResponseNorm(options?: LocalResponseNormOptions): Layer<SameShape<"localResponseNorm">> {
  return createLayer(localResponseNormKind, {}, options);
}
