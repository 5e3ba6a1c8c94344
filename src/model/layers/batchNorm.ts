import { type Shape, sizeOf } from "../../core/shapes.js";
import type { Node } from "../../graph/types.js";
import { divide, type Expression, multiply, add as plus, sqrt, subtract, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { reduceNode } from "../../ops/reduce.js";
import { stopGradient } from "../../ops/reshape.js";
import { numberThat, trueOrFalse, withDefault } from "../check.js";
import type { Initializer } from "../initializers.js";
import { createLayer, type EmitContext, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameShape } from "../shapes/rule.js";

export interface BatchNormOptions extends LayerOptions {
  /** Part of the running averages that each step keeps: 0 ≤ momentum < 1. Default: 0.99 (PyTorch's 0.1 is 0.9 here). */
  readonly momentum?: number;
  /** ε, what keeps the divisor above 0. Default: 1e-3, as in Keras (PyTorch: 1e-5). */
  readonly epsilon?: number;
  /** Whether values are multiplied by γ. Default: true. */
  readonly scale?: boolean;
  /** Whether β is added. Default: true. */
  readonly center?: boolean;
}

export type BatchNormConfig = Required<Omit<BatchNormOptions, "name">>;

export const batchNormKind: LayerKind<BatchNormConfig> = {
  kind: "batchNorm",
  arguments: [],
  options: ["momentum", "epsilon", "scale", "center"],
  arity: "one",
  configure: (given, where) => ({
    momentum: numberThat(
      where,
      "momentum",
      withDefault(given.momentum, 0.99),
      "a number ≥ 0 and < 1",
      (part) => part >= 0 && part < 1,
    ),
    epsilon: numberThat(where, "epsilon", withDefault(given.epsilon, 1e-3), "a number > 0", (value) => value > 0),
    scale: trueOrFalse(where, "scale", withDefault(given.scale, true)),
    center: trueOrFalse(where, "center", withDefault(given.center, true)),
  }),
  outputShape: (_config, [input]) => input!,
  weights({ scale, center }, [input]: readonly Shape[]) {
    const channels = input![input!.length - 1]!;
    const weight = (name: string, initializer: Initializer, trainable: boolean) => {
      return { name, shape: [channels], initializer, fanIn: channels, fanOut: channels, trainable };
    };
    return [
      ...(scale ? [weight("gamma", "ones", true)] : []),
      ...(center ? [weight("beta", "zeros", true)] : []),
      weight("movingMean", "zeros", false),
      weight("movingVariance", "ones", false),
    ];
  },
  emit: (context) => (context.training ? emitTraining(context) : emitInference(context)),
  reach: () => "point",
};

/**
 * `y = x·scale + shift` with both per channel, so that it becomes the epilogue of the convolution before it. Writing the
 * scale into the filters instead was measured on ResNet-18 and gains nothing: the epilogue works on registers, while
 * folding in each run reads and writes all filters once more.
 */
function emitInference({ builder, config, inputs, weights }: EmitContext<BatchNormConfig>): Node {
  const { gamma, beta, movingMean, movingVariance } = weights;
  const factor = emitFactor(builder, config, movingVariance!, gamma);
  const moved = multiply(x(0), x(1));
  const shift =
    beta === undefined
      ? mapNode(builder, [movingMean!, factor], subtract(0, moved))
      : mapNode(builder, [movingMean!, factor, beta], subtract(x(2), moved));
  return mapNode(builder, [inputs[0]!, factor, shift], plus(multiply(x(0), x(1)), x(2)));
}

/**
 * `y = (x − m)·factor + shift`, where m is the mean as a constant for gradients and `shift = β + (m − mean)·factor` is
 * β in value, and leads the gradient to the mean at the cost of one channel vector. The variance needs no gradient by
 * way of the mean: its derivative there, `−2·Σ(x − mean)`, is 0. So the whole gradient takes two sums, `Σ dy` and
 * `Σ dy·(x − mean)`, and one pass that writes.
 */
function emitTraining({ builder, config, inputs, weights, update }: EmitContext<BatchNormConfig>): Node {
  const value = inputs[0]!;
  const { gamma, beta } = weights;
  const axes = value.shape.slice(0, -1).map((_, axis) => axis);
  const mean = reduceNode(builder, value, "mean", axes);
  const center = stopGradient(builder, mean);
  const deviation = subtract(x(0), x(1));
  const squares = mapNode(builder, [value, center], multiply(deviation, deviation));
  const variance = reduceNode(builder, squares, "mean", axes);

  const factor = emitFactor(builder, config, variance, gamma);
  const lead = multiply(subtract(x(0), x(1)), x(2));
  const shift =
    beta === undefined
      ? mapNode(builder, [center, mean, factor], lead)
      : mapNode(builder, [center, mean, factor, beta], plus(x(3), lead));

  const count = sizeOf(value.shape.slice(0, -1));
  const { momentum } = config;
  const averaged = (measured: Expression) => plus(multiply(momentum, x(0)), multiply(1 - momentum, measured));
  update("movingMean", (average) => mapNode(builder, [average, mean], averaged(x(1))));
  const unbiased = multiply(x(1), count / Math.max(1, count - 1));
  update("movingVariance", (average) => mapNode(builder, [average, variance], averaged(unbiased)));
  return mapNode(builder, [value, center, factor, shift], plus(multiply(deviation, x(2)), x(3)));
}

/** `γ / √(variance + ε)` per channel. */
function emitFactor(
  builder: EmitContext<BatchNormConfig>["builder"],
  { epsilon }: BatchNormConfig,
  variance: Node,
  gamma: Node | undefined,
): Node {
  const deviation = sqrt(plus(x(0), epsilon));
  if (gamma === undefined) return mapNode(builder, [variance], divide(1, deviation));
  return mapNode(builder, [variance, gamma], divide(x(1), deviation));
}

/**
 * Batch normalisation over all axes but the last: `y = γ·(x − mean) / √(variance + ε) + β`, per channel.
 *
 * In training, mean and (biased) variance are those of the batch, with gradients through both, and the running averages
 * follow: `movingMean ← momentum·movingMean + (1 − momentum)·mean`, `movingVariance` alike with the unbiased variance
 * `variance · n / (n − 1)` of n values per channel, as in PyTorch (Keras takes the biased one). A batch of one value per
 * channel counts as unbiased. In use, the running averages take the place of mean and variance.
 *
 * Input: any shape, channels last. Output: the same shape.
 * Weights: `gamma` and `beta` [channels]; `movingMean` and `movingVariance` [channels], which no optimiser trains.
 *
 * Errors: code "option" for options out of range or unknown.
 *
 * Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
 * shift", ICML 2015.
 *
 * Keras: BatchNormalization · PyTorch: BatchNorm1d, BatchNorm2d, BatchNorm3d
 *
 * @example sequential(input(32, 32, 3), conv2d(64, 3, { useBias: false }), batchNorm(), relu())
 */
export function batchNorm(options?: BatchNormOptions): Layer<SameShape<"batchNorm">> {
  return createLayer(batchNormKind, {}, options);
}
