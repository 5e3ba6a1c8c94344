import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { pageBytes } from "../../../src/backends/wasm/layout.js";
import { WasmStore } from "../../../src/backends/wasm/store.js";
import type { FoveaError } from "../../../src/core/errors.js";
import { type Dataset, dataset } from "../../../src/data/index.js";
import { conv2d, dense, flatten, input, type Model, maxPool2d, sequential, sgd } from "../../../src/index.js";
import { buildInto, makeGenerated } from "../../harness/generated.js";

const RealMemory = WebAssembly.Memory;
const mebibyte = 2 ** 20 / pageBytes;

/** What the engine gives: a maximum that it reserves, and pages that it lets a memory have. In pages. */
let reserves: number;
let grants: number;

class ScarceMemory extends RealMemory {
  constructor(descriptor: WebAssembly.MemoryDescriptor) {
    if ((descriptor.maximum ?? 0) > reserves) throw new RangeError("WebAssembly.Memory(): could not allocate memory");
    super(descriptor);
  }
  override grow(delta: number): number {
    if (this.buffer.byteLength / pageBytes + delta > grants) throw new RangeError("Unable to grow instance memory");
    return super.grow(delta);
  }
}

beforeEach(() => {
  reserves = grants = 65536;
  WebAssembly.Memory = ScarceMemory;
});
afterEach(() => {
  WebAssembly.Memory = RealMemory;
});

async function memoryError(attempt: () => unknown): Promise<FoveaError> {
  const error = await Promise.resolve()
    .then(attempt)
    .then(
      () => undefined,
      (reason: FoveaError) => reason,
    );
  expect(error).toMatchObject({ name: "FoveaError", code: "memory" });
  return error!;
}

/** Pictures of 64 KiB, of which a step keeps several. */
function pictures(length: number): Dataset {
  const targets = Int32Array.from({ length }, (_, i) => i % 3);
  return dataset({
    inputs: new Float32Array(length * 128 * 128).fill(0.5),
    targets,
    shape: [128, 128, 1],
    classes: 3,
  });
}

function model(): Model {
  return sequential(input(128, 128, 1), conv2d(3, 3, { stride: 4, activation: "relu" }), flatten(), dense(3));
}
const options = { loss: "crossEntropy", optimizer: sgd(0.01), epochs: 1, progress: false, threads: 1 } as const;

describe("a store", () => {
  test("starts with less where the engine reserves less, in powers of two", () => {
    reserves = 5000;
    const store = new WasmStore(true);
    store.declare("fits", { shape: [3900 * 16384], dtype: "float32" });
    expect(store.memory.buffer.byteLength).toBeGreaterThan(3900 * pageBytes);
    expect(store.memory.buffer.byteLength).toBeLessThanOrEqual(4096 * pageBytes);
  });

  test.each([false, true])("that cannot be had at all is an error (shared: %s)", async (shared) => {
    reserves = 1000;
    const error = await memoryError(() => new WasmStore(shared));
    expect(error.message).toBe(
      "wasm backend: the engine refuses to reserve memory for a model (expected at least 64.0 MiB). " +
        "Close other models or tabs; in a shell, raise the limit of addresses (ulimit -v unlimited).",
    );
    expect(error.cause).toBeInstanceOf(RangeError);
  });

  test("that cannot grow goes on with what it has", async () => {
    grants = 100 * mebibyte;
    const store = new WasmStore(false);
    store.declare("kept", { shape: [1000], dtype: "float32" });
    store.write("kept", new Float32Array(1000).fill(7));
    const error = await memoryError(() => store.declare("huge", { shape: [300, 2 ** 18], dtype: "float32" }));
    expect(error.message).toBe(
      'variable "huge": memory cannot be had (expected at most 75.1 MiB for one model, received 300.0 MiB). ' +
        "Use a smaller batch.",
    );
    expect(error.cause).toBeInstanceOf(RangeError);
    expect(store.names()).toEqual(["kept"]);
    store.declare("smaller", { shape: [70, 2 ** 18], dtype: "float32" });
    store.write("smaller", new Float32Array(70 * 2 ** 18).fill(8));
    expect(new Set(store.read("kept"))).toEqual(new Set([7]));
    expect(store.read("smaller").at(-1)).toBe(8);
  });
});

describe.each([
  ["reserves", 64 * mebibyte, 65536],
  ["grants", 65536, 64 * mebibyte],
])("training where an engine %s little", (_, reserved, granted) => {
  const data = pictures(1200);

  test("names the batch that fits before any step, which then trains", async () => {
    [reserves, grants] = [reserved, granted];
    const net = model();
    net.initialize(1);
    const before = net.weight("conv2d.kernel");
    let started = false;
    const callbacks = [
      {
        onStart: () => {
          started = true;
        },
      },
    ];
    const error = await memoryError(() => net.fit(data, { ...options, batchSize: 1200, callbacks }));
    expect([started, net.weight("conv2d.kernel")]).toEqual([false, before]);
    const [, largest] = /Use a batch of at most (\d+) instead of 1200\.$/.exec(error.message)!;
    const fitting = Number(largest);
    expect(fitting).toBeGreaterThan(100);
    const beyond = await memoryError(() => net.fit(data, { ...options, batchSize: fitting + 1 }));
    // the table of a batch is there already, and one example larger than it need be
    const [again] = /(?<=at most )\d+/.exec(beyond.fix!)!;
    expect(Number(again)).toBeGreaterThan(fitting - 3);
    expect(Number(again)).toBeLessThanOrEqual(fitting);
    expect((await net.fit(data, { ...options, batchSize: fitting })).epochs[0]!.loss).toBeGreaterThan(0);
  });
});

test("a loss that is not finite is told of, also without the memory to look for the layer", async () => {
  reserves = 64 * mebibyte;
  const data = pictures(1200);
  const net = model();
  net.setWeight("dense.bias", [Number.NaN, 0, 0]);
  const { fix } = await memoryError(() => net.fit(data, { ...options, batchSize: 1200 }));
  const batchSize = Number(/at most (\d+)/.exec(fix!)![1]);
  await expect(net.fit(data, { ...options, batchSize })).rejects.toMatchObject({
    code: "nan",
    problem: expect.stringContaining("for want of memory, it cannot be said which layer's values are the first"),
  });
});

test("a step of one example that does not fit says so", async () => {
  reserves = 64 * mebibyte;
  const shape = [2048, 2048, 1];
  const data = dataset({ inputs: new Float32Array(2 ** 22), targets: new Int32Array(1), shape, classes: 3 });
  const net = sequential(input(2048, 2048, 1), conv2d(8, 3), maxPool2d(256), flatten(), dense(3));
  const error = await memoryError(() => net.fit(data, { ...options, batchSize: 1 }));
  expect(error.fix).toBe("Not even one example fits: use a smaller network, or smaller images");
});

test("evaluation and prediction take smaller batches by themselves, unless one was asked for", async () => {
  reserves = 64 * mebibyte;
  const data = pictures(1100);
  const wide = () => sequential(input(128, 128, 1), conv2d(6, 3, { activation: "relu" }), flatten(), dense(3));
  const net = wide().initialize(2);
  // the pictures alone are more
  const asked = await memoryError(() => net.predict(data.inputs, { threads: 1, batchSize: 1100 }));
  expect(asked.fix).toMatch(/^Use a batch of at most \d+ instead of 1100$/);
  const scarce = await net.predict(data.inputs, { threads: 1 });
  reserves = 65536;
  const plenty = await wide().initialize(2).predict(data.inputs, { threads: 1 });
  expect(scarce.every((value, i) => Math.abs(value - plenty[i]!) < 1e-4)).toBe(true);
  reserves = 64 * mebibyte;
  const { examples } = await model().initialize(2).evaluate(data, { threads: 1 });
  expect(examples).toBe(1100);
});

describe.skipIf(process.platform === "win32" || process.platform === "darwin")("a process with few addresses", () => {
  const generated = makeGenerated("memory");
  afterAll(generated.remove);

  test("trains, or says what is missing", () => {
    expect(buildInto(generated.path, ["index.ts", "data/index.ts"])).toBe("");
    writeFileSync(
      `${generated.path}/main.js`,
      `import { dense, flatten, input, sequential, sgd } from "./dist/index.js";
      import { strokes } from "./dist/data/index.js";
      const { train } = await strokes({ train: 100, test: 10 });
      const net = sequential(input(28, 28, 1), flatten(), dense(10));
      const options = { loss: "crossEntropy", optimizer: sgd(0.01), epochs: 1, threads: 1, progress: false };
      const said = await net.fit(train, options).then(() => "trained", (error) => error.code + ": " + error.fix);
      console.log(said);`,
    );
    const script = 'ulimit -v 4000000 && exec "$0" main.js';
    const { status, stdout, stderr } = spawnSync("sh", ["-c", script, process.execPath], {
      cwd: generated.path,
      encoding: "utf8",
      timeout: 60_000,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toMatch(/^(trained|memory: Close other models or tabs; .*ulimit -v unlimited\))\n$/);
  });
});
