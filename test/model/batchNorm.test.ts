import { describe, expect, it } from "vitest";
import { predictionGraph, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import type { NumericArray } from "../../src/core/dtypes.js";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { type Shape, sizeOf } from "../../src/core/shapes.js";
import { strokes } from "../../src/data/index.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { printNode } from "../../src/graph/print.js";
import type { Graph } from "../../src/graph/types.js";
import { modelFromBytes, sequential } from "../../src/index.js";
import { emitNetwork } from "../../src/model/emit.js";
import { initialize } from "../../src/model/initializers.js";
import {
  add,
  type BatchNormOptions,
  batchNorm,
  conv2d,
  dense,
  flatten,
  globalAveragePool2d,
  maxPool2d,
  relu,
} from "../../src/model/layers/index.js";
import { type Network, network, sequentialNetwork } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { formulaValues } from "../fixtures/formula.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { addLoss, compileGraph, gradientName, runGraph } from "../harness/graph.js";

/** Convolution, norm and rectifier, then convolution, norm, residual and rectifier. */
function residual(): Network {
  const image = input(8, 8, 3);
  const block = (index: number, x: SymbolicTensor) =>
    batchNorm({ name: `norm${index}` })(conv2d(4, 3, { useBias: false, name: `conv${index}` })(x));
  const stem = relu({ name: "relu0" })(block(0, image));
  const joined = relu({ name: "relu1" })(add({ name: "join" })(block(1, stem), stem));
  return network(image, dense(2, { name: "head" })(globalAveragePool2d({ name: "pool" })(joined)));
}

/** Nodes other than convolutions that read or write a tensor as large as an activation: the passes over memory. */
function passesOver(graph: Graph): string {
  const size = 2 * 8 * 8 * 4;
  const isLarge = (id: number) => sizeOf(graph.nodes[id]!.shape) >= size;
  return graph.nodes
    .filter(({ id, op, inputs }) => (op === "map" || op === "reduce") && [id, ...inputs].some(isLarge))
    .map((node) => printNode(node))
    .join("\n");
}

describe("batchNorm", () => {
  it("in training takes two sums and one map forward, two sums and one map backward", () => {
    const options = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 2, metrics: [] } as const;
    expect(passesOver(optimize(trainingGraph(residual(), options)))).toMatchInlineSnapshot(`
      "%14 = reduce(%13) {kind: "mean", axes: [0, 1, 2]} : float32[4]  # norm0
      %16 = reduce(%13, %15) {kind: "mean", axes: [0, 1, 2], prologue: multiply(subtract($0, $1), subtract($0, $1))} : float32[4]  # norm0
      %19 = map(%13, %15, %17, %18) {expression: maximum(add(multiply(subtract($0, $1), $2), $3), 0), shape: [2, 8, 8, 4]} : float32[2, 8, 8, 4]  # relu0
      %21 = reduce(%20) {kind: "mean", axes: [0, 1, 2]} : float32[4]  # norm1
      %23 = reduce(%20, %22) {kind: "mean", axes: [0, 1, 2], prologue: multiply(subtract($0, $1), subtract($0, $1))} : float32[4]  # norm1
      %26 = map(%19, %20, %22, %24, %25) {expression: maximum(add(add(multiply(subtract($1, $2), $3), $4), $0), 0), shape: [2, 8, 8, 4]} : float32[2, 8, 8, 4]  # relu1
      %27 = reduce(%26) {kind: "mean", axes: [1, 2]} : float32[2, 4]  # pool
      %38 = map(%26, %37) {expression: multiply($1, select(less(0, $0), 1, 0)), shape: [2, 8, 8, 4]} : float32[2, 8, 8, 4]  # relu1
      %39 = reduce(%20, %22, %38) {kind: "sum", axes: [0, 1, 2], prologue: multiply($2, subtract($0, $1))} : float32[4]  # norm1
      %40 = reduce(%38) {kind: "sum", axes: [0, 1, 2]} : float32[4]  # norm1
      %48 = map(%24, %38, %20, %22, %45, %47) {expression: add(add(multiply($1, $0), multiply($4, add(subtract($2, $3), subtract($2, $3)))), $5), shape: [2, 8, 8, 4]} : float32[2, 8, 8, 4]  # conv1
      %51 = reduce(%13, %15, %50) {kind: "sum", axes: [0, 1, 2], prologue: multiply($2, subtract($0, $1))} : float32[4]  # norm0
      %52 = reduce(%50) {kind: "sum", axes: [0, 1, 2]} : float32[4]  # norm0
      %60 = map(%17, %50, %13, %15, %57, %59) {expression: add(add(multiply($1, $0), multiply($4, add(subtract($2, $3), subtract($2, $3)))), $5), shape: [2, 8, 8, 4]} : float32[2, 8, 8, 4]  # conv0"
    `);
  });

  it("in use is the epilogue of the convolution before it", () => {
    expect(passesOver(optimize(predictionGraph(residual(), { batchSize: 2 })))).toMatchInlineSnapshot(
      `"%19 = reduce(%18) {kind: "mean", axes: [1, 2]} : float32[2, 4]  # pool"`,
    );
  });
});

/** The layer alone: its value, `loss = Σ value · r`, and the gradients of the loss. */
function layerGraph(shape: Shape, options: BatchNormOptions) {
  const builder = new GraphBuilder();
  const x = builder.input("x", shape, "float32");
  const net = sequentialNetwork(input(shape.slice(1)), batchNorm({ ...options, name: "norm" }));
  const { outputs, weights } = emitNetwork(net, builder, [x], { training: true });
  builder.output("value", outputs[0]!);
  const trained = net.weights.filter(({ trainable }) => trainable).map(({ name }) => weights.get(name)!);
  addLoss(builder, outputs[0]!, [x, ...trained]);
  const leaves: Record<string, NumericArray> = { x: formulaValues(0, shape), r: formulaValues(99, shape) };
  net.weights.forEach(({ name, shape: of }, i) => {
    leaves[name] = formulaValues(i + 1, of);
  });
  return { graph: builder.build(), leaves, wrt: ["x", ...trained.map(({ name }) => name)] };
}

describe("gradients of batchNorm", () => {
  const backends = useBackends();
  const layers: readonly (readonly [string, Shape, BatchNormOptions])[] = [
    ["of images", [2, 5, 3, 4], {}],
    ["of features", [9, 5], { epsilon: 1e-5 }],
    ["of sequences", [3, 4, 7], {}],
    ["without scale", [6, 5], { scale: false }],
    ["without center", [6, 5], { center: false }],
    ["without both", [6, 5], { scale: false, center: false }],
    ["of many rows", [8, 16, 17, 33], {}],
    ["of one value per channel", [1, 5], {}],
  ];

  it.each(layers)("%s: finite differences, and every backend", async (_, shape, options) => {
    const { graph, leaves, wrt } = layerGraph(shape, options);
    const exact = await runGraph(truth, { graph, leaves });
    const evaluate = await compileGraph(truth, graph);
    const h = 2 ** -16;
    for (const name of wrt) {
      const stream = new RandomStream(keyOf(7, name));
      const direction = Float64Array.from(leaves[name]!, () => stream.uniform(-1, 1));
      const loss = (step: number) => {
        const moved = Float64Array.from(leaves[name]!, (value, i) => value + step * direction[i]!);
        return evaluate({ ...leaves, [name]: moved }).loss![0]!;
      };
      const slope = direction.reduce((sum, d, i) => sum + d * exact[gradientName(name)]![i]!, 0);
      const scale = direction.reduce((sum, d, i) => sum + Math.abs(d * exact[gradientName(name)]![i]!), 0);
      expect(Math.abs((loss(h) - loss(-h)) / (2 * h) - slope)).toBeLessThanOrEqual(1e-6 * scale + 1e-9);
    }
    for (const each of [graph, optimize(graph)]) {
      const read = Object.entries(leaves).filter(([leaf]) => each.nodes.some(({ name }) => name === leaf));
      await checkBackends({ graph: each, leaves: Object.fromEntries(read) }, backends());
    }
  });
});

const steps = 4;

/** Steps of training on a backend; gives all weights, or those from before a step with a NaN among its inputs. */
async function train(backend: Backend, net: Network, shape: Shape, labels: readonly number[], spoilAt = 0) {
  const optimizer = sgd(0.05, { momentum: 0.9 });
  const store = backend.createStore();
  const options = { loss: "crossEntropy", optimizer, batchSize: labels.length, metrics: [] } as const;
  const program = await backend.compile(backend.plan(optimize(trainingGraph(net, options))), store);
  for (const spec of net.weights) {
    store.write(spec.name, initialize(spec.initializer, spec.shape, spec, keyOf(3, "initialize", spec.name)));
  }
  const snapshot = () => Object.fromEntries(net.weights.map(({ name }) => [name, [...store.read(name)]]));
  let before = snapshot();
  for (let step = 1; step <= steps; step++) {
    if (step === spoilAt) before = snapshot();
    const values = formulaValues(step, shape);
    if (step === spoilAt) values[1] = Number.NaN;
    program.input("input").set(values);
    program.input("target").set(labels);
    for (const [name, value] of Object.entries(optimizer.scalars(step))) program.input(`optimizer.${name}`)[0] = value;
    program.run();
    if (step === spoilAt) break;
  }
  return { before, after: snapshot() };
}

describe("running averages", () => {
  const labels = [0, 1, 1, 0];

  it("stay as they are where the loss is NaN", async () => {
    const { before, after } = await train(createReferenceBackend(), residual(), [4, 8, 8, 3], labels, 2);
    expect(after).toEqual(before);
    expect(Object.values(after).flat().every(Number.isFinite)).toBe(true);
    expect(after["norm0.movingMean"]).not.toEqual([0, 0, 0, 0]);
  });

  it("go on with every use of a shared layer", async () => {
    const shared = batchNorm({ momentum: 0.5, scale: false, center: false, name: "norm" });
    const x = input(2);
    const net = network(x, dense(2)(shared(shared(x))));
    const builder = new GraphBuilder();
    const { updates, weights } = emitNetwork(net, builder, [builder.input("x", [4, 2], "float32")], { training: true });
    for (const [name, value] of updates) builder.update(weights.get(name)!, value);
    const store = truth.createStore();
    const program = await truth.compile(truth.plan(builder.build()), store);
    store.write("norm.movingVariance", [1, 1]);
    program.input("x").set([1, 10, 3, 10, 5, 10, 7, 30]);
    program.run();
    // means 4 and 15, then 0; variances 5 · 4/3 and 75 · 4/3, then nearly 4/3
    const [mean, variance] = ["norm.movingMean", "norm.movingVariance"].map((name) => store.read(name));
    [4 / 4, 15 / 4].forEach((expected, i) => expect(mean![i]!).toBeCloseTo(expected, 12));
    [5, 75].forEach((biased, i) => {
      const second = (4 / 3) * (biased / (biased + 1e-3));
      expect(variance![i]!).toBeCloseTo(((1 + biased * (4 / 3)) / 2 + second) / 2, 12);
    });
  });

  it("and weights are the same bits on one thread and two", async () => {
    const [one, two] = [
      await createWasmBackend({ threads: 1 }),
      await createWasmBackend({ threads: 2, worthSharing: 0 }),
    ];
    const net = residual();
    const alone = await train(one, net, [4, 8, 8, 3], labels);
    expect((await train(two, net, [4, 8, 8, 3], labels)).after).toEqual(alone.after);
    await two.close();
  });
});

it("a model with norms learns, and keeps its averages in the file", async () => {
  const { train: digits } = await strokes({ train: 100, test: 10, seed: 1 });
  const convolution = conv2d(8, 5, { stride: 2, useBias: false });
  const net = sequential(
    input(28, 28, 1),
    ...[convolution, batchNorm({ momentum: 0.5 }), relu(), maxPool2d(2), flatten(), dense(10)],
  );
  // batches of 32, and one of 4
  await net.fit(digits, { loss: "crossEntropy", optimizer: sgd(0.1, { momentum: 0.9 }), epochs: 12, progress: false });
  expect((await net.evaluate(digits)).accuracy).toBeGreaterThan(0.9);
  expect([...net.weight("batchNorm.movingVariance")].every((value) => value > 0 && value !== 1)).toBe(true);
  const again = modelFromBytes(net.toBytes());
  expect(again.weight("batchNorm.movingMean")).toEqual(net.weight("batchNorm.movingMean"));
  expect(await again.predict(digits.inputs)).toEqual(await net.predict(digits.inputs));
});

describe("wordings", () => {
  const wrong = (value: unknown) => value as never;
  const wordings: readonly (readonly [() => unknown, string])[] = [
    [() => batchNorm({ momentum: 1 }), "batchNorm: wrong momentum (expected a number ≥ 0 and < 1, received 1)."],
    [() => batchNorm({ epsilon: 0 }), "batchNorm: wrong epsilon (expected a number > 0, received 0)."],
    [() => batchNorm({ scale: wrong("yes") }), 'batchNorm: wrong scale (expected true or false, received "yes").'],
    [
      () => batchNorm(wrong({ centre: false })),
      'batchNorm: unknown option "centre" (expected one of momentum, epsilon, scale, center, name). Did you mean "center".',
    ],
    [
      () => globalAveragePool2d()(wrong(input(10))),
      'globalAveragePool2d "globalAveragePool2d": input [10] is not an image (expected [height, width, channels], received [10]).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });

  it("of configurations and weights", () => {
    expect(batchNorm().config).toEqual({ momentum: 0.99, epsilon: 1e-3, scale: true, center: true });
    const weights = sequentialNetwork(input(4, 4, 3), batchNorm()).weights;
    expect(weights.map(({ name, shape, initializer, trainable }) => [name, shape, initializer, trainable])).toEqual([
      ["batchNorm.gamma", [3], "ones", true],
      ["batchNorm.beta", [3], "zeros", true],
      ["batchNorm.movingMean", [3], "zeros", false],
      ["batchNorm.movingVariance", [3], "ones", false],
    ]);
    expect(sequentialNetwork(input(3), batchNorm({ scale: false, center: false })).weights).toHaveLength(2);
    expect(globalAveragePool2d()(input(7, 5, 3)).shape).toEqual([3]);
    expect(batchNorm()(input(7, 5, 3)).shape).toEqual([7, 5, 3]);
  });
});
