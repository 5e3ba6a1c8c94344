import { fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { matmulNode } from "../../ops/matmul.js";
import { type Activation, checkActivation, emitActivation } from "../activations.js";
import { trueOrFalse, wholeNumber, withDefault } from "../check.js";
import { checkInitializer, type Initializer } from "../initializers.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Dense } from "../shapes/axes.js";

export interface DenseOptions extends LayerOptions {
  /** Applied to the result. Default: `"linear"`. */
  readonly activation?: Activation;
  /** Whether a value per unit is added. Default: true. */
  readonly useBias?: boolean;
  /** How first values of the kernel are drawn. Default: `"glorotUniform"`. */
  readonly kernelInitializer?: Initializer;
  /** How first values of the bias are drawn. Default: `"zeros"`. */
  readonly biasInitializer?: Initializer;
}

export interface DenseConfig extends Required<Omit<DenseOptions, "name">> {
  readonly units: number;
}

export const denseKind: LayerKind<DenseConfig> = {
  kind: "dense",
  arguments: ["units"],
  options: ["activation", "useBias", "kernelInitializer", "biasInitializer"],
  arity: "one",
  configure: (given, where) => ({
    units: wholeNumber(where, "units", given.units),
    activation: checkActivation(where, withDefault(given.activation, "linear")),
    useBias: trueOrFalse(where, "useBias", withDefault(given.useBias, true)),
    kernelInitializer: checkInitializer(
      where,
      "kernelInitializer",
      withDefault(given.kernelInitializer, "glorotUniform"),
    ),
    biasInitializer: checkInitializer(where, "biasInitializer", withDefault(given.biasInitializer, "zeros")),
  }),
  outputShape(config, [input], where) {
    if (input!.length === 1) return [config.units];
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} is not flat`,
      expected: "[features]",
      received: formatShape(input!),
      fix: "Add flatten() before it",
    });
  },
  weights({ units, useBias, kernelInitializer, biasInitializer }, [input]) {
    const features = input![0]!;
    const kernel = {
      name: "kernel",
      shape: [features, units],
      initializer: kernelInitializer,
      fanIn: features,
      fanOut: units,
      trainable: true,
    };
    const bias = {
      name: "bias",
      shape: [units],
      initializer: biasInitializer,
      fanIn: units,
      fanOut: units,
      trainable: true,
    };
    return useBias ? [kernel, bias] : [kernel];
  },
  emit: ({ builder, config, inputs, weights }) =>
    emitActivation(builder, matmulNode(builder, inputs[0]!, weights.kernel!), config.activation, weights.bias),
  reach: () => "whole",
};

/**
 * Fully connected layer: `y[o] = activation(bias[o] + Σ_i x[i] · kernel[i, o])`.
 *
 * Input: [features]. Output: [units]. Weights: `kernel` [features, units] and `bias` [units].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input that is not flat.
 *
 * Keras: Dense · PyTorch: Linear
 *
 * @param units number of outputs
 * @example dense(50, { activation: "relu" }) // 1,960 → 50, 98,050 parameters
 */
export function dense<const Units extends number>(units: Units, options?: DenseOptions): Layer<Dense<Units>> {
  return createLayer(denseKind, { units }, options);
}
