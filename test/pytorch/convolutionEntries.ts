import type { Shape } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { emitInputs, emitNetwork } from "../../src/model/emit.js";
import { restoreLayer } from "../../src/model/layer.js";
import { layerKinds } from "../../src/model/layers/index.js";
import { type Network, sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { addLoss, type Experiment } from "../harness/graph.js";

export interface ConvolutionEntry {
  readonly name: string;
  readonly layer: string;
  readonly config: object;
  readonly input: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly shape: readonly number[];
  readonly value: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

export const convolutionFixture = loadFixture<ConvolutionEntry>("convolutions.json");

/** The entry as a network of one layer and as a graph: output `value`, and the gradients for image and weights. */
export function convolutionExperiment(entry: ConvolutionEntry): Experiment & {
  readonly network: Network;
  readonly shape: Shape;
} {
  const [batch, ...shape] = entry.input;
  const layer = restoreLayer(layerKinds[entry.layer]!, "layer", entry.config);
  const network = sequentialNetwork(input(shape, { name: "image" }), layer);
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, batch!);
  const { outputs, weights } = emitNetwork(network, builder, inputs, { training: false });
  const value = outputs[0]!;
  builder.output("value", value);
  const leaves = [inputs[0]!, ...weights.values()];
  addLoss(builder, value, leaves);
  return {
    network,
    shape: value.shape,
    graph: builder.build(),
    leaves: {
      ...Object.fromEntries(leaves.map(({ name, shape }, index) => [name, formulaValues(index, shape)])),
      r: formulaValues(99, value.shape),
    },
    wrt: leaves.map(({ name }) => name),
  };
}
