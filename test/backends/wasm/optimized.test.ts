import { beforeAll, describe, expect, it } from "vitest";
import { createWasmBackend } from "../../../src/backends/wasm/index.js";
import type { Engine } from "../../../src/backends/wasm/kernel.js";
import { computesRightly } from "../../../src/backends/wasm/selfCheck.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Node } from "../../../src/graph/types.js";
import { activations } from "../../../src/model/activations.js";
import { x } from "../../../src/ops/expression.js";
import { ops } from "../../../src/ops/index.js";
import { mapNode } from "../../../src/ops/map.js";
import { padModes } from "../../../src/ops/pad.js";
import { reduceNode } from "../../../src/ops/reduce.js";

/**
 * The harness runs kernels once or twice, as the baseline compiler makes them. Here each runs as optimised code, where
 * V8 may join neighbouring vectors into wider ones.
 */
const image = [2, 9, 11, 40];
const graphs: Readonly<Record<string, (builder: GraphBuilder, image: Node) => Node[]>> = {
  slice: (builder, x) => [
    builder.add(ops.slice, [x], { start: [0, 1, 2, 0], size: [2, 7, 8, 40], step: [1, 1, 1, 1] }),
    builder.add(ops.slice, [x], { start: [1, 8, 10, 39], size: [2, 4, 5, 20], step: [-1, -2, -2, -1] }),
  ],
  sliceGradient: (builder, x) => [
    builder.add(ops.sliceGradient, [x], {
      start: [0, 3, 2, 1],
      size: image,
      step: [1, 2, 1, 1],
      inputShape: [2, 22, 16, 45],
    }),
  ],
  concatenate: (builder, x) => [0, 1, 3].map((axis) => builder.add(ops.concatenate, [x, x, x], { axis })),
  transpose: (builder, x) =>
    [
      [0, 3, 1, 2],
      [0, 2, 1, 3],
      [3, 2, 1, 0],
    ].map((permutation) => builder.add(ops.transpose, [x], { permutation })),
  pad: (builder, x) =>
    padModes.map((mode) => {
      const padding = [[0, 0] as const, [2, 1] as const, [3, 4] as const, [0, 9] as const];
      return builder.add(ops.pad, [x], { padding, mode, value: mode === "constant" ? 0.5 : 0 });
    }),
  resize: (builder, x) =>
    [1, 2].flatMap((axis) =>
      (["nearest", "linear"] as const).flatMap((method) => {
        const attributes = { axis, method, alignCorners: false } as const;
        return [
          builder.add(ops.resize, [x], { ...attributes, size: 17 }),
          builder.add(ops.resizeGradient, [x], { ...attributes, size: image[axis]!, inputSize: 5 }),
        ];
      }),
    ),
  pool: (builder, x) => {
    const windows = { kernel: [3, 2], strides: [2, 2], padding: [1, 1, 0, 0], dilation: [1, 2] };
    const pooled = builder.add(ops.maxPool, [x], windows);
    const mean = builder.add(ops.averagePool, [x], { outputSize: [4, 3], divisor: "pixels" });
    return [
      pooled,
      mean,
      builder.add(ops.maxPoolGradient, [x, pooled, pooled], windows),
      builder.add(ops.maxPoolPick, [x, pooled, x], windows),
      builder.add(ops.averagePoolGradient, [mean], { outputSize: [4, 3], divisor: "pixels", inputShape: image }),
    ];
  },
  batchMatmul: (builder) => {
    const [a, b] = [builder.input("a", [3, 50, 40], "float32"), builder.input("b", [3, 40, 40], "float32")];
    return [builder.add(ops.batchMatmul, [a, b], { transposeA: false })];
  },
  windowSum: (builder, x) => [builder.add(ops.windowSum, [x], { before: 2, after: 2 })],
  reduce: (builder, x) =>
    (["max", "min", "prod"] as const).flatMap((kind) =>
      [[0], [1, 2], [3]].map((axes) => reduceNode(builder, x, kind, axes)),
    ),
};

const { linear: _, ...computed } = activations; // which is no node of its own
const pointwise = Object.fromEntries(
  Object.entries(computed).map(([name, activation]) => [
    name,
    (builder: GraphBuilder, input: Node) => [mapNode(builder, [input], activation(x(0)))],
  ]),
);

describe("kernels as optimised code", () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = (await createWasmBackend({ threads: 1 })).engine;
  });
  it.each(Object.entries({ ...graphs, ...pointwise }))("%s", async (_, make) => {
    const builder = new GraphBuilder();
    make(builder, builder.input("x", image, "float32")).forEach((node, i) => builder.output(`${i}`, node));
    expect(await computesRightly(engine, builder.build())).toBe(true);
  });
});
