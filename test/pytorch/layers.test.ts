import { describe, expect, it } from "vitest";
import type { Layer } from "../../src/model/layer.js";
import { upSampling1d, upSampling2d, upSampling3d } from "../../src/model/layers/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { gradientName, runGraph } from "../harness/graph.js";
import { layerExperiment, networkOf } from "../harness/layer.js";

interface LayerEntry {
  readonly name: string;
  /** With the batch. */
  readonly inputs: readonly (readonly number[])[];
  readonly weights: readonly (readonly number[])[];
  readonly shape: readonly number[];
  readonly value: readonly number[];
  /** Of the inputs, then of the weights. */
  readonly gradients: readonly (readonly number[])[];
}

/** What generate.py computes, as layers. */
const layers: Readonly<Record<string, Layer>> = {
  "upSampling1d nearest": upSampling1d(2),
  "upSampling1d nearest to 10": upSampling1d({ outputSize: 10 }),
  "upSampling1d linear": upSampling1d(3, { interpolation: "linear" }),
  "upSampling1d linear, aligned": upSampling1d({ outputSize: 10 }, { interpolation: "linear", alignCorners: true }),
  "upSampling2d nearest": upSampling2d([2, 3]),
  "upSampling2d nearest to 4x9": upSampling2d({ outputSize: [4, 9] }),
  "upSampling2d bilinear": upSampling2d(2, { interpolation: "bilinear" }),
  "upSampling2d bilinear to 4x9": upSampling2d({ outputSize: [4, 9] }, { interpolation: "bilinear" }),
  "upSampling2d bilinear, aligned": upSampling2d(2, { interpolation: "bilinear", alignCorners: true }),
  "upSampling2d bilinear to 4x1, aligned": upSampling2d(
    { outputSize: [4, 1] },
    { interpolation: "bilinear", alignCorners: true },
  ),
  "upSampling3d nearest": upSampling3d(2),
  "upSampling3d trilinear": upSampling3d(2, { interpolation: "trilinear" }),
  "upSampling3d trilinear, aligned": upSampling3d(
    { outputSize: [5, 4, 7] },
    { interpolation: "trilinear", alignCorners: true },
  ),
};

const { pytorch, entries } = loadFixture<LayerEntry>("layers.json");

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

describe(`layers as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  it("are all compared", () => {
    expect(Object.keys(layers).sort()).toEqual(entries.map(({ name }) => name).sort());
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
    const layer = layers[name]!;
    const shapes = entry.inputs.map((shape) => shape.slice(1));
    const own = networkOf(layer, shapes).weights.map((weight) => weight.name);
    const tensors = new Map([
      ...entry.inputs.map((_, i) => [`x${i}`, i] as const),
      ...own.map((weight, i) => [weight, 50 + i] as const),
      ["r", 99] as const,
    ]);
    const experiment = layerExperiment(layer, shapes, entry.inputs[0]![0]!, true, (leaf, shape) =>
      formulaValues(tensors.get(leaf)!, shape),
    );
    const actual = await runGraph(truth, experiment);
    expectWithin("value", actual.value!, entry.value, written(entry.value));
    const wrt = [...entry.inputs.map((_, i) => `x${i}`), ...own.slice(0, entry.weights.length)];
    entry.gradients.forEach((gradient, i) => {
      const output = gradientName(wrt[i]!);
      expectWithin(output, actual[output]!, gradient, written(gradient));
    });
    await checkBackends(experiment, backends());
  });
});
