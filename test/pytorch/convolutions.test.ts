import { describe, expect, it } from "vitest";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { gradientName, runGraph } from "../harness/graph.js";
import { convolutionExperiment, convolutionFixture } from "./convolutionEntries.js";

/** 9 significant digits were written. */
const written = (expected: readonly number[]) => (i: number) => 1e-8 * Math.abs(expected[i]!) + 1e-12;

const { pytorch, entries } = convolutionFixture;

describe(`convolution layers as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  for (const entry of entries) {
    it(entry.name, async () => {
      const experiment = convolutionExperiment(entry);
      expect(experiment.network.weights.map(({ name, shape }) => [name, shape])).toEqual(
        Object.entries(entry.weights).map(([name, shape]) => [`layer.${name}`, shape]),
      );
      expect(experiment.shape).toEqual(entry.shape);

      const actual = await runGraph(truth, experiment);
      expectWithin("value", actual.value!, entry.value, written(entry.value));
      experiment.wrt.forEach((name, index) => {
        const gradient = entry.gradients[index]!;
        expectWithin(gradientName(name), actual[gradientName(name)]!, gradient, written(gradient));
      });
      await checkBackends(experiment, backends());
    });
  }
});
