import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { choice, extents, wholeNumber, withDefault } from "../model/check.js";
import { conv2d, globalAveragePool2d, maxPool2d, relu } from "../model/layers/index.js";
import { type Network, network } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";
import { type NormalisedOptions, normalised } from "./normalised.js";

export interface AllConvOptions {
  /** Outputs. Default: 10. */
  readonly classes?: number;
  /** Shape of one image. Default: [32, 32, 3]. */
  readonly input?: Shape;
  /** Filters of the first third; the rest have twice as many. Default: 32 (the paper's: 96). */
  readonly width?: number;
  /**
   * How height and width are halved: `"convolution"` by a 3 × 3 convolution in steps of two, `"pooling"` by the maximum
   * over 3 × 3 in steps of two, as in the network that the paper starts from. Default: `"convolution"`.
   */
  readonly halving?: (typeof halvings)[number];
}

const halvings = ["convolution", "pooling"] as const;

/**
 * The all-convolutional network (D13), All-CNN-C: convolutions in steps of two in place of pooling, and classes by 1 × 1
 * convolutions that are averaged over the image, so that there is no dense layer. 153,898 parameters at width 32 (and 832
 * running averages), 107,626 with pooling. The paper has dropout where this has batch normalisation: with that, few epochs
 * are enough. Gives logits, for `crossEntropy`.
 *
 * Errors: code "option" for unknown options or sizes that are not whole numbers ≥ 1.
 *
 * Source: Springenberg et al., "Striving for simplicity: the all convolutional net", 2015.
 *
 * @example allConv({ width: 96 })
 */
export function allConv(options: AllConvOptions = {}): Network {
  const where = "allConv";
  checkOptions(where, options, ["classes", "input", "width", "halving"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 10));
  const width = wholeNumber(where, "width", withDefault(options.width, 32));
  const halving = choice(where, "halving", withDefault(options.halving, "convolution"), halvings);
  const image = input(extents(where, "input", withDefault(options.input, [32, 32, 3])));

  const halved = (name: string, x: SymbolicTensor, filters: number) =>
    halving === "convolution"
      ? rectified(name, x, filters, 3, { stride: 2 })
      : maxPool2d(3, { stride: 2, padding: 1, name })(x);
  let x = rectified("conv1", image, width, 3);
  x = rectified("conv2", x, width, 3);
  x = halved("half1", x, width);
  x = rectified("conv3", x, 2 * width, 3);
  x = rectified("conv4", x, 2 * width, 3);
  x = halved("half2", x, 2 * width);
  x = rectified("conv5", x, 2 * width, 3);
  x = rectified("conv6", x, 2 * width, 1);
  x = conv2d(classes, 1, { name: "classes" })(x);
  return network(image, globalAveragePool2d({ name: "average" })(x));
}

function rectified(name: string, x: SymbolicTensor, filters: number, kernel: number, options?: NormalisedOptions) {
  return relu({ name: `${name}.relu` })(normalised(name, `${name}.norm`, x, filters, kernel, options));
}
