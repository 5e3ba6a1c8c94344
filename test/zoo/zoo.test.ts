import { describe, expect, it } from "vitest";
import { workloads } from "../../bench/workloads.js";
import { predictionGraph, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import type { Graph } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { countParameters, type Network } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { ops } from "../../src/ops/index.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { mobileNetV2, type UNetOptions, unet, type WaveNetOptions, waveNet } from "../../src/zoo/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";

const trainable = (net: Network) => countParameters(net.weights.filter((weight) => weight.trainable));

describe("parameters", () => {
  it("are as many as torchvision and the benchmark's other side have", () => {
    expect(trainable(mobileNetV2())).toBe(3_504_872);
    expect(countParameters(mobileNetV2().weights)).toBe(3_504_872 + 34_112);
    expect(trainable(waveNet())).toBe(265_152);
    expect(trainable(unet())).toBe(1_925_634);
  });

  it.each([
    ["mnist-shallow-b50", 98_820],
    ["mnist-deep-b50", 286_940],
    ["cifar-64-64-b32", 123_338],
    ["cifar-64-64-b250", 123_338],
    ["resnet18-224-b4", 11_689_512],
    ["resnet18-224-b1", 11_689_512],
    ["mobilenet-96-b16", 3_504_872],
    ["wavenet-8000-b8", 265_152],
    ["volume-32-b4", 359_498],
    ["unet-128-b4", 1_925_634],
  ] as const)("of the benchmark's %s are as many as on PyTorch's side", (name, count) => {
    expect(trainable(workloads.find((workload) => workload.name === name)!.network())).toBe(count);
  });

  it("the benchmark has no other workloads", () => {
    expect(workloads.length).toBe(10);
  });
});

describe("shapes", () => {
  const shapeOf = (net: Network) => net.outputs[0]!.shape;
  it("give one class, or one for each step or pixel", () => {
    expect(shapeOf(mobileNetV2({ classes: 7, input: [33, 70, 1] }))).toEqual([7]);
    expect(shapeOf(waveNet({ input: [50, 2], classes: 9, layers: 3, stacks: 2 }))).toEqual([50, 9]);
    expect(shapeOf(unet({ input: [24, 16, 1], classes: 4, widths: [2, 3, 4] }))).toEqual([24, 16, 4]);
    expect(shapeOf(unet({ input: [7, 5, 1], widths: [3] }))).toEqual([7, 5, 2]);
  });
});

interface ZooEntry {
  readonly name: string;
  readonly shape: readonly [number, ...number[]];
  readonly classes: number;
  /** How many. */
  readonly labels: number;
  /** In use. */
  readonly logits: readonly number[];
  /** In training. */
  readonly loss: number;
  /** How far PyTorch's own gradients are off in float32, at most, as a part of their norm: see generateZoo.py. */
  readonly float32Error: number;
  readonly weights: readonly {
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

const { pytorch, entries } = loadFixture<ZooEntry>("zoo.json");
const makers: Readonly<Record<string, (entry: ZooEntry) => Network>> = {
  mobileNetV2: ({ classes, shape: [, ...input] }) => mobileNetV2({ classes, input, dropout: 0 }),
  waveNet: ({ classes, shape: [, ...input] }) => waveNet({ classes, input, channels: 6, layers: 3 }),
  unet: ({ classes, shape: [, ...input] }) => unet({ classes, input, widths: [3, 4, 5] }),
};

describe(`as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  const optimizer = sgd(1e-3, { momentum: 0.9 });

  it("are all compared", () => {
    expect(Object.keys(makers).sort()).toEqual(entries.map(({ name }) => name).sort());
  });

  /** One run with the fixture's weights: an output, and what the slots of momentum then hold: the gradients. */
  async function run(backend: Backend, net: Network, graph: Graph, { shape, weights, labels, classes }: ZooEntry) {
    const store = backend.createStore();
    const program = await backend.compile(backend.plan(graph), store);
    for (const weight of net.weights) {
      if (!store.has(weight.name)) continue;
      const { tensor, scale, offset } = weights.find(({ name }) => name === weight.name)!;
      store.write(
        weight.name,
        formulaValues(tensor, weight.shape, scale).map((value) => value + offset),
      );
    }
    program.input("input").set(formulaValues(0, shape, 0.5).map((value) => value + 0.5));
    if ("loss" in graph.outputs) {
      program.input("target").set(Array.from({ length: labels }, (_, i) => (7 * i + 3) % classes));
      for (const [name, value] of Object.entries(optimizer.scalars(1))) program.input(`optimizer.${name}`)[0] = value;
    }
    program.run();
    const [output] = Object.keys(graph.outputs);
    return {
      output: program.output(output!).slice(),
      gradient: (name: string) => store.read(`optimizer.momentum.${name}`),
    };
  }

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
    const net = makers[name]!(entry);
    expect(new Map(net.weights.map((weight) => [weight.name, weight.shape]))).toEqual(
      new Map(entry.weights.map((weight) => [weight.name, weight.shape])),
    );
    const [batchSize] = entry.shape;
    const use = verifyGraph(predictionGraph(net, { batchSize }), ops);
    const training = trainingGraph(net, { loss: "crossEntropy", optimizer, batchSize, metrics: [] });
    const step = verifyGraph(training, ops);
    // naive loops take too long for the millions of weights of one of them: kernels are compared with PyTorch alone
    const large = countParameters(net.weights) > 1e6;
    const exact = { name: "float64", backend: truth, tolerance: 1e-7 };
    const fast = backends().filter((tested) => !large || !tested.name.startsWith("reference"));
    const all = [...(large ? [] : [exact]), ...fast.map((tested) => ({ ...tested, tolerance: undefined }))];
    for (const { name: where, backend, tolerance: asked } of all) {
      const used = await run(backend, net, optimize(use), entry);
      expectClose(`logits on ${where}`, used.output, entry.logits, asked ?? relativeErrorOf(use));

      // rounding moves values across the kinks of rectifiers
      const tolerance = asked ?? Math.max(relativeErrorOf(step), 3 * entry.float32Error);
      const trained = await run(backend, net, optimize(step), entry);
      expectClose(`loss on ${where}`, trained.output, [entry.loss], tolerance);
      const least = 0.01 * Math.max(...entry.weights.map(({ gradient }) => gradient?.norm ?? 0));
      for (const { name: weight, gradient } of entry.weights) {
        if (gradient === undefined) continue;
        const values = Float64Array.from(trained.gradient(weight));
        const place = `gradient of ${weight} on ${where}`;
        const bound = tolerance * Math.max(gradient.norm, least);
        const length = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));
        expectWithin(`${place}, norm`, [length], [gradient.norm], () => bound);
        // errors of a sum, as of the norm, add up like those of its terms
        const total = values.reduce((sum, value) => sum + value, 0);
        expectWithin(`${place}, sum`, [total], [gradient.sum], () => bound * Math.sqrt(values.length));
        const picked = gradient.samples.map(([index]) => values[index]!);
        const expected = gradient.samples.map(([, value]) => value);
        expectWithin(place, picked, expected, () => bound);
      }
    }
  });
});

describe("waveNet", () => {
  it("sees 2^layers steps in each stack, and nothing that comes later", async () => {
    const [steps, changed] = [40, 12];
    const net = waveNet({ input: [steps, 1], channels: 8, classes: 3, layers: 3, stacks: 2 });
    const store = truth.createStore();
    const program = await truth.compile(truth.plan(predictionGraph(net, { batchSize: 1 })), store);
    net.weights.forEach(({ name, shape }, i) => {
      store.write(name, formulaValues(i, shape));
    });
    const logits = (value: number) => {
      program.input("input").set(Array.from({ length: steps }, (_, i) => (i === changed ? value : 0.5)));
      program.run();
      return program.output("output").slice();
    };
    const [before, after] = [logits(0), logits(1)];
    const differs = (step: number) => [0, 1, 2].some((k) => before[3 * step + k] !== after[3 * step + k]);
    const seen = Array.from({ length: steps }, (_, step) => step).filter(differs);
    // 1 for the first layer, and 1 + 2 + 4 for each stack
    expect([seen[0], seen.at(-1)]).toEqual([changed, changed + 1 + 2 * 7]);
  });
});

describe("errors", () => {
  const wrong = <T>(value: unknown) => value as T;
  const wordings: readonly (readonly [() => unknown, string])[] = [
    [() => mobileNetV2({ dropout: 1 }), "mobileNetV2: wrong dropout (expected a number ≥ 0 and < 1, received 1)."],
    [() => waveNet({ layers: 0 }), "waveNet: wrong layers (expected a whole number ≥ 1, received 0)."],
    [
      () => waveNet(wrong<WaveNetOptions>({ chanels: 3 })),
      'waveNet: unknown option "chanels" (expected one of input, classes, channels, layers, stacks). Did you mean "channels".',
    ],
    [
      () => waveNet({ input: [8, 8, 1] }),
      'conv1d "front": input [8, 8, 1] is not a sequence (expected [steps, channels], received [8, 8, 1]).',
    ],
    [
      () => unet({ input: [100, 128, 3] }),
      "unet: input [100, 128, 3] is not an image that can be halved 3 times (expected [height, width, channels] with " +
        "height and width multiples of 8, received [100, 128, 3]). Pad or crop the images, or leave out widths.",
    ],
    [
      () => unet({ widths: wrong<UNetOptions["widths"]>([]) }),
      "unet: wrong widths (expected whole numbers ≥ 1, such as [32, 64, 128, 256], received []).",
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
