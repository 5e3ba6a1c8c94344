import { fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { isPermutation, transposeNode } from "../../ops/transpose.js";
import { wrongOption } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Permute } from "../shapes/axes.js";

export interface PermuteConfig {
  readonly axes: readonly number[];
}

export const permuteKind: LayerKind<PermuteConfig> = {
  kind: "permute",
  arguments: ["axes"],
  options: [],
  arity: "one",
  configure({ axes }, where) {
    if (Array.isArray(axes) && isPermutation(axes, axes.length)) return { axes: [...axes] };
    return wrongOption(where, "axes", axes, "every axis once, counted from 0, such as [1, 0, 2]");
  },
  outputShape({ axes }, [input], where) {
    if (axes.length === input!.length) return axes.map((axis) => input![axis]!);
    return fail({
      code: "shape",
      where,
      problem: `input ${formatShape(input!)} has another number of axes than ${formatShape(axes)}`,
      expected: `${axes.length} axes`,
      received: `${input!.length} axes`,
    });
  },
  weights: () => [],
  emit: ({ builder, config, inputs }) =>
    transposeNode(builder, inputs[0]!, [0, ...config.axes.map((axis) => axis + 1)]),
  reach: () => "whole",
};

/**
 * The axes of an example in another order: axis k of the output is axis `axes[k]` of the input,
 * `y[i_a₀, i_a₁, …] = x[i₀, i₁, …]`. Axes are counted from 0, the batch left out (Keras counts from 1).
 *
 * Input: any shape. Output: its extents in the order of `axes`.
 *
 * Errors: code "option" where an axis is missing or named twice; code "shape" for an input of another rank.
 *
 * Keras: Permute · PyTorch: torch.permute
 *
 * @param axes every axis once
 * @example permute([2, 0, 1]) // 28 × 27 × 3 → 3 × 28 × 27
 */
export function permute<const Axes extends readonly number[]>(
  axes: Axes,
  options?: LayerOptions,
): Layer<Permute<Axes>> {
  return createLayer(permuteKind, { axes }, options);
}
