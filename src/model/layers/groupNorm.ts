import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import type { Node } from "../../graph/types.js";
import { multiply, add as plus, subtract, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { reduceNode } from "../../ops/reduce.js";
import { reshapeNode } from "../../ops/reshape.js";
import { wholeNumber, withDefault } from "../check.js";
import { createLayer, type EmitContext, type Layer, type LayerKind } from "../layer.js";
import type { GroupNorm, InstanceNorm } from "../shapes/axes.js";
import {
  configureNormalization,
  emitMoments,
  type NormalizationConfig,
  type NormalizationOptions,
  normalizationOptions,
  normalizationWeights,
} from "./normalization.js";

export interface GroupNormOptions extends NormalizationOptions {
  /** Groups that the channels are split into. Default: 32. */
  readonly groups?: number;
}

export interface GroupNormConfig extends NormalizationConfig {
  readonly groups: number;
}

export const groupNormKind: LayerKind<GroupNormConfig> = {
  kind: "groupNorm",
  arguments: [],
  options: ["groups", ...normalizationOptions],
  arity: "one",
  configure: (given, where) => ({
    groups: wholeNumber(where, "groups", withDefault(given.groups, 32)),
    ...configureNormalization(given, where),
  }),
  outputShape({ groups }, [input], where) {
    const channels = input![input!.length - 1]!;
    if (channels % groups === 0) return input!;
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} has ${channels} channels, which cannot be split into ${groups} groups`,
      fix: "Make the groups a divisor of the channels",
    });
  },
  weights: (config, [input]: readonly Shape[]) => normalizationWeights(config, input!.slice(-1)),
  emit: (context) => emitGroups(context, context.config.groups),
  reach: () => "whole",
};

export const instanceNormKind: LayerKind<NormalizationConfig> = {
  kind: "instanceNorm",
  arguments: [],
  options: normalizationOptions,
  arity: "one",
  configure: configureNormalization,
  outputShape(_config, [input], where) {
    if (input!.length > 1) return input!;
    const problem = `input ${formatShape(input!)} has one value per channel, which normalisation would make 0`;
    return fail({ code: "shape", where, problem, expected: "axes before the channels", received: formatShape(input!) });
  },
  weights: (config, [input]: readonly Shape[]) => normalizationWeights(config, input!.slice(-1)),
  emit: (context) => emitGroups(context, context.inputs[0]!.shape[context.inputs[0]!.shape.length - 1]!),
  reach: () => "whole",
};

/** Normalises each group of channels of each example over all places: `y = (x − center)·scale + shift` per channel. */
function emitGroups({ builder, config, inputs, weights }: EmitContext<NormalizationConfig>, groups: number): Node {
  const value = inputs[0]!;
  const { shape } = value;
  const [batch, channels] = [shape[0]!, shape[shape.length - 1]!];
  const places = shape.slice(1, -1).map((_, axis) => axis + 1);
  const perChannel = [batch, ...places.map(() => 1), channels];
  // the mean over places first: groups then are neighbours in short rows
  const mean = (node: Node): Node => {
    const ofChannels = reshapeNode(builder, reduceNode(builder, node, "mean", places), [batch, channels]);
    if (groups === channels) return reshapeNode(builder, ofChannels, perChannel);
    const split = [batch, groups, channels / groups];
    const ofGroups = reduceNode(builder, reshapeNode(builder, ofChannels, split), "mean", [2]);
    const spread = mapNode(builder, [reshapeNode(builder, ofGroups, [batch, groups, 1])], x(0), split);
    return reshapeNode(builder, spread, perChannel);
  };
  const { center, factor, lead } = emitMoments(builder, value, config.epsilon, mean);
  const { gamma, beta } = weights;
  const scaling = (node: Node) => (gamma === undefined ? node : mapNode(builder, [node, gamma], multiply(x(0), x(1))));
  const led = scaling(lead);
  const shift = beta === undefined ? led : mapNode(builder, [led, beta], plus(x(0), x(1)));
  const expression = plus(multiply(subtract(x(0), x(1)), x(2)), x(3));
  return mapNode(builder, [value, center, scaling(factor), shift], expression);
}

/**
 * Group normalisation: `y = γ·(x − mean) / √(variance + ε) + β`, where mean and (biased) variance are those of each
 * example over all places and over the channels of one group; γ and β are per channel. The same in training and in use,
 * so it suits small batches.
 *
 * Input: any shape, channels last. Output: the same shape. Weights: `gamma` and `beta` [channels].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" where the groups do not divide the channels.
 *
 * Source: Wu and He, "Group normalization", ECCV 2018.
 *
 * Keras: GroupNormalization · PyTorch: GroupNorm
 *
 * @example groupNorm({ groups: 8 })
 */
export function groupNorm<const Groups extends number = 32>(
  options?: GroupNormOptions & { readonly groups?: Groups },
): Layer<GroupNorm<Groups>> {
  return createLayer(groupNormKind, {}, options);
}

/**
 * Instance normalisation: `y = γ·(x − mean) / √(variance + ε) + β`, where mean and (biased) variance are those of each
 * channel of each example over all places. The same in training and in use. PyTorch leaves γ and β out by default:
 * `{ scale: false, center: false }` here.
 *
 * Input: [steps, channels], [height, width, channels] or more axes. Output: the same shape. Weights: `gamma` and `beta`
 * [channels].
 *
 * Errors: code "option" for options out of range or unknown; code "shape" for an input with channels alone.
 *
 * Source: Ulyanov, Vedaldi and Lempitsky, "Instance normalization: the missing ingredient for fast stylization", 2016.
 *
 * Keras: GroupNormalization(groups=-1) · PyTorch: InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
 *
 * @example instanceNorm({ scale: false, center: false })
 */
export function instanceNorm(options?: NormalizationOptions): Layer<InstanceNorm> {
  return createLayer(instanceNormKind, {}, options);
}
