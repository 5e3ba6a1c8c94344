import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { multiply, add as plus, subtract, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { reduceKeepingAxes } from "../../ops/reduce.js";
import { reshapeNode } from "../../ops/reshape.js";
import { withDefault, wrongOption } from "../check.js";
import { createLayer, type Layer, type LayerKind } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";
import {
  configureNormalization,
  emitMoments,
  type NormalizationConfig,
  type NormalizationOptions,
  normalizationOptions,
  normalizationWeights,
} from "./normalization.js";

export interface LayerNormOptions extends NormalizationOptions {
  /** Axes of an example that are normalised together; negative from the end. Default: −1, the channels. */
  readonly axis?: number | readonly number[];
}

export interface LayerNormConfig extends NormalizationConfig {
  readonly axis: readonly number[];
}

/** The axes from 0, ascending; undefined where one is missing or named twice. */
function axesOf({ axis }: LayerNormConfig, rank: number): number[] | undefined {
  const axes = axis.map((one) => (one < 0 ? one + rank : one)).sort((a, b) => a - b);
  return axes.every((one, i) => one >= 0 && one < rank && one !== axes[i - 1]) ? axes : undefined;
}

export const layerNormKind: LayerKind<LayerNormConfig> = {
  kind: "layerNorm",
  arguments: [],
  options: ["axis", ...normalizationOptions],
  arity: "one",
  configure(given, where) {
    const axis = withDefault(given.axis, -1);
    const axes: readonly unknown[] = Array.isArray(axis) ? axis : [axis];
    if (axes.length === 0 || !axes.every(Number.isSafeInteger)) {
      wrongOption(where, "axis", axis, "a whole number, or several such as [-3, -2, -1]");
    }
    return { axis: axes as readonly number[], ...configureNormalization(given, where) };
  },
  outputShape(config, [input], where) {
    if (axesOf(config, input!.length) !== undefined) return input!;
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} does not have these axes, each once`,
      expected: `${-input!.length} to ${input!.length - 1}`,
      received: formatShape(config.axis),
    });
  },
  weights: (config, [input]: readonly Shape[]) =>
    normalizationWeights(
      config,
      axesOf(config, input!.length)!.map((axis) => input![axis]!),
    ),
  emit({ builder, config, inputs, weights }) {
    const value = inputs[0]!;
    const axes = axesOf(config, value.shape.length - 1)!.map((axis) => axis + 1);
    const { center, factor, lead } = emitMoments(builder, value, config.epsilon, (node) =>
      reduceKeepingAxes(builder, node, "mean", axes),
    );
    // weights span the normalised axes and are the same along the others
    const spread = value.shape.map((extent, axis) => (axes.includes(axis) ? extent : 1));
    const own = [weights.gamma, weights.beta].map((weight) => weight && reshapeNode(builder, weight, spread));
    const [gamma, beta] = own;
    const operands = [value, center, factor, lead, ...own.filter((weight) => weight !== undefined)];
    const normalized = plus(multiply(subtract(x(0), x(1)), x(2)), x(3));
    const scaled = gamma === undefined ? normalized : multiply(normalized, x(4));
    return mapNode(builder, operands, beta === undefined ? scaled : plus(scaled, x(operands.length - 1)));
  },
  reach: ({ axis }, [input]: readonly Shape[]) =>
    axis.every((one) => one === -1 || one === input!.length - 1) ? "point" : "whole",
};

/**
 * Layer normalisation: `y = γ·(x − mean) / √(variance + ε) + β`, where mean and (biased) variance are those of each
 * example along `axis`: of the channels at each place by default. The same in training and in use.
 *
 * Input: any shape. Output: the same shape. Weights: `gamma` and `beta`, of the extents of `axis`.
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an axis that is not there.
 *
 * Source: Ba, Kiros and Hinton, "Layer normalization", 2016.
 *
 * Keras: LayerNormalization · PyTorch: LayerNorm
 *
 * @example layerNorm({ axis: [-3, -2, -1] }) // over whole images, as PyTorch's LayerNorm([height, width, channels])
 */
export function layerNorm(options?: LayerNormOptions): Layer<SameShape<"layerNorm">> {
  return createLayer(layerNormKind, {}, options);
}
