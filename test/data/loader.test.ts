import { availableParallelism } from "node:os";
import { describe, expect, test, vi } from "vitest";
import { type FoveaError, fail } from "../../src/core/errors.js";
import { sizeOf } from "../../src/core/shapes.js";
import { epochOrder } from "../../src/data/batches.js";
import {
  type Augment,
  augment,
  augmented,
  brightness,
  cutMix,
  type Dataset,
  dataset,
  elastic,
  erasing,
  flip,
  lazyDataset,
  mixUp,
  noise,
  rotate,
  shift,
  split,
  strokes,
  subset,
} from "../../src/data/index.js";
import { Loader, type LoaderOptions } from "../../src/data/loader/loader.js";
import { messageOf } from "./messages.js";

const { train: digits } = await strokes({ train: 100, test: 10, seed: 2 });
const soft = dataset({
  inputs: digits.inputs,
  targets: Float32Array.from({ length: 1000 }, (_, i) => (digits.targets[Math.floor(i / 10)] === i % 10 ? 1 : 0)),
  shape: digits.shape,
});
const [few, softFew] = [digits, soft].map((data) =>
  subset(
    data,
    Array.from({ length: 40 }, (_, i) => i),
  ),
);
const usual = augment(rotate(10), shift(0.1), elastic(1), brightness(0.2), noise(0.02), erasing());
const mixing = augment(...usual.steps, mixUp(), cutMix());

/** The same data set, each example read after a while, and not in order. */
function read(data: Dataset, read?: (index: number) => Promise<void>): Dataset {
  const [size, targetSize] = [sizeOf(data.shape), sizeOf(data.targetShape)];
  return lazyDataset({
    length: data.length,
    shape: data.shape,
    inputType: data.inputs instanceof Uint8Array ? "uint8" : "float32",
    targets: { type: data.targets instanceof Int32Array ? "int32" : "float32", shape: data.targetShape },
    async read(index, inputs, targets) {
      await (read?.(index) ??
        new Promise((resolve) => (index % 5 === 0 ? setTimeout(resolve, 1) : setImmediate(resolve))));
      inputs.set(data.inputs.subarray(index * size, (index + 1) * size));
      targets.set(data.targets.subarray(index * targetSize, (index + 1) * targetSize));
    },
  });
}

function tableFor(data: Dataset, rows: number) {
  const inputs = rows * sizeOf(data.shape);
  const targets = rows * sizeOf(data.targetShape);
  return {
    inputs: data.inputs instanceof Uint8Array ? new Uint8Array(inputs) : new Float32Array(inputs),
    targets: data.targets instanceof Int32Array ? new Int32Array(targets) : new Float32Array(targets),
  };
}

/** What steps of `batch` examples get in an epoch, in the order of the examples. */
async function epochOf(loader: Loader, data: Dataset, batch: number, epoch: number, steps = Number.POSITIVE_INFINITY) {
  const order = epochOrder(data.length, 3, epoch, true);
  const table = tableFor(data, loader.rows);
  const size = sizeOf(data.shape);
  const targetSize = sizeOf(data.targetShape);
  const all = tableFor(data, data.length);
  loader.begin(table, order, epoch);
  for (let start = 0; start < order.length && steps-- > 0; start += batch) {
    const rows = new Int32Array(Math.min(batch, order.length - start)).fill(-1);
    await loader.next(rows);
    rows.forEach((row, i) => {
      const index = order[start + i]!;
      all.inputs.set(table.inputs.subarray(row * size, (row + 1) * size), index * size);
      all.targets.set(table.targets.subarray(row * targetSize, (row + 1) * targetSize), index * targetSize);
    });
    // what was handed out may be written over by now
    table.inputs.fill(0);
  }
  return all;
}

async function withLoader<T>(data: Dataset, options: LoaderOptions, use: (loader: Loader) => Promise<T>): Promise<T> {
  const loader = new Loader(data, options);
  try {
    return await use(loader);
  } finally {
    await loader.close();
  }
}

describe("a loader", () => {
  describe.each([
    ["varies", softFew!, usual],
    ["varies and mixes", softFew!, mixing],
    ["varies labels' examples", few!, usual],
    ["only reads", few!, undefined],
  ] as const)("that %s", (_, data, steps) => {
    const expected = (epoch: number) => {
      const { inputs, targets } = augmented(data, steps ?? augment(), { seed: 5, epoch });
      return { inputs, targets };
    };

    test.each([0, 1, 2, 4])("gives the same with %i workers", async (workers) => {
      for (const source of [data, read(data)]) {
        await withLoader(source, { batchSize: 16, augment: steps, seed: 5, workers }, async (loader) => {
          expect(await epochOf(loader, data, 16, 1)).toEqual(expected(1));
          // smaller batches than it was made for, as a rest
          expect(await epochOf(loader, data, 7, 2)).toEqual(expected(2));
          // an epoch that was broken off leaves nothing behind
          await epochOf(loader, data, 16, 3, 2);
          expect(await epochOf(loader, data, 16, 4)).toEqual(expected(4));
        });
      }
    });
  });

  test("gives the same in one batch, in single ones, and with nothing prepared ahead", async () => {
    const expected = augmented(soft, mixing, { epoch: 1 });
    for (const [batchSize, ahead, workers] of [
      [1000, 2, 2],
      [1, 0, 2],
      [1, 3, 0],
      [33, 0, 3],
    ] as const) {
      await withLoader(soft, { batchSize, augment: mixing, ahead, workers }, async (loader) => {
        expect((await epochOf(loader, soft, loader.rows, 1)).inputs).toEqual(expected.inputs);
      });
    }
  });

  test("reads parts of what is read", async () => {
    const [rest, part] = split(read(digits), 0.3, { seed: 1 });
    const [, known] = split(digits, 0.3, { seed: 1 });
    expect([rest.length, part.length]).toEqual([70, 30]);
    await withLoader(subset(part, [4, 2]), { batchSize: 2 }, async (loader) => {
      const { inputs, targets } = subset(known, [4, 2]);
      expect(await epochOf(loader, subset(known, [4, 2]), 2, 1)).toEqual({ inputs, targets });
    });
  });

  test("moves masks along, in whatever thread", async () => {
    const { inputs } = digits;
    const masks = { ...digits, targets: Int32Array.from(inputs), targetShape: [28, 28] };
    const moves = augment(flip("both"), rotate(30));
    const expected = augmented(masks, moves).targets;
    for (const workers of [0, 2]) {
      await withLoader(masks, { batchSize: 30, augment: moves, workers }, async (loader) => {
        expect((await epochOf(loader, masks, 30, 1)).targets).toEqual(expected);
      });
    }
  });

  test("prepares the next batches while a step runs, and no more than it has place for", async () => {
    let begun = 0;
    const data = read(digits, async () => {
      begun += 1;
    });
    await withLoader(data, { batchSize: 10, ahead: 2, workers: 0 }, async (loader) => {
      loader.begin(tableFor(digits, 10), epochOrder(100, 0, 1, false), 1);
      const later = () => new Promise((resolve) => setTimeout(resolve, 20));
      await later();
      // one that is wanted, two ahead, and the one that a batch may reach into
      expect(begun).toBe(40);
      await loader.next(new Int32Array(10));
      await later();
      expect(begun).toBe(50);
    });
  });

  test("augments in workers while the main thread is busy, and needs no message to know", async () => {
    await withLoader(digits, { batchSize: 10, augment: usual, workers: 2 }, async (loader) => {
      loader.begin(tableFor(digits, 10), epochOrder(100, 0, 1, false), 1);
      await loader.next(new Int32Array(10));
      // from here on without events
      const until = Date.now() + 10_000;
      for (;;) {
        const busy = performance.now() + 20;
        while (performance.now() < busy);
        const waiting = loader.next(new Int32Array(10));
        if (waiting === undefined) break;
        await waiting;
        if (Date.now() > until) expect.fail("every batch had to be waited for");
      }
    });
  });

  test("gets workers by itself where processors are free, or augmentation takes longer than steps", async () => {
    const processors = availableParallelism();
    await withLoader(digits, { batchSize: 10, augment: usual, threads: processors - 1 }, async (loader) => {
      await vi.waitFor(() => expect(loader.hasWorkers).toBe(true), 10_000);
    });
    await withLoader(digits, { batchSize: 1, augment: usual, seed: 5, threads: processors }, async (loader) => {
      expect(loader.hasWorkers).toBe(false);
      expect((await epochOf(loader, digits, 1, 1)).inputs).toEqual(augmented(digits, usual, { seed: 5 }).inputs);
      await vi.waitFor(() => expect(loader.hasWorkers).toBe(true), 10_000);
      expect((await epochOf(loader, digits, 1, 2)).inputs).toEqual(
        augmented(digits, usual, { seed: 5, epoch: 2 }).inputs,
      );
    });
    await withLoader(digits, { batchSize: 1, augment: augment(shift(0.1)), threads: processors }, async (loader) => {
      loader.begin(tableFor(digits, 1), epochOrder(100, 0, 1, false), 1);
      for (let step = 0; step < 40; step++) {
        await loader.next(new Int32Array(1));
        const busy = performance.now() + 3;
        while (performance.now() < busy);
      }
      expect(loader.hasWorkers).toBe(false);
    });
  });

  test("keeps memory flat over a set that is larger than what it may use", async () => {
    // 1600 examples of 256 KiB: 400 MiB, in no more than 24 MiB
    const big = lazyDataset({
      length: 1600,
      shape: [512, 512, 1],
      inputType: "uint8",
      targets: new Int32Array(1600),
      async read(index, inputs) {
        inputs.fill(index);
      },
    });
    await withLoader(big, { batchSize: 16, augment: augment(flip()), workers: 1 }, async (loader) => {
      expect(loader.bytes).toBeLessThan(24 * 2 ** 20);
      const table = tableFor(big, 16);
      loader.begin(table, epochOrder(1600, 0, 1, true), 1);
      const curve: number[] = [];
      for (let step = 0; step < 100; step++) {
        await loader.next(new Int32Array(16));
        if (step % 20 === 10) curve.push(process.memoryUsage().arrayBuffers + process.memoryUsage().external);
      }
      expect(Math.max(...curve) - Math.min(...curve)).toBeLessThan(8 * 2 ** 20);
    });
  });

  test("fails where the example is wanted, with the reader's own error, and goes on in the next epoch", async () => {
    let broken = true;
    const data = read(digits, async (index) => {
      if (index === 57 && broken)
        fail({ code: "format", where: "cats/57.jpg", problem: "the image cannot be decoded" });
    });
    for (const workers of [0, 2]) {
      broken = true;
      await withLoader(data, { batchSize: 10, augment: usual, workers }, async (loader) => {
        const run = async () => {
          loader.begin(tableFor(digits, 10), epochOrder(100, 0, 1, false), 1);
          for (let step = 0; step < 10; step++) {
            try {
              await loader.next(new Int32Array(10));
            } catch (error) {
              return [step, (error as FoveaError).message];
            }
          }
          return "done";
        };
        // chunks of workers are smaller than batches, but handed out as batches
        expect(await run()).toEqual([5, "cats/57.jpg: the image cannot be decoded."]);
        broken = false;
        expect(await run()).toBe("done");
      });
    }
  });

  test("names a worker that fails", async () => {
    const trap = augment(...usual.steps);
    // JSON keeps the kind alone, which no worker knows
    const unknown: Augment = { steps: [{ ...trap.steps[3]!, kind: "paint" }] };
    await withLoader(digits, { batchSize: 10, augment: unknown, workers: 1 }, async (loader) => {
      loader.begin(tableFor(digits, 10), epochOrder(100, 0, 1, false), 1);
      expect(await messageOf(() => loader.next(new Int32Array(10)))).toBe(
        "loader worker 1: failed while it augmented examples (received augment: unknown augmentation (received paint).). " +
          "Train with loaderWorkers: 0, which augments on the training thread.",
      );
      expect(await messageOf(() => loader.next(new Int32Array(10)))).toMatch(/^loader worker 1: failed/);
    });
  });

  test("can be closed at any time, and is closed then", async () => {
    for (const source of [digits, read(digits)]) {
      const loader = new Loader(source, { batchSize: 10, augment: usual, workers: 2 });
      loader.begin(tableFor(digits, 10), epochOrder(100, 0, 1, false), 1);
      await loader.close();
      await loader.close();
      expect(await messageOf(() => loader.next(new Int32Array(10)))).toBe("loader: it was closed.");
    }
  });
});
