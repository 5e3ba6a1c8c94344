import { describe, expect, test } from "vitest";
import { dataset, recordDataset, subset } from "../../src/data/index.js";
import {
  add,
  crossEntropy,
  dense,
  type FitOptions,
  input,
  type Model,
  model,
  modelFromBytes,
  sequential,
  sgd,
} from "../../src/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { messageOf } from "./messages.js";

const length = 30;
const left = formulaValues(1, [length, 3]);
const right = Uint8Array.from(formulaValues(2, [length, 4]), (value) => Math.floor(127.5 + 127 * value));
const classes = Int32Array.from(left, (_, i) => i % 3).slice(0, length);
const sums = Float32Array.from({ length }, (_, i) => left[3 * i]! + right[4 * i]! / 255);

const records = recordDataset({
  inputs: { right: { values: right, shape: [4] }, left: { values: left, shape: [3] } },
  targets: { sum: { values: sums, shape: [1] }, kind: { values: classes } },
});

/** Two inputs, two outputs. */
function twoByTwo(): Model {
  const [a, b] = [input([3], { name: "left" }), input([4], { name: "right", dtype: "uint8" })];
  const joined = add()(dense(5, { name: "a" })(a), dense(5, { name: "b" })(b));
  return model([a, b], [dense(3, { name: "kind" })(joined), dense(1, { name: "sum" })(joined)]);
}

const losses = { kind: "crossEntropy", sum: "meanSquaredError" } as const;
const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: losses,
  optimizer: sgd(0.05),
  batchSize: 8,
  epochs: 30,
  seed: 1,
  progress: false,
  threads: 1,
  ...more,
});

describe("several inputs and outputs", () => {
  test("train together, by their names", async () => {
    const net = twoByTwo();
    const { epochs } = await net.fit(records, options({ validation: 0.2 }));
    expect(epochs.at(-1)!.loss).toBeLessThan(0.7 * epochs[0]!.loss);
    expect(epochs.at(-1)!.accuracy).toBeDefined();
    const { loss, outputs, accuracy, examples } = await net.evaluate(records, { threads: 1 });
    expect(examples).toBe(length);
    expect(loss).toBeCloseTo(outputs!.kind!.loss + outputs!.sum!.loss, 12);
    expect(outputs!.kind!.accuracy).toBe(accuracy);
    expect(outputs!.sum!.accuracy).toBeUndefined();
    const copy = modelFromBytes(net.toBytes());
    expect(await copy.evaluate(records, { threads: 1 })).toEqual({ loss, outputs, accuracy, examples });
  });

  test("are one another's sum, weighted", async () => {
    const net = twoByTwo().initialize(3);
    const { outputs } = await net.evaluate(records, { loss: losses, threads: 1 });
    const { loss } = await net.evaluate(records, { loss: losses, lossWeights: { kind: 0.25, sum: 3 }, threads: 1 });
    expect(loss).toBeCloseTo(0.25 * outputs!.kind!.loss + 3 * outputs!.sum!.loss, 10);
  });

  test("leave alone what no loss leads to", async () => {
    const net = twoByTwo().initialize(3);
    const before = net.weight("kind.kernel");
    await net.fit(records, options({ loss: { sum: "huber" }, epochs: 2 }));
    expect(net.weight("kind.kernel")).toEqual(before);
    expect(net.weight("sum.kernel")).not.toEqual(twoByTwo().initialize(3).weight("sum.kernel"));
  });

  test("a loss of weight 0 teaches nothing", async () => {
    const weighted = twoByTwo().initialize(3);
    await weighted.fit(records, options({ lossWeights: { kind: 0 }, epochs: 2 }));
    const alone = twoByTwo().initialize(3);
    await alone.fit(records, options({ loss: { sum: "meanSquaredError" }, epochs: 2 }));
    expect(weighted.weight("a.kernel")).toEqual(alone.weight("a.kernel"));
  });

  test("give the same bits on one and two threads", async () => {
    const [one, two] = [twoByTwo(), twoByTwo()];
    await one.fit(records, options({ epochs: 3 }));
    await two.fit(records, options({ epochs: 3, threads: 2 }));
    expect(Buffer.compare(one.toBytes(), two.toBytes())).toBe(0);
  });

  test("fail with names", async () => {
    const message = (data: typeof records, more: Partial<FitOptions> = {}) =>
      messageOf(twoByTwo().fit(data, options(more)));
    const lacking = recordDataset({
      inputs: { left: { values: left, shape: [3] }, write: { values: right, shape: [4] } },
      targets: { sum: { values: sums, shape: [1] }, kind: { values: classes } },
    });
    expect(await message(lacking)).toBe(
      'fit: "data" has no input "right", which the network has (expected one among left, write). Name its inputs as the network does.',
    );
    expect(await message(records, { loss: { kind: "huber" } })).toBe(
      'fit: targets of "data" do not fit the network\'s output under huber (expected float32 [3], received int32 []).',
    );
    expect(await message(records, { loss: "huber" })).toBe(
      'loss "huber": takes a network with one output (received 2 outputs). Give losses by the names of outputs: { "kind": …, "sum": … }.',
    );
    const plain = dataset({ inputs: left, targets: classes, shape: [3] });
    expect(await message(plain)).toBe(
      'fit: "data" has no input "left", which the network has (expected a recordDataset). Name its inputs as the network does.',
    );
  });
});

describe("weights of examples", () => {
  const net = () => sequential(input(3), dense(4, { activation: "tanh" }), dense(3)).initialize(5);
  const one = (more: Partial<FitOptions> = {}) => options({ loss: "crossEntropy", batchSize: length, ...more });
  const data = (sampleWeights?: Float32Array) =>
    dataset({ inputs: left, targets: classes, shape: [3], ...(sampleWeights === undefined ? {} : { sampleWeights }) });

  test("of 0 leave examples out", async () => {
    const half = Float32Array.from({ length }, (_, i) => (i < 15 ? 1 : 0));
    const [weighted, cut] = [net(), net()];
    await weighted.fit(data(half), one({ epochs: 3, shuffle: false }));
    const first = Array.from({ length: 15 }, (_, i) => i);
    await cut.fit(subset(data(), first), one({ epochs: 3, shuffle: false, batchSize: 15 }));
    const expected = cut.weight("dense.kernel");
    weighted.weight("dense.kernel").forEach((value, i) => {
      expect(value).toBeCloseTo(expected[i]!, 5);
    });
    const evaluated = await weighted.evaluate(data(half), { threads: 1 });
    const alone = await weighted.evaluate(subset(data(), first), { threads: 1 });
    expect(evaluated.loss).toBeCloseTo(alone.loss, 5);
  });

  test("go with their examples into parts", () => {
    const weights = Float32Array.from({ length }, (_, i) => i);
    expect(subset(data(weights), [4, 2]).columns!["sample weight"]!.values).toEqual(Float32Array.of(4, 2));
    expect(subset(records, [1]).columns!.left!.values).toEqual(left.slice(3, 6));
  });

  test("are checked", async () => {
    const making = (weights: Float32Array) => messageOf(Promise.resolve().then(() => data(weights)));
    expect(await making(new Float32Array(3))).toBe(
      'dataset "data": sampleWeights does not match the examples (expected 30 · 1 values, received 3).',
    );
    expect(await making(new Float32Array(length).fill(-1))).toBe(
      'dataset "data": the weight of example 0 is negative (expected numbers ≥ 0, received -1).',
    );
  });
});

describe("labels of pixels", () => {
  test("of a class that is ignored count nothing", async () => {
    const shape = [2, 3, 4];
    const labels = Int32Array.from({ length: 10 * 6 }, (_, i) => (i % 4 === 0 ? 255 : i % 3));
    const images = recordDataset({
      inputs: { image: { values: formulaValues(4, [10, ...shape]), shape } },
      targets: { mask: { values: labels, shape: [2, 3] } },
    });
    const x = input(2, 3, 4);
    const net = model(x, add()(x, x));
    const loss = crossEntropy({ ignoreIndex: 255 });
    const { accuracy } = await net.evaluate(images, { loss, threads: 1, batchSize: 3 });
    // 45 of 60 pixels count
    expect(accuracy! * 45).toBeCloseTo(Math.round(accuracy! * 45), 4);
    expect(await messageOf(net.evaluate(images, { loss: "crossEntropy", threads: 1 }))).toBe(
      'evaluate: label 255 of example 0 of "data" is not a class of the network (expected 0 to 3, received 255). Give the last layer 256 units, or correct the labels.',
    );
  });
});
