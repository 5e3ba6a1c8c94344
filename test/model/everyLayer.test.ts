import { describe, expect, it } from "vitest";
import type { NumericArray } from "../../src/core/dtypes.js";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { type Shape, sizeOf } from "../../src/core/shapes.js";
import { fromArchitecture, toArchitecture } from "../../src/model/architecture.js";
import { layerKinds } from "../../src/model/layers/index.js";
import { input } from "../../src/model/symbolic.js";
import { distinct } from "../harness/case.js";
import { checkBackends, checkDifferences, useBackends } from "../harness/check.js";
import { layerExperiment, networkOf } from "../harness/layer.js";
import { samples } from "./samples.js";

const batch = 2;
const leaves = ["r", "x0", "x1", "x2"];

/** No ties and nothing near a kink: neighbours in size lie far apart, and so do the inputs. Weights are around 1. */
function valuesOf(leaf: string, shape: Shape, vocabulary?: number): NumericArray {
  const index = leaves.indexOf(leaf);
  const stream = new RandomStream(keyOf(5, leaf));
  if (vocabulary !== undefined) return Int32Array.from({ length: sizeOf(shape) }, () => stream.integer(vocabulary));
  const values = distinct(sizeOf(shape), stream, Math.max(0, index));
  return Float32Array.from(values, (value) => (index >= 0 ? value : 1 + value / 4));
}

it("every kind of layer has a sample", () => {
  const kinds = new Set(samples.map(({ layer }) => layer.kind));
  expect(Object.keys(layerKinds).filter((kind) => !kinds.has(kind))).toEqual([]);
  expect(new Set(samples.map(({ name }) => name)).size).toBe(samples.length);
});

describe("every layer", () => {
  const backends = useBackends();
  it.each(samples.map((sample) => [sample.name, sample] as const))("%s", async (_, sample) => {
    const { layer, inputs, output } = sample;
    const net = networkOf(layer, inputs);
    expect(net.outputs[0]!.shape).toEqual(output);

    const written = toArchitecture(net);
    const again = fromArchitecture(JSON.parse(JSON.stringify(written)));
    expect(toArchitecture(again)).toEqual(written);
    expect(again.weights).toEqual(net.weights);

    for (const training of [true, false]) {
      const experiment = layerExperiment(layer, inputs, batch, training, valuesOf);
      const plain = layerExperiment(layer, inputs, batch, training, valuesOf, false);
      if (sample.finiteDifferences !== false) await checkDifferences(experiment, plain.graph);
      await checkBackends(experiment, backends());
    }
  });
});

describe("every layer says what it sees", () => {
  it.each(samples.map((sample) => [sample.name, sample] as const))("%s", (_, { layer, inputs }) => {
    const shapes = inputs.map((shape) => input(shape).shape);
    const reach = layer.definition.reach(layer.config, shapes);
    if (typeof reach === "string") return;
    const axes = shapes[0]!.length - 1;
    expect([reach.kernel.length, reach.strides.length, reach.dilation.length]).toEqual([axes, axes, axes]);
    expect(reach.padding.length).toBe(2 * axes);
  });
});
