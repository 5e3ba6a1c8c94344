import type { Shape } from "../../core/shapes.js";
import { averagePool2d as averagePool2dOp } from "../../ops/pool2d.js";
import { trueOrFalse, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerKind } from "../layer.js";
import type { MaxPool2dOptions } from "./maxPool2d.js";
import { configurePool, type PoolConfig, poolAttributes, poolOutput } from "./pool.js";

export interface AveragePool2dOptions extends MaxPool2dOptions {
  /** Whether padding counts as zeros in the mean (PyTorch) or only real pixels do (Keras). Default: false. */
  readonly countPadding?: boolean;
}

export interface AveragePool2dConfig extends PoolConfig {
  readonly countPadding: boolean;
}

export const averagePool2dKind: LayerKind<AveragePool2dConfig> = {
  kind: "averagePool2d",
  arguments: ["size"],
  options: ["stride", "strides", "padding", "countPadding"],
  arity: "one",
  configure: (given, where) => ({
    ...configurePool(given, where),
    countPadding: trueOrFalse(where, "countPadding", withDefault(given.countPadding, false)),
  }),
  outputShape: (config, [input], where) =>
    poolOutput(
      input!,
      config,
      (image, attributes) =>
        averagePool2dOp.infer([image], { ...attributes, countPadding: config.countPadding }, where),
      where,
    ),
  weights: () => [],
  emit({ builder, config, inputs }) {
    const { countPadding } = config;
    const attributes = poolAttributes(inputs[0]!.shape.slice(1), config);
    return builder.add(averagePool2dOp, [inputs[0]!], { ...attributes, countPadding });
  },
  reach: (config, [input]: readonly Shape[]) => poolAttributes(input!, config),
};

/**
 * Mean under each window, channel by channel: `y[i, j, c] = mean_{u, v} x[i·s₀ + u − top, j·s₁ + v − left, c]`.
 * In training the gradient is shared equally by the pixels of the window.
 *
 * Input: [height, width, channels]. Output: [h, w, channels] with `h = ⌊(height + top + bottom − size) / s₀⌋ + 1`.
 *
 * Errors: as for `maxPool2d`.
 *
 * @param size of the window in pixels: a number, or [height, width]
 * @example averagePool2d(7) // 7 × 7 × 512 → 1 × 1 × 512
 */
export function averagePool2d(size: number | readonly [number, number], options?: AveragePool2dOptions): Layer {
  return createLayer(averagePool2dKind, { size }, options);
}
