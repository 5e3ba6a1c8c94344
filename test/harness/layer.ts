import type { NumericArray } from "../../src/core/dtypes.js";
import type { Shape } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { emitInputs, emitNetwork } from "../../src/model/emit.js";
import type { Layer } from "../../src/model/layer.js";
import { isRandom, type Network, network, vocabularyOf } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { addLoss, type Experiment } from "./graph.js";

/** The network of one layer alone, called with inputs of these shapes (without the batch). */
export function networkOf(layer: Layer, shapes: readonly Shape[]): Network {
  const { config, definition } = layer;
  const inputs = shapes.map((shape, i) => {
    const dtype = definition.vocabulary?.(config, i) === undefined ? "float32" : "int32";
    return input(shape, { name: `x${i}`, dtype });
  });
  return network(inputs, layer(inputs));
}

export interface LayerExperiment extends Experiment {
  /** Full names of the weights, in the layer's order. */
  readonly weights: readonly string[];
}

/**
 * The graph of one layer over a batch: output `value`, `loss = Σ value · r`, and the gradients of the loss for inputs
 * and trainable weights unless `gradients` is false. Values of all leaves come from `valuesOf`; those of tokens are below
 * `vocabulary`.
 */
export function layerExperiment(
  layer: Layer,
  shapes: readonly Shape[],
  batch: number,
  training: boolean,
  valuesOf: (leaf: string, shape: Shape, vocabulary?: number) => NumericArray,
  gradients = true,
): LayerExperiment {
  const net = networkOf(layer, shapes);
  const builder = new GraphBuilder();
  const inputs = emitInputs(net, builder, batch);
  const random = training && isRandom(net);
  const options = random ? { training, randomKey: builder.input("randomKey", [2], "int32") } : { training };
  const emitted = emitNetwork(net, builder, inputs, options);
  const value = emitted.outputs[0]!;
  builder.output("value", value);
  const trained = net.weights.filter(({ trainable }) => trainable).map(({ name }) => emitted.weights.get(name)!);
  const vocabularies = net.inputs.map((input) => vocabularyOf(net, input));
  const wrt = [...inputs.filter((_, i) => vocabularies[i] === undefined), ...trained];
  addLoss(builder, value, gradients ? wrt : []);
  const weights = net.weights.map(({ name }) => name);
  const nodes: Node[] = [...inputs, ...weights.map((name) => emitted.weights.get(name)!)];
  const leaves: Record<string, NumericArray> = Object.fromEntries(
    nodes.map(({ name, shape }, i) => [name, valuesOf(name, shape, vocabularies[i])]),
  );
  leaves.r = valuesOf("r", value.shape);
  if (random) leaves.randomKey = Int32Array.of(12345, -678901234);
  return { graph: builder.build(), leaves, wrt: wrt.map(({ name }) => name), weights };
}
