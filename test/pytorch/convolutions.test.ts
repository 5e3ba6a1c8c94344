import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import { emitInputs, emitNetwork } from "../../src/model/emit.js";
import { restoreLayer } from "../../src/model/layer.js";
import { layerKinds } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { addLoss, gradientName, runGraph } from "../harness/graph.js";

interface LayerEntry {
  readonly name: string;
  readonly layer: string;
  readonly config: object;
  readonly input: readonly number[];
  readonly weights: Readonly<Record<string, readonly number[]>>;
  readonly shape: readonly number[];
  readonly value: readonly number[];
  readonly gradients: readonly (readonly number[])[];
}

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

const { pytorch, entries } = loadFixture<LayerEntry>("convolutions.json");

describe(`convolution layers as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  for (const entry of entries) {
    it(entry.name, async () => {
      const [batch, ...shape] = entry.input;
      const layer = restoreLayer(layerKinds[entry.layer]!, "layer", entry.config);
      const network = sequentialNetwork(input(shape, { name: "image" }), layer);
      expect(network.weights.map(({ name, shape }) => [name, shape])).toEqual(
        Object.entries(entry.weights).map(([name, shape]) => [`layer.${name}`, shape]),
      );
      const builder = new GraphBuilder();
      const inputs = emitInputs(network, builder, batch!);
      const { outputs, weights } = emitNetwork(network, builder, inputs, { training: false });
      const value = outputs[0]!;
      expect(value.shape).toEqual(entry.shape);
      builder.output("value", value);
      const leaves = [inputs[0]!, ...weights.values()];
      addLoss(builder, value, leaves);
      const experiment = {
        graph: builder.build(),
        leaves: {
          ...Object.fromEntries(leaves.map(({ name, shape }, index) => [name, formulaValues(index, shape)])),
          r: formulaValues(99, value.shape),
        },
      };

      const actual = await runGraph(truth, experiment);
      expectWithin("value", actual.value!, entry.value, written(entry.value));
      leaves.forEach(({ name }, index) => {
        const gradient = entry.gradients[index]!;
        expectWithin(gradientName(name), actual[gradientName(name)]!, gradient, written(gradient));
      });
      await checkBackends(experiment, backends());
    });
  }
});
