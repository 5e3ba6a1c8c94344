import { describe, expect, it } from "vitest";
import { predictionGraph } from "../../../src/autodiff/trainingGraph.js";
import { conv3d } from "../../../src/model/layers/index.js";
import { sequentialNetwork } from "../../../src/model/network.js";
import { input } from "../../../src/model/symbolic.js";
import { type ConvolutionSpec, convCase } from "../../cases/conv.js";
import { formulaValues } from "../../fixtures/formula.js";
import { truth } from "../../harness/backends.js";
import { checkBackends, useBackends } from "../../harness/check.js";
import { expectClose } from "../../harness/compare.js";
import { compileGraph, experimentOf } from "../../harness/graph.js";

/** Volumes for Winograd's method: planes that see beyond both ends, that lie apart, that are few; deep filters. */
const specs: readonly ConvolutionSpec[] = [
  { batch: 2, size: [5, 9, 10], channels: 16, filters: 24, padding: "same" },
  { batch: 1, size: [6, 12, 8], channels: 32, filters: 16, padding: [0, 2, 1, 1, 0, 2], dilation: [2, 1, 1] },
  { batch: 1, size: [3, 16, 16], channels: 16, filters: 16, kernel: [5, 3, 3], padding: [3, 2, 1, 1, 1, 1] },
  { batch: 2, size: [4, 13, 9], channels: 16, filters: 24, kernel: [2, 5, 5], padding: [1, 0, 2, 2, 2, 2] },
  { batch: 1, size: [3, 8, 8], channels: 96, filters: 128 },
];

describe("volumes as stacks of planes", () => {
  const backends = useBackends();
  it.each(specs.map((spec) => [convCase(spec)!.name, spec] as const))("%s", async (_, spec) => {
    const experiment = experimentOf(convCase(spec)!);
    const { backend } = backends().find(({ name }) => name.startsWith("wasm"))!;
    const { steps, graph } = backend.plan(experiment.graph);
    const kernels = steps.filter(({ node }) => graph.nodes[node]!.op.startsWith("conv")).map(({ kernel }) => kernel);
    expect(kernels.length).toBe(3);
    expect(kernels.filter((kernel) => !kernel.startsWith("f32_conv3d_"))).toEqual([]);
    await checkBackends(experiment, backends());
  });

  it("keep their filters between predictions, until somebody writes them", async () => {
    const graph = predictionGraph(sequentialNetwork(input(5, 9, 10, 16), conv3d(24, 3)), { batchSize: 1 });
    const images = formulaValues(0, [1, 5, 9, 10, 16]);
    const weights = (tensor: number) => ({
      "conv3d.kernel": formulaValues(tensor, [3, 3, 3, 16, 24]),
      "conv3d.bias": formulaValues(tensor + 1, [24]),
    });
    const exact = await compileGraph(truth, graph);
    for (const { name, backend } of backends()) {
      if (name.startsWith("wasm")) expect(backend.plan(graph).keptBytes, name).toBeGreaterThan(4 * 27 * 16 * 24);
      const predict = await compileGraph(backend, graph);
      for (const leaves of [weights(1), {}, weights(3), {}]) {
        const actual = predict({ input: images, ...leaves });
        const expected = exact({ input: images, ...leaves });
        // filters of before would be wholly wrong
        expectClose(name, actual.output!, expected.output!, 1e-5);
      }
    }
  });
});
