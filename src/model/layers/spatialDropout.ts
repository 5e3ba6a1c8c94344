import { divide, less, multiply, random, select, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { SameSpatial } from "../shapes/spatial.js";
import { type DropoutConfig, dropoutKind } from "./dropout.js";
import { checkSpatial, type Dimensions } from "./spatial.js";

/** Dropout's kind but for what it drops: whole channels. */
function kindOf(dimensions: Dimensions): LayerKind<DropoutConfig> {
  return {
    ...dropoutKind,
    kind: `spatialDropout${dimensions}d`,
    outputShape(_config, [input], where) {
      checkSpatial(input!, dimensions, where);
      return input!;
    },
    emit({ builder, config: { rate }, inputs, training, randomKey, salt }) {
      if (!training || rate === 0) return inputs[0]!;
      const { shape } = inputs[0]!;
      const channels = shape.map((extent, axis) => (axis === 0 || axis === shape.length - 1 ? extent : 1));
      const kept = select(less(random(0, salt), rate), 0, divide(1, 1 - rate));
      const scale = mapNode(builder, [randomKey!], kept, channels);
      return mapNode(builder, [inputs[0]!, scale], multiply(x(0), x(1)));
    },
  };
}

export const spatialDropout1dKind = kindOf(1);
export const spatialDropout2dKind = kindOf(2);
export const spatialDropout3dKind = kindOf(3);

/**
 * Dropout of whole channels of a sequence: in training each channel of each example is 0 with probability `rate` and
 * `x / (1 − rate)` otherwise; in use nothing happens. Neighbouring steps are alike, so single values would hardly be
 * missed.
 *
 * Input: [steps, channels]. Output: the same shape.
 *
 * Errors: code "option" for a rate outside [0, 1); code "shape" for an input that is no sequence.
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 *
 * Keras: SpatialDropout1D · PyTorch: Dropout1d
 *
 * @param rate part of the channels that drop: 0 ≤ rate < 1
 * @example spatialDropout1d(0.2)
 */
export function spatialDropout1d(rate: number, options?: LayerOptions): Layer<SameSpatial<"spatialDropout1d">> {
  return createLayer(spatialDropout1dKind, { rate }, options);
}

/**
 * Dropout of whole channels of an image: in training each channel of each example is 0 with probability `rate` and
 * `x / (1 − rate)` otherwise; in use nothing happens.
 *
 * Input: [height, width, channels]. Output: the same shape.
 *
 * Errors: code "option" for a rate outside [0, 1); code "shape" for an input that is no image.
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 *
 * Keras: SpatialDropout2D · PyTorch: Dropout2d
 *
 * @param rate part of the channels that drop: 0 ≤ rate < 1
 * @example spatialDropout2d(0.2)
 */
export function spatialDropout2d(rate: number, options?: LayerOptions): Layer<SameSpatial<"spatialDropout2d">> {
  return createLayer(spatialDropout2dKind, { rate }, options);
}

/**
 * Dropout of whole channels of a volume: in training each channel of each example is 0 with probability `rate` and
 * `x / (1 − rate)` otherwise; in use nothing happens.
 *
 * Input: [depth, height, width, channels]. Output: the same shape.
 *
 * Errors: code "option" for a rate outside [0, 1); code "shape" for an input that is no volume.
 *
 * Source: Tompson et al., "Efficient object localization using convolutional networks", CVPR 2015.
 *
 * Keras: SpatialDropout3D · PyTorch: Dropout3d
 *
 * @param rate part of the channels that drop: 0 ≤ rate < 1
 * @example spatialDropout3d(0.2)
 */
export function spatialDropout3d(rate: number, options?: LayerOptions): Layer<SameSpatial<"spatialDropout3d">> {
  return createLayer(spatialDropout3dKind, { rate }, options);
}
