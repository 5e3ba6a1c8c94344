import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fail } from "../../src/core/errors.js";
import {
  augment,
  augmented,
  type Dataset,
  dataset,
  lazyDataset,
  mixUp,
  rotate,
  shift,
  strokes,
} from "../../src/data/index.js";
import { conv2d, dense, type FitOptions, flatten, input, sequential, sgd } from "../../src/index.js";
import { messageOf } from "./messages.js";

const { train: digits } = await strokes({ train: 150, test: 10, seed: 4 });

const lazy = (data: Dataset, read?: (index: number) => void) =>
  lazyDataset({
    length: data.length,
    shape: data.shape,
    inputType: "uint8",
    targets: data.targets,
    classes: data.classes,
    async read(index, inputs) {
      read?.(index);
      inputs.set(data.inputs.subarray(index * 784, (index + 1) * 784));
    },
  });

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: "crossEntropy",
  optimizer: sgd(0.05, { momentum: 0.9 }),
  batchSize: 32,
  epochs: 2,
  validation: 0.2,
  seed: 7,
  progress: false,
  threads: 1,
  ...more,
});

async function train(data: Dataset, more: Partial<FitOptions> = {}) {
  const net = sequential(input(28, 28, 1), conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10));
  const { epochs } = await net.fit(data, options(more));
  const measured = epochs.map(({ loss, validationLoss, validationAccuracy }) => [
    loss,
    validationLoss,
    validationAccuracy,
  ]);
  return { measured, weights: net.weightNames.map((name) => net.weight(name)) };
}

const moves = augment(rotate(15), shift(0.1));

describe("fit with augmentation", () => {
  test("gives the same bits with 0, 1, 2 and 4 loader workers, on one thread or two, read or in memory", async () => {
    const expected = await train(digits, { augment: moves, loaderWorkers: 0 });
    for (const loaderWorkers of [1, 2, 4, undefined]) {
      expect(await train(digits, { augment: moves, loaderWorkers })).toEqual(expected);
    }
    expect(await train(digits, { augment: moves, loaderWorkers: 2, threads: 2 })).toEqual(expected);
    expect(await train(lazy(digits), { augment: moves, loaderWorkers: 1 })).toEqual(expected);
    expect(await train(digits)).not.toEqual(expected);
    // steps of no augmentation change nothing
    expect(await train(digits, { augment: augment() })).toEqual(await train(digits));
  });

  test("trains on what augmented shows, anew in every epoch", async () => {
    const runs = (data: Dataset, more: Partial<FitOptions>) =>
      train(data, { validation: undefined, shuffle: false, optimizer: sgd(1e-30), ...more });
    const { measured } = await runs(digits, { epochs: 3, augment: moves });
    for (const epoch of [1, 2, 3]) {
      const shown = await runs(augmented(digits, moves, { seed: 7, epoch }), { epochs: 1 });
      expect(shown.measured[0]).toEqual(measured[epoch - 1]);
    }
    expect(new Set(measured.map(([loss]) => loss)).size).toBe(3);
  });

  test("mixes targets that are numbers", async () => {
    const soft = dataset({
      inputs: digits.inputs,
      targets: Float32Array.from({ length: 1500 }, (_, i) => (digits.targets[Math.floor(i / 10)] === i % 10 ? 1 : 0)),
      shape: digits.shape,
    });
    const more = { loss: "meanSquaredError", augment: augment(mixUp()), optimizer: sgd(0.01) } as const;
    const { measured } = await train(soft, { ...more, loaderWorkers: 2 });
    expect(measured).toEqual((await train(soft, { ...more, loaderWorkers: 0 })).measured);
    const plain = await train(soft, { ...more, augment: undefined });
    expect(measured[0]![0]).not.toBe(plain.measured[0]![0]);
  });

  test("goes on from a checkpoint, in the middle of an epoch, as if it had never stopped", async () => {
    const directory = mkdtempSync(join(tmpdir(), "fovea-augment-"));
    try {
      const more = { augment: moves, loaderWorkers: 1 };
      const undisturbed = await train(digits, more);
      await train(digits, { ...more, checkpoint: { directory, every: { steps: 1 }, keep: 100 } });
      const files = readdirSync(directory).filter((name) => name.startsWith("checkpoint-"));
      expect(files).toHaveLength(8);
      for (const name of [files[1]!, files[5]!]) {
        expect(await train(digits, { ...more, resume: join(directory, name) })).toEqual(undisturbed);
      }
      const other = { augment: augment(rotate(3)), resume: join(directory, files[1]!) };
      await expect(train(digits, other)).rejects.toThrow(/the run was begun with another augment/);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });

  test("refuses what does not fit before any work starts", async () => {
    const net = sequential(input(28, 28, 1), flatten(), dense(10));
    expect(await messageOf(net.fit(digits, options({ augment: augment(mixUp()) })))).toMatch(
      /^fit: mixUp mixes targets/,
    );
    expect(await messageOf(net.fit(digits, options({ augment: rotate(3) as never })))).toBe(
      "fit: augment is no augmentation (expected what augment(rotate(10), flip()) returns, received [object Object]).",
    );
    expect(await messageOf(net.fit(digits, options({ loaderWorkers: 1.5 })))).toBe(
      "fit: loaderWorkers is out of range (expected an integer in 0 … 256, received 1.5).",
    );
  });
});

describe("a data set that is read", () => {
  test("trains and measures as one in memory, bit for bit", async () => {
    expect(await train(lazy(digits))).toEqual(await train(digits));
    const net = sequential(input(28, 28, 1), flatten(), dense(10)).initialize(1);
    const expected = await net.evaluate(digits);
    expect(await net.evaluate(lazy(digits))).toEqual(expected);
    expect(await net.evaluate(lazy(digits), { batchSize: 40 })).toEqual(expected);
  });

  test("ends training with the reader's error", async () => {
    const broken = lazy(digits, (index) => {
      if (index === 77) fail({ code: "file", where: "digits/77.png", problem: "cannot be read" });
    });
    expect(await messageOf(train(broken))).toBe("digits/77.png: cannot be read.");
    const net = sequential(input(28, 28, 1), flatten(), dense(10));
    expect(await messageOf(net.evaluate(broken))).toBe("digits/77.png: cannot be read.");
  });
});
