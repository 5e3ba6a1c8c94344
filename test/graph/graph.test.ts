import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import { printGraph } from "../../src/graph/print.js";
import type { Graph, Node } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { add, less, maximum, multiply, random, select, subtract, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { reshapeNode } from "../../src/ops/reshape.js";

/** A small convolution net with dropout, a loss and one step of gradient descent that is not one. */
function example(): Graph {
  const builder = new GraphBuilder();
  const images = builder.input("images", [2, 8, 8, 1], "uint8");
  const labels = builder.input("labels", [2], "int32");
  const key = builder.input("key", [2], "int32");
  const filter = builder.variable("conv.weights", [3, 3, 1, 4]);
  const bias = builder.variable("conv.bias", [4]);
  const weights = builder.variable("dense.weights", [64, 10]);
  const floats = mapNode(builder, [images], multiply(x(0), 1 / 256), undefined, "scale");
  const attributes = { strides: [2, 2], padding: [0, 1, 0, 1], dilation: [1, 1], groups: 1 } as const;
  const features = builder.scope("conv", () => {
    const sums = builder.add(ops.conv, [floats, filter], attributes);
    return mapNode(builder, [sums, bias], maximum(add(x(0), x(1)), 0));
  });
  const dropped = builder.scope("dropout", () =>
    mapNode(builder, [features, key], select(less(random(1, 0), 0.5), multiply(x(0), 2), 0)),
  );
  const logits = matmulNode(builder, reshapeNode(builder, dropped, [2, 64]), weights, false, false, "dense");
  const losses = builder.add(ops.softmaxCrossEntropy, [logits, labels], {}, "loss");
  builder.output("loss", reduceNode(builder, losses, "mean", [0], "loss"));
  const zero = builder.constant(0);
  builder.update(bias, mapNode(builder, [bias, zero], subtract(x(0), x(1)), undefined, "step"));
  return builder.build();
}

describe("printGraph", () => {
  it("prints one node a line, then updates and outputs", () => {
    expect(printGraph(example())).toMatchInlineSnapshot(`
      "%0 = input() {input: "images"} : uint8[2, 8, 8, 1]  # images
      %1 = input() {input: "labels"} : int32[2]  # labels
      %2 = input() {input: "key"} : int32[2]  # key
      %3 = variable() {variable: "conv.weights"} : float32[3, 3, 1, 4]  # conv.weights
      %4 = variable() {variable: "conv.bias"} : float32[4]  # conv.bias
      %5 = variable() {variable: "dense.weights"} : float32[64, 10]  # dense.weights
      %6 = map(%0) {expression: multiply($0, 0.00390625)} : float32[2, 8, 8, 1]  # scale
      %7 = conv(%6, %3) {strides: [2, 2], padding: [0, 1, 0, 1], dilation: [1, 1], groups: 1} : float32[2, 4, 4, 4]  # conv
      %8 = map(%7, %4) {expression: maximum(add($0, $1), 0)} : float32[2, 4, 4, 4]  # conv
      %9 = map(%8, %2) {expression: select(less(random($1, 0), 0.5), multiply($0, 2), 0)} : float32[2, 4, 4, 4]  # dropout
      %10 = reshape(%9) {shape: [2, 64]} : float32[2, 64]
      %11 = matmul(%10, %5) {transposeA: false, transposeB: false} : float32[2, 10]  # dense
      %12 = softmaxCrossEntropy(%11, %1) : float32[2]  # loss
      %13 = reduce(%12) {kind: "mean", axes: [0]} : float32[]  # loss
      %14 = constant() {value: 0} : float32[]
      %15 = map(%4, %14) {expression: subtract($0, $1)} : float32[4]  # step
      update conv.bias <- %15
      output loss = %13
      "
    `);
  });
});

describe("GraphBuilder", () => {
  it("makes equal nodes once", () => {
    const builder = new GraphBuilder();
    const a = builder.input("a", [3], "float32");
    const twice = () => mapNode(builder, [a], multiply(x(0), 2));
    expect(twice()).toBe(twice());
    expect(mapNode(builder, [a], multiply(x(0), 3))).not.toBe(twice());
    expect(builder.constant(0)).toBe(builder.constant(0));
    expect(builder.constant(-0)).not.toBe(builder.constant(0));
    expect(builder.constant(Infinity)).not.toBe(builder.constant(NaN));
    expect(builder.constant(Infinity)).not.toBe(builder.constant(-Infinity));
  });

  it("continues a graph", () => {
    const graph = example();
    expect(GraphBuilder.from(graph).build()).toEqual(graph);
  });

  it("refuses nodes of another graph", () => {
    const a = new GraphBuilder().input("a", [3], "float32");
    expect(() => mapNode(new GraphBuilder(), [a], multiply(x(0), 2), undefined, "double")).toThrow(
      'map "double": an input belongs to another graph.',
    );
  });
});

describe("verifyGraph", () => {
  const graph = example();
  const change = (id: number, part: Partial<Node>): Graph => ({
    ...graph,
    nodes: graph.nodes.map((node) => (node.id === id ? { ...node, ...part } : node)),
  });
  const find = (name: string, op: string) => graph.nodes.find((node) => node.name === name && node.op === op)!.id;
  const [loss, bias, weights] = [
    find("loss", "reduce"),
    find("conv.bias", "variable"),
    find("dense.weights", "variable"),
  ];
  const step = graph.updates[0]!.value;

  it("passes a good graph through", () => {
    expect(verifyGraph(graph, ops)).toBe(graph);
  });

  const mean = `node %${loss} = reduce(%${loss - 1}) {kind: "mean", axes: [0]} : float32[]  # loss`;
  const faults: readonly [string, Graph, string][] = [
    [
      "a node out of place",
      change(loss, { id: 99 }),
      `${mean.replace(`%${loss}`, "%99")}: stands at position ${loss}.`,
    ],
    ["an unknown op", change(loss, { op: "reduct" }), `${mean.replace("reduce", "reduct")}: op "reduct" is unknown.`],
    [
      "an input that comes later",
      change(loss, { inputs: [loss + 1] }),
      `${mean.replace(`(%${loss - 1})`, `(%${loss + 1})`)}: reads node ${loss + 1}, which is not before it.`,
    ],
    [
      "another type than inferred",
      change(loss, { shape: [1] }),
      `${mean.replace("float32[]", "float32[1]")}: has type float32 [1], the op infers float32 [].`,
    ],
    ["an output without node", { ...graph, outputs: { loss: 99 } }, 'output "loss": no node 99.'],
    [
      "an update of something else",
      { ...graph, updates: [{ variable: loss, value: step }] },
      'update of "loss": its target is not a variable.',
    ],
    [
      "an update with another type",
      { ...graph, updates: [{ variable: weights, value: step }] },
      'update of "dense.weights": the new value has another type.',
    ],
    [
      "an update with a node that is not there",
      { ...graph, updates: [{ variable: bias, value: 99 }] },
      'update of "conv.bias": the new value has another type.',
    ],
    [
      "two updates of a variable",
      { ...graph, updates: [...graph.updates, { variable: bias, value: bias }] },
      'update of "conv.bias": the variable is updated twice.',
    ],
  ];
  for (const [what, faulty, message] of faults) {
    it(`refuses ${what}`, () => {
      expect(() => verifyGraph(faulty, ops)).toThrowError(expect.objectContaining({ name: "FoveaError", message }));
    });
  }
});
