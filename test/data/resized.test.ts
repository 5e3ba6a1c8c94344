import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { dataset, lazyDataset } from "../../src/data/dataset.js";
import { type ResizedOptions, resized } from "../../src/data/resized.js";
import { formulaValues } from "../fixtures/formula.js";
import { messageOf } from "./messages.js";

const images = (length: number, shape: readonly [number, number, number]) =>
  dataset({
    name: "images",
    inputs: formulaValues(3, [length, ...shape]),
    targets: Int32Array.from({ length }, (_, i) => i),
    shape,
  });

/** Along one axis: every element is repeated `to` times, and each `from` neighbours of these are averaged. */
const averaged = (values: readonly number[], to: number): number[] => {
  const repeated = values.flatMap((value) => new Array<number>(to).fill(value));
  return Array.from({ length: to }, (_, i) => {
    const covered = repeated.slice(i * values.length, (i + 1) * values.length);
    return covered.reduce((sum, value) => sum + value, 0) / values.length;
  });
};

/** Along one axis: the polygon through the centres of the elements, which goes on level at both ends. */
const interpolated = (values: readonly number[], to: number): number[] =>
  Array.from({ length: to }, (_, i) => {
    const place = ((i + 0.5) / to) * values.length - 0.5;
    const at = (j: number) => values[Math.min(Math.max(j, 0), values.length - 1)]!;
    const j = Math.floor(place);
    return (j + 1 - place) * at(j) + (place - j) * at(j + 1);
  });

const along = (values: readonly number[], to: number) =>
  (to <= values.length ? averaged : interpolated)([...values], to);

/** One channel of one image, row by row. */
function naive(rows: readonly (readonly number[])[], height: number, width: number): number[] {
  const wide = rows.map((row) => along(row, width));
  const columns = Array.from({ length: width }, (_, j) =>
    along(
      wide.map((row) => row[j]!),
      height,
    ),
  );
  return Array.from({ length: height * width }, (_, i) => columns[i % width]![Math.floor(i / width)]!);
}

describe("resized", () => {
  test("averages areas where an axis becomes shorter, and interpolates where it becomes longer", () => {
    const extent = fc.integer({ min: 1, max: 13 });
    fc.assert(
      fc.property(extent, extent, extent, extent, fc.integer({ min: 1, max: 3 }), (h, w, height, width, channels) => {
        const data = images(2, [h, w, channels]);
        const { inputs, shape } = resized(data, { height, width });
        expect(shape).toEqual([height, width, channels]);
        for (const image of [0, 1]) {
          for (let c = 0; c < channels; c++) {
            const at = (i: number, j: number) => data.inputs[((image * h + i) * w + j) * channels + c]!;
            const rows = Array.from({ length: h }, (_, i) => Array.from({ length: w }, (_, j) => at(i, j)));
            naive(rows, height, width).forEach((value, i) => {
              expect(inputs[(image * height * width + i) * channels + c]).toBeCloseTo(value, 5);
            });
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  test("rounds pixels, and keeps everything else", () => {
    const inputs = Uint8Array.of(0, 255, 255, 0, 3, 4, 4, 4, 255, 255, 255, 255);
    const data = dataset({ inputs, targets: Int32Array.of(2, 0, 1), shape: [2, 2, 1], source: "hand" });
    const small = resized(data, { height: 1, width: 1 });
    expect(small).toEqual({ ...data, shape: [1, 1, 1], inputs: Uint8Array.of(128, 4, 255) });
    expect(resized(data, { height: 2, width: 2 })).toBe(data);
  });

  test("leaves no trace of stripes that are too fine for the size", () => {
    const stripes = Uint8Array.from({ length: 64 * 64 }, (_, i) => 255 * (i % 2));
    const data = dataset({ inputs: stripes, targets: Int32Array.of(0), shape: [64, 64, 1] });
    const { inputs } = resized(data, { height: 8, width: 8 });
    expect(new Set(inputs)).toEqual(new Set([128]));
  });

  test("resamples images as they are read", async () => {
    const given = images(3, [9, 7, 3]);
    const lazy = lazyDataset({
      length: 3,
      shape: [9, 7, 3],
      inputType: "float32",
      targets: new Int32Array(3),
      read: (index, inputs) => inputs.set(given.inputs.subarray(index * 189, (index + 1) * 189)),
    });
    const size = { height: 4, width: 11 };
    const { reader, inputs, shape } = resized(lazy, size);
    expect([inputs.length, shape]).toEqual([0, [4, 11, 3]]);
    const all = [0, 1, 2].map(() => new Float32Array(4 * 11 * 3));
    await Promise.all(all.map((image, i) => reader!.read(i, image, new Int32Array(1))));
    expect(all.flatMap((image) => [...image])).toEqual([...resized(given, size).inputs]);
  });

  test("says what is wrong", async () => {
    const data = images(1, [2, 2, 1]);
    expect(await messageOf(() => resized(data, { height: 0, width: 2 }))).toBe(
      'resized "images": height is out of range (expected an integer in 1 … 16384, received 0).',
    );
    expect(await messageOf(() => resized(data, { hight: 1 } as unknown as ResizedOptions))).toMatch(
      /^resized "images": unknown option "hight" .* Did you mean "height"\.$/,
    );
    const series = dataset({ name: "series", inputs: new Float32Array(4), targets: new Int32Array(2), shape: [2] });
    expect(await messageOf(() => resized(series, { height: 1, width: 1 }))).toBe(
      'resized "series": the examples are no images (expected examples of shape [height, width, channels], ' +
        "received [2]).",
    );
    const tokens = { ...data, inputs: new Int32Array(4) };
    expect(await messageOf(() => resized(tokens, { height: 1, width: 1 }))).toMatch(
      /received tokens of shape \[2, 2, 1\]/,
    );
    const masked = dataset({
      inputs: new Uint8Array(4),
      targets: new Float32Array(4),
      shape: [2, 2, 1],
      targetShape: [2, 2],
    });
    expect(await messageOf(() => resized(masked, { height: 1, width: 1 }))).toBe(
      'resized "data": the targets lie on the pixels, and would no longer fit them (received targets of shape [2, 2]). ' +
        "Read images and masks in the size that is wanted, as maskedImages does.",
    );
  });
});
