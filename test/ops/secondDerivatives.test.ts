import { describe, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { activations } from "../../src/model/activations.js";
import { batchMatmulNode } from "../../src/ops/batchMatmul.js";
import { multiply, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { padModes, padNode } from "../../src/ops/pad.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { distinct } from "../harness/case.js";
import { checkBackends, checkDifferences, useBackends } from "../harness/check.js";
import { addLoss } from "../harness/graph.js";

const shape = [2, 5, 6, 3];
const windows = { kernel: [3, 2], strides: [2, 2], padding: [1, 1, 0, 0], dilation: [1, 1] };

const families: Readonly<Record<string, (builder: GraphBuilder, input: Node) => Node>> = {
  slice: (builder, a) => builder.add(ops.slice, [a], { start: [0, 4, 1, 0], size: [2, 3, 4, 3], step: [1, -2, 1, 1] }),
  concatenate: (builder, a) => builder.add(ops.concatenate, [a, a], { axis: 2 }),
  transpose: (builder, a) => builder.add(ops.transpose, [a], { permutation: [3, 1, 0, 2] }),
  ...Object.fromEntries(
    padModes.map((mode) => [
      `pad, ${mode}`,
      (builder: GraphBuilder, a: Node) =>
        padNode(
          builder,
          a,
          [
            [0, 0],
            [2, 1],
            [0, 3],
            [1, 1],
          ],
          mode,
        ),
    ]),
  ),
  "resize, nearest": (builder, a) =>
    builder.add(ops.resize, [a], { axis: 1, size: 8, method: "nearest", alignCorners: false }),
  "resize, linear": (builder, a) =>
    builder.add(ops.resize, [a], { axis: 2, size: 9, method: "linear", alignCorners: true }),
  maxPool: (builder, a) => builder.add(ops.maxPool, [a], windows),
  averagePool: (builder, a) => builder.add(ops.averagePool, [a], { ...windows, divisor: "pixels" }),
  "averagePool, adaptive": (builder, a) => builder.add(ops.averagePool, [a], { outputSize: [3, 4], divisor: "pixels" }),
  windowSum: (builder, a) => builder.add(ops.windowSum, [a], { before: 1, after: 2 }),
  batchMatmul: (builder, a) => batchMatmulNode(builder, a, a, true),
  ...Object.fromEntries(
    (["sum", "mean", "max", "min", "prod"] as const).map((kind) => [
      `reduce, ${kind}`,
      (builder: GraphBuilder, a: Node) => reduceNode(builder, a, kind, [1, 3]),
    ]),
  ),
  ...Object.fromEntries(
    (["elu", "gelu", "geluTanh", "silu", "softplus", "softsign", "mish", "selu"] as const).map((name) => [
      name,
      (builder: GraphBuilder, a: Node) => mapNode(builder, [a], activations[name](x(0))),
    ]),
  ),
};

describe("second derivatives against finite differences of first ones", () => {
  const backends = useBackends();
  it.each(Object.entries(families))("%s", async (name, make) => {
    const builder = new GraphBuilder();
    const input = builder.input("x", shape, "float32");
    const value = make(builder, input);
    const squares = mapNode(builder, [value], multiply(x(0), x(0)));
    const axes = value.shape.map((_, axis) => axis);
    const [slope] = differentiate(builder, reduceNode(builder, squares, "sum", axes), [input]);
    builder.output("value", slope!);
    const leaves = {
      x: Float32Array.from(distinct(sizeOf(shape), new RandomStream(keyOf(1, name)), 0)),
      r: Float32Array.from(distinct(sizeOf(shape), new RandomStream(keyOf(2, name)), 1)),
    };
    addLoss(builder, slope!, [input]);
    const graph = builder.build();
    await checkDifferences({ graph, leaves, wrt: ["x"] }, graph);
    await checkBackends({ graph, leaves }, backends());
  });
});
