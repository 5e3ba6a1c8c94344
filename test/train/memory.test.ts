import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import type { WasmStore } from "../../src/backends/wasm/store.js";
import { sgd } from "../../src/model/optimizers.js";
import { optimize } from "../../src/passes/index.js";
import { mnistShallow } from "../../src/zoo/networks.js";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

test.each([1, 2])("2,000 steps allocate nothing, with %i threads", async (threads) => {
  const backend = await createWasmBackend({ threads });
  const store = backend.createStore() as WasmStore;
  const optimizer = sgd(0.02, { momentum: 0.9, nesterov: true });
  const graph = trainingGraph(mnistShallow(), { loss: "crossEntropy", optimizer, batchSize: 50, inputDtype: "uint8" });
  const program = await backend.compile(backend.plan(optimize(graph)), store);
  const loss = program.output("loss");
  program.input("optimizer.learningRate")[0] = 0.02;
  const sum = new Float64Array(1); // a number in a closure would itself be allocated anew at each change
  const steps = (count: number) => {
    for (let i = 0; i < count; i++) {
      program.run();
      sum[0]! += loss[0]!;
    }
  };
  steps(500); // until the engine has compiled what it wants to compile
  collect();
  const memory = store.memory.buffer.byteLength;
  const heap = process.memoryUsage().heapUsed;
  steps(2000);
  // a thread that sleeps at a barrier makes V8 allocate a BigInt for the time-out, which is garbage at once
  if (threads > 1) collect();
  const grown = process.memoryUsage().heapUsed - heap;
  expect(store.memory.buffer.byteLength).toBe(memory);
  // one short-lived object of 40 bytes a step would show as 80,000
  expect(grown).toBeLessThan(40_000);
  expect(Number.isFinite(sum[0])).toBe(true);
  await backend.close();
});
