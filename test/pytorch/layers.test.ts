import { describe, expect, it } from "vitest";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { gradientName, runGraph } from "../harness/graph.js";
import { layerEntryExperiment, layerFixture, layersByEntry } from "./layerEntries.js";

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

const { pytorch, entries } = layerFixture;

describe(`layers as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  it("are all compared", () => {
    expect(Object.keys(layersByEntry).sort()).toEqual(entries.map(({ name }) => name).sort());
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
