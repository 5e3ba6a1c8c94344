import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { keyOf } from "../../src/core/random.js";
import { classCounts } from "../../src/data/dataset.js";
import { glyphs } from "../../src/data/glyphs.js";
import { drawDigit, strokes } from "../../src/data/strokes.js";
import { messageOf } from "./messages.js";

const pixels = 28 * 28;

test("balanced, in MNIST's form, with default sizes", async () => {
  const { train, test: held } = await strokes();
  expect(train).toMatchObject({ name: "strokes train", source: "generated digits (strokes)", shape: [28, 28, 1] });
  expect(train.inputs).toBeInstanceOf(Uint8Array);
  expect([train.length, held.length]).toEqual([6000, 2000]);
  expect(classCounts(train)).toEqual(new Array(10).fill(600));
  expect(classCounts(held)).toEqual(new Array(10).fill(200));
});

test("an image depends on seed, split and index only", async () => {
  const few = await strokes({ train: 25, test: 25, seed: 7 });
  const many = await strokes({ train: 300, test: 25, seed: 7 });
  const other = await strokes({ train: 25, test: 25, seed: 8 });
  expect(many.train.inputs.subarray(0, 25 * pixels)).toEqual(few.train.inputs);
  expect(many.train.targets.subarray(0, 25)).toEqual(few.train.targets);
  expect(other.train.inputs).not.toEqual(few.train.inputs);
  expect(few.test.inputs).not.toEqual(few.train.inputs);
  const single = drawDigit(few.train.targets[11], keyOf(7, "strokes", "train", 11));
  expect(single).toEqual(few.train.inputs.subarray(11 * pixels, 12 * pixels));
});

test("the images stay as they are: models and records are compared by seed", async () => {
  const { train } = await strokes({ train: 100, test: 1, seed: 0 });
  let mean = 0;
  for (const value of train.inputs) mean += value / train.inputs.length;
  expect(createHash("sha256").update(train.inputs).digest("hex").slice(0, 16)).toMatchInlineSnapshot(
    `"593f2210f1a6334d"`,
  );
  // MNIST's mean is 33.3.
  expect(mean).toBeGreaterThan(20);
  expect(mean).toBeLessThan(45);
});

test("every digit has ink, in the middle, inside the image", async () => {
  const { train } = await strokes({ train: 1000, test: 1, seed: 1 });
  for (let index = 0; index < train.length; index++) {
    const image = train.inputs.subarray(index * pixels, (index + 1) * pixels);
    let [mass, x, y, border] = [0, 0, 0, 0];
    image.forEach((value, pixel) => {
      const [row, column] = [Math.floor(pixel / 28), pixel % 28];
      mass += value;
      x += value * (column + 0.5);
      y += value * (row + 0.5);
      if (row === 0 || row === 27 || column === 0 || column === 27) border += value;
    });
    expect(mass).toBeGreaterThan(255 * 15);
    expect(Math.abs(x / mass - 14)).toBeLessThan(4);
    expect(Math.abs(y / mass - 14)).toBeLessThan(4);
    expect(border).toBeLessThan(0.1 * mass);
  }
});

/** The worth of a data set is that it can be learnt, but not by rote: nearest class mean is far from enough. */
test("classes are apart, but not by their mean image", async () => {
  const { train, test: held } = await strokes({ train: 1500, test: 500, seed: 2 });
  const means = Array.from({ length: 10 }, () => new Float64Array(pixels));
  for (let index = 0; index < train.length; index++) {
    for (let i = 0; i < pixels; i++) means[train.targets[index]][i] += train.inputs[index * pixels + i] / 150;
  }
  const distance = (image: Uint8Array, mean: Float64Array) =>
    image.reduce((sum, value, i) => sum + (value - mean[i]) ** 2, 0);
  let right = 0;
  for (let index = 0; index < held.length; index++) {
    const image = held.inputs.subarray(index * pixels, (index + 1) * pixels) as Uint8Array;
    const distances = means.map((mean) => distance(image, mean));
    if (distances.indexOf(Math.min(...distances)) === held.targets[index]) right++;
  }
  expect(right / held.length).toBeGreaterThan(0.6);
  expect(right / held.length).toBeLessThan(0.93);
});

test("glyphs lie in their box, and options are checked", async () => {
  expect(glyphs.length).toBe(10);
  for (const { strokes: pen } of glyphs.flat()) {
    for (const [x, y] of pen.flat(2)) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(x).toBeLessThanOrEqual(60);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(y).toBeLessThanOrEqual(100);
    }
  }
  expect(await messageOf(() => strokes({ train: 0 }))).toBe(
    "strokes: train is out of range (expected an integer in 1 … 1000000, received 0).",
  );
  expect(await messageOf(() => strokes({ size: 5 } as object))).toBe(
    'strokes: unknown option "size" (expected one of train, test, seed).',
  );
  expect(await messageOf(() => drawDigit(10, [0, 0]))).toBe(
    "drawDigit: label is out of range (expected an integer in 0 … 9, received 10).",
  );
});
