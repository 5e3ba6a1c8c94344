import { expect, it } from "vitest";
import { spatialDropout2d } from "../../src/model/layers/index.js";
import { truth } from "../harness/backends.js";
import { runGraph } from "../harness/graph.js";
import { layerExperiment } from "../harness/layer.js";

it("drops whole channels, as many as the rate says, and keeps the mean", async () => {
  const [batch, places, channels, rate] = [40, 6, 100, 0.3];
  const ones = (_: string, shape: readonly number[]) =>
    new Float32Array(shape.reduce((size, extent) => size * extent, 1)).fill(1);
  const experiment = layerExperiment(spatialDropout2d(rate), [[3, 2, channels]], batch, true, ones, false);
  const { value } = await runGraph(truth, experiment);
  let dropped = 0;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const all = Array.from({ length: places }, (_, i) => value![(n * places + i) * channels + c]!);
      expect(new Set(all).size).toBe(1);
      if (all[0] === 0) dropped += 1;
      else expect(all[0]).toBeCloseTo(1 / (1 - rate), 6);
    }
  }
  // a binomial of 4000 trials: five standard deviations are 145
  expect(Math.abs(dropped - rate * batch * channels)).toBeLessThan(145);
});
