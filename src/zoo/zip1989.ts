import { defineLayer } from "../model/customLayer.js";
import { concatenate, conv2d, dense, flatten, lambda, tanh, zeroPadding2d } from "../model/layers/index.js";
import { math } from "../model/math.js";
import { type Network, network } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";

/** A bias for every unit, where a convolution has one for every map. */
const unitBias = defineLayer({
  name: "unitBias",
  weights: ([shape]) => ({ bias: { shape: shape!, initializer: "zeros" } }),
  call: ([x], { weights }) => x.add(weights.bias!),
  reach: "point",
});

/** What lies around an image and around the maps: the state of a unit that sees nothing. */
const background = -1;

/**
 * The network that read zip codes (D7): 16 × 16 pixels; twelve maps of 8 × 8 and twelve of 4 × 4, by 5 × 5 windows in
 * steps of two; 30 hidden units and 10 outputs. 1,068 + 2,592 + 5,790 + 310 = 9,760 parameters, as in the original:
 *
 * - weights are shared within a map, biases are not: each unit has one of its own. That is a layer which `defineLayer` has
 *   made, so a program that loads such a model from a file must have imported this function;
 * - pixels 0…1 are stretched to −1…1, and beyond the border of an image or a map everything is −1;
 * - each map of the second layer sees eight of the twelve maps of the first. The paper keeps to itself which: here the
 *   first layer has three parts of four maps, and four maps of the second see parts a and b, four b and c, four a and c.
 *
 * The original squashed by 1.7159 · tanh(2x / 3), outputs too, and learned targets ±1 by squared error; here it is tanh,
 * and logits for `crossEntropy`.
 *
 * Source: LeCun et al., "Backpropagation applied to handwritten zip code recognition", Neural Computation 1989.
 *
 * @example zip1989()
 */
export function zip1989(): Network {
  const digit = input(16, 16, 1);
  const image = lambda((pixel) => math.subtract(math.multiply(2, pixel), 1), { name: "stretch" })(digit);
  const a = maps("h1.a", image);
  const b = maps("h1.b", image);
  const c = maps("h1.c", image);
  const second = concatenate({ name: "h2" })(
    maps("h2.ab", concatenate({ name: "ab" })(a, b)),
    maps("h2.bc", concatenate({ name: "bc" })(b, c)),
    maps("h2.ac", concatenate({ name: "ac" })(a, c)),
  );
  const hidden = dense(30, { activation: "tanh", name: "h3" })(flatten()(second));
  return network(digit, dense(10, { name: "output" })(hidden));
}

/** Four maps of half the height and width. */
function maps(name: string, x: SymbolicTensor): SymbolicTensor {
  const bordered = zeroPadding2d(2, { value: background, name: `${name}.border` })(x);
  const options = { stride: 2, padding: "valid", useBias: false, name: `${name}.conv` } as const;
  return tanh({ name })(unitBias({ name: `${name}.bias` })(conv2d(4, 5, options)(bordered)));
}
