import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { choice, extents, numberThat, trueOrFalse, wholeNumber, withDefault } from "../model/check.js";
import {
  adaptiveAveragePool2d,
  conv2d,
  dense,
  dropout,
  flatten,
  localResponseNorm,
  maxPool2d,
  permute,
} from "../model/layers/index.js";
import type { Network } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import { imageInput, imageNetwork } from "./imageInput.js";

export interface LargeNetworkOptions {
  /** Outputs of the last layer. Default: 1000, those of ImageNet. */
  readonly classes?: number;
  /** Shape of one image. Default: that of the paper. */
  readonly input?: Shape;
  /** Units of each of the two dense layers before the last. Default: 4096. */
  readonly hidden?: number;
  /** Part of the features that is dropped before each of these two. Default: 0.5. */
  readonly dropout?: number;
  /** Whether the first layer normalises the image; see `setNormalization`. Default: false. */
  readonly normalization?: boolean;
}

export interface AlexNetOptions extends LargeNetworkOptions {
  /**
   * `"2012"`: the paper's, for 227 × 227 pixels, with the two groups that its layers were split into. `"torchvision"`: that
   * of torchvision, for 224 × 224, which is Krizhevsky's of 2014: fewer filters, no groups, no normalisation. Default:
   * `"2012"`.
   */
  readonly variant?: (typeof variants)[number];
}

const variants = ["2012", "torchvision"] as const;
const common = ["classes", "input", "hidden", "dropout", "normalization"] as const;

/** The paper's response normalisation: α counts each of the five channels, and here their mean. */
const responseNorm = (name: string) => localResponseNorm({ size: 5, k: 2, alpha: 5e-4, beta: 0.75, name });

/** A convolution and its rectifier. */
const rectified = (name: string, filters: number, kernel: number, options: object) =>
  conv2d(filters, kernel, { ...options, activation: "relu", kernelInitializer: "heNormal", name });

/** Pooling whose windows overlap. */
const overlapping = (name: string, options: object = {}) => maxPool2d(3, { stride: 2, ...options, name });

/**
 * AlexNet (D8): five convolutions, the first 11 × 11 in steps of four to 55 × 55 × 96, response normalisation, pooling
 * whose windows overlap, and three dense layers behind dropout; 60,965,224 parameters for 1000 classes. Gives logits, for
 * `crossEntropy`.
 *
 * Layers of the paper's are `conv1` … `conv5`, `fc6` … `fc8`. Those of torchvision's `alexnet` bear its names
 * (`features.0`, `classifier.1`), so that its weights can be taken over one to one, as those of `resnet18`; 61,100,840
 * parameters.
 *
 * Errors: code "option" for unknown options or values out of range; code "shape" for images that are too small.
 *
 * Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural networks", NIPS 2012;
 * Krizhevsky, "One weird trick for parallelizing convolutional neural networks", 2014.
 *
 * @example alexNet({ classes: 10, hidden: 512 })
 */
export function alexNet(options: AlexNetOptions = {}): Network {
  const where = "alexNet";
  checkOptions(where, options, [...common, "variant"]);
  const variant = choice(where, "variant", withDefault(options.variant, "2012"), variants);
  const isPaper = variant === "2012";
  return largeNetwork(where, options, isPaper ? 227 : 224, isPaper ? paperFeatures : torchFeatures, {
    // as torchvision numbers dropouts, rectifiers and dense layers
    denseNames: isPaper ? ["fc6", "fc7", "fc8"] : ["classifier.1", "classifier.4", "classifier.6"],
  });
}

function paperFeatures(image: SymbolicTensor): SymbolicTensor {
  let x = rectified("conv1", 96, 11, { stride: 4, padding: "valid" })(image); // 55 × 55 × 96
  x = overlapping("pool1")(responseNorm("norm1")(x)); // 27 × 27
  x = rectified("conv2", 256, 5, { groups: 2, padding: 2 })(x);
  x = overlapping("pool2")(responseNorm("norm2")(x)); // 13 × 13
  x = rectified("conv3", 384, 3, { padding: 1 })(x);
  x = rectified("conv4", 384, 3, { groups: 2, padding: 1 })(x);
  x = rectified("conv5", 256, 3, { groups: 2, padding: 1 })(x);
  return flatten()(overlapping("pool5")(x)); // 6 × 6 × 256 = 9,216
}

function torchFeatures(image: SymbolicTensor): SymbolicTensor {
  let x = rectified("features.0", 64, 11, { stride: 4, padding: 2 })(image);
  x = overlapping("features.2")(x);
  x = rectified("features.3", 192, 5, { padding: 2 })(x);
  x = overlapping("features.5")(x);
  x = rectified("features.6", 384, 3, { padding: 1 })(x);
  x = rectified("features.8", 256, 3, { padding: 1 })(x);
  x = rectified("features.10", 256, 3, { padding: 1 })(x);
  x = adaptiveAveragePool2d(6, { name: "avgpool" })(overlapping("features.12")(x));
  // its features are in the order of channels, rows, columns
  return flatten()(permute([2, 0, 1])(x));
}

/**
 * The network of Zeiler and Fergus (D9): AlexNet with a first layer that loses less, 96 filters of 7 × 7 in steps of two,
 * and without groups; 110 × 110, pooled to 55 × 55 × 96, then 26, 13 and 6 × 6 × 256 = 9,216 into the dense layers;
 * 62,357,608 parameters for 1000 classes. Its contrast normalisation is AlexNet's. Gives logits, for `crossEntropy`; what
 * its units respond to, `deconvnet` shows.
 *
 * Errors: code "option" for unknown options or values out of range; code "shape" for images that are too small.
 *
 * Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
 *
 * @example zeilerFergus({ classes: 10, hidden: 512 })
 */
export function zeilerFergus(options: LargeNetworkOptions = {}): Network {
  const where = "zeilerFergus";
  checkOptions(where, options, common);
  return largeNetwork(where, options, 224, zeilerFergusFeatures, { denseNames: ["fc6", "fc7", "fc8"] });
}

function zeilerFergusFeatures(image: SymbolicTensor): SymbolicTensor {
  const ceiled = { ceilMode: true };
  let x = rectified("conv1", 96, 7, { stride: 2, padding: 1 })(image); // 110 × 110 × 96
  x = responseNorm("norm1")(overlapping("pool1", ceiled)(x)); // 55 × 55
  x = rectified("conv2", 256, 5, { stride: 2, padding: "valid" })(x); // 26 × 26 × 256
  x = responseNorm("norm2")(overlapping("pool2", ceiled)(x)); // 13 × 13
  x = rectified("conv3", 384, 3, { padding: 1 })(x);
  x = rectified("conv4", 384, 3, { padding: 1 })(x);
  x = rectified("conv5", 256, 3, { padding: 1 })(x);
  return flatten()(overlapping("pool5")(x)); // 6 × 6 × 256 = 9,216
}

/** Features, two dense layers behind dropout, and the scores. */
function largeNetwork(
  where: string,
  options: LargeNetworkOptions,
  side: number,
  features: (image: SymbolicTensor) => SymbolicTensor,
  { denseNames }: { readonly denseNames: readonly [string, string, string] },
): Network {
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 1000));
  const hidden = wholeNumber(where, "hidden", withDefault(options.hidden, 4096));
  const rate = numberThat(where, "dropout", withDefault(options.dropout, 0.5), "a number ≥ 0 and < 1", (part) => {
    return part >= 0 && part < 1;
  });
  const shape = extents(where, "input", withDefault(options.input, [side, side, 3]));
  const normalization = trueOrFalse(where, "normalization", withDefault(options.normalization, false));
  const { image, x } = imageInput(shape, normalization);
  const [first, second, last] = denseNames;
  let values = features(x);
  for (const name of [first, second]) {
    if (rate > 0) values = dropout(rate)(values);
    values = dense(hidden, { activation: "relu", kernelInitializer: "heNormal", name })(values);
  }
  return imageNetwork(image, dense(classes, { name: last })(values));
}
