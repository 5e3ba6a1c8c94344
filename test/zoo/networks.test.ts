import { describe, expect, it } from "vitest";
import { evaluationGraph, predictionGraph } from "../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { sizeOf } from "../../src/core/shapes.js";
import { countParameters, type Network } from "../../src/model/network.js";
import { fashionMlp, lwls, mnistDeep, mnistMlp, mnistShallow, resnet9 } from "../../src/zoo/networks.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";

/** Parameters of each layer that has some. */
function parameters(net: Network): number[] {
  const counts = net.calls.map(({ name }) => countParameters(net.weights.filter(({ layer }) => layer === name)));
  return counts.filter((count) => count > 0);
}

describe("parameters", () => {
  it.each([
    ["mnistShallow", mnistShallow, [260, 98_050, 510], 98_820],
    ["mnistDeep", mnistDeep, [260, 10_040, 80_080, 196_050, 510], 286_940],
    ["mnistMlp", mnistMlp, [392_500, 250_500, 5_010], 648_010],
    ["lwls", lwls, [104, 808, 1_548, 117_800, 2_010], 122_270],
    ["fashionMlp", fashionMlp, [235_500, 30_100, 1_010], 266_610],
  ] as const)("%s", (_, make, layers, total) => {
    const net = make();
    expect(net.inputs[0]!.shape).toEqual([28, 28, 1]);
    expect(parameters(net)).toEqual(layers);
    expect(countParameters(net.weights)).toBe(total);
  });
});

it("resnet9 has the published filters by default, and others in proportion", () => {
  const filters = (net: Network) =>
    net.calls.filter(({ layer }) => layer.kind === "conv2d").map(({ outputShape }) => outputShape.at(-1));
  expect(filters(resnet9())).toEqual([64, 128, 128, 128, 256, 512, 512, 512]);
  expect(filters(resnet9({ width: 2 }))).toEqual([2, 4, 4, 4, 8, 16, 16, 16]);
  expect(() => resnet9({ width: 0 })).toThrow("resnet9: wrong width (expected a whole number ≥ 1, received 0).");
  expect(() => resnet9({ widht: 3 } as object)).toThrow(/resnet9: .*widht.*Did you mean "width"/);
});

it("lwls has the book's numbers of hidden units", () => {
  const net = lwls();
  const units = net.calls.filter(({ layer }) => layer.kind !== "flatten").map(({ outputShape }) => sizeOf(outputShape));
  expect(units).toEqual([3136, 1568, 588, 200, 10]);
});

interface NetworkEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly logits: readonly number[];
  readonly loss: number;
  readonly gradients: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly tensor: number;
    readonly scale: number;
  }[];
}

describe("logits and loss, as PyTorch computes them", () => {
  const { entries } = loadFixture<NetworkEntry>("networks.json");
  const makers = [mnistShallow, mnistDeep, mnistMlp, lwls, fashionMlp];
  const matching = entries.flatMap((entry) => {
    const shapes = entry.gradients.map(({ shape }) => String(shape)).join(" ");
    const make = makers.find(
      (maker) =>
        maker()
          .weights.map(({ shape }) => String(shape))
          .join(" ") === shapes,
    );
    return make === undefined ? [] : [[make.name, make(), entry] as const];
  });

  it("are there for some", () => {
    expect(matching.map(([name]) => name)).toMatchInlineSnapshot(`
      [
        "mnistShallow",
        "mnistDeep",
        "mnistMlp",
        "lwls",
      ]
    `);
  });

  it.each(matching)("%s", async (_, net, entry) => {
    const backend = createReferenceBackend({ precision: "float64" });
    const store = backend.createStore();
    const batchSize = entry.labels.length;
    const predict = await backend.compile(backend.plan(predictionGraph(net, { batchSize })), store);
    const evaluate = await backend.compile(
      backend.plan(evaluationGraph(net, { loss: "crossEntropy", batchSize })),
      store,
    );
    net.weights.forEach(({ name, shape }, i) => {
      const { tensor, scale } = entry.gradients[i]!;
      store.write(name, formulaValues(tensor, shape, scale));
    });
    const images = formulaValues(0, [batchSize, 28, 28, 1], 0.5).map((pixel) => pixel + 0.5);
    predict.input("input").set(images);
    predict.run();
    predict.output("output").forEach((logit, i) => {
      expect(logit).toBeCloseTo(entry.logits[i]!, 7);
    });
    evaluate.input("input").set(images);
    evaluate.input("target").set(entry.labels);
    evaluate.run();
    const losses = [...evaluate.output("losses")];
    expect(losses.reduce((sum, loss) => sum + loss, 0) / batchSize).toBeCloseTo(entry.loss, 7);
  });
});
