import { divide, less, random, select, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { numberThat } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface DropoutConfig {
  readonly rate: number;
}

export const dropoutKind: LayerKind<DropoutConfig> = {
  kind: "dropout",
  arguments: ["rate"],
  options: [],
  arity: "one",
  configure: (given, where) => ({
    rate: numberThat(where, "rate", given.rate, "a number ≥ 0 and < 1", (rate) => rate >= 0 && rate < 1),
  }),
  outputShape: (_config, [input]) => input!,
  weights: () => [],
  emit({ builder, config: { rate }, inputs, training, randomKey, salt }) {
    if (!training || rate === 0) return inputs[0]!;
    const dropped = less(random(1, salt), rate);
    return mapNode(builder, [inputs[0]!, randomKey!], select(dropped, 0, divide(x(0), 1 - rate)));
  },
  reach: () => "point",
  isRandom: ({ rate }) => rate > 0,
};

/**
 * Inverted dropout: in training each value is 0 with probability `rate` and `x / (1 − rate)` otherwise, so that the
 * mean stays; in use nothing happens. Which values drop is a pure function of the step's key, the layer's name and the
 * element, the same on every backend.
 *
 * Input: any shape. Output: the same shape.
 *
 * Errors: code "option" for a rate outside [0, 1).
 *
 * Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 2014.
 *
 * Keras: Dropout · PyTorch: Dropout
 *
 * @param rate part of the values that drop: 0 ≤ rate < 1
 * @example dropout(0.5)
 */
export function dropout(rate: number, options?: LayerOptions): Layer<SameShape<"dropout">> {
  return createLayer(dropoutKind, { rate }, options);
}
