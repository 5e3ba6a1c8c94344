import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { classCounts, type DatasetOptions, dataset, split, subset, take } from "../../src/data/dataset.js";
import { messageOf } from "./messages.js";

/** `length` examples of one pixel, whose value and label say which one it is. */
function numbered(length: number) {
  return dataset({
    name: "numbers",
    inputs: Float32Array.from({ length }, (_, i) => i),
    targets: Int32Array.from({ length }, (_, i) => i % 3),
    shape: [1],
    classes: 3,
  });
}

const four: DatasetOptions = {
  name: "four",
  inputs: new Uint8Array(16),
  targets: new Int32Array([0, 1, 2, 0]),
  shape: [2, 2, 1],
};

const making = (changes: object) => messageOf(() => dataset({ ...four, ...changes }));

describe("dataset", () => {
  test("takes labels and makes up names of classes", () => {
    const data = dataset(four);
    expect(data).toMatchObject({ name: "four", source: "memory", length: 4, shape: [2, 2, 1], targetShape: [] });
    expect(data.classes).toEqual(["0", "1", "2"]);
    expect(classCounts(data)).toEqual([2, 1, 1]);
    expect(dataset({ ...four, targets: new Uint8Array([1, 1, 0, 0]) }).targets).toEqual(new Int32Array([1, 1, 0, 0]));
  });

  test("takes float targets", async () => {
    const data = dataset({ ...four, targets: new Float32Array(8) });
    expect(data.targetShape).toEqual([2]);
    expect(data.classes).toEqual([]);
    expect(await messageOf(() => classCounts(data))).toBe(
      'dataset "four": the examples have no classes to count (expected integer labels, received float targets).',
    );
    expect(dataset({ ...four, targets: new Float32Array(4), targetShape: [] }).targetShape).toEqual([]);
  });

  test("says what is wrong", async () => {
    expect(await making({ classses: 3 })).toBe(
      'dataset "four": unknown option "classses" (expected one of name, source, inputs, targets, shape, targetShape, ' +
        'classes, sampleWeights). Did you mean "classes".',
    );
    expect(await making({ inputs: [1, 2] })).toBe(
      'dataset "four": the inputs are not a typed array (expected a Uint8Array, an Int32Array or a Float32Array, received Array).',
    );
    expect(await making({ targets: undefined })).toBe(
      'dataset "four": the targets are not a typed array (expected an Int32Array or a Float32Array, ' +
        "received undefined).",
    );
    expect(await making({ shape: [2, 0] })).toBe(
      'dataset "four": shape is not a list of positive integers (expected for instance [28, 28, 1], received [2, 0]).',
    );
    expect(await making({ inputs: new Uint8Array(0) })).toBe(
      'dataset "four": there are no examples (expected at least one, received 0 values).',
    );
    expect(await making({ inputs: new Uint8Array(15) })).toBe(
      'dataset "four": the inputs do not divide into examples of shape [2, 2, 1] ' +
        "(expected a multiple of 4 values, received 15).",
    );
    const inputs = new Float32Array(16);
    inputs[9] = NaN;
    expect(await making({ inputs })).toBe(
      'dataset "four": input value 1 of example 2 is not a finite number (received NaN). ' +
        "Remove the example, or replace the value.",
    );
    expect(await making({ targets: new Float32Array([0, 1, Infinity, 0]) })).toBe(
      'dataset "four": target value 0 of example 2 is not a finite number (received Infinity). ' +
        "Remove the example, or replace the value.",
    );
    expect(await making({ targets: new Float32Array(7) })).toBe(
      'dataset "four": the targets do not match the examples (expected a multiple of 4 values, received 7).',
    );
    expect(await making({ targets: new Float32Array(8), targetShape: [3] })).toBe(
      'dataset "four": the targets do not match the examples (expected 4 · 3 values, received 8).',
    );
    expect(await making({ targets: new Float32Array(4), classes: 2 })).toBe(
      'dataset "four": float targets have no classes (expected integer labels, received a Float32Array).',
    );
    expect(await making({ targetShape: [2] })).toBe(
      'dataset "four": labels are one number per example (expected targetShape [], received targetShape [2]).',
    );
    expect(await making({ targets: new Int32Array(5) })).toBe(
      'dataset "four": the labels do not match the examples (expected 4 labels, received 5).',
    );
    expect(await making({ targets: new Int32Array([0, 1, 5, 9]), classes: ["cat", "dog"] })).toBe(
      'dataset "four": the label at index 2 is not a class (expected 0 … 1, received 5).',
    );
    expect(await making({ targets: new Int32Array([0, -1, 5, 9]) })).toBe(
      'dataset "four": the label at index 1 is not a class (expected 0 … 9, received -1).',
    );
    expect(await making({ classes: [] })).toBe(
      'dataset "four": classes is empty (expected names of classes, or their number, received 0).',
    );
  });
});

describe("subset, take, split", () => {
  test("subset copies the examples asked for, in that order", async () => {
    const data = numbered(5);
    const part = subset(data, [4, 0, 4]);
    expect([...part.inputs]).toEqual([4, 0, 4]);
    expect([...part.targets]).toEqual([1, 0, 1]);
    part.inputs[0] = 99;
    expect(data.inputs[4]).toBe(4);
    expect(await messageOf(() => subset(data, [0, 5]))).toBe(
      'subset of "numbers": indices[1] is not an example (expected an integer in 0 … 4, received 5).',
    );
    expect(await messageOf(() => subset(data, [0.5]))).toBe(
      'subset of "numbers": indices[0] is not an example (expected an integer in 0 … 4, received 0.5).',
    );
  });

  test("take is a pure function of the seed, without replacement, and nested", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.nat(), fc.nat(), fc.nat(), (length, a, b, seed) => {
        const data = numbered(length);
        const [few, many] = [a % (length + 1), b % (length + 1)].sort((x, y) => x - y);
        const small = [...take(data, few, { seed }).inputs];
        const large = [...take(data, many, { seed }).inputs];
        expect(small).toEqual([...take(data, few, { seed }).inputs]);
        expect(new Set(small).size).toBe(few);
        expect(small).toEqual([...small].sort((x, y) => x - y));
        expect(small.every((value) => large.includes(value))).toBe(true);
      }),
    );
    expect(take(numbered(100), 10, { seed: 1 }).inputs).not.toEqual(take(numbered(100), 10, { seed: 2 }).inputs);
  });

  test("split is a partition with the size asked for", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.nat(),
        (length, fraction, seed) => {
          const data = numbered(length);
          const [rest, part] = split(data, fraction, { seed });
          expect(part.length).toBe(Math.round(length * fraction));
          const all = [...rest.inputs, ...part.inputs].sort((x, y) => x - y);
          expect(all).toEqual([...data.inputs]);
          for (const half of [rest, part]) {
            expect([...half.targets]).toEqual(Array.from(half.inputs, (value) => value % 3));
          }
          expect(split(data, fraction, { seed })).toEqual([rest, part]);
        },
      ),
    );
  });

  test("say what is wrong", async () => {
    const data = numbered(5);
    expect(await messageOf(() => take(data, 6))).toBe(
      'take from "numbers": count is out of range (expected an integer in 0 … 5, received 6).',
    );
    expect(await messageOf(() => take(data, 2, { seed: -1 }))).toBe(
      'take from "numbers": seed is out of range (expected an integer of at least 0, received -1).',
    );
    expect(await messageOf(() => split(data, 1.5))).toBe(
      'split of "numbers": the fraction is out of range (expected 0 … 1, received 1.5).',
    );
    expect(await messageOf(() => split(data, NaN))).toBe(
      'split of "numbers": the fraction is out of range (expected 0 … 1, received NaN).',
    );
  });
});
