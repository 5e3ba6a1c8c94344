import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { extents, trueOrFalse, wholeNumber, withDefault } from "../model/check.js";
import { add, dense, globalAveragePool2d, maxPool2d, relu } from "../model/layers/index.js";
import type { Network } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import { imageInput, imageNetwork } from "./imageInput.js";
import { normalised } from "./normalised.js";

export interface ResNetOptions {
  /** Outputs of the last layer. Default: 1000, those of ImageNet. */
  readonly classes?: number;
  /** Shape of one image. Default: [224, 224, 3]. */
  readonly input?: Shape;
  /** Whether the image passes a layer that normalises it; see `setNormalization`. Default: false. */
  readonly normalization?: boolean;
}

/** Filters of the four stages; each but the first begins by halving height and width. */
const widths = [64, 128, 256, 512] as const;

/**
 * ResNet-18: a 7 × 7 stem and eight residual blocks of two 3 × 3 convolutions; 11,689,512 parameters for 1000 classes
 * (and 9,600 running averages). Gives logits, for `crossEntropy`.
 *
 * Layers are those of torchvision's `resnet18` and bear its names (`conv1`, `layer1.0.bn2`, `layer2.0.downsample.0`,
 * `fc`), so that its weights can be taken over one to one: `kernel` for `weight` (HWIO for OIHW, and transposed in
 * `fc`), `gamma` and `beta` for `weight` and `bias` of a norm, `movingMean` and `movingVariance` for `running_mean` and
 * `running_var`. First weights are drawn as `heNormal` does it (torchvision: with the fan-out in place of the fan-in).
 *
 * Errors: code "option" for unknown options or sizes that are not whole numbers ≥ 1.
 *
 * Source: He et al., "Deep residual learning for image recognition", CVPR 2016.
 *
 * @example resnet18({ classes: 10, input: [64, 64, 3] })
 */
export function resnet18(options?: ResNetOptions): Network {
  return residualNetwork("resnet18", [2, 2, 2, 2], options);
}

/**
 * ResNet-34: as {@link resnet18}, with 3, 4, 6 and 3 blocks; 21,797,672 parameters for 1000 classes.
 *
 * @example resnet34()
 */
export function resnet34(options?: ResNetOptions): Network {
  return residualNetwork("resnet34", [3, 4, 6, 3], options);
}

/** @param blocks residual blocks of each stage */
function residualNetwork(where: string, blocks: readonly number[], options: ResNetOptions = {}): Network {
  checkOptions(where, options, ["classes", "input", "normalization"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 1000));
  const shape = extents(where, "input", withDefault(options.input, [224, 224, 3]));
  const normalization = trueOrFalse(where, "normalization", withDefault(options.normalization, false));
  const { image, x: pixels } = imageInput(shape, normalization);

  let x = relu({ name: "relu" })(normalised("conv1", "bn1", pixels, widths[0], 7, { stride: 2 }));
  x = maxPool2d(3, { stride: 2, padding: 1, name: "maxpool" })(x);
  blocks.forEach((count, stage) => {
    for (let index = 0; index < count; index++) {
      x = basicBlock(`layer${stage + 1}.${index}`, x, widths[stage]!, stage > 0 && index === 0 ? 2 : 1);
    }
  });
  return imageNetwork(image, dense(classes, { name: "fc" })(globalAveragePool2d({ name: "avgpool" })(x)));
}

/** `relu(x + bn2(conv2(relu(bn1(conv1(x))))))`, with a 1 × 1 convolution of x where its shape changes. */
function basicBlock(name: string, x: SymbolicTensor, filters: number, stride: number): SymbolicTensor {
  const changes = stride !== 1 || x.shape[2] !== filters;
  const shortcut = changes ? normalised(`${name}.downsample.0`, `${name}.downsample.1`, x, filters, 1, { stride }) : x;
  const first = relu({ name: `${name}.relu1` })(normalised(`${name}.conv1`, `${name}.bn1`, x, filters, 3, { stride }));
  const second = normalised(`${name}.conv2`, `${name}.bn2`, first, filters, 3);
  return relu({ name: `${name}.relu2` })(add({ name: `${name}.add` })(second, shortcut));
}
