import type { Shape } from "../../core/shapes.js";
import { maxPool2d as maxPool2dOp } from "../../ops/pool2d.js";
import type { Padding } from "../../ops/window.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import { configurePool, type PoolConfig, poolAttributes, poolOutput } from "./pool.js";

export interface MaxPool2dOptions extends LayerOptions {
  /** Pixels between windows: a number or [vertical, horizontal]. Default: the size, so that windows do not overlap. */
  readonly stride?: number | readonly [number, number];
  /** The same as `stride`. */
  readonly strides?: number | readonly [number, number];
  /** Pixels around the input that never win. Default: `"valid"`. */
  readonly padding?: Padding;
}

export const maxPool2dKind: LayerKind<PoolConfig> = {
  kind: "maxPool2d",
  arguments: ["size"],
  options: ["stride", "strides", "padding"],
  arity: "one",
  configure: configurePool,
  outputShape: (config, [input], where) =>
    poolOutput(input!, config, (image, attributes) => maxPool2dOp.infer([image], attributes, where), where),
  weights: () => [],
  emit: ({ builder, config, inputs }) =>
    builder.add(maxPool2dOp, [inputs[0]!], poolAttributes(inputs[0]!.shape.slice(1), config)),
  reach: (config, [input]: readonly Shape[]) => poolAttributes(input!, config),
};

/**
 * Largest value under each window, channel by channel: `y[i, j, c] = max_{u, v} x[i·s₀ + u − top, j·s₁ + v − left, c]`.
 * In training the gradient goes to the winner alone.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − size) / s₀⌋ + 1`.
 *
 * Errors: code "option" for options out of range or unknown, or padding as large as the window; code "shape" for an
 * input that is no image, or a window larger than its padded input.
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example maxPool2d(2) // 28 × 28 × 8 → 14 × 14 × 8
 */
export function maxPool2d(size: number | readonly [number, number], options?: MaxPool2dOptions): Layer {
  return createLayer(maxPool2dKind, { size }, options);
}
