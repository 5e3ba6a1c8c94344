import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import { extents, wholeNumber, withDefault, wrongOption } from "../model/check.js";
import { concatenate, conv2d, convTranspose2d, maxPool2d } from "../model/layers/index.js";
import { type Network, network } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";

export interface UNetOptions {
  /** Shape of one image; height and width are multiples of 2 to the number of halvings. Default: [128, 128, 3]. */
  readonly input?: Shape;
  /** Outputs for each pixel. Default: 2. */
  readonly classes?: number;
  /** Filters at full size, at half, at a quarter, … Default: [32, 64, 128, 256] (the paper has twice as many). */
  readonly widths?: readonly number[];
}

/**
 * U-Net, for a class per pixel: pairs of 3 × 3 convolutions on the way down, each followed by max-pooling, and on the way
 * up 2 × 2 transposed convolutions, each joined with the image of its size from the way down. Convolutions are padded, so
 * that the output has the size of the input and nothing is cropped (the paper's are not). Gives logits,
 * [height, width, classes], for `crossEntropy`; 1,925,634 parameters by default.
 *
 * Layers are called `down0.conv1`, `down0.conv2`, …, `up0`, `up0.conv1`, … and `head`; `up0` leads to full size.
 *
 * Errors: code "option" for unknown options, or sizes and widths that are not whole numbers ≥ 1; code "shape" for an
 * input that is no image, or does not halve evenly as often as there are widths.
 *
 * Source: Ronneberger, Fischer, Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI 2015.
 *
 * @example unet({ input: [64, 64, 1], classes: 3, widths: [16, 32, 64] })
 */
export function unet(options: UNetOptions = {}): Network {
  const where = "unet";
  checkOptions(where, options, ["input", "classes", "widths"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 2));
  const widths = checkWidths(where, withDefault(options.widths, [32, 64, 128, 256]));
  const shape = extents(where, "input", withDefault(options.input, [128, 128, 3]));
  checkHalvings(where, shape, widths.length - 1);

  const image = input(shape);
  let x: SymbolicTensor = image;
  const skipped = widths.map((filters, level) => {
    const halved = level === 0 ? x : maxPool2d(2, { name: `down${level}.pool` })(x);
    x = double(`down${level}`, halved, filters);
    return x;
  });
  for (let level = widths.length - 2; level >= 0; level--) {
    const filters = widths[level]!;
    const larger = convTranspose2d(filters, 2, { stride: 2, name: `up${level}` })(x);
    x = double(`up${level}`, concatenate({ name: `up${level}.join` })(skipped[level]!, larger), filters);
  }
  return network(image, conv2d(classes, 1, { name: "head" })(x));
}

/** Twice a 3 × 3 convolution and a rectifier. */
function double(name: string, x: SymbolicTensor, filters: number): SymbolicTensor {
  const convolution = (index: number) => conv2d(filters, 3, { activation: "relu", name: `${name}.conv${index}` });
  return convolution(2)(convolution(1)(x));
}

function checkWidths(where: string, value: unknown): readonly number[] {
  const isWidth = (width: unknown) => Number.isSafeInteger(width) && (width as number) >= 1;
  if (Array.isArray(value) && value.length > 0 && value.every(isWidth)) return value;
  return wrongOption(where, "widths", value, "whole numbers ≥ 1, such as [32, 64, 128, 256]");
}

function checkHalvings(where: string, shape: Shape, halvings: number): void {
  const factor = 2 ** halvings;
  if (shape.length === 3 && shape[0]! % factor === 0 && shape[1]! % factor === 0) return;
  fail({
    code: "shape",
    where,
    problem: `input ${formatShape(shape)} is not an image that can be halved ${halvings} times`,
    expected: `[height, width, channels] with height and width multiples of ${factor}`,
    received: formatShape(shape),
    fix: "Pad or crop the images, or leave out widths",
  });
}
