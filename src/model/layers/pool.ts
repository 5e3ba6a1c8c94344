import type { Shape } from "../../core/shapes.js";
import type { TensorType } from "../../graph/types.js";
import type { Pool2dAttributes } from "../../ops/pool2d.js";
import { wholePair, withDefault } from "../check.js";
import { checkImage, checkPadding, checkStrides, type WindowConfig, windowOver } from "./window.js";

/** What both poolings are made of; dilation is always 1. */
export interface PoolConfig extends Omit<WindowConfig, "dilation"> {
  readonly size: readonly [number, number];
}

export function configurePool(given: Readonly<Record<string, unknown>>, where: string): PoolConfig {
  const size = wholePair(where, "size", given.size);
  return {
    size,
    strides: checkStrides(given, size, where),
    padding: checkPadding(where, withDefault(given.padding, "valid")),
  };
}

/** The op's attributes for an image of this shape (without the batch). */
export function poolAttributes(shape: Shape, { size, ...window }: PoolConfig): Pool2dAttributes {
  const { strides, padding } = window;
  return { kernel: size, ...windowOver(shape, size, { strides, padding, dilation: [1, 1] }) };
}

/** The shape that the op infers for one example. */
export function poolOutput(
  shape: Shape,
  config: PoolConfig,
  infer: (image: TensorType, attributes: Pool2dAttributes) => TensorType,
  where: string,
): Shape {
  const image = checkImage(shape, where);
  return infer({ shape: [1, ...image], dtype: "float32" }, poolAttributes(image, config)).shape.slice(1);
}
