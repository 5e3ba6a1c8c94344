import type { DType } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { hashString } from "../core/random.js";
import { formatShape, sameShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { divide, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { placeOf } from "./layer.js";
import { frozenWeights, isRandom, type Network, type NetworkCall, type NetworkInput } from "./network.js";
import { holdsTokens, type InputDType, type SymbolicTensor } from "./symbolic.js";

export interface EmitOptions {
  /** Whether the nodes are for training (dropout drops) or for use. */
  readonly training: boolean;
  /** int32 [2]: a new key for every step. Needed when training a network with dropout. */
  readonly randomKey?: Node;
}

/** Where a network's nodes stand: in a graph of its own, or as a layer of another network. */
interface Place extends EmitOptions {
  /** What scopes of layers begin with: `backbone.`, or nothing. */
  readonly prefix?: string;
  /** Full names of the weights that keep their values. */
  readonly frozen?: ReadonlySet<string>;
}

export interface EmittedNetwork {
  /** One node for each output of the network: [batch, …shape]. */
  readonly outputs: readonly Node[];
  /** Variables by the names of the weights. */
  readonly weights: ReadonlyMap<string, Node>;
  /** The node of every symbolic tensor of the network. */
  readonly nodes: ReadonlyMap<SymbolicTensor, Node>;
  /** New values of weights that layers themselves update in training (running averages), by the weights' names. */
  readonly updates: ReadonlyMap<string, Node>;
}

/**
 * Writes a network into a graph: a variable for each weight, then the layers in order, each in a scope of its name.
 *
 * @param inputs one float32 node [batch, …shape] for each of the network's inputs, of tokens int32 or uint8, e.g. from
 * {@link emitInputs}
 * @throws FoveaError "graph" where inputs do not match the network's or a needed random key is missing
 * @example emitNetwork(digits, builder, emitInputs(digits, builder, 50), { training: false }).outputs[0]
 */
export function emitNetwork(
  network: Network,
  builder: GraphBuilder,
  inputs: readonly Node[],
  options: EmitOptions,
): EmittedNetwork {
  const weights = new Map(network.weights.map(({ name, shape }) => [name, builder.variable(name, shape)]));
  const updates = new Map<string, Node>();
  const update: Update = (weight, next) => {
    updates.set(weight, next(updates.get(weight) ?? weights.get(weight)!));
  };
  const nodes = emitCalls(network, builder, inputs, weights, options, update);
  return { outputs: network.outputs.map((tensor) => nodes.get(tensor)!), weights, nodes, updates };
}

/** Notes what a weight, by its full name, becomes by itself. */
type Update = (weight: string, next: (current: Node) => Node) => void;

/**
 * Writes a network with the weights that are given, by their names; tells `update` what they become by themselves.
 *
 * @returns the node of every symbolic tensor
 */
export function emitCalls(
  network: Network,
  builder: GraphBuilder,
  inputs: readonly Node[],
  weights: ReadonlyMap<string, Node>,
  options: Place,
  update: Update,
): Map<SymbolicTensor, Node> {
  const nodes = new Map<SymbolicTensor, Node>();
  network.inputs.forEach(({ name, shape, tensor }, position) => {
    const node = inputs[position];
    const types: readonly DType[] = holdsTokens(tensor) ? ["int32", "uint8"] : ["float32"];
    if (node === undefined || !sameShape(node.shape.slice(1), shape) || !types.includes(node.dtype)) {
      const received = node === undefined ? "nothing" : `${node.dtype} ${formatShape(node.shape)}`;
      fail({
        code: "graph",
        where: `input "${name}"`,
        problem: "gets a node of another type",
        expected: `${types.join(" or ")} [batch, ${shape.join(", ")}]`,
        received,
      });
    }
    nodes.set(tensor, node);
  });
  if (options.training && options.randomKey === undefined && isRandom(network)) {
    fail({ code: "graph", where: "network", problem: "training it needs a random key", expected: "int32 [2]" });
  }
  const place = { ...options, frozen: new Set(frozenWeights(network)) };
  for (const call of network.calls) {
    const operands = call.inputs.map((tensor) => nodes.get(tensor)!);
    nodes.set(call.output, emitCall(call, builder, operands, weights, place, update));
  }
  return nodes;
}

/**
 * Writes one use of a layer, in a scope of the layer's name; tells `update` what weights become by themselves. A layer all of whose weights are frozen works as in use: batch normalisation takes its running averages.
 */
export function emitCall(
  call: NetworkCall,
  builder: GraphBuilder,
  inputs: readonly Node[],
  weights: ReadonlyMap<string, Node>,
  { training, randomKey, prefix = "", frozen: allFrozen = new Set() }: Place,
  update: Update = () => {},
): Node {
  const { layer, name, use } = call;
  const { config, definition } = layer;
  const shapes = call.inputs.map(({ shape }) => shape);
  const names = definition.weights(config, shapes).map((weight) => weight.name);
  const full = (weight: string) => `${name}.${weight}`;
  const frozen = new Set(names.filter((weight) => allFrozen.has(full(weight))));
  const isStill = names.length > 0 && frozen.size === names.length && !definition.isRandom?.(config);
  const place = prefix + name;
  return builder.scope(place, () => {
    const node = definition.emit({
      builder,
      name: place,
      config,
      inputs,
      weights: Object.fromEntries(names.map((weight) => [weight, weights.get(full(weight))!])),
      frozen,
      training: training && !isStill,
      randomKey,
      salt: hashString(use === 0 ? place : `${place}@${use}`),
      update(weight, next) {
        if (!frozen.has(weight)) update(full(weight), next);
      },
    });
    if (formatShape(node.shape.slice(1)) === formatShape(call.outputShape)) return node;
    return fail({
      code: "graph",
      where: placeOf(layer.kind, name),
      problem: "its nodes do not give the shape that it promised",
      expected: formatShape(call.outputShape),
      received: formatShape(node.shape.slice(1)),
    });
  });
}

/** Type of the data of all inputs, or by their names. */
export type InputDTypes = InputDType | Readonly<Record<string, InputDType>>;

/**
 * Adds the graph's inputs for a network and converts them: uint8 values are divided by 255, floats and tokens stay as
 * they are.
 *
 * @param batchSize examples per step
 * @param dtype of the data; by default what each `input(…)` says
 * @returns one node [batchSize, …shape] for each input, float32 but for tokens
 */
export function emitInputs(
  { inputs }: Pick<Network, "inputs">,
  builder: GraphBuilder,
  batchSize: number,
  dtype?: InputDTypes,
): Node[] {
  return inputs.map((input) => {
    const node = builder.input(input.name, [batchSize, ...input.shape], inputDTypeOf(input, dtype));
    return emitNormalized(builder, node, input);
  });
}

/** Type of the data of one input. */
export function inputDTypeOf(input: NetworkInput, dtype: InputDTypes | undefined): InputDType {
  return (typeof dtype === "object" ? dtype[input.name] : dtype) ?? input.dtype;
}

/** What a network's input takes for these data: uint8 values divided by 255, floats and tokens as they are. */
export function emitNormalized(builder: GraphBuilder, data: Node, { tensor }: NetworkInput): Node {
  const isReady = data.dtype !== "uint8" || holdsTokens(tensor);
  return isReady ? data : mapNode(builder, [data], divide(x(0), 255), undefined, data.name);
}
