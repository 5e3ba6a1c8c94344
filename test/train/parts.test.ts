import { describe, expect, test } from "vitest";
import { type Dataset, dataset } from "../../src/data/index.js";
import {
  add,
  batchNorm,
  conv2d,
  dense,
  dropout,
  type FitOptions,
  flatten,
  globalAveragePool2d,
  input,
  type Model,
  model,
  modelFromBytes,
  relu,
  type SymbolicTensor,
  sequential,
  sgd,
} from "../../src/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { messageOf } from "./messages.js";

const shape = [6, 5, 2];
const count = 12;
const images = formulaValues(1, [count, ...shape]);
const data: Dataset = dataset({ inputs: images, targets: Int32Array.from({ length: count }, (_, i) => i % 3), shape });

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: "crossEntropy",
  optimizer: sgd(0.1, { momentum: 0.9 }),
  batchSize: 5,
  epochs: 2,
  progress: false,
  threads: 1,
  ...more,
});

const classifier = () =>
  sequential(
    input(6, 5, 2),
    conv2d(4, 3, { useBias: false, name: "conv" }),
    batchNorm({ name: "norm" }),
    relu(),
    globalAveragePool2d({ name: "pool" }),
    dense(3, { name: "head" }),
  );

const values = (net: Model) => new Map(net.weightNames.map((name) => [name, net.weight(name)]));
const changed = (before: Map<string, Float32Array>, net: Model) =>
  net.weightNames.filter((name) =>
    Buffer.compare(Buffer.from(before.get(name)!.buffer), Buffer.from(net.weight(name).buffer)),
  );

describe("freezing", () => {
  test("keeps the values of weights, by patterns", async () => {
    const net = classifier().initialize(1).freeze("conv.*", "*.gamma");
    const before = values(net);
    await net.fit(data, options());
    expect(changed(before, net)).toEqual([
      "norm.beta",
      "norm.movingMean",
      "norm.movingVariance",
      "head.kernel",
      "head.bias",
    ]);
    net.unfreeze();
    await net.fit(data, options());
    expect(changed(before, net)).toEqual(net.weightNames);
  });

  test("a layer with nothing left to learn works as in use", async () => {
    const net = classifier().initialize(1).freeze("*").unfreeze("head.*");
    const before = values(net);
    const { epochs } = await net.fit(data, options({ epochs: 1, batchSize: count, shuffle: false }));
    expect(changed(before, net)).toEqual(["head.kernel", "head.bias"]);
    // the loss of the first step is that of evaluation: running averages, not the batch's
    const { loss } = await classifier().initialize(1).evaluate(data, { threads: 1 });
    expect(epochs[0]!.loss).toBeCloseTo(loss, 5);
  });

  test("averages alone may be frozen", async () => {
    const net = classifier().initialize(1).freeze("*.moving*");
    const before = values(net);
    await net.fit(data, options());
    expect(changed(before, net)).toEqual(["conv.kernel", "norm.gamma", "norm.beta", "head.kernel", "head.bias"]);
  });

  test("leaves options that name frozen weights alone", async () => {
    const net = classifier().initialize(1).freeze("conv.*");
    const optimizer = sgd(0.1, { groups: [{ match: "conv.*", learningRateFactor: 0.1 }] });
    const before = values(net);
    await net.fit(data, options({ optimizer, regularizers: { "conv.*": { l2: 1 } } }));
    expect(changed(before, net)).not.toContain("conv.kernel");
  });

  test("goes into files", async () => {
    const net = classifier().initialize(1).freeze("conv.*");
    const again = modelFromBytes(net.toBytes());
    expect(again.network.weights.filter(({ frozen }) => frozen).map(({ name }) => name)).toEqual(["conv.kernel"]);
    expect(Buffer.compare(again.toBytes(), net.toBytes())).toBe(0);
    const before = values(again);
    await again.fit(data, options());
    expect(changed(before, again)).not.toContain("conv.kernel");
  });

  test("names what no weight is called", () => {
    expect(() => classifier().freeze("cov*")).toThrow(
      'freeze: no weight is called "cov*" (expected a pattern of conv.kernel, norm.gamma, norm.beta, norm.movingMean, norm.movingVariance, head.kernel, head.bias). "*" stands for any characters.',
    );
  });
});

describe("layer", () => {
  test("tells a layer and its weights", () => {
    const { kind, outputShape, weightNames, config } = classifier().layer("head");
    expect([kind, outputShape, weightNames]).toEqual(["dense", [3], ["head.kernel", "head.bias"]]);
    expect(config).toMatchObject({ units: 3 });
    expect(() => classifier().layer("heat")).toThrow(
      'layer: there is no layer "heat" (expected one of input, conv, norm, relu, pool, head). Did you mean "head".',
    );
  });
});

describe("features", () => {
  test("are what inner layers give, with the same weights", async () => {
    const net = classifier().initialize(1);
    const pooled = net.features("pool");
    expect(pooled.weightNames).toEqual([
      "conv.kernel",
      "norm.gamma",
      "norm.beta",
      "norm.movingMean",
      "norm.movingVariance",
    ]);
    const features = await pooled.predict(images, { threads: 1 });
    const scores = await net.predict(images, { threads: 1 });
    const [kernel, bias] = [net.weight("head.kernel"), net.weight("head.bias")];
    for (let n = 0; n < count; n++) {
      for (let unit = 0; unit < 3; unit++) {
        let sum = bias[unit]!;
        for (let i = 0; i < 4; i++) sum += features[n * 4 + i]! * kernel[i * 3 + unit]!;
        expect(scores[n * 3 + unit]!).toBeCloseTo(sum, 5);
      }
    }
    await net.fit(data, options({ epochs: 1 }));
    expect(await pooled.predict(images, { threads: 1 })).not.toEqual(features);
    pooled.setWeight("norm.beta", new Float32Array(4).fill(-100));
    expect((await pooled.predict(images, { threads: 1 })).every((value) => value === 0)).toBe(true);
    expect(net.weight("norm.beta")).toEqual(new Float32Array(4).fill(-100));
  });

  test("may be several, and are drawn by the seed of whichever comes first", async () => {
    const whole = classifier();
    const part = whole.features("relu", whole.layer("pool").output);
    const outputs = await part.predictAll(images, { threads: 1 });
    expect(Object.entries(outputs).map(([name, array]) => [name, array.length])).toEqual([
      ["relu", count * 6 * 5 * 4],
      ["pool", count * 4],
    ]);
    expect(whole.weight("head.kernel")).toEqual(classifier().initialize(0).weight("head.kernel"));
    // on another number of threads the weights move, for both
    await part.predict(images, { threads: 2 });
    expect(await whole.predict(images, { threads: 1 })).toEqual(
      await classifier().initialize(0).predict(images, { threads: 1 }),
    );
  });

  test("are saved by themselves", async () => {
    const part = classifier().initialize(3).features("pool");
    const again = modelFromBytes(part.toBytes());
    expect(await again.predict(images, { threads: 1 })).toEqual(await part.predict(images, { threads: 1 }));
  });

  test("share what the parent's second use shares", async () => {
    const [x, shared] = [input(4), dense(4, { name: "shared" })];
    const net = model(x, dense(2, { name: "end" })(add()(shared(x), shared(shared(x))))).initialize(1);
    const part = net.features("shared@1");
    expect(part.weightNames).toEqual(["shared.kernel", "shared.bias"]);
    const rows = Float32Array.of(1, 2, 3, 4);
    const again = modelFromBytes(part.toBytes());
    expect(await again.predict(rows, { threads: 1 })).toEqual(await part.predict(rows, { threads: 1 }));
  });

  test("and their model run one at a time", async () => {
    const net = classifier();
    const training = net.fit(data, options());
    expect(await messageOf(net.features("pool").predict(images, { threads: 1 }))).toBe(
      "predict: the model is busy. Await the call before, or load a second model.",
    );
    await training;
  });

  test("fail with names", () => {
    expect(() => classifier().features("pol")).toThrow('features: there is no layer "pol"');
    expect(() => classifier().features(input(3))).toThrow("features: the tensor belongs to another network.");
  });
});

describe("a model as a layer", () => {
  test("begins with what the model has learned, and learns on its own", async () => {
    const source = classifier().initialize(5);
    const features = await source.features("pool").predict(images, { threads: 1 });
    const backbone = source.features("pool").asLayer({ name: "backbone" });
    const net = sequential(input(6, 5, 2), backbone, dense(3, { name: "top" }));
    expect(net.weightNames.slice(0, 2)).toEqual(["backbone.conv.kernel", "backbone.norm.gamma"]);
    expect(await net.features("backbone").predict(images, { threads: 1 })).toEqual(features);
    const before = values(source);
    await net.fit(data, options());
    expect(net.weight("backbone.conv.kernel")).not.toEqual(before.get("conv.kernel"));
    expect(changed(before, source)).toEqual([]);
    const again = modelFromBytes(net.toBytes());
    expect(await again.predict(images, { threads: 1 })).toEqual(await net.predict(images, { threads: 1 }));
  });

  test("trains exactly as the layers themselves", async () => {
    const nested = sequential(
      input(6, 5, 2),
      classifier().features("pool").asLayer({ name: "a" }),
      dense(3, { name: "head" }),
    );
    const flat = classifier().initialize(2);
    nested.initialize(9);
    for (const name of flat.weightNames) {
      nested.setWeight(name.startsWith("head") ? name : `a.${name}`, flat.weight(name));
    }
    await flat.fit(data, options({ epochs: 3 }));
    await nested.fit(data, options({ epochs: 3 }));
    for (const name of flat.weightNames) {
      expect(nested.weight(name.startsWith("head") ? name : `a.${name}`), name).toEqual(flat.weight(name));
    }
  });

  test("stays frozen, and its batch normalisation with it", async () => {
    const backbone = classifier().initialize(5).features("pool").freeze().asLayer({ name: "backbone" });
    const net = sequential(input(6, 5, 2), backbone, dropout(0.5), dense(3, { name: "top" }));
    const before = values(net);
    await net.fit(data, options());
    expect(changed(before, net)).toEqual(["top.kernel", "top.bias"]);
    expect(modelFromBytes(net.toBytes()).network.weights.filter(({ frozen }) => frozen)).toHaveLength(5);
    net.unfreeze("backbone.conv.*");
    const free = modelFromBytes(net.toBytes()).network.weights.find(({ name }) => name === "backbone.conv.kernel");
    expect(free!.frozen).toBeUndefined();
    const allFree = modelFromBytes(modelFromBytes(net.toBytes()).unfreeze().toBytes());
    expect(allFree.network.weights.some(({ frozen }) => frozen)).toBe(false);
    await net.fit(data, options());
    expect(changed(before, net)).toEqual(["backbone.conv.kernel", "top.kernel", "top.bias"]);
  });

  test("shares its weights between uses, averages included", async () => {
    const encoder = sequential(
      input(4),
      dense(3, { name: "in" }),
      batchNorm({ name: "norm", momentum: 0.5 }),
    ).initialize(1);
    const layer = encoder.asLayer({ name: "twin" });
    const [left, right] = [input([4], { name: "left" }), input([4], { name: "right" })];
    const net = model([left, right], dense(2, { name: "out" })(add()(layer(left), layer(right))));
    expect(net.weightNames.filter((name) => name.startsWith("twin"))).toHaveLength(6);
    const rows = { left: formulaValues(1, [3, 4]), right: formulaValues(2, [3, 4]) };
    const out = await net.predict(rows, { threads: 1 });
    const swapped = await net.predict({ left: rows.right, right: rows.left }, { threads: 1 });
    out.forEach((value, i) => expect(value).toBeCloseTo(swapped[i]!, 6));
  });

  test("nests in depth", async () => {
    const inner = sequential(input(4), dense(4, { activation: "tanh", name: "d" })).initialize(1);
    const middle = sequential(input(4), inner.asLayer({ name: "inner" }), dense(4, { name: "e" }));
    middle.weight("e.kernel");
    const outer = sequential(input(4), middle.asLayer({ name: "middle" }), dense(2));
    expect(outer.weight("middle.inner.d.kernel")).toEqual(inner.weight("d.kernel"));
    expect(modelFromBytes(outer.toBytes()).weightNames).toEqual(outer.weightNames);
  });

  test("fails where it does not fit", () => {
    const layer = classifier().asLayer({ name: "net" });
    expect(() => layer(input(3) as SymbolicTensor)).toThrow(
      'network "net": inputs are not those of the network (expected [6, 5, 2], received [3]).',
    );
    const x = input(4);
    expect(() => model(x, [dense(1)(x), dense(2)(x)]).asLayer()).toThrow(
      "network: takes a network with one output (received 2 outputs).",
    );
  });
});

describe("shapes at both ends", () => {
  test("are shapes, and lists of them where there are several", () => {
    const chain = sequential(input(6, 5, 2), flatten(), dense(3));
    expect([chain.inputShape, chain.outputShape]).toEqual([[6, 5, 2], [3]]);
    const [image, row] = [input(6, 5, 2), input(4)];
    const net = model([image, row], [flatten()(image), relu()(row)]);
    expect([net.inputShape, net.outputShape]).toEqual([
      [[6, 5, 2], [4]],
      [[60], [4]],
    ]);
    expect(model([row], [relu()(row)]).outputShape).toEqual([4]);
  });
});

describe("predictAll", () => {
  test("refuses names and lengths that are not the network's", async () => {
    const [left, right] = [input([4], { name: "left" }), input([2], { name: "right" })];
    const net = model([left, right], [flatten()(left), relu()(right)]);
    const four = new Float32Array(8);
    expect(await messageOf(net.predictAll(four))).toBe(
      "predictAll: the inputs are not the network's (expected arrays called left, right, received one array).",
    );
    expect(await messageOf(net.predictAll({ left: four, right: new Float32Array(3) }))).toBe(
      'predictAll: the array "right" does not hold whole examples (expected a multiple of 2 values, [2] each, received 3).',
    );
    expect(await messageOf(net.predictAll({ left: four, right: new Float32Array(2) }))).toBe(
      'predictAll: the array "right" has another number of examples than "left" (expected 2, received 1).',
    );
  });
});
