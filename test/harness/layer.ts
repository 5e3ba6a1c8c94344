import type { NumericArray } from "../../src/core/dtypes.js";
import type { Shape } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { emitNetwork } from "../../src/model/emit.js";
import type { Layer } from "../../src/model/layer.js";
import { isRandom, type Network, network } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { addLoss, type Experiment } from "./graph.js";

/** The network of one layer alone, called with inputs of these shapes (without the batch). */
export function networkOf(layer: Layer, shapes: readonly Shape[]): Network {
  const inputs = shapes.map((shape, i) => input(shape, { name: `x${i}` }));
  return network(inputs, layer(inputs));
}

export interface LayerExperiment extends Experiment {
  /** Full names of the weights, in the layer's order. */
  readonly weights: readonly string[];
}

/**
 * The graph of one layer over a batch: output `value`, `loss = Σ value · r`, and the gradients of the loss for inputs
 * and trainable weights unless `gradients` is false. Values of all leaves come from `valuesOf`.
 */
export function layerExperiment(
  layer: Layer,
  shapes: readonly Shape[],
  batch: number,
  training: boolean,
  valuesOf: (leaf: string, shape: Shape) => NumericArray,
  gradients = true,
): LayerExperiment {
  const net = networkOf(layer, shapes);
  const builder = new GraphBuilder();
  const inputs = net.inputs.map(({ name, shape }) => builder.input(name, [batch, ...shape], "float32"));
  const random = training && isRandom(net);
  const options = random ? { training, randomKey: builder.input("randomKey", [2], "int32") } : { training };
  const emitted = emitNetwork(net, builder, inputs, options);
  const value = emitted.outputs[0]!;
  builder.output("value", value);
  const trained = net.weights.filter(({ trainable }) => trainable).map(({ name }) => emitted.weights.get(name)!);
  const wrt = [...inputs, ...trained];
  addLoss(builder, value, gradients ? wrt : []);
  const weights = net.weights.map(({ name }) => name);
  const nodes: Node[] = [...inputs, ...weights.map((name) => emitted.weights.get(name)!)];
  const leaves: Record<string, NumericArray> = Object.fromEntries(
    nodes.map(({ name, shape }) => [name, valuesOf(name, shape)]),
  );
  leaves.r = valuesOf("r", value.shape);
  if (random) leaves.randomKey = Int32Array.of(12345, -678901234);
  return { graph: builder.build(), leaves, wrt: wrt.map(({ name }) => name), weights };
}
