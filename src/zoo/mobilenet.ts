import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { extents, numberThat, trueOrFalse, wholeNumber, withDefault } from "../model/check.js";
import { add, dense, dropout, globalAveragePool2d, relu6 } from "../model/layers/index.js";
import type { Network } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import { imageInput, imageNetwork } from "./imageInput.js";
import { type NormalisedOptions, normalised } from "./normalised.js";

export interface MobileNetOptions {
  /** Outputs of the last layer. Default: 1000, those of ImageNet. */
  readonly classes?: number;
  /** Shape of one image. Default: [224, 224, 3]. */
  readonly input?: Shape;
  /** Part of the features that is dropped before the last layer. Default: 0.2. */
  readonly dropout?: number;
  /** Whether the image passes a layer that normalises it; see `setNormalization`. Default: false. */
  readonly normalization?: boolean;
}

/** The inverted residuals: expansion, filters, how many of them, stride of the first. */
const stages = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * MobileNetV2 of width 1: a 3 × 3 stem, seventeen inverted residuals with depthwise convolutions, 1280 features;
 * 3,504,872 parameters for 1000 classes (and 34,112 running averages). Gives logits, for `crossEntropy`.
 *
 * Layers are those of torchvision's `mobilenet_v2` and bear its names (`features.0.0`, `features.2.conv.1.0`,
 * `classifier.1`), so that its weights can be taken over one to one, as those of `resnet18`.
 *
 * Errors: code "option" for unknown options, sizes that are not whole numbers ≥ 1, or a dropout that is not 0 to 1.
 *
 * Source: Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018.
 *
 * @example mobileNetV2({ classes: 10, input: [96, 96, 3] })
 */
export function mobileNetV2(options: MobileNetOptions = {}): Network {
  const where = "mobileNetV2";
  checkOptions(where, options, ["classes", "input", "dropout", "normalization"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 1000));
  const rate = numberThat(where, "dropout", withDefault(options.dropout, 0.2), "a number ≥ 0 and < 1", (part) => {
    return part >= 0 && part < 1;
  });
  const shape = extents(where, "input", withDefault(options.input, [224, 224, 3]));
  const normalization = trueOrFalse(where, "normalization", withDefault(options.normalization, false));
  const { image, x: pixels } = imageInput(shape, normalization);

  let x = rectified("features.0", pixels, 32, 3, { stride: 2 });
  let index = 1;
  for (const [expansion, filters, count, stride] of stages) {
    for (let i = 0; i < count; i++) {
      x = invertedResidual(`features.${index++}`, x, filters, i === 0 ? stride : 1, expansion);
    }
  }
  const features = globalAveragePool2d({ name: "avgpool" })(rectified(`features.${index}`, x, 1280, 1));
  const kept = rate === 0 ? features : dropout(rate, { name: "classifier.0" })(features);
  return imageNetwork(image, dense(classes, { name: "classifier.1" })(kept));
}

/** 1 × 1 to `expansion` times the channels (none where that is 1), depthwise 3 × 3, 1 × 1 to `filters`; and `x`. */
function invertedResidual(
  name: string,
  x: SymbolicTensor,
  filters: number,
  stride: number,
  expansion: number,
): SymbolicTensor {
  const channels = x.shape.at(-1)!;
  const hidden = expansion * channels;
  const at = (index: number) => `${name}.conv.${index}`;
  let index = 0;
  const wide = expansion === 1 ? x : rectified(at(index++), x, hidden, 1);
  const filtered = rectified(at(index++), wide, hidden, 3, { stride, groups: hidden });
  const narrow = normalised(at(index), at(index + 1), filtered, filters, 1);
  return stride === 1 && channels === filters ? add({ name: `${name}.add` })(x, narrow) : narrow;
}

/** Convolution, norm and rectifier as torchvision numbers them: 0, 1 and 2. */
function rectified(
  name: string,
  x: SymbolicTensor,
  filters: number,
  kernel: number,
  options?: NormalisedOptions,
): SymbolicTensor {
  return relu6({ name: `${name}.2` })(normalised(`${name}.0`, `${name}.1`, x, filters, kernel, options));
}
