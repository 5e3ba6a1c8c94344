import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { classCounts } from "../../src/data/dataset.js";
import { digits, fashionMnist, mnist } from "../../src/data/mnist.js";
import { platform } from "../../src/platform/node.js";
import { idxFile } from "./idx-file.js";
import { messageOf } from "./messages.js";

const shared = "../shared/data";
const reason = `${shared} is not beside the checkout: nothing to compare with`;

describe("the published sets", () => {
  test("MNIST has the counts that its README says", async ({ skip }) => {
    if (!existsSync(`${shared}/mnist`)) skip(reason);
    const { train, test: held } = await mnist();
    expect(train).toMatchObject({ name: "MNIST train", length: 60000, shape: [28, 28, 1] });
    expect(train.source).toMatch(/^MNIST from /);
    expect(classCounts(train)).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect(classCounts(held)).toEqual([980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]);
    const few = await mnist({ train: 600, test: 100, seed: 3 });
    expect([few.train.length, few.test.length]).toEqual([600, 100]);
    expect(await mnist({ train: 600, test: 100, seed: 3 })).toEqual(few);
  });

  test("Fashion-MNIST has as many of each class", async ({ skip }) => {
    if (!existsSync(`${shared}/fashion-mnist`)) skip(reason);
    const { train, test: held } = await fashionMnist();
    expect(classCounts(train)).toEqual(new Array(10).fill(6000));
    expect(classCounts(held)).toEqual(new Array(10).fill(1000));
    expect(train.classes[9]).toBe("Ankle boot");
  });
});

describe("without the published sets", () => {
  let root: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "fovea-mnist-"));
    process.env.FOVEA_DATA = join(root, "data");
    process.env.FOVEA_CACHE = join(root, "cache");
    process.env.FOVEA_OFFLINE = "1";
    const { directories } = platform;
    if (directories === undefined) throw new Error("Node has directories");
    vi.spyOn(directories, "working").mockReturnValue(join(root, "here"));
    vi.spyOn(directories, "packageRoot").mockReturnValue(join(root, "here"));
    await mkdir(join(root, "data/mnist"), { recursive: true });
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    for (const name of ["FOVEA_CACHE", "FOVEA_DATA", "FOVEA_OFFLINE"]) delete process.env[name];
    await rm(root, { recursive: true, force: true });
  });

  const put = (name: string, shape: number[], values: ArrayLike<number>) =>
    writeFile(join(root, "data/mnist", name), idxFile(shape, values));

  async function putAll(count: number, side = 28): Promise<void> {
    for (const split of ["train", "t10k"]) {
      await put(`${split}-images-idx3-ubyte`, [count, side, side], new Uint8Array(count * side * side));
      await put(
        `${split}-labels-idx1-ubyte`,
        [count],
        Uint8Array.from({ length: count }, (_, i) => i % 10),
      );
    }
  }

  test("mnist fails and lists every place", async () => {
    expect(await messageOf(() => mnist())).toBe(
      "MNIST: train-labels-idx1-ubyte.gz is in none of the places looked at: " +
        `${root}/data/mnist (not there), ${root}/cache/data/mnist (not there), ${root}/shared/data/mnist (not there), ` +
        "https://ossci-datasets.s3.amazonaws.com/mnist/train-labels-idx1-ubyte.gz (not asked: FOVEA_OFFLINE is 1). " +
        "Set FOVEA_DATA to a directory with mnist/train-labels-idx1-ubyte.gz, or connect to the network once; " +
        "digits() goes on without either, on generated digits.",
    );
    expect(await messageOf(() => fashionMnist())).toMatch(/or connect to the network once\.$/);
  });

  test("digits draws them instead, as many, and says so", async () => {
    const { train, test: held } = await digits({ train: 50, test: 20, seed: 4 });
    const source = "generated digits (strokes), since MNIST could not be had";
    expect(train).toMatchObject({ source, length: 50, name: "strokes train" });
    expect(held).toMatchObject({ source, length: 20 });
  });

  test("a set of one's own in FOVEA_DATA, decompressed", async () => {
    await putAll(30);
    const { train } = await mnist({ train: 20 });
    expect(train).toMatchObject({ length: 20, source: `MNIST from ${root}/data` });
    expect(await messageOf(() => mnist({ train: 31 }))).toBe(
      'take from "MNIST train": count is out of range (expected an integer in 0 … 30, received 31).',
    );
  });

  test("files that do not belong together are refused, by digits too", async () => {
    await putAll(30, 14);
    const images = join(root, "data/mnist/train-images-idx3-ubyte");
    const labels = join(root, "data/mnist/train-labels-idx1-ubyte");
    expect(await messageOf(() => digits())).toBe(
      `${images}: the images have the wrong size (expected 28 × 28, received 14 × 14).`,
    );
    await put("train-labels-idx1-ubyte", [2], [0, 1]);
    expect(await messageOf(() => digits())).toBe(
      `${images}: the number of images is not that of the labels in ${labels} (expected 2, received 30).`,
    );
    await putAll(30);
    await put("train-labels-idx1-ubyte", [30], new Uint8Array(30).fill(10, 7));
    expect(await messageOf(() => mnist())).toBe(
      'dataset "MNIST train": the label at index 7 is not a class (expected 0 … 9, received 10).',
    );
  });

  test("options are checked", async () => {
    expect(await messageOf(() => mnist({ trian: 6000 } as object))).toBe(
      'mnist: unknown option "trian" (expected one of train, test, seed, onProgress, url). Did you mean "train".',
    );
    expect(await messageOf(() => fashionMnist({ train: 0 }))).toBe(
      "fashionMnist: train is out of range (expected an integer in 1 … 60000, received 0).",
    );
    expect(await messageOf(() => digits({ seed: 0.5 }))).toBe(
      "digits: seed is out of range (expected an integer of at least 0, received 0.5).",
    );
  });
});
