import type { Shape } from "../core/shapes.js";
import { batchNorm } from "../model/layers/index.js";
import { type Network, network, withFrozen } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";
import type { Model } from "../train/model.js";

/** Mean and deviation of each channel of images whose pixels lie in 0 … 1. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly deviation: readonly number[];
}

/** What torchvision's weights were trained with: mean and deviation of ImageNet's red, green and blue. */
export const imageNetNormalization: Normalization = {
  mean: [0.485, 0.456, 0.406],
  deviation: [0.229, 0.224, 0.225],
};

/** Name of the layer that normalises the image. */
export const normalizationLayer = "normalization";

/** An image, and the same normalised by a layer that `setNormalization` tells what to subtract and to divide by. */
export function imageInput(shape: Shape, normalization: boolean): { image: SymbolicTensor; x: SymbolicTensor } {
  const image = input(shape);
  const layer = batchNorm({ scale: false, center: false, epsilon: 1e-12, name: normalizationLayer });
  return { image, x: normalization ? layer(image) : image };
}

/** The network from an image to its scores; what normalises the image is no concern of training. */
export function imageNetwork(image: SymbolicTensor, scores: SymbolicTensor): Network {
  const whole = network(image, scores);
  const own = whole.weights.filter(({ layer }) => layer === normalizationLayer).map(({ name }) => name);
  return withFrozen(whole, new Set(own));
}

/**
 * Says what a network that was made with `normalization: true` subtracts from each channel and divides it by; before
 * that, 0 and 1. Its file keeps them, so that pictures are normalised alike wherever it is used.
 *
 * Errors: code "usage" for a model without that layer; code "shape" for another number of channels.
 *
 * @example setNormalization(new Model(smallCnn({ normalization: true })), imageNetNormalization)
 */
export function setNormalization(model: Model, { mean, deviation }: Normalization): void {
  model.setWeight(`${normalizationLayer}.movingMean`, mean);
  // a channel of one colour has nothing to be divided by
  const variance = deviation.map((value) => (value < 1e-4 ? 1 : value ** 2));
  model.setWeight(`${normalizationLayer}.movingVariance`, variance);
}
