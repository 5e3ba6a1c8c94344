import { describe, expect, test } from "vitest";
import { keyOf, permutation, RandomStream } from "../../src/core/random.js";
import { augment, type Dataset, dataset, lazyDataset, noise, recordDataset, split } from "../../src/data/index.js";
import {
  adam,
  conv1d,
  dense,
  embedding,
  flatten,
  globalMaxPool1d,
  input,
  type Model,
  maximum,
  model,
  modelFromBytes,
  sequential,
} from "../../src/index.js";
import { saliency } from "../../src/inspect/index.js";
import { summarize } from "../../src/inspect/summary.js";
import { messageOf } from "./messages.js";

const vocabulary = 30;
const steps = 12;

/**
 * Sequences of words of three kinds. A sequence is of class 1 where a word of the first kind stands right before one of
 * the second. The numbers of the words, drawn at random, say nothing about their kinds.
 */
function sequences(length: number, seed: number): Dataset {
  const words = permutation(vocabulary, keyOf(1, "words"));
  const stream = new RandomStream(keyOf(seed, "sequences"));
  const kindOf = (word: number) => words[word]! % 3;
  const inputs = new Int32Array(length * steps);
  const targets = Int32Array.from({ length }, (_, example) => example % 2);
  targets.forEach((target, example) => {
    const sequence = inputs.subarray(example * steps, (example + 1) * steps);
    const isMet = () => sequence.some((word, i) => i > 0 && kindOf(sequence[i - 1]!) === 0 && kindOf(word) === 1);
    do {
      for (let i = 0; i < steps; i++) sequence[i] = stream.integer(vocabulary);
    } while (Number(isMet()) !== target);
  });
  return dataset({ name: "sequences", inputs, targets, shape: [steps], classes: 2 });
}

const tokens = () => input([steps], { dtype: "int32" });

const classifier = () =>
  sequential(
    tokens(),
    embedding(vocabulary, 6),
    conv1d(12, 2, { padding: "causal", activation: "relu" }),
    globalMaxPool1d(),
    dense(2),
  );

const data = sequences(1200, 1);
const options = { loss: "crossEntropy", optimizer: adam(0.01), batchSize: 40, seed: 1, progress: false } as const;
const bitsOf = (net: Model) => net.weightNames.map((name) => [name, ...net.weight(name)]);
const refusal = (attempt: () => unknown) => messageOf((async () => attempt())());
const withBytes = (of: Dataset): Dataset => ({ ...of, inputs: Uint8Array.from(of.inputs) });

describe("a classifier of sequences", () => {
  test("learns what words have in common, which their numbers do not say", async () => {
    const unseen = sequences(400, 2);
    const net = classifier();
    await net.fit(data, { ...options, epochs: 12, threads: 2 });
    expect((await net.evaluate(unseen)).accuracy).toBeGreaterThan(0.97);

    const asNumbers = (of: Dataset): Dataset => ({
      ...of,
      inputs: Float32Array.from(of.inputs, (token) => token / vocabulary),
      shape: [steps, 1],
    });
    const withoutVectors = sequential(
      input(steps, 1),
      conv1d(12, 2, { padding: "causal", activation: "relu" }),
      globalMaxPool1d(),
      dense(2),
    );
    await withoutVectors.fit(asNumbers(data), { ...options, epochs: 12, threads: 2 });
    expect((await withoutVectors.evaluate(asNumbers(unseen))).accuracy).toBeLessThan(0.8);
  });

  test("gets the same bits on any number of threads, from bytes, and from data that are read", async () => {
    const read = lazyDataset({
      length: data.length,
      shape: data.shape,
      inputType: "int32",
      targets: data.targets,
      read: (index, inputs) => inputs.set(data.inputs.subarray(index * steps, (index + 1) * steps)),
    });
    const runs: readonly [Dataset, number][] = [
      [data, 1],
      [data, 2],
      [withBytes(data), 2],
      [read, 1],
    ];
    const results = [];
    for (const [examples, threads] of runs) {
      const net = classifier();
      await net.fit(examples, { ...options, epochs: 2, threads, validation: 0.1 });
      results.push({ bits: bitsOf(net), measured: await net.evaluate(examples, { threads }) });
    }
    for (const result of results.slice(1)) expect(result).toEqual(results[0]);
  });

  test("is saved, and predicts as before", async () => {
    const net = classifier().initialize(3);
    const copy = modelFromBytes(net.toBytes());
    expect(copy.network.inputs[0]).toMatchObject({ shape: [steps], dtype: "int32" });
    const examples = data.inputs.subarray(0, 5 * steps);
    const scores = await net.predict(examples);
    expect(await copy.predict(examples)).toEqual(scores);
    expect(await copy.predict(Uint8Array.from(examples))).toEqual(scores);
  });

  test("is summarised, with what a step sees", () => {
    const { layers } = summarize(classifier().network);
    expect(layers.map(({ kind, parameters }) => [kind, parameters])).toEqual([
      ["input", 0],
      ["embedding", 180],
      ["conv1d", 156],
      ["globalMaxPool1d", 0],
      ["dense", 26],
    ]);
    expect(layers.slice(0, 3).map(({ receptiveField }) => receptiveField.map(({ size }) => size))).toEqual([
      [1],
      [1],
      [2],
    ]);
  });
});

test("padding begins as zeros, and stays", async () => {
  const net = sequential(tokens(), embedding(vocabulary, 4, { paddingIndex: 7 }), flatten(), dense(2));
  const row = () => [...net.weight("embedding.embeddings").subarray(28, 32)];
  net.initialize(1);
  expect(row()).toEqual([0, 0, 0, 0]);
  const before = net.weight("embedding.embeddings");
  await net.fit(data, { ...options, epochs: 1, threads: 1 });
  expect(row()).toEqual([0, 0, 0, 0]);
  const after = net.weight("embedding.embeddings");
  expect(after.filter((value, i) => value === before[i])).toHaveLength(4);
});

test("several inputs of tokens", async () => {
  const [first, second] = [tokens(), input([1], { name: "place", dtype: "int32" })];
  const joined = maximum()(embedding(vocabulary, 4)(first), embedding(5, 4, { name: "places" })(second));
  const net = model([first, second], dense(2)(flatten()(joined)));
  const places = Int32Array.from({ length: data.length }, (_, i) => i % 5);
  const records = (values: Int32Array) =>
    recordDataset({
      inputs: { input: { values: data.inputs, shape: [steps] }, place: { values, shape: [1] } },
      targets: { dense: { values: data.targets } },
    });
  const [rest] = split(records(places), 0.5);
  const { epochs } = await net.fit(rest, { ...options, epochs: 5, threads: 1 });
  expect(epochs.at(-1)!.loss).toBeLessThan(epochs[0]!.loss);
  expect(await refusal(() => net.evaluate(records(places.with(8, 5))))).toBe(
    'evaluate: token 5 in example 8 of "data" is not in the network\'s vocabulary (expected 0 to 4, received 5). Give embedding a larger vocabulary, or correct the tokens.',
  );
});

describe("mistakes are refused before any work", () => {
  const wrong = (token: number): Dataset => ({
    ...data,
    inputs: (data.inputs as Int32Array).with(3 * steps + 2, token),
  });
  const unknown = (where: string, token: number, examples: string) =>
    `${where}: token ${token} in example 3 of ${examples} is not in the network's vocabulary (expected 0 to 29, received ${token}). Give embedding a larger vocabulary, or correct the tokens.`;

  test("tokens that are not in the vocabulary", async () => {
    const net = classifier();
    for (const token of [-1, 30, 2 ** 31 - 1]) {
      const examples = wrong(token);
      const fit = () => net.fit(examples, { ...options, epochs: 1 });
      expect(await refusal(fit)).toBe(unknown("fit", token, '"sequences"'));
      const validated = () => net.fit(data, { ...options, epochs: 1, validation: examples });
      expect(await refusal(validated)).toBe(unknown("fit", token, '"sequences"'));
      expect(await refusal(() => net.evaluate(examples))).toBe(unknown("evaluate", token, '"sequences"'));
      expect(await refusal(() => net.predict(examples.inputs))).toBe(unknown("predict", token, "the examples"));
    }
    expect(await refusal(() => net.evaluate(withBytes(wrong(200))))).toBe(unknown("evaluate", 200, '"sequences"'));
  });

  test("the smallest vocabulary counts, within networks that are layers, too", async () => {
    const inner = classifier().asLayer();
    const x = tokens();
    const other = globalMaxPool1d()(embedding(20, 2)(x));
    const net = model(x, maximum()(inner(x), other));
    expect(await refusal(() => net.predict(new Int32Array(steps).fill(20)))).toMatch(/expected 0 to 19, received 20/);
    const all = sequential(tokens(), classifier().asLayer());
    expect(await refusal(() => all.predict(new Int32Array(steps).fill(30)))).toMatch(/expected 0 to 29, received 30/);
  });

  test("tokens that are read", async () => {
    const read = lazyDataset({
      name: "read",
      length: 6,
      shape: [steps],
      inputType: "int32",
      targets: new Int32Array(6),
      classes: 2,
      read: (index, inputs) => void inputs.fill(index === 3 ? 31 : 0),
    });
    expect(await refusal(() => classifier().fit(read, { ...options, epochs: 1 }))).toBe(unknown("fit", 31, '"read"'));
    expect(await refusal(() => classifier().evaluate(read))).toBe(unknown("evaluate", 31, '"read"'));
  });

  test("numbers for tokens, and tokens for numbers", async () => {
    const numbers: Dataset = { ...data, inputs: Float32Array.from(data.inputs) };
    expect(await refusal(() => classifier().fit(numbers, { ...options, epochs: 1 }))).toBe(
      'fit: "sequences" are numbers, but the network\'s input "input" takes tokens (expected int32 or uint8, received float32). Pass an Int32Array.',
    );
    const plain = sequential(input(steps), dense(2));
    expect(await refusal(() => plain.fit(data, { ...options, epochs: 1 }))).toBe(
      'fit: "sequences" are tokens, but the network\'s input "input" takes numbers (expected float32 or uint8, received int32). Declare it as input([12], { dtype: "int32" }), or pass a Float32Array.',
    );
    expect(await refusal(() => plain.predict(data.inputs))).toMatch(/^predict: the examples are tokens/);
  });

  test("layers that do not know what tokens stand for", async () => {
    expect(await refusal(() => dense(2)(tokens()))).toBe(
      'dense "dense": takes floats, and tokens are only names (expected floats, received tokens: an input of dtype int32). Put embedding(vocabulary, dimensions) before it.',
    );
    expect(await refusal(() => embedding(5, 2)(input(4)))).toBe(
      'embedding "embedding": takes tokens (expected tokens: an input of dtype int32, received floats). Give it an input([4], { dtype: "int32" }).',
    );
    const x = tokens();
    expect(await refusal(() => model(x, [x, flatten()(embedding(5, 2)(x))]))).toBe(
      "network: output 1 is an input of tokens. Outputs are what layers make of them.",
    );
    expect(await refusal(() => embedding(5, 2, { paddingIndex: 5 }))).toBe(
      "embedding: wrong paddingIndex (expected a token, 0 to 4, received 5).",
    );
    expect(await refusal(() => embedding(0, 2))).toBe(
      "embedding: wrong vocabulary (expected a whole number ≥ 1, received 0).",
    );
  });

  test("variation, and views of pictures", async () => {
    const varied = () => classifier().fit(data, { ...options, epochs: 1, augment: augment(noise(0.1)) });
    expect(await refusal(varied)).toMatch(/noise varies numbers, and tokens are only names/);
    expect(await refusal(() => saliency(classifier(), data.inputs.subarray(0, steps)))).toBe(
      "saliency: looks at networks that take numbers (received tokens).",
    );
  });
});

test("a loss that is not finite names the embedding that holds the culprit", async () => {
  const net = classifier().initialize(1);
  net.setWeight("embedding.embeddings", net.weight("embedding.embeddings").with(4, Number.NaN));
  expect(await refusal(() => net.fit(data, { ...options, epochs: 1, threads: 1 }))).toMatch(
    /the first values that are not finite are in the weight "embedding\.embeddings"/,
  );
});
