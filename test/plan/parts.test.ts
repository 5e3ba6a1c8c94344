import { afterAll, describe, expect, it } from "vitest";
import { evaluationGraph, predictionGraph, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { catalog } from "../../src/backends/wasm/catalog.js";
import { createWasmBackend, type WasmBackend } from "../../src/backends/wasm/index.js";
import { bindCatalog } from "../../src/backends/wasm/kernel.js";
import { keyOf, normalAt } from "../../src/core/random.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph, Node } from "../../src/graph/types.js";
import { conv2d, dense, flatten, maxPool2d } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { input } from "../../src/model/symbolic.js";
import { batchMatmulNode } from "../../src/ops/batchMatmul.js";
import { concatenate } from "../../src/ops/concatenate.js";
import { convInputGradient, convNode } from "../../src/ops/conv.js";
import { add, maximum, multiply, x } from "../../src/ops/expression.js";
import { gather } from "../../src/ops/gather.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { pad } from "../../src/ops/pad.js";
import { averagePool, maxPool } from "../../src/ops/pool.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import { resize } from "../../src/ops/resize.js";
import { slice } from "../../src/ops/slice.js";
import { argmax, softmax, softmaxCrossEntropy } from "../../src/ops/softmax.js";
import { transpose } from "../../src/ops/transpose.js";
import { windowSum } from "../../src/ops/windowSum.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend, Program } from "../../src/plan/backend.js";
import { inParts, inPartsOf } from "../../src/plan/parts.js";
import { planGraph } from "../../src/plan/plan.js";

const batch = 6;
const window = { strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 } as const;
const pool = { kernel: [2, 2], strides: [2, 2], dilation: [1, 1], padding: [0, 0, 0, 0] } as const;

/** A graph of one network of images [batch, 4, 6, 3]; `emit` gives its output. */
function graphOf(emit: (builder: GraphBuilder, image: Node) => Node): Graph {
  const builder = new GraphBuilder();
  builder.output("y", emit(builder, builder.input("image", [batch, 4, 6, 3], "float32")));
  return optimize(builder.build());
}

const rows = (builder: GraphBuilder, image: Node) => reshapeNode(builder, image, [batch, 72]);
const variable = (builder: GraphBuilder, ...shape: number[]) => builder.variable(`v ${shape}`, shape);

/** Ops that compute each example by itself. */
const separate: Readonly<Record<string, (builder: GraphBuilder, image: Node) => Node>> = {
  conv: (b, image) =>
    mapNode(b, [convNode(b, image, variable(b, 3, 3, 3, 5), window), variable(b, 5)], add(x(0), x(1))),
  convInputGradient: (b, image) =>
    b.add(convInputGradient, [image, variable(b, 3, 3, 2, 3)], { ...window, inputShape: [batch, 4, 6, 2] }),
  matmul: (b, image) => matmulNode(b, rows(b, image), variable(b, 72, 7)),
  batchMatmul: (b, image) => {
    const matrices = reshapeNode(b, image, [batch, 6, 12]);
    return batchMatmulNode(b, matrices, matrices, true);
  },
  map: (b, image) => mapNode(b, [image, variable(b, 3), variable(b, 1, 4, 1, 1)], multiply(add(x(0), x(1)), x(2))),
  gather: (b, image) => b.add(gather, [variable(b, 72, 4), b.add(argmax, [rows(b, image)], {})], {}),
  "a residual": (b, image) => {
    const result = convNode(b, image, variable(b, 3, 3, 3, 3), window);
    return mapNode(b, [result, image], maximum(add(x(0), x(1)), 0));
  },
  pools: (b, image) =>
    b.add(concatenate, [b.add(maxPool, [image], pool), b.add(averagePool, [image], { ...pool, divisor: "window" })], {
      axis: 3,
    }),
  reduce: (b, image) => reduceNode(b, image, "mean", [1, 2]),
  softmax: (b, image) => b.add(softmax, [rows(b, image)], {}),
  argmax: (b, image) => b.add(argmax, [rows(b, image)], {}),
  softmaxCrossEntropy: (b, image) =>
    b.add(softmaxCrossEntropy, [rows(b, image), b.add(argmax, [rows(b, image)], {})], {}),
  windowSum: (b, image) => b.add(windowSum, [image], { before: 1, after: 1 }),
  pad: (b, image) => {
    const padding = [
      [0, 0],
      [1, 0],
      [0, 2],
      [0, 0],
    ] as const;
    return b.add(pad, [image], { padding, mode: "constant", value: 2 });
  },
  slice: (b, image) => b.add(slice, [image], { start: [0, 1, 5, 0], size: [batch, 2, 3, 3], step: [1, 1, -2, 1] }),
  transpose: (b, image) => b.add(transpose, [image], { permutation: [0, 3, 1, 2] }),
  resize: (b, image) => b.add(resize, [image], { axis: 2, size: 9, method: "linear", alignCorners: false }),
  "unused weights": (b, image) => mapNode(b, [mapNode(b, [variable(b, 3)], multiply(x(0), 2)), image], add(x(0), x(1))),
};

/** Ops that mix examples, or whose results have none. */
const mixing: Readonly<Record<string, (builder: GraphBuilder, image: Node) => Node>> = {
  "a mean over the batch": (b, image) => reduceNode(b, image, "mean", [0]),
  "what is normalised by one": (b, image) =>
    mapNode(b, [image, reduceNode(b, image, "mean", [0, 1, 2])], multiply(x(0), x(1))),
  "another order of examples": (b, image) =>
    b.add(slice, [image], { start: [batch - 1, 0, 0, 0], size: [batch, 4, 6, 3], step: [-1, 1, 1, 1] }),
  "examples as rows of weights": (b, image) => matmulNode(b, variable(b, 7, batch), rows(b, image)),
  "examples beside each other": (b, image) =>
    b.add(slice, [b.add(concatenate, [image, image], { axis: 0 })], {
      start: [0, 0, 0, 0],
      size: [batch, 4, 6, 3],
      step: [1, 1, 1, 1],
    }),
  "as many weights as examples": (b, image) => mapNode(b, [image, variable(b, batch, 1, 1, 1)], add(x(0), x(1))),
  "examples that look each other up": (b, image) => {
    const order = b.add(argmax, [rows(b, image)], {});
    return b.add(gather, [image, order], {});
  },
  "the input itself": (_, image) => image,
};

const opened: WasmBackend[] = [];
afterAll(() => Promise.all(opened.map((backend) => backend.close())));

function fill(program: Program): void {
  const { buffers } = program.plan;
  for (const { name } of buffers.filter(({ kind }) => kind === "input")) {
    const values = program.input(name);
    for (let i = 0; i < values.length; i++) values[i] = normalAt(keyOf(5, name), i);
  }
}

async function outputOf(backend: Backend, plan: ReturnType<Backend["plan"]>): Promise<number[]> {
  const store = backend.createStore();
  const program = await backend.compile(plan, store);
  for (const name of store.names()) {
    const { length } = store.read(name);
    store.write(
      name,
      Array.from({ length }, (_, i) => normalAt(keyOf(6, name), i)),
    );
  }
  fill(program);
  program.run();
  // whatever the first run left behind changes nothing
  program.run();
  return [...program.output(Object.keys(plan.graph.outputs)[0]!)];
}

async function wasm(threads: number): Promise<WasmBackend> {
  const backend = await createWasmBackend({ threads, worthSharing: 0 });
  opened.push(backend);
  return backend;
}

describe("a batch in parts", () => {
  it.each(Object.entries(separate))("gives what the whole gives: %s", async (_name, emit) => {
    const graph = graphOf(emit);
    const truth = createReferenceBackend();
    const expected = await outputOf(truth, truth.plan(graph));
    const scale = Math.max(...expected.map(Math.abs));
    for (const size of [1, 2, 3]) {
      const part = inPartsOf(graph, size)!;
      expect(part.parts).toBe(batch / size);
      const results: number[][] = [];
      for (const threads of [1, 2, 3]) {
        const backend = await wasm(threads);
        const plan = planGraph(part.graph, "wasm", bindCatalog(catalog, backend.engine), { parts: part.parts });
        results.push(await outputOf(backend, plan));
      }
      const [first, ...others] = results;
      expect(first).toHaveLength(expected.length);
      const worst = Math.max(...first!.map((value, i) => Math.abs(value - expected[i]!)));
      expect(worst).toBeLessThanOrEqual(1e-5 * scale);
      for (const other of others) expect(other).toEqual(first);
    }
  });

  it.each(Object.entries(mixing))("is none with %s", (_name, emit) => {
    const graph = graphOf(emit);
    expect(inPartsOf(graph, 2)).toBeUndefined();
    expect(inParts(graph)).toEqual({ graph, parts: 1 });
  });

  const network = sequentialNetwork(
    input(48, 48, 3),
    conv2d(32, 5, { activation: "relu" }),
    maxPool2d(4),
    flatten(),
    dense(10),
  );

  it("is taken where what lies between layers is larger than a cache, and makes it smaller", async () => {
    const backend = await wasm(1);
    const planOf = (batchSize: number) => backend.plan(optimize(predictionGraph(network, { batchSize })));
    const [small, large] = [planOf(4), planOf(48)];
    expect(small.parts).toBe(1);
    expect(large.parts).toBeGreaterThan(4);
    expect(large.arenaBytes).toBeLessThan(48 * 48 * 4 * 32 * 48);
    const work = (plan: typeof large) => plan.steps.reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
    expect(work(large)).toBe(12 * work(small));
    // whoever wants to look at every tensor has all examples
    expect(backend.plan(optimize(predictionGraph(network, { batchSize: 48 })), { keepAll: true }).parts).toBe(1);
    const truth = createReferenceBackend();
    const graph = optimize(predictionGraph(network, { batchSize: 48 }));
    const [expected, received] = [await outputOf(truth, truth.plan(graph)), await outputOf(backend, large)];
    const scale = Math.max(...expected.map(Math.abs));
    expect(Math.max(...received.map((value, i) => Math.abs(value - expected[i]!)))).toBeLessThan(1e-5 * scale);
  });

  it("is taken in evaluation, from a table of any size too", async () => {
    const backend = await wasm(1);
    const partsOf = (rows?: number) => {
      const table = rows === undefined ? {} : { table: { name: "validation data", rows } };
      const options = { loss: "crossEntropy", batchSize: 48, inputDtype: "uint8", ...table } as const;
      return backend.plan(optimize(evaluationGraph(network, options))).parts;
    };
    expect(partsOf()).toBeGreaterThan(4);
    expect(partsOf(48)).toBe(partsOf(50));
    expect(partsOf(60_000)).toBe(partsOf(50));
  });

  it("keeps memory small where the weights are too large for caches to help", () => {
    const images = input(64, 64, 3);
    const heavy = sequentialNetwork(images, conv2d(32, 3), maxPool2d(2), flatten(), dense(512), dense(10));
    const partsOf = (batchSize: number) => inParts(optimize(predictionGraph(heavy, { batchSize }))).parts;
    expect(partsOf(100)).toBe(1);
    // 131 kB × 4 of a convolution's results an image, 49 kB of its input
    expect(partsOf(400)).toBe(2);
  });

  it("is none in training", async () => {
    const options = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 48 } as const;
    expect((await wasm(1)).plan(optimize(trainingGraph(network, options))).parts).toBe(1);
  });
});
