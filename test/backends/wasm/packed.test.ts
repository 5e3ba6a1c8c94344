import { describe, expect, it } from "vitest";
import { predictionGraph, trainingGraph } from "../../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../../src/backends/reference/index.js";
import { createWasmBackend } from "../../../src/backends/wasm/index.js";
import type { WasmStore } from "../../../src/backends/wasm/store.js";
import { keyOf, normalAt } from "../../../src/core/random.js";
import { conv2d, dense, flatten } from "../../../src/model/layers/index.js";
import { sequentialNetwork } from "../../../src/model/network.js";
import { sgd } from "../../../src/model/optimizers.js";
import { input } from "../../../src/model/symbolic.js";
import { optimize } from "../../../src/passes/index.js";
import type { Backend, Program, Store } from "../../../src/plan/backend.js";

/** Filters in panels, by Winograd's method, a matrix in panels and columns along the reduction: all pack weights. */
const network = sequentialNetwork(
  input(12, 12, 16),
  conv2d(64, 7, { stride: 2, activation: "relu" }),
  conv2d(64, 3),
  conv2d(64, 3, { stride: 2 }),
  flatten(),
  dense(66),
  dense(2),
);
const batch = 9;

function fill(values: { length: number; [i: number]: number }, name: string, scale = 1): void {
  for (let i = 0; i < values.length; i++) values[i] = Math.fround(normalAt(keyOf(7, name), i) * scale);
}

function writeWeights(store: Store, salt: string): void {
  for (const name of store.names()) {
    const values = new Float32Array(store.read(name).length);
    fill(values, `${salt} ${name}`, 0.1);
    store.write(name, values);
  }
}

async function predictor(backend: Backend, store: Store): Promise<Program> {
  return backend.compile(backend.plan(optimize(predictionGraph(network, { batchSize: batch }))), store);
}

function outputsOf(program: Program): number[] {
  fill(program.input("input"), "image");
  program.run();
  return [...program.output(Object.keys(program.plan.graph.outputs)[0]!)];
}

describe("packed weights", () => {
  it("are kept by programs that change no variable, and by those alone", async () => {
    const backend = await createWasmBackend({ threads: 1 });
    const prediction = backend.plan(optimize(predictionGraph(network, { batchSize: batch })));
    expect(prediction.keptBytes).toBeGreaterThan(64 * 64 * 9 * 4);
    const packing = prediction.steps.filter(({ packed }) => packed !== undefined);
    expect(packing.length).toBeGreaterThanOrEqual(3);
    expect(packing.every(({ packed }) => packed!.kept)).toBe(true);
    const options = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: batch } as const;
    const training = backend.plan(optimize(trainingGraph(network, options)));
    expect(training.keptBytes).toBe(0);
    expect(training.steps.some(({ packed }) => packed?.kept === false)).toBe(true);
  });

  it.each([1, 2])("are made anew after variables were written or trained, with %i threads", async (threads) => {
    const backend = await createWasmBackend({ threads, worthSharing: 0 });
    const reference = createReferenceBackend();
    const [store, expected] = [backend.createStore(), reference.createStore()];
    const [program, truth] = [await predictor(backend, store), await predictor(reference, expected)];
    const compare = () => {
      const [received, wanted] = [outputsOf(program), outputsOf(truth)];
      const size = Math.max(...wanted.map(Math.abs));
      received.forEach((value, i) => expect(Math.abs(value - wanted[i]!)).toBeLessThan(1e-4 * size));
    };
    for (const salt of ["first", "second"]) {
      writeWeights(store, salt);
      writeWeights(expected, salt);
      compare();
      compare();
    }
    const options = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: batch } as const;
    const training = await backend.compile(backend.plan(optimize(trainingGraph(network, options))), store);
    fill(training.input("input"), "image");
    training.run();
    for (const name of expected.names()) expected.write(name, store.read(name));
    compare();
    await backend.close();
  });

  it("lie in memory that others may have once it is given back", async () => {
    const store = (await createWasmBackend({ threads: 1 })).createStore() as WasmStore;
    const kept = { address: store.addresses.keep(1 << 20), bytes: 1 << 20 };
    store.forget(kept);
    expect(store.addresses.keep(1 << 20)).toBe(kept.address);
  });
});
