import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, test, vi } from "vitest";
import {
  augment,
  cifar10,
  classCounts,
  classWeights,
  collect,
  type Dataset,
  dataset,
  flip,
  lazyDataset,
  mixUp,
  oneHot,
  statistics,
  stratifiedSplit,
} from "../../src/data/index.js";
import { crossEntropy, dense, flatten, input, sequential, sgd } from "../../src/index.js";
import { messageOf } from "./messages.js";

/** 70 of class 0, 20 of class 1, 10 of class 2; no class 3. */
const uneven = dataset({
  inputs: Uint8Array.from({ length: 100 * 6 }, (_, i) => (i * 37) % 256),
  targets: Int32Array.from({ length: 100 }, (_, i) => (i < 70 ? 0 : i < 90 ? 1 : 2)),
  shape: [1, 2, 3],
  classes: 4,
});

describe("stratifiedSplit", () => {
  test("divides each class in proportion, and each example goes one way", () => {
    const [rest, part] = stratifiedSplit(uneven, 0.2, { seed: 4 });
    expect(classCounts(part)).toEqual([14, 4, 2, 0]);
    expect(classCounts(rest)).toEqual([56, 16, 8, 0]);
    const all = [rest, part].flatMap(({ inputs }) =>
      Array.from({ length: inputs.length / 6 }, (_, i) => inputs[6 * i]!),
    );
    expect(all.sort()).toEqual(Array.from({ length: 100 }, (_, i) => uneven.inputs[6 * i]!).sort());
    expect(stratifiedSplit(uneven, 0.2, { seed: 4 })).toEqual([rest, part]);
    expect(stratifiedSplit(uneven, 0.2, { seed: 5 })).not.toEqual([rest, part]);
  });

  test("says what is wrong", async () => {
    const numbers = dataset({ inputs: new Float32Array(2), targets: new Float32Array(2), shape: [1] });
    expect(await messageOf(() => stratifiedSplit(numbers, 0.5))).toBe(
      'dataset "data": the examples have no classes to divide by (expected integer labels, received float targets).',
    );
    expect(await messageOf(() => stratifiedSplit(uneven, 2))).toMatch(/the fraction is out of range/);
  });
});

test("classWeights make up for sizes, with a mean of 1 over the examples", () => {
  const weights = classWeights(uneven);
  expect(weights).toEqual([100 / 210, 100 / 60, 100 / 30, 0]);
  const mean = [...(uneven.targets as Int32Array)].reduce((sum, label) => sum + weights[label]!, 0) / 100;
  expect(mean).toBeCloseTo(1, 12);
});

test("statistics are mean and deviation of each channel, read or in memory", async () => {
  const expected = [0, 1, 2].map((channel) => {
    const values = [...uneven.inputs].filter((_, i) => i % 3 === channel).map((v) => v / 255);
    const mean = values.reduce((a, b) => a + b) / values.length;
    return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length)];
  });
  const read = lazyDataset({
    length: 100,
    shape: [1, 2, 3],
    inputType: "uint8",
    targets: uneven.targets,
    read: (index, inputs) => inputs.set(uneven.inputs.subarray(6 * index, 6 * index + 6)),
  });
  for (const data of [uneven, read]) {
    const { mean, deviation } = await statistics(data);
    expected.forEach(([m, d], channel) => {
      expect(mean[channel]).toBeCloseTo(m!, 12);
      expect(deviation[channel]).toBeCloseTo(d!, 12);
    });
  }
  const far = dataset({ inputs: Float32Array.of(1e7, 1e7 + 2), targets: new Int32Array(2), shape: [1] });
  expect(await statistics(far)).toEqual({ mean: [1e7 + 1], deviation: [1] });
});

describe("oneHot", () => {
  test("makes probabilities of labels", () => {
    const soft = oneHot(uneven);
    expect(soft).toMatchObject({ targetShape: [4], length: 100, classes: uneven.classes });
    expect([...soft.targets.subarray(69 * 4, 71 * 4)]).toEqual([1, 0, 0, 0, 0, 1, 0, 0]);
  });

  test("trains with crossEntropy as labels do, and mixed", async () => {
    const train = async (data: Dataset, targets: "labels" | "probabilities", more: object = {}) => {
      const net = sequential(input(1, 2, 3), flatten(), dense(4));
      const options = { loss: crossEntropy({ targets }), optimizer: sgd(0.1), epochs: 2, progress: false, threads: 1 };
      const { epochs } = await net.fit(data, { ...options, validation: 0.2, ...more });
      return epochs.map(({ loss, accuracy }) => [loss, accuracy] as const);
    };
    const labels = await train(uneven, "labels");
    const soft = await train(oneHot(uneven), "probabilities");
    soft.forEach(([loss, accuracy], epoch) => {
      expect(loss).toBeCloseTo(labels[epoch]![0], 5);
      expect(accuracy).toBe(labels[epoch]![1]);
    });
    const mixing = { augment: augment(flip(), mixUp()) };
    const mixed = await train(oneHot(uneven), "probabilities", { ...mixing, loaderWorkers: 2 });
    expect(mixed).toEqual(await train(oneHot(uneven), "probabilities", { ...mixing, loaderWorkers: 0 }));
    expect(mixed).not.toEqual(soft);
  });
});

describe("collect", () => {
  async function* stream(count = Number.POSITIVE_INFINITY) {
    for (let i = 0; i < count; i++) yield { inputs: [i, -i], target: i % 3 };
  }

  test("keeps what a stream gives, and asks for no more than the limit", async () => {
    const data = await collect(stream(), { shape: [2], classes: ["a", "b", "c"], limit: 4 });
    expect(data).toMatchObject({ length: 4, shape: [2], classes: ["a", "b", "c"] });
    expect([...data.inputs]).toEqual([0, -0, 1, -1, 2, -2, 3, -3]);
    expect([...data.targets]).toEqual([0, 1, 2, 0]);
    const numbers = await collect([{ inputs: [255], target: [1, 2] }], { shape: [1], inputType: "uint8" });
    expect([numbers.inputs, numbers.targets, numbers.targetShape]).toEqual([
      Uint8Array.of(255),
      Float32Array.of(1, 2),
      [2],
    ]);
  });

  test("says which example is wrong", async () => {
    const odd = [
      { inputs: [1, 2], target: 0 },
      { inputs: [1], target: 0 },
    ];
    expect(await messageOf(() => collect(odd, { shape: [2] }))).toBe(
      'collect "data": example 1 has another number of values (expected 2, received 1).',
    );
    expect(await messageOf(() => collect(stream(3), { shape: [2], classes: 2 }))).toMatch(
      /the label at index 2 is not a class/,
    );
  });
});

describe("CIFAR-10", () => {
  afterEach(() => vi.unstubAllEnvs());

  test("is what its README says, in two grades", async ({ skip }) => {
    if (!existsSync("../shared/data/cifar10"))
      skip("../shared/data is not beside the checkout: nothing to compare with");
    const { train, test: held } = await cifar10();
    expect(train).toMatchObject({ length: 14_000, shape: [32, 32, 3] });
    expect(train.source).toMatch(/^CIFAR-10 from .*, 10000 of 14000 by way of JPEG$/);
    expect([held.length, held.source.includes("JPEG")]).toEqual([1000, false]);
    expect(held.classes[9]).toBe("truck");
    // the same class has the same colours by both ways
    const exact = await cifar10({ lossy: "none" });
    expect(exact.train.length).toBe(4000);
    expect([...exact.train.inputs.subarray(0, 100)].every((v) => v >= 0)).toBe(true);
    const all = await statistics(held);
    // of all 50,000 training images, as published: 0.4914, 0.4822, 0.4465 and 0.2470, 0.2435, 0.2616
    [0.4914, 0.4822, 0.4465].forEach((mean, i) => expect(Math.abs(all.mean[i]! - mean)).toBeLessThan(0.015));
    [0.247, 0.2435, 0.2616].forEach((deviation, i) => {
      expect(Math.abs(all.deviation[i]! - deviation)).toBeLessThan(0.01);
    });
    const few = await cifar10({ train: 100, test: 10, seed: 1 });
    expect([few.train.length, few.test.length]).toEqual([100, 10]);
  });

  test("is found under the names of its publisher, and in its archive", async () => {
    const root = await mkdtemp(join(tmpdir(), "fovea-cifar-"));
    try {
      const records = (count: number, label: number) => {
        return Uint8Array.from({ length: count * 3073 }, (_, i) => (i % 3073 === 0 ? label : i % 256));
      };
      const tar = (files: readonly [string, Uint8Array][]) => {
        const blocks = files.flatMap(([name, content]) => {
          const header = new Uint8Array(512);
          header.set(new TextEncoder().encode(`cifar-10-batches-bin/${name}`));
          header.set(new TextEncoder().encode(content.length.toString(8).padStart(11, "0")), 124);
          header[156] = 0x30;
          const padded = new Uint8Array(Math.ceil(content.length / 512) * 512);
          padded.set(content);
          return [header, padded];
        });
        return Buffer.concat([...blocks, new Uint8Array(1024)]);
      };
      vi.stubEnv("FOVEA_DATA", root);
      vi.stubEnv("FOVEA_CACHE", join(root, "cache"));
      vi.stubEnv("FOVEA_OFFLINE", "1");
      const folder = join(root, "cifar-10-batches-bin");
      await mkdir(folder);
      const files: [string, Uint8Array][] = [
        ["data_batch_1.bin", records(2, 4)],
        ["data_batch_2.bin", records(1, 5)],
        ["test_batch.bin", records(2, 6)],
      ];
      const expectAll = async () => {
        const { train, test: held } = await cifar10();
        expect([...train.targets, ...held.targets]).toEqual([4, 4, 5, 6, 6]);
        expect(train.source).toBe(`CIFAR-10 from ${root}`);
      };
      const archive = join(folder, "cifar-10-binary.tar");
      await writeFile(archive, tar(files).subarray(0, 3000));
      expect(await messageOf(cifar10)).toBe(`${archive}: the archive is damaged at byte 0. Get the file again.`);
      await rm(archive);
      await writeFile(`${archive}.gz`, gzipSync(tar(files)));
      await expectAll();
      for (const [name, content] of files) await writeFile(join(folder, name), content);
      await expectAll();
    } finally {
      await rm(root, { recursive: true, force: true });
    }
  });
});
