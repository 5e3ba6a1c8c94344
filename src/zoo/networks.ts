import { conv2d, dense, flatten } from "../model/layers/index.js";
import { type Network, sequentialNetwork } from "../model/network.js";
import { input } from "../model/symbolic.js";

/**
 * Networks for 28 × 28 grey images in 10 classes (MNIST, Fashion-MNIST). All give logits, for `crossEntropy`.
 * They stand in the order of the lectures' systems; see `docs/systems.md`.
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
