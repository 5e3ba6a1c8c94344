import { afterAll, describe, expect, it } from "vitest";
import { catalog } from "../../../src/backends/wasm/catalog.js";
import { createWasmBackend, type WasmBackend } from "../../../src/backends/wasm/index.js";
import { bindCatalog } from "../../../src/backends/wasm/kernel.js";
import { keyOf, normalAt } from "../../../src/core/random.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Graph } from "../../../src/graph/types.js";
import { conv, convInputGradient } from "../../../src/ops/conv.js";
import { add, maximum, multiply, x } from "../../../src/ops/expression.js";
import { mapNode } from "../../../src/ops/map.js";
import type { Backend } from "../../../src/plan/backend.js";
import { planGraph } from "../../../src/plan/plan.js";
import type { Plan } from "../../../src/plan/types.js";
import { type ConvolutionSpec, convolution } from "../../cases/conv.js";

/** Something for every kernel, with rests of pixels, rows and channels. */
const specs: readonly ConvolutionSpec[] = [
  { size: [13, 9], channels: 16, filters: 24, kernel: [5, 5], batch: 3 },
  { size: [9, 10], channels: 128, filters: 128, kernel: [3, 3], batch: 2 },
  { size: [11, 30], channels: 3, filters: 33, kernel: [7, 7], strides: [2, 2] },
  { size: [7, 11], channels: 5, filters: 18, kernel: [3, 2], strides: [2, 3], padding: [1, 0, 2, 1], batch: 2 },
  { size: [3, 4], channels: 6, filters: 7, kernel: [1, 1], strides: [2, 2], padding: 0 },
  { size: [8, 8], channels: 8, filters: 12, kernel: [3, 3], groups: 4, dilation: [2, 1] },
  { size: [1200], channels: 4, filters: 6, kernel: [3], dilation: [4] },
  { size: [5, 9, 10], channels: 16, filters: 24, kernel: [3, 3, 3] },
  { size: [2, 6, 7], channels: 64, filters: 96, kernel: [3, 3, 3], batch: 1 },
];

const window = { strides: [1, 1], dilation: [1, 1], groups: 1, padding: [1, 1, 1, 1] } as const;

type Op = "conv" | "convInputGradient";

/** A convolution whose epilogue reads an operand of the result's shape, which an earlier step computes. */
function graphOf({ image, filter, attributes }: NonNullable<ReturnType<typeof convolution>>, op: Op, keeps: boolean) {
  const builder = new GraphBuilder();
  const float = (name: string, shape: readonly number[]) => builder.input(name, shape, "float32");
  const [images, filters] = [float("image", image), float("filter", filter)];
  const epilogue = maximum(add(x(0), multiply(x(1), 3)), 0);
  // a first one, without an epilogue, has the shape of the result
  const bare = builder.add(conv, [images, filters], attributes);
  const backward = { ...attributes, inputShape: image };
  const shape = op === "conv" ? bare.shape : image;
  const operand = mapNode(builder, [float("operand", shape)], multiply(x(0), 2));
  const y =
    op === "conv"
      ? builder.add(conv, [images, filters, operand], { ...attributes, epilogue })
      : builder.add(convInputGradient, [float("gradient", bare.shape), filters, operand], { ...backward, epilogue });
  builder.output("y", y);
  if (keeps) builder.output("operand", operand);
  const graph = builder.build();
  return { graph, node: y.id, operand: operand.id };
}

function planWith({ engine }: WasmBackend, graph: Graph, name: string): Plan {
  return planGraph(graph, "wasm", bindCatalog(catalog, engine), {
    choose: ({ candidates, planned, node: { inputs } }) => {
      const wanted = inputs.length > 2 ? candidates.find((kernel) => kernel.name === name) : undefined;
      return { kernel: wanted ?? planned, reason: "tested" };
    },
  });
}

async function run(backend: Backend, plan: Plan): Promise<Float32Array> {
  const program = await backend.compile(plan, backend.createStore());
  for (const { op, name } of plan.graph.nodes) {
    if (op !== "input") continue;
    const values = program.input(name);
    for (let i = 0; i < values.length; i++) values[i] = Math.fround(normalAt(keyOf(5, name), i));
  }
  program.run();
  const values = Float32Array.from(program.output("y"));
  expect(values.some((value) => value > 0)).toBe(true);
  return values;
}

describe("a convolution that writes over its epilogue's operand", () => {
  const backends = new Map<string, Promise<WasmBackend>>();
  const open = (options: NonNullable<Parameters<typeof createWasmBackend>[0]>) => {
    const key = JSON.stringify(options);
    if (!backends.has(key)) backends.set(key, createWasmBackend(options));
    return backends.get(key)!;
  };
  afterAll(async () => {
    for (const backend of backends.values()) await (await backend).close();
  });
  const modes = [
    { threads: 1 },
    { threads: 3, worthSharing: 0 },
    { threads: 1, wide: false },
    { threads: 1, relaxedSimd: false },
  ];
  const tested = new Set<string>();

  for (const op of ["conv", "convInputGradient"] as const) {
    it.each(specs.map((spec) => convolution(spec)!))(`${op}: $name`, async (geometry) => {
      const [freed, kept] = [graphOf(geometry, op, false), graphOf(geometry, op, true)];
      for (const options of modes) {
        const backend = await open(options);
        for (const { name, overwrites } of catalog[op]) {
          if (overwrites === undefined) continue;
          const plan = planWith(backend, freed.graph, name);
          const step = plan.steps.find(({ node }) => node === freed.node)!;
          if (step.kernel !== name || plan.bufferOf[freed.operand] !== step.output) continue;
          tested.add(name);
          const apart = planWith(backend, kept.graph, name);
          expect(apart.bufferOf[kept.operand]).not.toBe(apart.bufferOf[kept.node]);
          expect(await run(backend, plan), `${name} ${JSON.stringify(options)}`).toEqual(await run(backend, apart));
        }
      }
    });
  }

  it("was tested with every kernel that says so", () => {
    const names = (["conv", "convInputGradient"] as const).flatMap((op) =>
      catalog[op].filter(({ overwrites }) => overwrites !== undefined).map(({ name }) => name),
    );
    expect(names.filter((name) => !tested.has(name))).toEqual([]);
  });

  it("does not where the operand is the image as well", async () => {
    const builder = new GraphBuilder();
    const image = mapNode(builder, [builder.input("image", [2, 8, 8, 16], "float32")], multiply(x(0), 2));
    const filter = builder.input("filter", [3, 3, 16, 16], "float32");
    const y = builder.add(conv, [image, filter, image], { ...window, epilogue: add(x(0), x(1)) });
    builder.output("y", y);
    const plan = (await open({ threads: 1 })).plan(builder.build());
    expect(plan.bufferOf[y.id]).not.toBe(plan.bufferOf[image.id]);
  });
});
