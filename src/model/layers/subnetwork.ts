import { fail } from "../../core/errors.js";
import { formatShape, sameShape } from "../../core/shapes.js";
import { effectiveSize } from "../../ops/window.js";
import { type Architecture, fromArchitecture, toArchitecture } from "../architecture.js";
import { emitCalls } from "../emit.js";
import {
  createLayer,
  type Layer,
  type LayerKind,
  type LayerOptions,
  type Reach,
  type ReachedWindow,
} from "../layer.js";
import { isRandom, type Network, vocabularyOf, withFrozen } from "../network.js";
import type { ShapeRule } from "../shapes/rule.js";

export interface SubnetworkConfig {
  readonly architecture: Architecture;
}

/** Networks by the configurations that describe them, so that each is built once. */
const built = new WeakMap<SubnetworkConfig, Network>();

function networkOf(config: SubnetworkConfig): Network {
  const known = built.get(config);
  if (known !== undefined) return known;
  const network = fromArchitecture(config.architecture, "network");
  built.set(config, network);
  return network;
}

/** A network as a layer of another: its layers' weights are `<layer>.<weight>` within it. */
export const subnetworkKind: LayerKind<SubnetworkConfig> = {
  kind: "network",
  arguments: ["architecture"],
  options: [],
  arity: "some",
  configure({ architecture }, where) {
    const network = fromArchitecture(architecture, where);
    if (network.outputs.length !== 1) {
      const received = `${network.outputs.length} outputs`;
      fail({ code: "unsupported", where, problem: "takes a network with one output", received });
    }
    return { architecture: toArchitecture(network) };
  },
  outputShape(config, shapes, where) {
    const { inputs, outputs } = networkOf(config);
    const expected = inputs.map(({ shape }) => formatShape(shape)).join(", ");
    const fits = shapes.length === inputs.length && shapes.every((shape, i) => sameShape(shape, inputs[i]!.shape));
    if (fits) return outputs[0]!.shape;
    const received = shapes.map(formatShape).join(", ");
    return fail({ code: "shape", where, problem: "inputs are not those of the network", expected, received });
  },
  weights: (config) => networkOf(config).weights,
  emit({ builder, name, config, inputs, weights, frozen, training, randomKey, update }) {
    const network = networkOf(config);
    const place = { training, randomKey, prefix: `${name}.` };
    const given = new Map(Object.entries(weights));
    const nodes = emitCalls(withFrozen(network, frozen), builder, inputs, given, place, update);
    return nodes.get(network.outputs[0]!)!;
  },
  reach: (config) => reachOf(networkOf(config)),
  isRandom: (config) => isRandom(networkOf(config)),
  vocabulary(config, input) {
    const network = networkOf(config);
    const taken = network.inputs[input];
    return taken && vocabularyOf(network, taken);
  },
};

/** What a network's output sees of its input: windows of windows in a chain; where it branches, everything. */
function reachOf({ inputs, calls }: Network): Reach {
  let last = inputs[0]!.tensor;
  let reach: Reach = "point";
  for (const { layer, inputs: operands, output } of calls) {
    const next = layer.definition.reach(
      layer.config,
      operands.map(({ shape }) => shape),
    );
    if (operands.length !== 1 || operands[0] !== last) return "whole";
    last = output;
    reach = reachThrough(reach, next);
  }
  return reach;
}

/** What `next` sees of what `first` sees: a window k of windows spans `extent + (k − 1)·stride` of the input. */
function reachThrough(first: Reach, next: Reach): Reach {
  if (first === "whole" || next === "whole") return "whole";
  if (first === "point") return next;
  if (next === "point") return first;
  const span = ({ kernel, dilation }: ReachedWindow, axis: number) => effectiveSize(kernel[axis]!, dilation[axis]!);
  return {
    kernel: first.kernel.map((_, axis) => span(first, axis) + (span(next, axis) - 1) * first.strides[axis]!),
    strides: first.strides.map((stride, axis) => stride * next.strides[axis]!),
    dilation: first.dilation.map(() => 1),
    padding: first.padding.map((edge, i) => edge + next.padding[i]! * first.strides[i >> 1]!),
  };
}

/**
 * A network as a layer of another network, with weights of its own. Called again, it shares them.
 *
 * Input: those of the network. Output: the network's only one. Weights: `<layer>.<weight>` of all its layers; those that
 * are frozen in the network are frozen here.
 *
 * Errors: code "unsupported" for a network with several outputs; code "shape" for inputs that are not the network's.
 */
export function subnetwork<Rule extends ShapeRule = ShapeRule>(network: Network, options?: LayerOptions): Layer<Rule> {
  return createLayer<SubnetworkConfig, Rule>(subnetworkKind, { architecture: toArchitecture(network) }, options);
}
