import { describe, expect, test, vi } from "vitest";
import type { NumericArray } from "../../src/core/dtypes.js";
import {
  type BatchSource,
  CopiedBatches,
  epochOrder,
  ResidentBatches,
  type TableMemory,
} from "../../src/data/batches.js";
import { type Dataset, dataset, split, strokes } from "../../src/data/index.js";
import { conv2d, dense, type FitOptions, flatten, input, sequential, sgd } from "../../src/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { backendFor } from "../../src/runtime/backends.js";
import { Session } from "../../src/runtime/session.js";
import { fit } from "../../src/train/fit.js";
import { type Feeding, PlacedData } from "../../src/train/placed.js";
import { Weights } from "../../src/train/weights.js";
import { messageOf } from "./messages.js";

const digits = await strokes({ train: 230, test: 60, seed: 4 });

/** The same digits as numbers, with negative ones among them. */
const numbers = dataset({
  inputs: Float32Array.from(digits.train.inputs, (v) => v / 100 - 1),
  targets: digits.train.targets,
  shape: digits.train.shape,
  classes: 10,
});

/** Two numbers in, three out. */
const regression = dataset({
  inputs: Float32Array.from({ length: 2 * 37 }, (_, i) => Math.sin(i)),
  targets: Float32Array.from({ length: 3 * 37 }, (_, i) => Math.cos(i)),
  shape: [2],
  targetShape: [3],
});

describe.each([
  ["uint8 pixels", digits.train],
  ["numbers", numbers],
  ["float targets", regression],
])("a source of batches of %s", (_, data) => {
  const order = epochOrder(data.length, 5, 1, true);
  const size = data.inputs.length / data.length;
  const targetSize = data.targets.length / data.length;

  /** What a program would gather: inputs and targets of all batches, one after the other. */
  function examples(source: ResidentBatches | CopiedBatches, batch: number) {
    const Inputs = data.inputs.constructor as new (length: number) => Dataset["inputs"];
    const Targets = data.targets.constructor as new (length: number) => Dataset["targets"];
    const table = { inputs: new Inputs(source.rows * size), targets: new Targets(source.rows * targetSize) };
    const [inputs, targets]: [number[], number[]] = [[], []];
    source.begin(table, order);
    for (let start = 0; start < order.length; start += batch) {
      const rows = new Int32Array(Math.min(batch, order.length - start)).fill(-1);
      source.next(rows);
      for (const row of rows) {
        inputs.push(...table.inputs.subarray(row * size, (row + 1) * size));
        targets.push(...table.targets.subarray(row * targetSize, (row + 1) * targetSize));
      }
    }
    return { inputs, targets };
  }

  test("gives them in their order, whether they lie in the table or pass through it", () => {
    const expected = {
      inputs: [...order].flatMap((i) => [...data.inputs.subarray(i * size, (i + 1) * size)]),
      targets: [...order].flatMap((i) => [...data.targets.subarray(i * targetSize, (i + 1) * targetSize)]),
    };
    expect(examples(new ResidentBatches(data), 10)).toEqual(expected);
    const copied = new CopiedBatches(data, 10);
    expect(copied.rows).toBe(10);
    expect(examples(copied, 10)).toEqual(expected);
    // once more, as a second epoch does
    expect(examples(copied, 10)).toEqual(expected);
  });
});

/** Fills the other half of its table after it has handed out one: what a loader does in workers. */
class Ahead implements BatchSource {
  readonly rows: number;
  /** Times that a step waited for it. */
  waits = 0;
  #table!: TableMemory;
  #order!: Uint32Array;
  #asked = 0;
  #half = 0;
  #loading!: Promise<void>;

  constructor(
    readonly data: Dataset,
    readonly batchSize: number,
  ) {
    this.rows = 2 * batchSize;
  }

  begin(table: TableMemory, order: Uint32Array): void {
    this.#table = table;
    this.#order = order;
    this.#asked = 0;
    this.#loading = this.#load();
  }

  async next(rows: Int32Array): Promise<void> {
    this.waits += 1;
    await this.#loading;
    for (let i = 0; i < rows.length; i++) rows[i] = this.#half * this.batchSize + i;
    this.#asked += rows.length;
    this.#half = 1 - this.#half;
    this.#loading = this.#load();
  }

  async #load(): Promise<void> {
    const [half, first] = [this.#half, this.#asked];
    await new Promise((resolve) => setTimeout(resolve, 1));
    this.#order.subarray(first, first + this.batchSize).forEach((example, i) => {
      const row = half * this.batchSize + i;
      this.#table.inputs.set(this.data.inputs.subarray(784 * example, 784 * (example + 1)), 784 * row);
      this.#table.targets[row] = this.data.targets[example]!;
    });
  }
}

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: "crossEntropy",
  optimizer: sgd(0.05, { momentum: 0.9 }),
  batchSize: 32,
  epochs: 3,
  validation: 0.2,
  seed: 7,
  progress: false,
  threads: 1,
  ...more,
});

const small = () =>
  sequentialNetwork(input(28, 28, 1), conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));

describe("fit", () => {
  test.each([
    ["uint8 pixels", digits.train],
    ["numbers", numbers],
  ])("learns the same, bit for bit, from data in memory and from batches of it: %s", async (_, data) => {
    const run = async (residentBytes: number | undefined, more: Partial<FitOptions>) => {
      const weights = new Weights(small());
      weights.initialize(7);
      const { epochs } = await fit(small(), weights, data, options(more), { residentBytes });
      const measured = epochs.map(({ loss, accuracy, validationLoss, validationAccuracy }) => ({
        loss,
        accuracy,
        validationLoss,
        validationAccuracy,
      }));
      return { measured, weights: weights.readAll() };
    };
    const resident = await run(undefined, {});
    expect(await run(0, {})).toEqual(resident);
    expect(await run(undefined, { threads: 2 })).toEqual(resident);
    expect(await run(0, { threads: 2 })).toEqual(resident);
    // the training part fits, to the byte; or the validation part alone
    const bytes = 184 * (data.inputs.byteLength / data.length + 4);
    expect(await run(bytes, {})).toEqual(resident);
    expect(await run(bytes - 1, {})).toEqual(resident);
  });

  test("waits for a source that fills its rows ahead of the steps", async () => {
    const run = async (feeding: Feeding) => {
      const weights = new Weights(small());
      weights.initialize(7);
      await fit(small(), weights, digits.train, options({ batchSize: 50 }), feeding);
      return weights.readAll();
    };
    const sources: Ahead[] = [];
    const source = (data: Dataset, batchSize: number) => {
      sources.push(new Ahead(data, batchSize));
      return sources.at(-1)!;
    };
    expect(await run({ residentBytes: 0, source })).toEqual(await run({}));
    // training and validation: 184 examples in 4 batches, 46 in one, three times
    expect(sources.map(({ waits }) => waits)).toEqual([12, 3]);
  });

  test("copies batches where there is no memory for the whole", async () => {
    const { grow } = WebAssembly.Memory.prototype;
    /** Trains in so many pages of memory; gives the weights and the pages that it took. */
    const run = async (most: number) => {
      let taken = 0;
      const limited = vi.spyOn(WebAssembly.Memory.prototype, "grow").mockImplementation(function (
        this: WebAssembly.Memory,
        pages: number,
      ) {
        if (this.buffer.byteLength / 65536 + pages > most) throw new RangeError("no more memory");
        const before = grow.call(this, pages);
        taken = before + pages;
        return before;
      });
      const weights = new Weights(small());
      weights.initialize(7);
      const training = fit(small(), weights, numbers, options({ batchSize: 10, validation: undefined }));
      await training.finally(() => limited.mockRestore());
      return { taken, values: weights.readAll() };
    };
    const free = await run(Number.POSITIVE_INFINITY);
    // 230 digits as floats are eleven pages alone
    const short = await run(8);
    expect(free.taken).toBeGreaterThan(11);
    expect(short.taken).toBeLessThan(9);
    expect(short.values).toEqual(free.values);
    await expect(run(2)).rejects.toThrow(/memory cannot be had/);
  });

  test("measures what evaluate measures", async () => {
    const [train, part] = split(digits.train, 0.3);
    const net = sequential(input(28, 28, 1), flatten(), dense(10));
    const { epochs } = await net.fit(train, options({ validation: part, epochs: 1 }));
    const { loss, accuracy } = await net.evaluate(part, { threads: 1 });
    expect(epochs[0]).toMatchObject({ validationLoss: loss, validationAccuracy: accuracy });
  });

  test("goes on with other data, and with the same changed in place", async () => {
    const inputs = Float32Array.of(1, 2, 3, 4);
    const data = (length: number) =>
      dataset({ inputs: inputs.subarray(0, length), targets: new Float32Array(length), shape: [1], targetShape: [1] });
    const net = sequential(input(1), dense(1, { kernelInitializer: "ones" }));
    const lossOf = async (of: Dataset) => {
      const { epochs } = await net.fit(
        of,
        options({ loss: "meanSquaredError", optimizer: sgd(1e-12), epochs: 1, validation: undefined }),
      );
      return epochs[0]!.loss;
    };
    expect(await lossOf(data(4))).toBe(7.5);
    expect(await lossOf(data(2))).toBe(2.5);
    inputs[0] = 5;
    expect(await lossOf(data(2))).toBe(14.5);
    expect(await lossOf(data(4))).toBe(13.5);
  });

  test("names the input where an example of the step is not finite, and no other example", async () => {
    const good = dataset({ inputs: new Float32Array(8), targets: Int32Array.of(0, 1, 0, 1), shape: [2] });
    // as whoever fills the arrays later may do
    const broken = (at: number) => ({ ...good, inputs: good.inputs.map((_, i) => (i === at ? Number.NaN : 0)) });
    const train = (data: Dataset) => {
      const net = sequential(input(2), dense(2));
      return net.fit(data, options({ validation: undefined, shuffle: false, batchSize: 2, epochs: 1 }));
    };
    expect(await messageOf(train(broken(6) as Dataset))).toMatch(
      /NaN in step 2 of epoch 1; the first values that are not finite are in the input "input"\./,
    );
  });
});

describe("tables", () => {
  test("of other sizes take each other's memory and programs", async () => {
    const { backend } = await backendFor({ threads: 1 }, "test");
    const session = new Session(backend, 1);
    const network = sequentialNetwork(input(28, 28, 1), flatten(), dense(10));
    const place = (data: Dataset) => PlacedData.place(session, network, data, { name: "training data", batchSize: 10 });
    const [few, many] = [digits.test, digits.train];
    const table = async (data: Dataset) => {
      const placed = await place(data);
      placed.begin(epochOrder(data.length, 0, 0, false), 0);
      return session.store.memoryOf(placed.variables.inputs);
    };
    const same = (a: NumericArray, b: NumericArray) => Buffer.compare(a as Uint8Array, b as Uint8Array) === 0;
    expect(same(await table(many), many.inputs)).toBe(true);
    const { byteLength } = session.store.memoryOf("training data.input").buffer;
    for (const data of [few, many, few, many]) expect(same(await table(data), data.inputs)).toBe(true);
    expect(session.store.memoryOf("training data.input").buffer.byteLength).toBe(byteLength);
    expect(session.store.names()).toEqual(["training data.input", "training data.target"]);
  });
});
