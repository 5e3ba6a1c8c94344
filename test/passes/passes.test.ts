import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import type { NumericArray } from "../../src/core/dtypes.js";
import { keyOf, uniformAt } from "../../src/core/random.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { printGraph } from "../../src/graph/print.js";
import type { Graph, InputAttributes, VariableAttributes } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { conv2d, dropout, flatten, maxPool2d } from "../../src/model/layers/index.js";
import { type Network, sequentialNetwork } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { input } from "../../src/model/symbolic.js";
import { add, multiply, random, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import { foldConstants } from "../../src/passes/constants.js";
import { optimize, passes } from "../../src/passes/index.js";
import { separateOutputs } from "../../src/passes/outputs.js";
import { withoutDeadNodes } from "../../src/passes/rewrite.js";
import { lwls, mnistDeep, mnistMlp, mnistShallow } from "../../src/zoo/networks.js";
import { truth } from "../harness/backends.js";
import { randomGraph } from "../harness/randomGraph.js";

/** Random values for a leaf: a pure function of its name, so that every version of a graph gets the same. */
function valuesFor(name: string, size: number, target: NumericArray): void {
  const key = keyOf(5, name);
  for (let i = 0; i < size; i++) {
    // labels and keys are whole numbers
    target[i] = target instanceof Int32Array ? Math.floor(10 * uniformAt(key, i)) : uniformAt(key, i) - 0.5;
  }
}

/** Two steps in float64: outputs of each, and all variables at the end. */
async function run(graph: Graph): Promise<Record<string, NumericArray>> {
  const store = truth.createStore();
  const variables = graph.nodes.filter((node) => node.op === "variable");
  for (const node of variables) {
    const { variable } = node.attributes as VariableAttributes;
    store.declare(variable, node);
    const values = new Float64Array(sizeOf(node.shape));
    valuesFor(variable, values.length, values);
    store.write(variable, values);
  }
  const program = await truth.compile(truth.plan(graph), store);
  const results: Record<string, NumericArray> = {};
  for (const step of [1, 2]) {
    for (const node of graph.nodes.filter(({ op }) => op === "input")) {
      const { input: name } = node.attributes as InputAttributes;
      valuesFor(`${name} ${step}`, sizeOf(node.shape), program.input(name));
    }
    program.run();
    for (const name of Object.keys(graph.outputs)) results[`${name} of step ${step}`] = program.output(name).slice();
  }
  for (const name of store.names()) results[`variable ${name}`] = store.read(name);
  return results;
}

/** Relative to the largest element: sums may be taken in another order. */
const accuracy = 1e-12;

async function expectSame(changed: Graph, graph: Graph): Promise<void> {
  verifyGraph(changed, ops);
  const [actual, expected] = [await run(changed), await run(graph)];
  // variables that nothing reads or updates may be gone
  for (const [name, values] of Object.entries(expected)) {
    if (actual[name] === undefined && name.startsWith("variable ")) continue;
    let scale = 0;
    let difference = 0;
    values.forEach((value, i) => {
      scale = Math.max(scale, Math.abs(value));
      difference = Math.max(difference, Math.abs(value - actual[name]![i]!));
    });
    expect(difference, name).toBeLessThanOrEqual(accuracy * scale);
  }
  expect(Object.keys(changed.outputs)).toEqual(Object.keys(graph.outputs));
  expect(changed.updates.length).toBe(graph.updates.length);
}

const inputNames = (graph: Graph) => graph.nodes.filter(({ op }) => op === "input").map(({ name }) => name);

describe("random graphs", () => {
  const named = passes.map(({ name, run }) => [name, run] as const);
  it.each([...named, ["all passes", optimize] as const, ["separate outputs", separateOutputs] as const])(
    "%s: compute the same",
    async (_, pass) => {
      const property = fc.asyncProperty(randomGraph, async (graph) => {
        const frozen = JSON.stringify(graph);
        const changed = pass(graph);
        expect(JSON.stringify(graph), "the graph that came in").toBe(frozen);
        expect(inputNames(changed)).toEqual(inputNames(graph));
        await expectSame(changed, graph);
      });
      await fc.assert(property, { seed: 1, numRuns: 200 });
    },
  );

  it("are not changed by passes that already ran", () => {
    const property = fc.property(randomGraph, (graph) => {
      const once = optimize(graph);
      expect(printGraph(optimize(once))).toBe(printGraph(once));
    });
    fc.assert(property, { seed: 2, numRuns: 300 });
  });

  it("lose what nobody reads", () => {
    const property = fc.property(randomGraph, (graph) => {
      const optimized = optimize(graph);
      const read = new Set([
        ...optimized.nodes.flatMap(({ inputs }) => inputs),
        ...Object.values(optimized.outputs),
        ...optimized.updates.flatMap(({ variable, value }) => [variable, value]),
      ]);
      for (const { id, op } of optimized.nodes) if (op !== "input") expect(read).toContain(id);
      expect(optimized.nodes.filter(({ op }) => op === "constant")).toEqual([]);
    });
    fc.assert(property, { seed: 3, numRuns: 200 });
  });
});

describe("training graphs compute the same", () => {
  const training = (network: Network) =>
    trainingGraph(network, {
      loss: "crossEntropy",
      optimizer: sgd(0.02, { momentum: 0.9, nesterov: true }),
      batchSize: 2,
    });

  it.each([
    ["mnistShallow", mnistShallow],
    ["mnistDeep", mnistDeep],
    ["mnistMlp", mnistMlp],
    ["lwls", lwls],
  ])("%s", async (_, make) => {
    const graph = training(make());
    const optimized = optimize(graph);
    expect(optimized.nodes.length).toBeLessThan(graph.nodes.length);
    expect(printGraph(optimize(optimized))).toBe(printGraph(optimized));
    await expectSame(optimized, graph);
  });

  it("with dropout and pooling", async () => {
    const layers = [conv2d(3, 3, { activation: "relu" }), maxPool2d(2), flatten(), dropout(0.5)];
    const graph = training(sequentialNetwork(input(6, 6, 2), ...layers));
    await expectSame(optimize(graph), graph);
  });
});

describe("single passes", () => {
  const builder = () => {
    const made = new GraphBuilder();
    return { made, a: made.input("a", [2, 3], "float32"), v: made.variable("v", [2, 3]) };
  };

  it("dead nodes vanish, inputs stay", () => {
    const { made, a, v } = builder();
    mapNode(made, [a, v], multiply(x(0), x(1)));
    made.input("unused", [7], "int32");
    made.output("out", mapNode(made, [a], add(x(0), 1)));
    expect(printGraph(withoutDeadNodes(made.build()))).toMatchInlineSnapshot(`
      "%0 = input() {input: "a"} : float32[2, 3]  # a
      %1 = input() {input: "unused"} : int32[7]  # unused
      %2 = map(%0) {expression: add($0, 1)} : float32[2, 3]
      output out = %2
      "
    `);
  });

  it("constants fold through maps and reshapes", () => {
    const { made, a } = builder();
    const half = mapNode(made, [made.constant(2)], multiply(x(0), 0.25));
    const row = mapNode(made, [half], x(0), [3]);
    made.output("out", mapNode(made, [a, reshapeNode(made, row, [1, 3])], multiply(x(0), x(1))));
    // what another op reads has to be a tensor
    made.output("product", matmulNode(made, a, reshapeNode(made, mapNode(made, [half], x(0), [6]), [3, 2])));
    expect(printGraph(foldConstants(made.build()))).toMatchInlineSnapshot(`
      "%0 = input() {input: "a"} : float32[2, 3]  # a
      %1 = map(%0) {expression: multiply($0, 0.5), shape: [2, 3]} : float32[2, 3]
      %2 = map() {expression: 0.5, shape: [3, 2]} : float32[3, 2]
      %3 = matmul(%0, %2) {transposeA: false, transposeB: false} : float32[2, 2]
      output out = %1
      output product = %3
      "
    `);
  });

  it("random numbers of a row stay those of the row when it is broadcast", async () => {
    const { made, a } = builder();
    const key = made.input("key", [2], "int32");
    const row = mapNode(made, [made.input("row", [3], "float32"), key], add(x(0), random(1, 4)));
    made.output("out", mapNode(made, [a, row], add(x(0), x(1))));
    const graph = made.build();
    const optimized = optimize(graph);
    expect(optimized.nodes.filter(({ op }) => op === "map").length).toBe(2);
    await expectSame(optimized, graph);
  });

  it("outputs that name an updated variable get the value from before", () => {
    const { made, a, v } = builder();
    made.output("before", reshapeNode(made, v, [6]));
    made.output("other", a);
    made.update(v, mapNode(made, [v, a], add(x(0), x(1))));
    expect(printGraph(separateOutputs(made.build()))).toMatchInlineSnapshot(`
      "%0 = input() {input: "a"} : float32[2, 3]  # a
      %1 = variable() {variable: "v"} : float32[2, 3]  # v
      %2 = reshape(%1) {shape: [6]} : float32[6]
      %3 = map(%1, %0) {expression: add($0, $1)} : float32[2, 3]
      %4 = map(%2) {expression: $0} : float32[6]
      update v <- %3
      output before = %4
      output other = %0
      "
    `);
  });
});

describe("a small training graph", () => {
  const network = sequentialNetwork(input(4, 4, 1), conv2d(2, 3, { activation: "relu" }), maxPool2d(4), flatten());
  const graph = trainingGraph(network, { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 5 });

  it("before the passes", () => {
    expect(printGraph(graph)).toMatchInlineSnapshot(`
      "%0 = input() {input: "input"} : float32[5, 4, 4, 1]  # input
      %1 = variable() {variable: "conv2d.kernel"} : float32[3, 3, 1, 2]  # conv2d.kernel
      %2 = variable() {variable: "conv2d.bias"} : float32[2]  # conv2d.bias
      %3 = conv(%0, %1) {strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1} : float32[5, 4, 4, 2]  # conv2d
      %4 = map(%3, %2) {expression: maximum(add($0, $1), 0)} : float32[5, 4, 4, 2]  # conv2d
      %5 = maxPool(%4) {kernel: [4, 4], strides: [4, 4], dilation: [1, 1], padding: [0, 0, 0, 0]} : float32[5, 1, 1, 2]  # maxPool2d
      %6 = reshape(%5) {shape: [5, 2]} : float32[5, 2]  # flatten
      %7 = input() {input: "target"} : int32[5]  # target
      %8 = softmaxCrossEntropy(%6, %7) : float32[5]  # loss
      %9 = reduce(%8) {kind: "mean", axes: [0]} : float32[]  # loss
      %10 = argmax(%6) : int32[5]  # accuracy
      %11 = map(%10, %7) {expression: equal($0, $1)} : float32[5]  # accuracy
      %12 = reduce(%11) {kind: "mean", axes: [0]} : float32[]  # accuracy
      %13 = constant() {value: 1} : float32[]
      %14 = reshape(%13) {shape: [1]} : float32[1]  # loss
      %15 = map(%14) {expression: divide($0, 5)} : float32[1]  # loss
      %16 = map(%15) {expression: $0, shape: [5]} : float32[5]  # loss
      %17 = softmaxCrossEntropyGradient(%6, %7, %16) : float32[5, 2]  # loss
      %18 = reshape(%17) {shape: [5, 1, 1, 2]} : float32[5, 1, 1, 2]  # flatten
      %19 = maxPoolGradient(%4, %5, %18) {kernel: [4, 4], strides: [4, 4], dilation: [1, 1], padding: [0, 0, 0, 0]} : float32[5, 4, 4, 2]  # maxPool2d
      %20 = map(%4, %19) {expression: multiply($1, select(less(0, $0), 1, 0))} : float32[5, 4, 4, 2]  # conv2d
      %21 = reduce(%20) {kind: "sum", axes: [0, 1, 2]} : float32[2]  # conv2d
      %22 = convFilterGradient(%0, %20) {strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1, filterShape: [3, 3, 1, 2]} : float32[3, 3, 1, 2]  # conv2d
      %23 = input() {input: "optimizer.learningRate"} : float32[]  # optimizer.learningRate
      %24 = map(%1, %23, %22, %9) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0)} : float32[3, 3, 1, 2]  # optimizer.conv2d.kernel
      %25 = map(%2, %23, %21, %9) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0)} : float32[2]  # optimizer.conv2d.bias
      update conv2d.kernel <- %24
      update conv2d.bias <- %25
      output loss = %9
      output accuracy = %12
      "
    `);
  });

  it("after them", () => {
    expect(printGraph(optimize(graph))).toMatchInlineSnapshot(`
      "%0 = input() {input: "input"} : float32[5, 4, 4, 1]  # input
      %1 = variable() {variable: "conv2d.kernel"} : float32[3, 3, 1, 2]  # conv2d.kernel
      %2 = variable() {variable: "conv2d.bias"} : float32[2]  # conv2d.bias
      %3 = conv(%0, %1, %2) {strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1, epilogue: maximum(add($0, $1), 0)} : float32[5, 4, 4, 2]  # conv2d
      %4 = maxPool(%3) {kernel: [4, 4], strides: [4, 4], dilation: [1, 1], padding: [0, 0, 0, 0]} : float32[5, 1, 1, 2]  # maxPool2d
      %5 = reshape(%4) {shape: [5, 2]} : float32[5, 2]  # flatten
      %6 = input() {input: "target"} : int32[5]  # target
      %7 = softmaxCrossEntropy(%5, %6) : float32[5]  # loss
      %8 = reduce(%7) {kind: "mean", axes: [0]} : float32[]  # loss
      %9 = argmax(%5) : int32[5]  # accuracy
      %10 = map(%9, %6) {expression: equal($0, $1), shape: [5]} : float32[5]  # accuracy
      %11 = reduce(%10) {kind: "mean", axes: [0]} : float32[]  # accuracy
      %12 = map() {expression: 0.2, shape: [5]} : float32[5]  # loss
      %13 = softmaxCrossEntropyGradient(%5, %6, %12) : float32[5, 2]  # loss
      %14 = reshape(%13) {shape: [5, 1, 1, 2]} : float32[5, 1, 1, 2]  # flatten
      %15 = maxPoolGradient(%3, %4, %14) {kernel: [4, 4], strides: [4, 4], dilation: [1, 1], padding: [0, 0, 0, 0]} : float32[5, 4, 4, 2]  # maxPool2d
      %16 = map(%3, %15) {expression: multiply($1, select(less(0, $0), 1, 0)), shape: [5, 4, 4, 2]} : float32[5, 4, 4, 2]  # conv2d
      %17 = reduce(%16) {kind: "sum", axes: [0, 1, 2]} : float32[2]  # conv2d
      %18 = convFilterGradient(%0, %16) {strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1, filterShape: [3, 3, 1, 2]} : float32[3, 3, 1, 2]  # conv2d
      %19 = input() {input: "optimizer.learningRate"} : float32[]  # optimizer.learningRate
      %20 = map(%1, %19, %18, %8) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0), shape: [3, 3, 1, 2]} : float32[3, 3, 1, 2]  # optimizer.conv2d.kernel
      %21 = map(%2, %19, %17, %8) {expression: select(equal(subtract($3, $3), 0), subtract($0, multiply($1, $2)), $0), shape: [2]} : float32[2]  # optimizer.conv2d.bias
      update conv2d.kernel <- %20
      update conv2d.bias <- %21
      output loss = %8
      output accuracy = %11
      "
    `);
  });
});
