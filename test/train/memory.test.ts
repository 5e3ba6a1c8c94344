import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import type { WasmStore } from "../../src/backends/wasm/store.js";
import { ResidentBatches } from "../../src/data/batches.js";
import { strokes } from "../../src/data/index.js";
import { sgd } from "../../src/model/optimizers.js";
import { optimize } from "../../src/passes/index.js";
import { mnistShallow } from "../../src/zoo/networks.js";

setFlagsFromString("--expose-gc");
/** Eight bytes kept a step would show as 16,000. */
const limit = 10_000;
const collect = runInNewContext("gc") as () => void;

test.each([1, 2])("2,000 steps allocate nothing, with %i threads", async (threads) => {
  const backend = await createWasmBackend({ threads });
  const store = backend.createStore() as WasmStore;
  const optimizer = sgd(0.02, { momentum: 0.9, nesterov: true });
  const { train } = await strokes({ train: 250, test: 10 });
  const graph = trainingGraph(mnistShallow(), {
    loss: "crossEntropy",
    optimizer,
    batchSize: 50,
    inputDtype: "uint8",
    table: { name: "data", rows: train.length },
  });
  const program = await backend.compile(backend.plan(optimize(graph)), store);
  const table = { inputs: store.memoryOf("data.input"), targets: store.memoryOf("data.target") };
  const order = Uint32Array.from({ length: train.length }, (_, i) => train.length - 1 - i);
  const source = new ResidentBatches(train);
  const indices = program.input("indices") as Int32Array;
  const loss = program.output("loss");
  program.input("optimizer.learningRate")[0] = 0.02;
  const sum = new Float64Array(1); // a number in a closure would itself be allocated anew at each change
  const steps = (count: number) => {
    for (let i = 0; i < count; i++) {
      if (i % 5 === 0) source.begin(table, order);
      source.next(indices);
      program.run();
      sum[0]! += loss[0]!;
    }
  };
  // until the engine has compiled what it wants to compile: interpreted code allocates a number now and then
  for (let round = 0; round < 3; round++) steps(500);
  const memory = store.memory.buffer.byteLength;
  // the least of several rounds: the test runner itself allocates now and then
  let grown = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5 && grown > limit; round++) {
    collect();
    const heap = process.memoryUsage().heapUsed;
    steps(2000);
    // V8's own wrapper around a call into WebAssembly makes garbage until it is optimised, and so does a thread that
    // sleeps at a barrier: what counts is what stays
    collect();
    grown = Math.min(grown, process.memoryUsage().heapUsed - heap);
  }
  expect(store.memory.buffer.byteLength).toBe(memory);
  expect(grown).toBeLessThan(limit);
  expect(Number.isFinite(sum[0])).toBe(true);
  await backend.close();
});
