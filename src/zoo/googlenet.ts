import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { choice, extents, numberThat, trueOrFalse, wholeNumber, withDefault } from "../model/check.js";
import {
  concatenate,
  conv2d,
  dense,
  dropout,
  globalAveragePool2d,
  localResponseNorm,
  maxPool2d,
  relu,
} from "../model/layers/index.js";
import type { Network } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import { imageInput, imageNetwork } from "./imageInput.js";
import { normalised } from "./normalised.js";

export interface GoogLeNetOptions {
  /** Outputs of the last layer. Default: 1000, those of ImageNet. */
  readonly classes?: number;
  /** Shape of one image. Default: [224, 224, 3]. */
  readonly input?: Shape;
  /** Part of the features that is dropped before the last layer. Default: 0.4, torchvision's 0.2. */
  readonly dropout?: number;
  /** Whether the first layer normalises the image; see `setNormalization`. Default: false. */
  readonly normalization?: boolean;
  /**
   * `"2014"`: the paper's, with biases, response normalisation, and 5 × 5 convolutions in its modules. `"torchvision"`: that
   * of torchvision, with batch normalisation, and 3 × 3 in their place. Default: `"2014"`.
   */
  readonly variant?: Variant;
}

const variants = ["2014", "torchvision"] as const;
type Variant = (typeof variants)[number];

/** Filters of an inception module: 1 × 1; before 3 × 3, and 3 × 3; before 5 × 5, and 5 × 5; after pooling. */
type Widths = readonly [number, number, number, number, number, number];

/** The modules between poolings. */
const stages: readonly (readonly (readonly [name: string, widths: Widths])[])[] = [
  [
    ["3a", [64, 96, 128, 16, 32, 32]],
    ["3b", [128, 128, 192, 32, 96, 64]],
  ],
  [
    ["4a", [192, 96, 208, 16, 48, 64]],
    ["4b", [160, 112, 224, 24, 64, 64]],
    ["4c", [128, 128, 256, 24, 64, 64]],
    ["4d", [112, 144, 288, 32, 64, 64]],
    ["4e", [256, 160, 320, 32, 128, 128]],
  ],
  [
    ["5a", [256, 160, 320, 32, 128, 128]],
    ["5b", [384, 192, 384, 48, 128, 128]],
  ],
];

/**
 * GoogLeNet (D10): a stem of three convolutions and nine inception modules, each of which looks through windows of 1, 3 and
 * 5 pixels and a pooling one side by side; 22 layers with weights, 6,998,552 parameters for 1000 classes. The two
 * classifiers on the side, which only help training, are left out. Gives logits, for `crossEntropy`.
 *
 * Layers bear the names of torchvision's `googlenet` (`conv1.conv`, `inception3a.branch2.0.bn`, `fc`), so that its weights
 * can be taken over one to one by the variant `"torchvision"`, as those of `resnet18`; 6,624,904 parameters.
 *
 * Errors: code "option" for unknown options or values out of range; code "shape" for images that are too small.
 *
 * Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015.
 *
 * @example googleNet({ classes: 10, input: [96, 96, 3] })
 */
export function googleNet(options: GoogLeNetOptions = {}): Network {
  const where = "googleNet";
  checkOptions(where, options, ["classes", "input", "dropout", "normalization", "variant"]);
  const variant = choice(where, "variant", withDefault(options.variant, "2014"), variants);
  const isPaper = variant === "2014";
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 1000));
  const usual = isPaper ? 0.4 : 0.2;
  const rate = numberThat(where, "dropout", withDefault(options.dropout, usual), "a number ≥ 0 and < 1", (part) => {
    return part >= 0 && part < 1;
  });
  const shape = extents(where, "input", withDefault(options.input, [224, 224, 3]));
  const normalization = trueOrFalse(where, "normalization", withDefault(options.normalization, false));
  const { image, x: pixels } = imageInput(shape, normalization);

  const convolution = convolutions[variant];
  const pooled = (name: string, x: SymbolicTensor, size = 3) => maxPool2d(size, { stride: 2, ceilMode: true, name })(x);
  const evened = (name: string, x: SymbolicTensor) =>
    isPaper ? localResponseNorm({ size: 5, alpha: 1e-4, beta: 0.75, name })(x) : x;
  let x = evened("norm1", pooled("maxpool1", convolution("conv1", pixels, 64, 7, 2)));
  x = convolution("conv3", convolution("conv2", x, 64, 1), 192, 3);
  x = evened("norm2", x);
  stages.forEach((modules, i) => {
    const index = i + 2;
    x = pooled(`maxpool${index}`, x, index === 4 && !isPaper ? 2 : 3);
    for (const [name, widths] of modules) x = inception(`inception${name}`, x, widths, variant);
  });
  const features = globalAveragePool2d({ name: "avgpool" })(x);
  const kept = rate === 0 ? features : dropout(rate, { name: "dropout" })(features);
  return imageNetwork(image, dense(classes, { name: "fc" })(kept));
}

/** Convolutions with their rectifiers. */
const convolutions = {
  "2014": (name: string, x: SymbolicTensor, filters: number, kernel: number, stride = 1) =>
    conv2d(filters, kernel, {
      stride,
      padding: (kernel - 1) / 2,
      activation: "relu",
      kernelInitializer: "heNormal",
      name: `${name}.conv`,
    })(x),
  torchvision: (name: string, x: SymbolicTensor, filters: number, kernel: number, stride = 1) =>
    relu({ name: `${name}.relu` })(
      normalised(`${name}.conv`, `${name}.bn`, x, filters, kernel, { stride, epsilon: 1e-3 }),
    ),
} as const;

/** Four branches side by side. */
function inception(name: string, x: SymbolicTensor, widths: Widths, variant: Variant): SymbolicTensor {
  const [ones, beforeThrees, threes, beforeFives, fives, afterPool] = widths;
  const convolution = convolutions[variant];
  const wide = (branch: string, before: number, filters: number, kernel: number) =>
    convolution(`${name}.${branch}.1`, convolution(`${name}.${branch}.0`, x, before, 1), filters, kernel);
  const pool = maxPool2d(3, { stride: 1, padding: 1, ceilMode: true, name: `${name}.branch4.0` })(x);
  return concatenate({ name })(
    convolution(`${name}.branch1`, x, ones, 1),
    wide("branch2", beforeThrees, threes, 3),
    wide("branch3", beforeFives, fives, variant === "2014" ? 5 : 3),
    convolution(`${name}.branch4.1`, pool, afterPool, 1),
  );
}
