import { describe, expect, it } from "vitest";
import { layerKinds } from "../../src/model/layers/index.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { gradientName, runGraph } from "../harness/graph.js";
import { convolutionFixture } from "./convolutionEntries.js";
import { layerEntryExperiment, layerFixture, layersByEntry } from "./layerEntries.js";

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

const { pytorch, entries } = layerFixture;

const random = "draws random numbers, which are not PyTorch's";

/** Kinds of layers that have no entry of their own. */
const notCompared: Readonly<Record<string, string>> = {
  dropout: random,
  spatialDropout1d: random,
  spatialDropout2d: random,
  spatialDropout3d: random,
  network: "its layers are compared, and test/pytorch/networks.test.ts compares networks",
};

describe(`layers as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  it("are all compared", () => {
    expect(Object.keys(layersByEntry).sort()).toEqual(entries.map(({ name }) => name).sort());
  });

  it("every kind of layer is compared somewhere, or it is said why not", () => {
    const compared = new Set([
      ...Object.values(layersByEntry).map(({ kind }) => kind),
      ...convolutionFixture.entries.map(({ layer }) => layer),
    ]);
    const missing = Object.keys(layerKinds).filter((kind) => !compared.has(kind));
    expect(missing.sort()).toEqual(Object.keys(notCompared).sort());
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (_, entry) => {
    const experiment = layerEntryExperiment(entry);
    const actual = await runGraph(truth, experiment);
    expectWithin("value", actual.value!, entry.value, written(entry.value));
    const wrt = [...entry.inputs.map((_, i) => `x${i}`), ...experiment.weights.slice(0, entry.weights.length)];
    entry.gradients.forEach((gradient, i) => {
      const output = gradientName(wrt[i]!);
      // an input that is only looked at, as by unpooling, has no gradient
      const own = actual[output] ?? new Float64Array(gradient.length);
      expectWithin(output, own, gradient, written(gradient));
    });
    await checkBackends(experiment, backends());
  });
});
