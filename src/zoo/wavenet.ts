import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { extents, wholeNumber, withDefault } from "../model/check.js";
import { add, conv1d, multiply, relu } from "../model/layers/index.js";
import { type Network, network } from "../model/network.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";

export interface WaveNetOptions {
  /** Shape of one sequence: [steps, channels]. Default: [8000, 1], half a second of sound at 16 kHz. */
  readonly input?: Shape;
  /** Outputs for each step. Default: 256, as of 8-bit µ-law samples. */
  readonly classes?: number;
  /** Channels of every layer but the last. Default: 64. */
  readonly channels?: number;
  /** Gated layers of a stack; their dilations are 1, 2, 4, … Default: 10. */
  readonly layers?: number;
  /** Stacks, one after the other. Default: 1. */
  readonly stacks?: number;
}

/**
 * WaveNet: gated layers of dilated causal convolutions of two taps, so that an output sees its own step and
 * `stacks · (2^layers − 1) + 1` before it, and nothing that comes later. Gives logits for each step, [steps, classes], for
 * `crossEntropy`; 265,152 parameters and a receptive field of 1025 steps by default.
 *
 * Each layer, with its dilation d: `z = tanh(filter_d(x)) · sigmoid(gate_d(x))`; `skip(z)` is added to what the head sees
 * and `residual(z)` to x. The head is `logits(relu(hidden(relu(Σ skips))))`. To predict the next step, shift the input
 * by one. Layers are called `front`, `layer0.filter`, `layer0.gate`, `layer0.skip`, `layer0.residual`, …, `hidden` and
 * `logits`.
 *
 * Errors: code "option" for unknown options or sizes that are not whole numbers ≥ 1; code "shape" for an input that is no
 * sequence.
 *
 * Source: van den Oord et al., "WaveNet: a generative model for raw audio", 2016.
 *
 * @example waveNet({ input: [400, 1], channels: 16, layers: 5, classes: 64 })
 */
export function waveNet(options: WaveNetOptions = {}): Network {
  const where = "waveNet";
  checkOptions(where, options, ["input", "classes", "channels", "layers", "stacks"]);
  const classes = wholeNumber(where, "classes", withDefault(options.classes, 256));
  const channels = wholeNumber(where, "channels", withDefault(options.channels, 64));
  const layers = wholeNumber(where, "layers", withDefault(options.layers, 10));
  const stacks = wholeNumber(where, "stacks", withDefault(options.stacks, 1));
  const sequence = input(extents(where, "input", withDefault(options.input, [8000, 1])));

  let x = conv1d(channels, 2, { padding: "causal", name: "front" })(sequence);
  const skips: SymbolicTensor[] = [];
  const count = layers * stacks;
  for (let index = 0; index < count; index++) {
    const gated = gatedLayer(`layer${index}`, x, channels, 2 ** (index % layers));
    const pointwise = (name: string) => conv1d(channels, 1, { name: `layer${index}.${name}` })(gated);
    skips.push(pointwise("skip"));
    // nothing would read the last one
    if (index < count - 1) x = add({ name: `layer${index}.add` })(x, pointwise("residual"));
  }
  const [first, ...others] = skips as [SymbolicTensor, ...SymbolicTensor[]];
  const seen = others.length === 0 ? first : add({ name: "skips" })(first, ...others);
  const hidden = conv1d(channels, 1, { activation: "relu", name: "hidden" })(relu({ name: "skips.relu" })(seen));
  return network(sequence, conv1d(classes, 1, { name: "logits" })(hidden));
}

/** `tanh(filter(x)) · sigmoid(gate(x))`, both of two taps that lie `dilation` steps apart. */
function gatedLayer(name: string, x: SymbolicTensor, channels: number, dilation: number): SymbolicTensor {
  const causal = (part: string, activation: "tanh" | "sigmoid") =>
    conv1d(channels, 2, { padding: "causal", dilation, activation, name: `${name}.${part}` })(x);
  return multiply({ name: `${name}.gated` })(causal("filter", "tanh"), causal("gate", "sigmoid"));
}
