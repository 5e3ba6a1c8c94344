import { describe, expect, it } from "vitest";
import { workloads } from "../../bench/workloads.js";
import { predictionGraph, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { sizeOf } from "../../src/core/shapes.js";
import type { Graph } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { summarize } from "../../src/inspect/summary.js";
import { countParameters, type Network } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { ops } from "../../src/ops/index.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import {
  type AlexNetOptions,
  alexNet,
  allConv,
  googleNet,
  mobileNetV2,
  type PipelineStep,
  pipeline,
  pipelineSteps,
  type UNetOptions,
  unet,
  type WaveNetOptions,
  waveNet,
  zeilerFergus,
  zip1989,
} from "../../src/zoo/index.js";
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
    expect(trainable(alexNet({ variant: "torchvision" }))).toBe(61_100_840);
    expect(trainable(googleNet({ variant: "torchvision" }))).toBe(6_624_904);
  });

  it("are as many as the papers' networks have", () => {
    const layersOf = (net: Network) => {
      const sums = new Map<string, number>();
      for (const { layer, shape } of net.weights) sums.set(layer, (sums.get(layer) ?? 0) + sizeOf(shape));
      return [...sums.values()];
    };
    // channels in · window + 1, by filters
    const dense = [9216 * 4096 + 4096, 4096 * 4096 + 4096, 4096 * 1000 + 1000];
    const alex = [(363 + 1) * 96, (48 * 25 + 1) * 256, (256 * 9 + 1) * 384, (192 * 9 + 1) * 384, (192 * 9 + 1) * 256];
    expect(layersOf(alexNet())).toEqual([...alex, ...dense]);
    expect(trainable(alexNet())).toBe(60_965_224);
    const zeiler = [(147 + 1) * 96, (96 * 25 + 1) * 256, (256 * 9 + 1) * 384, (384 * 9 + 1) * 384, (384 * 9 + 1) * 256];
    expect(layersOf(zeilerFergus())).toEqual([...zeiler, ...dense]);
    expect(trainable(zeilerFergus())).toBe(62_357_608);
    expect(trainable(googleNet())).toBe(6_998_552);
    // 3 convolutions, 9 modules of 2 layers on each way through, 1 dense layer
    expect(
      googleNet().calls.filter(({ name }) => /^(conv\d\.conv|inception\d.\.branch2\.\d\.conv|fc)$/.test(name)),
    ).toHaveLength(22);
  });

  it("of the zip-code network are those of the paper, layer by layer, and so are its connections", () => {
    const net = zip1989();
    const count = (start: string) => countParameters(net.weights.filter(({ name }) => name.startsWith(start)));
    expect(["h1.", "h2.", "h3.", "output."].map(count)).toEqual([1_068, 2_592, 5_790, 310]);
    const { multiplyAdds } = summarize(net, { batchSize: 1 });
    const biases = 12 * 64 + 12 * 16 + 30 + 10;
    expect(multiplyAdds + biases).toBe(64_660);
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

  const shapesOf = (net: Network, pattern: RegExp) =>
    net.calls
      .filter(({ name }) => pattern.test(name))
      .map(({ name, outputShape }) => `${name} ${outputShape.join("×")}`);
  it("of ImageNet's networks are those of the papers", () => {
    expect(shapesOf(alexNet(), /^(conv1|pool\d|flatten|fc\d)$/)).toEqual(
      ["conv1 55×55×96", "pool1 27×27×96", "pool2 13×13×256", "pool5 6×6×256", "flatten 9216"].concat([
        "fc6 4096",
        "fc7 4096",
        "fc8 1000",
      ]),
    );
    expect(shapesOf(zeilerFergus(), /^(conv\d|pool\d|flatten)$/)).toEqual(
      ["conv1 110×110×96", "pool1 55×55×96", "conv2 26×26×256", "pool2 13×13×256", "conv3 13×13×384"].concat([
        "conv4 13×13×384",
        "conv5 13×13×256",
        "pool5 6×6×256",
        "flatten 9216",
      ]),
    );
    for (const variant of ["2014", "torchvision"] as const) {
      expect(shapesOf(googleNet({ variant }), /^(maxpool\d|inception3a|inception4[ad]|inception5b|avgpool)$/)).toEqual(
        ["maxpool1 56×56×64", "maxpool2 28×28×192", "inception3a 28×28×256", "maxpool3 14×14×480"].concat([
          "inception4a 14×14×512",
          "inception4d 14×14×528",
          "maxpool4 7×7×832",
          "inception5b 7×7×1024",
          "avgpool 1024",
        ]),
      );
    }
  });

  it("of the all-convolutional network halve twice, and end in classes for each place", () => {
    const expected = [
      "conv2 32×32×32",
      "half1 16×16×32",
      "conv4 16×16×64",
      "half2 8×8×64",
      "classes 8×8×10",
      "average 10",
    ];
    for (const halving of ["convolution", "pooling"] as const) {
      expect(shapesOf(allConv({ halving }), /^(conv[24]|half\d|classes|average)$/)).toEqual(expected);
    }
  });

  it("of the pipeline grow layer by layer", () => {
    const kinds = pipelineSteps.map((step) => pipeline(step).calls.map(({ layer }) => layer.kind));
    expect(kinds[0]).toEqual(["flatten", "dense"]);
    expect(kinds.at(-1)).toEqual(
      ["conv2d", "relu", "batchNorm", "maxPool2d", "flatten"].concat(["dense", "dropout", "dense", "dropout", "dense"]),
    );
    expect(kinds.map(({ length }) => length)).toEqual([2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(pipelineSteps.map((step) => trainable(pipeline(step)))).toEqual([
      ...[7_850, 125_866, 125_866, 125_898, 31_818],
      ...[315_158, 315_158, 325_258, 325_258],
    ]);
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
  alexNet: (entry) => alexNet(narrow(entry)),
  "alexNet, torchvision": (entry) => alexNet({ ...narrow(entry), variant: "torchvision" }),
  zeilerFergus: (entry) => zeilerFergus(narrow(entry)),
  googleNet: ({ classes, shape: [, ...input] }) => googleNet({ classes, input, dropout: 0 }),
  "googleNet, torchvision": ({ classes, shape: [, ...input] }) =>
    googleNet({ classes, input, dropout: 0, variant: "torchvision" }),
  zip1989: () => zip1989(),
  allConv: ({ classes, shape: [, ...input] }) => allConv({ classes, input, width: 4 }),
  "allConv, pooling": ({ classes, shape: [, ...input] }) => allConv({ classes, input, width: 4, halving: "pooling" }),
};

/** Dense layers of the size that the fixture has. */
const narrow = ({ classes, shape: [, ...input] }: ZooEntry) => ({ classes, input, hidden: 12, dropout: 0 });

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
  const wordings: readonly (readonly [() => unknown, string | RegExp])[] = [
    [() => mobileNetV2({ dropout: 1 }), "mobileNetV2: wrong dropout (expected a number ≥ 0 and < 1, received 1)."],
    [() => alexNet({ dropout: 1 }), "alexNet: wrong dropout (expected a number ≥ 0 and < 1, received 1)."],
    [
      () => alexNet({ variant: wrong<AlexNetOptions["variant"]>("2014") }),
      'alexNet: unknown variant "2014" (expected one of 2012, torchvision). Did you mean "2012".',
    ],
    [() => zeilerFergus({ hidden: 0 }), "zeilerFergus: wrong hidden (expected a whole number ≥ 1, received 0)."],
    [() => googleNet({ classes: 0.5 }), "googleNet: wrong classes (expected a whole number ≥ 1, received 0.5)."],
    [() => allConv({ width: 0 }), "allConv: wrong width (expected a whole number ≥ 1, received 0)."],
    [
      () => pipeline(wrong<PipelineStep>("pol")),
      /^pipeline: unknown last "pol" \(expected one of linear, conv, .*\)\. Did you mean "pool"\.$/,
    ],
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
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (wording, body) => {
    const message = typeof wording === "string" ? wording : expect.stringMatching(wording);
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
