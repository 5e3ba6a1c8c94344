import { describe, it } from "vitest";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { gradientName, runGraph } from "../harness/graph.js";
import { indicesEntry, indicesExperiment, opExperiment, opFixture } from "../pytorch/opEntries.js";

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

const { pytorch, entries } = opFixture;

describe(`as PyTorch ${pytorch} computes it`, () => {
  const backends = useBackends();
  for (const entry of entries) {
    it(entry.name, async () => {
      const experiment = opExperiment(entry);
      const actual = await runGraph(truth, experiment);
      expectWithin("value", actual.value!, entry.value, written(entry.value));
      entry.gradients.forEach((gradient, index) => {
        const name = gradientName(`x${index}`);
        expectWithin(name, actual[name]!, gradient, written(gradient));
      });
      await checkBackends(experiment, backends());
    });
  }
});

it("the indices of max pooling, as PyTorch returns them", async () => {
  const { pooled, indices } = indicesEntry;
  const actual = await runGraph(truth, indicesExperiment(indicesEntry));
  expectWithin("pooled", actual.pooled!, pooled, written(pooled));
  expectWithin("indices", actual.indices!, indices);
});
