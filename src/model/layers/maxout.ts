import { fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { reduceNode } from "../../ops/reduce.js";
import { reshapeNode } from "../../ops/reshape.js";
import { wholeNumber } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Maxout } from "../shapes/axes.js";

export interface MaxoutConfig {
  readonly pieces: number;
}

export const maxoutKind: LayerKind<MaxoutConfig> = {
  kind: "maxout",
  arguments: ["pieces"],
  options: [],
  arity: "one",
  configure: (given, where) => ({ pieces: wholeNumber(where, "pieces", given.pieces) }),
  outputShape({ pieces }, [input], where) {
    const channels = input![input!.length - 1]!;
    if (channels % pieces === 0) return [...input!.slice(0, -1), channels / pieces];
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} has ${channels} channels, which cannot be split into ${pieces} pieces each`,
      fix: "Make the pieces a divisor of the channels",
    });
  },
  weights: () => [],
  emit({ builder, config: { pieces }, inputs }) {
    const { shape } = inputs[0]!;
    const split = [...shape.slice(0, -1), shape[shape.length - 1]! / pieces, pieces];
    return reduceNode(builder, reshapeNode(builder, inputs[0]!, split), "max", [shape.length]);
  },
  reach: () => "point",
};

/**
 * Largest of so many neighbouring channels: `y[c] = max_k x[c·pieces + k]`; after a layer with `pieces` times as many
 * channels, a learned piecewise linear function. Where several are the largest, they share the gradient.
 *
 * Input: [channels] or more axes before them. Output: the same with channels / pieces channels.
 *
 * Errors: code "option" for pieces that are no whole number ≥ 1; code "shape" where they do not divide the channels.
 *
 * Source: Goodfellow et al., "Maxout networks", ICML 2013.
 *
 * Keras: none, Maxout in TensorFlow Addons · PyTorch: unflatten and amax
 *
 * @param pieces channels that one output is the largest of
 * @example maxout(2) // 64 channels → 32
 */
export function maxout<const Pieces extends number>(pieces: Pieces, options?: LayerOptions): Layer<Maxout<Pieces>> {
  return createLayer(maxoutKind, { pieces }, options);
}
