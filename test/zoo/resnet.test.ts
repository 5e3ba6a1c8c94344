import { beforeAll, describe, expect, it } from "vitest";
import { predictionGraph, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { formatShape } from "../../src/core/shapes.js";
import type { Graph } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { countParameters, type Network } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { ops } from "../../src/ops/index.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { torchName } from "../../src/zoo/pretrained.js";
import { type ResNetOptions, resnet18, resnet34 } from "../../src/zoo/resnet.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";

interface ResNetEntry {
  readonly name: string;
  readonly shape: readonly [number, number, number, number];
  readonly classes: number;
  readonly labels: readonly number[];
  /** In use. */
  readonly logits: readonly number[];
  /** In training. */
  readonly loss: number;
  readonly weights: readonly {
    /** torchvision's. */
    readonly name: string;
    readonly shape: readonly number[];
    readonly tensor: number;
    readonly scale: number;
    readonly offset: number;
    readonly gradient?: {
      readonly sum: number;
      readonly norm: number;
      readonly samples: readonly (readonly [number, number])[];
    };
  }[];
}

const trainable = (net: Network) => countParameters(net.weights.filter((weight) => weight.trainable));
const { pytorch, entries } = loadFixture<ResNetEntry>("resnet.json");
const entry = entries[0]!;

describe("ResNets", () => {
  it("have as many parameters as torchvision's", () => {
    expect([trainable(resnet18()), countParameters(resnet18().weights)]).toEqual([11_689_512, 11_699_112]);
    expect([trainable(resnet34()), countParameters(resnet34().weights)]).toEqual([21_797_672, 21_814_696]);
    expect(trainable(resnet18({ classes: 10, input: [32, 32, 1] }))).toBe(11_689_512 - 990 * 513 - 2 * 64 * 49);
  });

  it("have its layers by its names", () => {
    const described = resnet18({ classes: entry.classes }).weights.map(({ name, shape }) => {
      return `${torchName(name)} ${formatShape(shape)}`;
    });
    const expected = entry.weights.map(({ name, shape }) => `${name} ${formatShape(shape)}`);
    expect([...described].sort()).toEqual([...expected].sort());
  });

  it("halve the image five times", () => {
    const stages = resnet18().calls.filter(({ name }) => /^(conv1|maxpool|layer\d\.1\.relu2|avgpool|fc)$/.test(name));
    expect(stages.map(({ name, outputShape }) => `${name} ${formatShape(outputShape)}`)).toEqual([
      "conv1 [112, 112, 64]",
      "maxpool [56, 56, 64]",
      "layer1.1.relu2 [56, 56, 64]",
      "layer2.1.relu2 [28, 28, 128]",
      "layer3.1.relu2 [14, 14, 256]",
      "layer4.1.relu2 [7, 7, 512]",
      "avgpool [512]",
      "fc [1000]",
    ]);
  });

  it("in use take one pass over memory for a convolution, its norm, the residual and the rectifier", () => {
    const { nodes } = optimize(predictionGraph(resnet18(), { batchSize: 1 }));
    const counts: Record<string, number> = {};
    for (const { op, shape, inputs } of nodes) {
      const key = op === "map" ? `map of ${shape.length === 1 ? "channels" : "images"}` : op;
      if (inputs.length > 0) counts[key] = (counts[key] ?? 0) + 1;
    }
    expect(counts).toEqual({ "map of channels": 40, conv: 20, maxPool: 1, reduce: 1, matmul: 1 });
  });

  const wrong = <T>(value: unknown) => value as T;
  const wordings: readonly (readonly [() => unknown, string])[] = [
    [() => resnet18({ classes: 0 }), "resnet18: wrong classes (expected a whole number ≥ 1, received 0)."],
    [
      () => resnet34({ input: [224] }),
      'conv2d "conv1": input [224] is not an image (expected [height, width, channels], received [224]).',
    ],
    [
      () => resnet34({ input: [224, 0, 3] }),
      "resnet34: wrong input (expected whole numbers ≥ 1, such as [28, 28, 1], received [224, 0, 3]).",
    ],
    [
      () => resnet18(wrong<ResNetOptions>({ clases: 10 })),
      'resnet18: unknown option "clases" (expected one of classes, input, normalization). Did you mean "classes".',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});

describe(`resnet18, as PyTorch ${pytorch} computes it`, () => {
  const backends = useBackends();
  const [batchSize, ...shape] = entry.shape;
  const net = resnet18({ classes: entry.classes, input: shape });
  const optimizer = sgd(1e-3, { momentum: 0.9 });
  const ofWeight = (name: string) => entry.weights.find((weight) => weight.name === torchName(name))!;

  const values = new Map<string, Float32Array>();
  beforeAll(() => {
    for (const { name, shape } of net.weights) {
      const { tensor, scale, offset } = ofWeight(name);
      values.set(
        name,
        formulaValues(tensor, shape, scale).map((value) => value + offset),
      );
    }
  });

  /** One run with the fixture's weights: an output, and what the slots of momentum then hold: the gradients. */
  async function run(backend: Backend, graph: Graph) {
    const store = backend.createStore();
    const program = await backend.compile(backend.plan(graph), store);
    for (const [name, value] of values) if (store.has(name)) store.write(name, value);
    program.input("input").set(formulaValues(0, entry.shape));
    if ("loss" in graph.outputs) {
      program.input("target").set(entry.labels);
      for (const [name, value] of Object.entries(optimizer.scalars(1))) program.input(`optimizer.${name}`)[0] = value;
    }
    program.run();
    const [output] = Object.keys(graph.outputs);
    return {
      output: program.output(output!).slice(),
      gradient: (name: string) => store.read(`optimizer.momentum.${name}`),
    };
  }

  // naive loops take seconds for one step: they are compared with PyTorch, and kernels with them, on smaller networks
  const fast = () => backends().filter(({ name }) => !name.startsWith("reference"));

  it("logits", async () => {
    const graph = verifyGraph(predictionGraph(net, { batchSize }), ops);
    for (const { name, backend } of fast()) {
      for (const each of [graph, optimize(graph)]) {
        const { output } = await run(backend, each);
        expectClose(`logits on ${name}`, output, entry.logits, relativeErrorOf(graph));
      }
    }
  });

  it("loss and gradients of a step", async () => {
    const options = { loss: "crossEntropy", optimizer, batchSize, metrics: [] } as const;
    const graph = verifyGraph(trainingGraph(net, options), ops);
    const tolerance = relativeErrorOf(graph);
    for (const { name, backend } of fast()) {
      const { output, gradient } = await run(backend, optimize(graph));
      expectClose(`loss on ${name}`, output, [entry.loss], tolerance);
      for (const weight of net.weights.filter(({ trainable }) => trainable)) {
        const { sum, norm, samples } = ofWeight(weight.name).gradient!;
        const values = Float64Array.from(gradient(weight.name));
        const total = values.reduce((a, value) => a + value, 0);
        const length = Math.sqrt(values.reduce((a, value) => a + value * value, 0));
        const where = `gradient of ${weight.name} on ${name}`;
        expectClose(where, [length], [norm], tolerance);
        // errors of a sum, as of the norm, add up like those of its terms
        expectWithin(where, [total], [sum], () => tolerance * norm * Math.sqrt(values.length));
        const picked = samples.map(([index]) => values[index]!);
        expectWithin(
          where,
          picked,
          samples.map(([, value]) => value),
          () => tolerance * norm,
        );
      }
    }
  });
});
