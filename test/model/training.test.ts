import { describe, expect, it } from "vitest";
import {
  evaluationGraph,
  predictionGraph,
  type TrainingGraphOptions,
  trainingGraph,
} from "../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { keyOf } from "../../src/core/random.js";
import { printGraph } from "../../src/graph/print.js";
import type { Graph, VariableAttributes } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { initialize } from "../../src/model/initializers.js";
import {
  add,
  averagePool2d,
  conv2d,
  dense,
  dropout,
  flatten,
  maxPool2d,
  relu,
  reshape,
  softmax,
} from "../../src/model/layers/index.js";
import type { LossName } from "../../src/model/losses.js";
import { type Network, network, sequentialNetwork } from "../../src/model/network.js";
import { adadelta, adagrad, adam, adamW, lion, type Optimizer, rmsprop, sgd } from "../../src/model/optimizers.js";
import { input } from "../../src/model/symbolic.js";
import { ops } from "../../src/ops/index.js";
import { optimize } from "../../src/passes/index.js";
import type { Program, Store } from "../../src/plan/backend.js";

const inputsOf = (graph: Graph) =>
  graph.nodes.filter(({ op }) => op === "input").map(({ name, dtype, shape }) => `${name} ${dtype} [${shape}]`);

/** Every layer that there is: a residual block, both poolings, dropout, a reshape. */
function everything(): Network {
  const image = input(8, 8, 1);
  const stem = conv2d(4, 3, { activation: "relu" })(image);
  const block = add()(stem, conv2d(4, 3, { groups: 2 })(relu()(stem)));
  const pooled = averagePool2d(2)(maxPool2d(2)(block));
  const features = dropout(0.25)(reshape([16])(flatten()(pooled)));
  return network(image, dense(3)(dense(8, { activation: "tanh" })(features)));
}

const tiny = () => sequentialNetwork(input(3), dense(2));
const options: TrainingGraphOptions = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 4 };

describe("trainingGraph", () => {
  it("of a tiny network", () => {
    const graph = trainingGraph(tiny(), { ...options, optimizer: sgd(0.1, { momentum: 0.5 }), inputDtype: "uint8" });
    expect(printGraph(verifyGraph(graph, ops))).toMatchInlineSnapshot(`
      "%0 = input() {input: "input"} : uint8[4, 3]  # input
      %1 = map(%0) {expression: divide($0, 255)} : float32[4, 3]  # input
      %2 = variable() {variable: "dense.kernel"} : float32[3, 2]  # dense.kernel
      %3 = variable() {variable: "dense.bias"} : float32[2]  # dense.bias
      %4 = matmul(%1, %2) {transposeA: false, transposeB: false} : float32[4, 2]  # dense
      %5 = map(%4, %3) {expression: add($0, $1)} : float32[4, 2]  # dense
      %6 = input() {input: "target"} : int32[4]  # target
      %7 = softmaxCrossEntropy(%5, %6) : float32[4]  # loss
      %8 = reduce(%7) {kind: "mean", axes: [0]} : float32[]  # loss
      %9 = argmax(%5) : int32[4]  # accuracy
      %10 = map(%9, %6) {expression: equal($0, $1)} : float32[4]  # accuracy
      %11 = reduce(%10) {kind: "mean", axes: [0]} : float32[]  # accuracy
      %12 = constant() {value: 1} : float32[]
      %13 = reshape(%12) {shape: [1]} : float32[1]  # loss
      %14 = map(%13) {expression: divide($0, 4)} : float32[1]  # loss
      %15 = map(%14) {expression: $0, shape: [4]} : float32[4]  # loss
      %16 = softmaxCrossEntropyGradient(%5, %6, %15) : float32[4, 2]  # loss
      %17 = reduce(%16) {kind: "sum", axes: [0]} : float32[2]  # dense
      %18 = matmul(%1, %16) {transposeA: true, transposeB: false} : float32[3, 2]  # dense
      %19 = input() {input: "optimizer.learningRate"} : float32[]  # optimizer.learningRate
      %20 = variable() {variable: "optimizer.momentum.dense.kernel"} : float32[3, 2]  # optimizer.momentum.dense.kernel
      %21 = variable() {variable: "optimizer.momentum.dense.bias"} : float32[2]  # optimizer.momentum.dense.bias
      %22 = map(%20, %18, %8) {expression: select(equal(subtract($2, $2), 0), add(multiply(0.5, $0), $1), $0)} : float32[3, 2]  # optimizer.dense.kernel
      %23 = map(%2, %19, %22, %8) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0)} : float32[3, 2]  # optimizer.dense.kernel
      %24 = map(%21, %17, %8) {expression: select(equal(subtract($2, $2), 0), add(multiply(0.5, $0), $1), $0)} : float32[2]  # optimizer.dense.bias
      %25 = map(%3, %19, %24, %8) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0)} : float32[2]  # optimizer.dense.bias
      update optimizer.momentum.dense.kernel <- %22
      update dense.kernel <- %23
      update optimizer.momentum.dense.bias <- %24
      update dense.bias <- %25
      output loss = %8
      output accuracy = %11
      "
    `);
  });

  it.each([
    ["sgd", sgd(0.1)],
    ["momentum", sgd(0.1, { momentum: 0.9 })],
    ["nesterov", sgd(0.1, { momentum: 0.9, nesterov: true })],
    ["adam", adam()],
  ])("of every layer is well formed before and after the passes: %s", (_, optimizer) => {
    const graph = verifyGraph(trainingGraph(everything(), { ...options, optimizer }), ops);
    const optimized = verifyGraph(optimize(graph), ops);
    expect(graph.updates).toHaveLength(8 * (1 + optimizer.slots.length));
    expect(optimized.updates).toHaveLength(graph.updates.length);
    expect(inputsOf(graph)).toEqual([
      "input float32 [4,8,8,1]",
      "randomKey int32 [2]",
      "target int32 [4]",
      ...Object.keys(optimizer.scalars(1)).map((name) => `optimizer.${name} float32 []`),
    ]);
  });

  it("needs a random key only for what draws numbers, and labels only for accuracy", () => {
    const plain = trainingGraph(tiny(), options);
    expect(inputsOf(plain)).toEqual(["input float32 [4,3]", "target int32 [4]", "optimizer.learningRate float32 []"]);
    expect(Object.keys(plain.outputs)).toEqual(["loss", "accuracy"]);
    const squares = trainingGraph(tiny(), { ...options, loss: "meanSquaredError" });
    expect(inputsOf(squares)[1]).toBe("target float32 [4,2]");
    expect(Object.keys(squares.outputs)).toEqual(["loss"]);
    expect(Object.keys(trainingGraph(tiny(), { ...options, metrics: [] }).outputs)).toEqual(["loss"]);
  });

  it("takes the data type of the input unless told otherwise", () => {
    const net = sequentialNetwork(input([3], { dtype: "uint8", name: "pixels" }), dense(2));
    expect(inputsOf(trainingGraph(net, options))[0]).toBe("pixels uint8 [4,3]");
    expect(inputsOf(trainingGraph(net, { ...options, inputDtype: "float32" }))[0]).toBe("pixels float32 [4,3]");
  });
});

describe("graphs of examples in a table", () => {
  const table = { name: "training data", rows: 70 };
  const variablesOf = (graph: Graph) =>
    graph.nodes.flatMap(({ op, attributes, dtype, shape }) =>
      op === "variable" ? [`${(attributes as VariableAttributes).variable} ${dtype} [${shape}]`] : [],
    );

  it("take indices, and gather", () => {
    const graph = verifyGraph(trainingGraph(tiny(), { ...options, table, inputDtype: "uint8" }), ops);
    expect(inputsOf(graph)).toEqual(["indices int32 [4]", "optimizer.learningRate float32 []"]);
    expect(variablesOf(graph)).toEqual(
      expect.arrayContaining(["training data.input uint8 [70,3]", "training data.target int32 [70]"]),
    );
    const squares = verifyGraph(evaluationGraph(tiny(), { loss: "meanSquaredError", batchSize: 4, table }), ops);
    expect(inputsOf(squares)).toEqual(["indices int32 [4]"]);
    expect(variablesOf(squares)).toContain("training data.target float32 [70,2]");
  });

  it("normalise pixels while they are fetched", () => {
    const graph = verifyGraph(optimize(trainingGraph(tiny(), { ...options, table, inputDtype: "uint8" })), ops);
    const gathers = graph.nodes.filter(({ op }) => op === "gather");
    expect(gathers.map(({ name, dtype, attributes }) => `${name} ${dtype} ${JSON.stringify(attributes)}`)).toEqual([
      'input float32 {"epilogue":{"kind":"binary","fn":"divide","a":{"kind":"input","index":0},"b":{"kind":"constant","value":255}}}',
      "target int32 {}",
    ]);
  });
});

describe("evaluationGraph", () => {
  it("gives losses and hits per example, without dropout", () => {
    const graph = verifyGraph(evaluationGraph(everything(), { loss: "crossEntropy", batchSize: 4 }), ops);
    expect(inputsOf(graph)).toEqual(["input float32 [4,8,8,1]", "target int32 [4]"]);
    expect(Object.entries(graph.outputs).map(([name, id]) => [name, graph.nodes[id]!.shape])).toEqual([
      ["losses", [4]],
      ["correct", [4]],
    ]);
    const squares = evaluationGraph(everything(), { loss: "meanSquaredError", batchSize: 4 });
    expect(Object.keys(squares.outputs)).toEqual(["losses"]);
  });
});

describe("predictionGraph", () => {
  it("gives raw outputs, and probabilities when asked", () => {
    expect(Object.keys(predictionGraph(tiny(), { batchSize: 1 }).outputs)).toEqual(["output"]);
    const graph = verifyGraph(predictionGraph(tiny(), { batchSize: 1, softmax: true }), ops);
    expect(Object.entries(graph.outputs).map(([name, id]) => [name, graph.nodes[id]!.op])).toEqual([
      ["output", "map"],
      ["probabilities", "softmax"],
    ]);
  });

  it("does not apply softmax to a softmax", () => {
    const { outputs } = predictionGraph(sequentialNetwork(input(3), dense(2), softmax()), {
      batchSize: 1,
      softmax: true,
    });
    expect(outputs.probabilities).toBe(outputs.output);
  });

  it("numbers further outputs", () => {
    const x = input(3);
    const graph = predictionGraph(network(x, [dense(2)(x), relu()(x)]), { batchSize: 1 });
    expect(Object.keys(graph.outputs)).toEqual(["output", "output_1"]);
  });
});

/** A program of `net` on the reference backend, its weights initialised. */
async function start(net: Network, optimizer: Optimizer, batchSize: number, loss: LossName = "crossEntropy") {
  const backend = createReferenceBackend();
  const store = backend.createStore();
  const graph = optimize(trainingGraph(net, { loss, optimizer, batchSize }));
  const program = await backend.compile(backend.plan(graph), store);
  for (const spec of net.weights) {
    store.write(spec.name, initialize(spec.initializer, spec.shape, spec, keyOf(3, "initialize", spec.name)));
  }
  return { program, store };
}

function step(program: Program, optimizer: Optimizer, index: number, images: number[], targets: number[]): number {
  program.input("input").set(images);
  program.input("target").set(targets);
  if (program.plan.graph.nodes.some(({ name }) => name === "randomKey")) program.input("randomKey").set([1, index]);
  for (const [name, value] of Object.entries(optimizer.scalars(index))) program.input(`optimizer.${name}`)[0] = value;
  program.run();
  return program.output("loss")[0]!;
}

const snapshot = (store: Store) => store.names().map((name) => [name, [...store.read(name)]] as const);
const optimizers: readonly (readonly [string, Optimizer])[] = [
  ["sgd", sgd(0.1)],
  ["momentum", sgd(0.02, { momentum: 0.9 })],
  ["nesterov", sgd(0.02, { momentum: 0.9, nesterov: true })],
  ["adam", adam(0.01)],
  ["adamW", adamW(0.01, { weightDecay: 0.1 })],
  ["adagrad", adagrad(0.05)],
  ["rmsprop", rmsprop(0.005, { centered: true, momentum: 0.5 })],
  ["adadelta", adadelta(2, { epsilon: 1e-4 })],
  ["lion", lion(0.01)],
  ["clipped and averaged", adam(0.01, { clipValue: 0.5, clipNorm: 1, averageDecay: 0.9 })],
];

describe("a training step", () => {
  const labels = [0, 1, 2, 0];
  const images = Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i * (1 + labels[Math.floor(i / 64)]!)));

  it.each(optimizers)("lowers the loss: %s", async (_, optimizer) => {
    const { program } = await start(everything(), optimizer, 4);
    const losses = Array.from({ length: 20 }, (_, i) => step(program, optimizer, i + 1, images, labels));
    expect(losses.at(-1)).toBeLessThan(0.7 * losses[0]!);
  });

  it.each(optimizers)("changes nothing where the loss is NaN or infinite: %s", async (_, optimizer) => {
    const net = sequentialNetwork(input(4), dense(5, { activation: "sigmoid" }), dense(2));
    const { program, store } = await start(net, optimizer, 2, "meanSquaredError");
    step(program, optimizer, 1, [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 1, 0]);
    const before = snapshot(store);
    expect(before.flatMap(([, values]) => values).every((value) => Number.isFinite(value))).toBe(true);
    const { NaN: none, POSITIVE_INFINITY: infinity } = Number;
    expect(step(program, optimizer, 2, [1, 2, 3, 4, 5, 6, 7, none], [0, 1, 1, 0])).toBeNaN();
    expect(snapshot(store)).toEqual(before);
    for (const target of [1e30, infinity]) {
      expect(step(program, optimizer, 2, [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 1, target])).toBe(infinity);
      expect(snapshot(store)).toEqual(before);
    }
    expect(step(program, optimizer, 2, [1, 2, 3, 4, 5, 6, 7, 8], [0, 1, 1, 0])).toBeLessThan(100);
    expect(snapshot(store)).not.toEqual(before);
  });

  it("changes nothing where the norm of the gradients overflows, and goes on afterwards", async () => {
    const net = sequentialNetwork(input(2), dense(1));
    const optimizer = sgd(0.1, { clipNorm: 1, accumulationSteps: 2, momentum: 0.9, averageDecay: 0.5 });
    const { program, store } = await start(net, optimizer, 1, "meanSquaredError");
    step(program, optimizer, 1, [1, 2], [1]);
    step(program, optimizer, 2, [1, 2], [1]);
    const before = snapshot(store);
    // the loss, about 10³⁶, is finite; the gradient's square, about 10⁷², is not
    expect(Number.isFinite(step(program, optimizer, 3, [1e18, 0], [0]))).toBe(true);
    expect(snapshot(store)).toEqual(before);
    step(program, optimizer, 4, [1, 2], [3]);
    expect(snapshot(store)).not.toEqual(before);
  });

  it("only adds up gradients until the last of k steps", async () => {
    const net = sequentialNetwork(input(2), dense(1));
    const optimizer = sgd(0.1, { accumulationSteps: 3 });
    const { program, store } = await start(net, optimizer, 1, "meanSquaredError");
    const initial = [...store.read("dense.kernel")];
    const sum = () => [...store.read("optimizer.accumulated.dense.kernel")];
    for (const index of [1, 2]) {
      step(program, optimizer, index, [1, 2], [3]);
      expect([...store.read("dense.kernel")]).toEqual(initial);
      expect(sum().some((value) => value !== 0)).toBe(true);
    }
    step(program, optimizer, 3, [1, 2], [3]);
    expect([...store.read("dense.kernel")]).not.toEqual(initial);
    expect(sum()).toEqual([0, 0]);
  });

  it("drops with another mask in every step", async () => {
    const net = sequentialNetwork(input(64), dropout(0.5), dense(2));
    const { program } = await start(net, sgd(1e-9), 1);
    const ones = new Array<number>(64).fill(1);
    const losses = [1, 2, 3].map((index) => step(program, sgd(1e-9), index, ones, [0]));
    expect(new Set(losses).size).toBe(3);
  });
});

describe("errors", () => {
  const wrong = <T>(value: unknown) => value as T;
  const wordings: readonly [() => unknown, string][] = [
    [
      () => trainingGraph(tiny(), { ...options, table: { name: "training data", rows: 0 } }),
      "training graph: wrong table.rows (expected a whole number ≥ 1, received 0).",
    ],
    [
      () => trainingGraph(tiny(), { ...options, batchSize: 0 }),
      "training graph: wrong batchSize (expected a whole number ≥ 1, received 0).",
    ],
    [
      () => trainingGraph(tiny(), { ...options, loss: wrong("mse") }),
      'training graph: unknown loss "mse" (expected one of crossEntropy, binaryCrossEntropy, meanSquaredError, meanAbsoluteError, huber, hinge, squaredHinge, categoricalHinge, dice, klDivergence, cosineSimilarity).',
    ],
    [
      () => trainingGraph(tiny(), { ...options, inputDtype: wrong("complex") }),
      'training graph: unknown inputDtype "complex" (expected one of float32, uint8, int32).',
    ],
    [
      () => trainingGraph(tiny(), { ...options, inputDtype: "int32" }),
      'input "input": gets a node of another type (expected float32 [batch, 3], received int32 [4, 3]).',
    ],
    [
      () => trainingGraph(tiny(), wrong({ ...options, epochs: 3 })),
      'training graph: unknown option "epochs" (expected one of loss, lossWeights, sampleWeights, batchSize, inputDtype, table, metrics, optimizer, regularizers).',
    ],
    [
      () => trainingGraph(tiny(), { ...options, metrics: wrong(["acuracy"]) }),
      'training graph: unknown metric "acuracy" (expected one of accuracy). Did you mean "accuracy".',
    ],
    [
      () => evaluationGraph(tiny(), { loss: "meanSquaredError", batchSize: 1, metrics: ["accuracy"] }),
      "evaluation graph: accuracy has no meaning under meanSquaredError.",
    ],
    [
      () => trainingGraph(sequentialNetwork(input(3), dense(2), softmax()), options),
      'loss "crossEntropy": the network ends in a softmax, softmax "softmax". Remove the softmax: crossEntropy takes logits.',
    ],
    [
      () => predictionGraph(tiny(), wrong({ batchSize: 1, softMax: true })),
      'prediction graph: unknown option "softMax" (expected one of batchSize, inputDtype, softmax). Did you mean "softmax".',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
