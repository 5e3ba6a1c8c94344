import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { trainingGraph } from "../../../src/autodiff/trainingGraph.js";
import { i32, ModuleBuilder } from "../../../src/backends/wasm/assembler/index.js";
import { addBarrier } from "../../../src/backends/wasm/barrier.js";
import { createWasmBackend, type WasmBackend } from "../../../src/backends/wasm/index.js";
import {
  briefWaitsAddress,
  maximumPages,
  nextBriefWaitsAddress,
  sleepersAddress,
} from "../../../src/backends/wasm/layout.js";
import type { WasmStore } from "../../../src/backends/wasm/store.js";
import { ThreadPool } from "../../../src/backends/wasm/threads.js";
import type { NumericArray } from "../../../src/core/dtypes.js";
import { FoveaError } from "../../../src/core/errors.js";
import { keyOf, uniformAt } from "../../../src/core/random.js";
import { strokes } from "../../../src/data/strokes.js";
import { GraphBuilder } from "../../../src/graph/builder.js";
import type { Graph } from "../../../src/graph/types.js";
import { conv2d, dense, dropout, flatten, maxPool2d } from "../../../src/model/layers/index.js";
import { sequentialNetwork } from "../../../src/model/network.js";
import { sgd } from "../../../src/model/optimizers.js";
import { input } from "../../../src/model/symbolic.js";
import { add, multiply, x } from "../../../src/ops/expression.js";
import { mapNode } from "../../../src/ops/map.js";
import { optimize } from "../../../src/passes/index.js";
import type { Program, Store } from "../../../src/plan/backend.js";
import { platform } from "../../../src/platform/node.js";
import type { PlatformWorker } from "../../../src/platform/types.js";
import { sequential } from "../../../src/train/model.js";
import { mnistShallow } from "../../../src/zoo/networks.js";
import { buildInto, makeGenerated } from "../../harness/generated.js";

afterEach(() => vi.restoreAllMocks());

/** A training graph with a convolution, pooling, dropout and momentum; sizes are no multiples of any tile. */
function convolutionGraph(): Graph {
  const network = sequentialNetwork(
    input(11, 13, 3),
    conv2d(7, 3, { activation: "relu" }),
    maxPool2d(2),
    conv2d(9, 3, { stride: 2, activation: "relu" }),
    flatten(),
    dropout(0.25),
    dense(4),
  );
  const optimizer = sgd(0.1, { momentum: 0.9, nesterov: true });
  return optimize(trainingGraph(network, { loss: "crossEntropy", optimizer, batchSize: 5 }));
}

const randomly = (array: NumericArray, name: string) => array.forEach((_, i) => set(array, i, name));
const set = (array: NumericArray, i: number, name: string) => {
  array[i] = 0.3 * (uniformAt(keyOf(7, name), i) - 0.5);
};

/** Trains for some steps; gives the loss of each and every variable at the end. */
async function train(backend: WasmBackend, graph: Graph, steps = 4, store = backend.createStore()) {
  const program = await backend.compile(backend.plan(graph), store);
  for (const name of store.names()) {
    if (name.startsWith("optimizer.")) continue;
    const values = new Float32Array(store.read(name).length);
    randomly(values, name);
    store.write(name, values);
  }
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    // all of them at every step: the memory of an input serves others once it was read
    randomly(program.input("input"), "input");
    program.input("target").set([0, 1, 2, 3, 0]);
    program.input("optimizer.learningRate")[0] = 0.1;
    program.input("randomKey").set(keyOf(3, step));
    program.run();
    losses.push(program.output("loss")[0]!);
  }
  return { losses, variables: Object.fromEntries(store.names().map((name) => [name, store.read(name)])) };
}

/** `out[i, j] = a[i] · factor + v[j]`: broadcasting makes every row a task, so that threads share any size. */
function scaleGraph(size: number, factor: number): Graph {
  const builder = new GraphBuilder();
  const [a, v] = [builder.input("a", [rows, 1], "float32"), builder.variable("v", [size])];
  builder.output("out", mapNode(builder, [a, v], add(multiply(x(0), factor), x(1))));
  return builder.build();
}
const rows = 7;

async function scaleProgram(backend: WasmBackend, store: Store, size: number, factor: number): Promise<Program> {
  const program = await backend.compile(backend.plan(scaleGraph(size, factor)), store);
  store.write(
    "v",
    Float32Array.from({ length: size }, (_, i) => i),
  );
  return program;
}

function expectScaled(program: Program, size: number, factor: number): void {
  program.input("a").set(Array.from({ length: rows }, (_, i) => i));
  program.run();
  const expected = Array.from({ length: rows * size }, (_, i) => Math.floor(i / size) * factor + (i % size));
  expect([...program.output("out")]).toEqual(expected);
}

const withThreads = (threads: number) => createWasmBackend({ threads, worthSharing: 0 });

async function errorOf(attempt: () => unknown): Promise<FoveaError> {
  try {
    await attempt();
  } catch (error) {
    expect(error).toBeInstanceOf(FoveaError);
    return error as FoveaError;
  }
  throw new Error("no error");
}

describe("results", () => {
  it("are the same on 1, 2, 3 and 4 threads, bit for bit", async () => {
    const graph = convolutionGraph();
    const runs = [];
    for (const threads of [1, 2, 3, 4]) {
      const backend = await withThreads(threads);
      runs.push(await train(backend, graph));
      await backend.close();
    }
    const [alone, ...others] = runs;
    expect(alone!.losses.every(Number.isFinite)).toBe(true);
    expect(new Set(alone!.losses).size).toBe(4);
    for (const other of others) expect(other).toEqual(alone);
  });
});

describe("the pool", () => {
  it("serves all programs and stores of a backend", async () => {
    const start = vi.spyOn(platform, "startWorker");
    const backend = await withThreads(3);
    const graph = convolutionGraph();
    const first = await train(backend, graph);
    const store = backend.createStore();
    for (const size of [1, 17, 100]) expectScaled(await scaleProgram(backend, backend.createStore(), size, 3), size, 3);
    expect(await train(backend, graph)).toEqual(first);
    expect(await train(backend, graph, 4, store)).toEqual(first);
    expect(start).toHaveBeenCalledTimes(2);
    await backend.close();
  });

  it("takes many programs, in any order and at once", async () => {
    const backend = await withThreads(3);
    const sizes = Array.from({ length: 12 }, (_, i) => 3 + 7 * i);
    const stores = sizes.map(() => backend.createStore());
    // compiled at once: answers of the workers come mixed
    const compiled = await Promise.all(
      sizes.flatMap((size, i) =>
        [2, 3, 5].map(async (factor) => ({
          size,
          factor,
          program: await scaleProgram(backend, stores[i]!, size, factor),
        })),
      ),
    );
    for (let round = 0; round < 3; round++) {
      for (const { program, size, factor } of compiled) expectScaled(program, size, factor);
      compiled.reverse();
    }
    await backend.close();
  });

  it("runs programs while others are being compiled", async () => {
    const backend = await withThreads(2);
    const running = await scaleProgram(backend, backend.createStore(), 50, 2);
    let compiling = 20;
    const programs = Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        scaleProgram(backend, backend.createStore(), 10 + i, 7).finally(() => {
          compiling--;
        }),
      ),
    );
    while (compiling > 0) {
      expectScaled(running, 50, 2);
      await platform.yield();
    }
    (await programs).forEach((program, i) => {
      expectScaled(program, 10 + i, 7);
    });
    await backend.close();
  });
});

describe("closing", () => {
  it("ends all work of the backend with an error", async () => {
    const backend = await withThreads(2);
    const store = backend.createStore();
    const program = await scaleProgram(backend, store, 20, 2);
    expectScaled(program, 20, 2);
    const compiling = errorOf(() => scaleProgram(backend, backend.createStore(), 30, 2));
    // far enough that the module is on its way to the workers, or not: both must end
    await platform.yield();
    await backend.close();
    await backend.close();
    for (const error of [
      await compiling,
      await errorOf(() => program.run()),
      await errorOf(() => scaleProgram(backend, store, 20, 4)),
    ]) {
      expect(error.code).toBe("usage");
      expect(error.message).toBe("wasm threads: the backend was closed.");
    }
    // what is in memory stays
    expect(store.read("v")[19]).toBe(19);
  });
});

/** Lets tests send `{ kind: "exit" }` or `{ kind: "throw" }` to the workers that start from now on. */
function mortalWorkers() {
  const original = platform.startWorker;
  const workers: ReturnType<typeof original>[] = [];
  vi.spyOn(platform, "startWorker").mockImplementation((source, data) => {
    const end = `receive(({ kind }) => {
      if (kind === "exit") process.exit(3);
      if (kind === "throw") throw new Error("out of luck");
    });`;
    const worker = original(end + source, data);
    workers.push(worker);
    return worker;
  });
  return workers;
}

const goBack =
  "Go back to weights that were saved before, and train again; if it happens again, with one thread (threads: 1).";

describe("a worker that dies", () => {
  it.each([
    [
      "exit",
      "wasm threads: worker 2 ended without being asked to (received exit code 3). Run with one thread (threads: 1).",
    ],
    ["throw", "wasm threads: worker 2 died: out of luck. Run with one thread (threads: 1)."],
  ])("by %s between steps makes every further call fail", async (kind, message) => {
    const workers = mortalWorkers();
    const backend = await withThreads(3);
    const store = backend.createStore();
    const idle = await scaleProgram(backend, store, 20, 2);
    workers[1]!.post({ kind });
    // without giving up the thread for a moment, no news of a death can come
    const error = await errorOf(() => scaleProgram(backend, store, 20, 3));
    expect(error.code).toBe("unsupported");
    expect(error.message).toBe(message);
    expect(await errorOf(() => idle.run())).toBe(error);
    expect(await errorOf(() => scaleProgram(backend, store, 20, 5))).toBe(error);
    await backend.close();
  });

  it("at the start makes the start fail, and the others end", async () => {
    const original = platform.startWorker;
    const ended: unknown[] = [];
    vi.spyOn(platform, "startWorker").mockImplementation((source, data) => {
      const { thread } = data as { thread: number };
      const worker = original(thread === 2 ? 'throw new Error("no room")' : source, data);
      const terminate = () => {
        ended.push(thread);
        return worker.terminate();
      };
      return { ...worker, terminate };
    });
    const error = await errorOf(() => withThreads(4));
    expect(error.message).toBe("wasm threads: worker 2 died: no room. Run with one thread (threads: 1).");
    expect(ended).toEqual([1, 2, 3]);
  });

  it("that cannot even be made ends those before it", async () => {
    const original = platform.startWorker;
    let ended = 0;
    vi.spyOn(platform, "startWorker").mockImplementation((source, data) => {
      if ((data as { thread: number }).thread === 3) throw new Error("no more threads");
      const worker = original(source, data);
      const terminate = () => {
        ended++;
        return worker.terminate();
      };
      return { ...worker, terminate };
    });
    await expect(withThreads(4)).rejects.toThrow("no more threads");
    expect(ended).toBe(2);
  });

  /** In place of `exports.run(thread, arena)`, the programs of worker `culprit` run `body`. */
  function instead(culprit: number, body: string) {
    const original = platform.startWorker;
    return vi.spyOn(platform, "startWorker").mockImplementation((source, data) => {
      if ((data as { thread: number }).thread !== culprit) return original(source, data);
      const wrap = `const RealInstance = WebAssembly.Instance;
        WebAssembly.Instance = class {
          constructor(...all) {
            const { exports } = new RealInstance(...all);
            this.exports = { run: (thread, arena) => { ${body} } };
          }
        };`;
      return original(wrap + source, data);
    });
  }

  it("in the middle of a step is missed at once", async () => {
    const start = instead(2, "process.exit(3)");
    const backend = await withThreads(4);
    const store = backend.createStore();
    const program = await scaleProgram(backend, store, 20, 2);
    expect(backend.failed).toBe(false);
    const error = await errorOf(() => program.run());
    expect(error.code).toBe("unsupported");
    expect(error.message).toBe(
      "wasm threads: worker 2 ended in the middle of a step, and the model's variables may have been updated in part. " +
        goBack,
    );
    expect(backend.failed).toBe(true);
    expect(await errorOf(() => program.run())).toBe(error);
    expect(await errorOf(() => scaleProgram(backend, store, 20, 3))).toBe(error);
    // what is in memory can be read, and all workers have ended
    expect(store.read("v")[19]).toBe(19);
    await backend.close();
    for (const { value } of start.mock.results) expect((value as PlatformWorker).alive()).toBe(false);
  });

  it("just before a step is missed in it", async () => {
    const start = vi.spyOn(platform, "startWorker");
    const backend = await withThreads(3);
    const program = await scaleProgram(backend, backend.createStore(), 20, 2);
    expectScaled(program, 20, 2);
    const workers = start.mock.results.map(({ value }) => value as PlatformWorker);
    expect(workers.map((worker) => worker.alive())).toEqual([true, true]);
    void workers[0]!.terminate();
    expect((await errorOf(() => program.run())).problem).toContain("worker 1 ended in the middle of a step");
    await backend.close();
  });

  it("is replaced when the model trains again", { timeout: 20_000 }, async () => {
    const lost = instead(1, "process.exit(3)");
    const net = sequential(input(28, 28, 1), flatten(), dense(10));
    const { train } = await strokes({ train: 64, test: 10 });
    // a thread count of its own: backends are shared by all models of a process
    const options = { loss: "crossEntropy", optimizer: sgd(0.01), epochs: 1, threads: 5, progress: false } as const;
    const error = await errorOf(() => net.fit(train, options));
    expect(error.problem).toContain("worker 1 ended in the middle of a step");
    lost.mockRestore();
    const { epochs } = await net.fit(train, options);
    expect(epochs[0]!.loss).toBeGreaterThan(0);
    expect((await net.evaluate(train, { threads: 5 })).loss).toBeLessThan(epochs[0]!.loss);
  });

  it("is told from one that is slow", async () => {
    // several times what a barrier sleeps before it asks
    const slow = instead(
      1,
      "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 350); exports.run(thread, arena)",
    );
    const backend = await withThreads(3);
    const alive = slow.mock.results.map(({ value }) => vi.spyOn(value as PlatformWorker, "alive"));
    expectScaled(await scaleProgram(backend, backend.createStore(), 20, 2), 20, 2);
    for (const asked of alive) expect(asked).toHaveBeenCalled();
    await backend.close();
  });

  it("where nobody can tell is given up after a minute of waiting", async () => {
    const original = platform.startWorker;
    vi.spyOn(platform, "startWorker").mockImplementation((source, data) => {
      return { ...original(source, data), alive: () => undefined };
    });
    const pool = await ThreadPool.start(2);
    const { module, memory } = await trapping(2, -1);
    const index = await pool.add(module, memory);
    const error = await errorOf(() =>
      pool.run(index, 0, () => {
        for (let slice = 0; slice < 600; slice++) pool.stalled();
        expect(pool.failed).toBe(false);
        pool.stalled();
      }),
    );
    expect(error.problem).toContain("a thread gave no sign for a minute in the middle of a step");
    await pool.close();
  });

  /** A program of `threads` threads in which `culprit` traps before the first of two barriers. */
  async function trapping(threads: number, culprit: number) {
    const shared = { maximumPages };
    const builder = new ModuleBuilder({ module: "fovea", name: "memory", initialPages: 1, shared });
    const barrier = addBarrier(builder, threads);
    builder.function(
      ["i32", "i32"],
      (f) => {
        f.if(i32.eq(f.parameter(0, "i32").get, culprit), () => f.unreachable());
        f.call(barrier, []);
        f.call(barrier, []);
      },
      "run",
    );
    const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages, shared: true });
    const module = await WebAssembly.compile(builder.encode());
    const stalled = () => {};
    const { exports } = new WebAssembly.Instance(module, { fovea: { memory, stalled } });
    return { module, memory, run: exports.run as (thread: number, arena: number) => void };
  }

  it("is waited for briefly where waiting long was in vain, more often after each time", async () => {
    const slow = instead(
      1,
      "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 30); exports.run(thread, arena)",
    );
    const pool = await ThreadPool.start(2);
    const { module, memory, run } = await trapping(2, -1);
    const index = await pool.add(module, memory);
    const words = new Int32Array(memory.buffer);
    const [brief, next] = [briefWaitsAddress / 4, nextBriefWaitsAddress / 4];
    const runs = (count: number) => {
      for (let i = 0; i < count; i++) pool.run(index, 0, run);
    };
    for (const waits of [16, 32, 64]) {
      words[brief] = 0;
      runs(1);
      expect(words[next]).toBe(2 * waits);
      // the second barrier of the step may have seen a brief wait, too
      expect(words[brief]).toBeGreaterThanOrEqual(waits - 2);
      expect(words[brief]).toBeLessThanOrEqual(waits);
      const before = words[brief]!;
      runs(1);
      expect(words[brief]).toBeLessThan(before);
    }
    [words[brief], words[next]] = [0, 4096];
    runs(1);
    expect(words[next]).toBe(4096);
    // the worker may be waking up still
    await vi.waitFor(() => expect(words[sleepersAddress / 4]).toBe(0));
    slow.mockRestore();
    await pool.close();
  });

  it.each([2, 3])("in a step of %i threads does not keep the others waiting", async (threads) => {
    const pool = await ThreadPool.start(threads);
    const fine = await trapping(threads, -1);
    const fineIndex = await pool.add(fine.module, fine.memory);
    pool.run(fineIndex, 0, fine.run);
    const { module, memory, run } = await trapping(threads, threads - 1);
    const index = await pool.add(module, memory);
    const began = platform.now();
    const error = await errorOf(() => pool.run(index, 0, run));
    expect(platform.now() - began).toBeLessThan(5000);
    expect(error.code).toBe("unsupported");
    expect(error.message).toBe(
      "wasm threads: a thread did not finish its share of a step, and the model's variables may have been updated in part. " +
        goBack,
    );
    expect(await errorOf(() => pool.run(fineIndex, 0, fine.run))).toBe(error);
    expect(await errorOf(() => pool.add(fine.module, fine.memory))).toBe(error);
    await pool.close();
  });

  it("may be the main thread", async () => {
    const pool = await ThreadPool.start(2);
    const { module, memory, run } = await trapping(2, 0);
    const index = await pool.add(module, memory);
    const error = await errorOf(() => pool.run(index, 0, run));
    expect(error.message).toContain("a thread did not finish its share of a step");
    expect(error.cause).toBeInstanceOf(WebAssembly.RuntimeError);
    await pool.close();
  });
});

describe("a process that trained with threads", () => {
  const generated = makeGenerated("threads");
  afterAll(generated.remove);
  const run = (script: string) => {
    writeFileSync(`${generated.path}/main.js`, script);
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, ["main.js"], {
      cwd: generated.path,
      encoding: "utf8",
      timeout: 30_000,
    });
    return { status, signal, stdout, stderr };
  };

  it("ends by itself", () => {
    expect(buildInto(generated.path, ["index.ts", "data/index.ts"])).toBe("");
    const training = `
      import { conv2d, dense, flatten, input, sequential, sgd } from "./dist/index.js";
      import { strokes } from "./dist/data/index.js";
      const { train } = await strokes({ train: 100, test: 10 });
      const net = sequential(input(28, 28, 1), conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
      const options = { loss: "crossEntropy", optimizer: sgd(0.01), batchSize: 50, epochs: 1, threads: 3, progress: false };
    `;
    const trained = run(`${training}
      const { epochs } = await net.fit(train, options);
      console.log(epochs.length);
    `);
    expect(trained).toEqual({ status: 0, signal: null, stdout: "1\n", stderr: "" });
    // also when training fails, and nobody catches it
    const failed = run(`${training}
      await net.fit(train, options);
      throw new Error("after training");
    `);
    expect(failed).toMatchObject({ status: 1, signal: null, stderr: expect.stringContaining("after training") });
    // and when a worker was killed under it: the others hang in the step then
    const killed = run(`
      import { Worker } from "node:worker_threads";
      const { postMessage } = Worker.prototype;
      Worker.prototype.postMessage = function (message) {
        postMessage.call(this, message);
        if (message.kind === "serve" && this.threadId === 1) void this.terminate();
      };
      ${training}
      await net.fit(train, options).catch(({ message }) => console.log(message));
    `);
    expect(killed).toMatchObject({ status: 0, signal: null, stderr: "" });
    expect(killed.stdout).toContain("worker 1 ended in the middle of a step");
  });
});

describe("memory", () => {
  it("beyond 4 GiB is refused before any is taken", async () => {
    const backend = await withThreads(2);
    const store = backend.createStore() as WasmStore;
    const optimizer = sgd(0.02);
    const graph = trainingGraph(mnistShallow(), { loss: "crossEntropy", optimizer, batchSize: 300_000 });
    const plan = backend.plan(optimize(graph));
    const before = store.memory.buffer.byteLength;
    const error = await errorOf(() => backend.compile(plan, store));
    expect(error.code).toBe("memory");
    // kernels of 128 and 256 bits need working memory of their own
    expect(error.message.replace(/\d\.\d\d GiB\)/, "… GiB)")).toMatchInlineSnapshot(
      `"the arena: memory cannot be had (expected at most 4.00 GiB for one model, received … GiB). Use a smaller batch."`,
    );
    // the weights alone
    expect(store.memory.buffer.byteLength - before).toBeLessThan(2 ** 20);
    await backend.close();
  });

  it("that was refused leaves other programs of the model as they were", async () => {
    const backend = await withThreads(2);
    const store = backend.createStore() as WasmStore;
    const program = await scaleProgram(backend, store, 1000, 2);
    expectScaled(program, 1000, 2);
    const builder = new GraphBuilder();
    const huge = builder.input("huge", [2 ** 30], "float32");
    builder.output("out", mapNode(builder, [huge], multiply(x(0), 2)));
    const error = await errorOf(() => backend.compile(backend.plan(builder.build()), store));
    expect(error.code).toBe("memory");
    // a variable that came into the arena's place would be overwritten
    store.declare("late", { shape: [1000], dtype: "float32" });
    store.write("late", new Float32Array(1000).fill(42));
    expectScaled(program, 1000, 2);
    expect([...store.read("late")]).toEqual(new Array(1000).fill(42));
    await backend.close();
  });

  it("beyond 2 GiB, where addresses are negative as signed numbers, works", async () => {
    const backend = await withThreads(2);
    const store = backend.createStore() as WasmStore;
    const builder = new GraphBuilder();
    // never touched, so that it costs addresses, not memory
    builder.input("huge", [2.25 * 2 ** 30], "uint8");
    const a = builder.input("a", [100], "float32");
    builder.output("out", mapNode(builder, [a], multiply(x(0), 2)));
    const program = await backend.compile(backend.plan(builder.build()), store);
    const values = Float32Array.from({ length: 100 }, (_, i) => i);
    program.input("a").set(values);
    expect(program.input("a").byteOffset).toBeGreaterThan(2 ** 31);
    program.run();
    expect(program.output("out")).toEqual(values.map((value) => 2 * value));
    await backend.close();
  });
});
