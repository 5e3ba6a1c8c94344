import { checkOptions } from "../core/errors.js";
import { wholeNumber, withDefault } from "../model/check.js";
import { add, conv2d, dense, dropout, flatten, globalMaxPool2d, maxPool2d, relu } from "../model/layers/index.js";
import { type Network, network, sequentialNetwork } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";
import { normalised } from "./normalised.js";

/**
 * Networks for small images in 10 classes: 28 × 28 grey ones (MNIST, Fashion-MNIST), and 32 × 32 coloured ones (CIFAR-10).
 * All give logits, for `crossEntropy`. They stand in the order of the lectures' systems; see `docs/systems.md`.
 */

/**
 * One convolution and two dense layers (D1; CityU CS5489): 260 + 98,050 + 510 = 98,820 parameters.
 *
 * @example mnistShallow()
 */
export function mnistShallow(): Network {
  return sequentialNetwork(
    input(28, 28, 1),
    conv2d(10, 5, { stride: 2, activation: "relu" }), // 14 × 14 × 10
    flatten(),
    dense(50, { activation: "relu" }),
    dense(10),
  );
}

/**
 * Three convolutions (D2; CityU CS5489): 260 + 10,040 + 80,080 + 196,050 + 510 = 286,940 parameters.
 *
 * @example mnistDeep()
 */
export function mnistDeep(): Network {
  return sequentialNetwork(
    input(28, 28, 1),
    conv2d(10, 5, { stride: 2, activation: "relu" }), // 14 × 14 × 10
    conv2d(40, 5, { stride: 2, activation: "relu" }), // 7 × 7 × 40
    conv2d(80, 5, { activation: "relu" }), // 7 × 7 × 80
    flatten(),
    dense(50, { activation: "relu" }),
    dense(10),
  );
}

/**
 * No convolution at all, to compare with (D3): 392,500 + 250,500 + 5,010 = 648,010 parameters.
 *
 * @example mnistMlp()
 */
export function mnistMlp(): Network {
  return sequentialNetwork(
    input(28, 28, 1),
    flatten(),
    dense(500, { activation: "relu" }),
    dense(500, { activation: "relu" }),
    dense(10),
  );
}

/**
 * The five layers of example 6.3 of Lindholm, Wahlström, Lindsten, Schön, "Machine Learning" (D4):
 * 104 + 808 + 1,548 + 117,800 + 2,010 parameters; 3,136, 1,568, 588, 200 and 10 hidden units.
 *
 * @example lwls()
 */
export function lwls(): Network {
  return sequentialNetwork(
    input(28, 28, 1),
    conv2d(4, 5, { activation: "relu" }), // 28 × 28 × 4
    conv2d(8, 5, { stride: 2, activation: "relu" }), // 14 × 14 × 8
    conv2d(12, 4, { stride: 2, activation: "relu" }), // 7 × 7 × 12
    flatten(),
    dense(200, { activation: "relu" }),
    dense(10),
  );
}

/**
 * Fashion-MNIST's MLP (D6; Géron, "Hands-on machine learning"): 235,500 + 30,100 + 1,010 = 266,610 parameters.
 *
 * @example fashionMlp()
 */
export function fashionMlp(): Network {
  return sequentialNetwork(
    input(28, 28, 1),
    flatten(),
    dense(300, { activation: "relu" }),
    dense(100, { activation: "relu" }),
    dense(10),
  );
}

/** A convolution without bias, batch normalisation, ReLU: number `index` of a network. */
function block(index: number, x: SymbolicTensor, filters: number, kernel = 3): SymbolicTensor {
  return relu({ name: `relu${index}` })(normalised(`conv${index}`, `norm${index}`, x, filters, kernel));
}

/**
 * What the best recipes for handwritten digits train (D3): four convolutions with batch normalisation, and one dense layer
 * behind dropout. 864 + 18,560 + 36,992 + 73,984 + 62,730 = 193,130 parameters, and 576 running averages.
 *
 * @example mnistCnn()
 */
export function mnistCnn(): Network {
  const image = input(28, 28, 1);
  let x = block(1, image, 32, 5); // 28 × 28 × 32
  x = block(2, maxPool2d(2)(x), 64); // 14 × 14 × 64
  x = block(3, x, 64);
  x = block(4, maxPool2d(2)(x), 128); // 7 × 7 × 128
  return network(image, dense(10)(flatten()(dropout(0.3)(x))));
}

/**
 * Two convolutions of 64 filters (D5): 4,864 + 102,464 + 16,010 = 123,338 parameters.
 *
 * @example cifarCnn()
 */
export function cifarCnn(): Network {
  return sequentialNetwork(
    input(32, 32, 3),
    conv2d(64, 5, { padding: "valid", activation: "relu" }), // 28 × 28 × 64
    maxPool2d(2), // 14 × 14 × 64
    conv2d(64, 5, { padding: "valid", activation: "relu" }), // 10 × 10 × 64
    maxPool2d(2), // 5 × 5 × 64
    flatten(),
    dense(10),
  );
}

/**
 * What the best recipe for CIFAR-10 trains (D5): eight 3 × 3 convolutions with batch normalisation, two pairs of them
 * residual, and one dense layer. At width 48 it has 3,699,514 parameters, and 3,360 running averages.
 *
 * Errors: code "option" for unknown options and widths that are not whole numbers ≥ 1.
 *
 * Source: the shape of David Page's network for "How to train your ResNet", 2018, which is 64 wide.
 *
 * @param options `width`: filters of the first convolution (default: 64); the last ones have eight times as many
 * @example resnet9({ width: 48 })
 */
export function resnet9(options: { readonly width?: number } = {}): Network {
  checkOptions("resnet9", options, ["width"]);
  const width = wholeNumber("resnet9", "width", withDefault(options.width, 64));
  const image = input(32, 32, 3);
  let x = block(1, image, width); // 32 × 32
  x = maxPool2d(2)(block(2, x, 2 * width)); // 16 × 16
  x = add()(block(4, block(3, x, 2 * width), 2 * width), x);
  x = maxPool2d(2)(block(5, x, 4 * width)); // 8 × 8
  x = maxPool2d(2)(block(6, x, 8 * width)); // 4 × 4
  x = add()(block(8, block(7, x, 8 * width), 8 * width), x);
  return network(image, dense(10)(dropout(0.1)(globalMaxPool2d()(x))));
}

/**
 * Five convolutions with batch normalisation, and dropout behind them, for Fashion-MNIST (D6): 352 + 18,560 +
 * 36,992 + 73,984 + 147,712 + 1,290 = 278,890 parameters, and 832 running averages.
 *
 * @example fashionCnn()
 */
export function fashionCnn(): Network {
  const image = input(28, 28, 1);
  let x = maxPool2d(2)(block(1, image, 32)); // 14 × 14 × 32
  x = block(3, block(2, x, 64), 64); // 14 × 14 × 64
  x = dropout(0.1)(maxPool2d(2)(x));
  x = block(5, block(4, x, 128), 128); // 7 × 7 × 128
  return network(image, dense(10)(dropout(0.2)(globalMaxPool2d()(x))));
}
