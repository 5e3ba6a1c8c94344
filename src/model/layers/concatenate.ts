import { fail } from "../../core/errors.js";
import { formatShape, type Shape } from "../../core/shapes.js";
import { concatenateNode } from "../../ops/concatenate.js";
import { wrongOption } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Concatenate } from "../shapes/axes.js";

export interface ConcatenateOptions extends LayerOptions {
  /** Axis of an example, the batch left out; negative from the end. Default: −1, the channels. */
  readonly axis?: number;
}

export interface ConcatenateConfig {
  readonly axis: number;
}

/** The axis from 0, or undefined where there is none. */
function axisOf({ axis }: ConcatenateConfig, shape: Shape): number | undefined {
  const fromStart = axis < 0 ? shape.length + axis : axis;
  return fromStart >= 0 && fromStart < shape.length ? fromStart : undefined;
}

export const concatenateKind: LayerKind<ConcatenateConfig> = {
  kind: "concatenate",
  arguments: [],
  options: ["axis"],
  arity: "several",
  configure({ axis = -1 }, where) {
    return Number.isSafeInteger(axis) ? { axis: axis as number } : wrongOption(where, "axis", axis, "a whole number");
  },
  outputShape(config, inputs, where) {
    const first = inputs[0]!;
    const axis = axisOf(config, first);
    if (axis === undefined) {
      const expected = `${-first.length} to ${first.length - 1} for ${formatShape(first)}`;
      return fail({ code: "shape", where, problem: "there is no such axis", expected, received: String(config.axis) });
    }
    const fits = (shape: Shape) =>
      shape.length === first.length && shape.every((extent, i) => i === axis || extent === first[i]);
    if (!inputs.every(fits)) {
      return fail({
        code: "shape",
        where,
        problem: `inputs differ elsewhere than along axis ${axis}`,
        expected: `${formatShape(first)} but for axis ${axis}`,
        received: inputs.map(formatShape).join(" and "),
      });
    }
    const total = inputs.reduce((sum, shape) => sum + shape[axis]!, 0);
    return first.map((extent, i) => (i === axis ? total : extent));
  },
  weights: () => [],
  emit: ({ builder, config, inputs }) =>
    concatenateNode(builder, inputs, 1 + axisOf(config, inputs[0]!.shape.slice(1))!),
  reach: (config, [input]: readonly Shape[]) => (axisOf(config, input!) === input!.length - 1 ? "point" : "whole"),
};

/**
 * Tensors one after the other along an axis, the channels by default: the join of Inception and DenseNet.
 *
 * Inputs: two tensors or more that agree but along `axis`. Output: their shape, with the sum of the extents there.
 *
 * Errors: code "usage" for fewer than two tensors; code "option" for an axis that is no whole number; code "shape" for
 * an axis that is not there, or shapes that differ elsewhere.
 *
 * Keras: Concatenate · PyTorch: torch.cat
 *
 * @example const y = concatenate()(x, conv2d(32, 3)(x)); // 64 and 32 channels → 96
 */
export function concatenate<const Axis extends number = -1>(
  options?: ConcatenateOptions & { readonly axis?: Axis },
): Layer<Concatenate<Axis>> {
  return createLayer(concatenateKind, {}, options);
}
