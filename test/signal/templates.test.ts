import fc from "fast-check";
import { adam, conv2d, globalMaxPool2d, input, sequential } from "fovea";
import { dataset } from "fovea/data";
import {
  convolve,
  correlate,
  diagonalDetector,
  edgeDetector,
  flip,
  highest,
  matchedFilter,
  nested,
  normalizedCorrelation,
  signal,
} from "fovea/signal";
import { describe, expect, it, test } from "vitest";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { messageOf } from "../data/messages.js";
import { norm, u } from "./numbers.js";

const valid = { mode: "valid" } as const;

describe("a matched filter", () => {
  const samples = (length: number) =>
    fc.array(fc.integer({ min: -99, max: 99 }), { minLength: length, maxLength: length });

  it("answers to no signal of the same energy more than to its template", () => {
    const pairs = fc.tuple(samples(6), samples(6)).filter(([x, w]) => norm(x) > 0 && norm(w) > 0);
    fc.assert(
      fc.property(pairs, ([x, w]) => {
        const filter = matchedFilter(w);
        const answer = (values: readonly number[]) =>
          convolve(
            values.map((value) => value / norm(values)),
            filter,
            valid,
          ).values[0]!;
        expect(answer(w)).toBeCloseTo(1, 14);
        expect(answer(x)).toBeLessThanOrEqual(1 + 20 * u);
        expect(norm(filter.values)).toBeCloseTo(1, 14);
      }),
    );
  });

  it("is best for x = w̃/‖w̃‖ alone: the answer is the cosine of the angle to it", () => {
    const w = [3, -1, 2];
    expect([...matchedFilter(w).values]).toEqual([...flip(w).values].map((value) => value / norm(w)));
    expect(convolve([1, 1, 1], matchedFilter(w), valid).values[0]).toBeCloseTo(4 / norm(w), 14);
    expect(convolve([3, -1, 2], matchedFilter(w), valid).values[0]).toBeCloseTo(norm(w), 14);
  });

  it("finds a template in noise as strong as itself", () => {
    const noise = new RandomStream(keyOf(1, "noise"));
    const template = Array.from({ length: 64 }, () => noise.normal());
    const x = Array.from({ length: 2000 }, (_, n) => noise.normal() + (template[n - 1234] ?? 0));
    expect(highest(convolve(x, matchedFilter(template), valid)).place).toEqual([1234]);
    expect(highest(convolve(x, matchedFilter(template), { ...valid, method: "fft" })).place).toEqual([1234]);
  });

  it("in images: normalised, neither brightness nor contrast around it matters", () => {
    const image = Array.from({ length: 12 }, (_, i) =>
      Array.from({ length: 15 }, (_, j) => ((7 * i + 3 * j) % 11) + 40),
    );
    const template = [
      [1, 9, 1],
      [9, 1, 9],
    ];
    template.forEach((row, i) => {
      row.forEach((value, j) => {
        image[5 + i]![8 + j] = 2 * value;
      });
    });
    const likeness = normalizedCorrelation(image, template);
    expect(likeness.shape).toEqual([11, 13]);
    expect(highest(likeness).place).toEqual([5, 8]);
    expect(highest(likeness).value).toBeCloseTo(1, 12);
    // plain correlation is drawn to what is bright
    expect(highest(correlate(image, template, valid)).place).not.toEqual([5, 8]);
    expect(normalizedCorrelation([0, 0, 1], [1, 1]).values[0]).toBe(0);
  });
});

describe("hand-made detectors", () => {
  test("[−1, 1] marks edges: where brightness changes along a row", () => {
    const square = Array.from({ length: 5 }, (_, i) =>
      Array.from({ length: 6 }, (_, j) => (i >= 1 && i < 4 && j >= 2 && j < 5 ? 1 : 0)),
    );
    const edges = nested(correlate(square, edgeDetector(), valid)) as number[][];
    expect(edges.map((row) => row.map((value) => value + 0))).toEqual([
      [0, 0, 0, 0, 0],
      [0, 1, 0, 0, -1],
      [0, 1, 0, 0, -1],
      [0, 1, 0, 0, -1],
      [0, 0, 0, 0, 0],
    ]);
    // horizontal edges are not its business
    const turned = nested(
      correlate(
        [
          [0, 0],
          [1, 1],
        ],
        edgeDetector(),
        valid,
      ),
    ) as number[][];
    expect(turned.flat().map((value) => value + 0)).toEqual([0, 0]);
  });

  test("max(conv2d(x, k)) tells a diagonal from other lines, wherever it is", () => {
    const line = (at: (i: number) => readonly [number, number]) => {
      const image = Array.from({ length: 8 }, () => new Array<number>(8).fill(0));
      for (let i = 0; i < 3; i++) image[at(i)[0]]![at(i)[1]] = 1;
      return highest(correlate(image, diagonalDetector(), valid)).value;
    };
    for (let row = 0; row < 6; row++) {
      for (let column = 0; column < 6; column++) {
        expect(line((i) => [row + i, column + i])).toBeCloseTo(2.7, 14);
        // one pixel of another line can lie on the diagonal
        expect(line((i) => [row + 2 - i, column + i])).toBeCloseTo(1.1, 14);
        expect(line((i) => [row + i, column])).toBeCloseTo(1.1, 14);
        expect(line((i) => [row, column + i])).toBeCloseTo(1.1, 14);
      }
    }
  });
});

describe("the same nine numbers, learned", () => {
  const size = 8;

  /** Noise, and in every other image a diagonal of three pixels; in the others three pixels of another line. */
  function images(count: number, seed: number) {
    const random = new RandomStream(keyOf(seed, "diagonals"));
    const inputs = new Float32Array(count * size * size);
    const labels = Uint8Array.from({ length: count }, (_, n) => n % 2);
    for (let n = 0; n < count; n++) {
      const image = inputs.subarray(n * size * size, (n + 1) * size * size);
      for (let i = 0; i < image.length; i++) image[i] = random.uniform(0, 0.2);
      const [row, column, kind] = [random.integer(size - 2), random.integer(size - 2), random.integer(3)];
      for (let i = 0; i < 3; i++) {
        const [di, dj] = labels[n] === 1 ? [i, i] : kind === 0 ? [2 - i, i] : kind === 1 ? [i, 0] : [0, i];
        image[(row + di) * size + column + dj] = 1;
      }
    }
    return dataset({ inputs, shape: [size, size, 1], targets: Float32Array.from(labels), targetShape: [1] });
  }

  it("are a diagonal, and separate what the hand-made ones do", async () => {
    const net = sequential(input(size, size, 1), conv2d(1, 3, { padding: "valid" }), globalMaxPool2d()).initialize(1);
    const fit = { loss: "binaryCrossEntropy", optimizer: adam(0.05), batchSize: 50, epochs: 20, seed: 1 } as const;
    await net.fit(images(600, 1), { ...fit, threads: 1, progress: false });
    const test = images(400, 2);
    expect((await net.evaluate(test, { threads: 1 })).accuracy).toBeGreaterThan(0.99);
    // without its mean, the learned kernel is a multiple of the hand-made one
    const centred = (values: ArrayLike<number>) => {
      const mean = Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;
      return Array.from(values, (value) => value - mean);
    };
    const [learned, made] = [net.weight("conv2d.kernel"), diagonalDetector().values].map((values) => centred(values!));
    const [likeness] = normalizedCorrelation(learned!, made!).values;
    expect(likeness).toBeGreaterThan(0.9);
    // the nine numbers made by hand do the same work with a threshold between 1.1 and 2.7
    net.setWeight("conv2d.kernel", diagonalDetector().values);
    net.setWeight("conv2d.bias", [-1.9]);
    expect((await net.evaluate(test, { threads: 1 })).accuracy).toBeGreaterThan(0.99);
  });
});

test.each([
  [() => matchedFilter([0, 0]), "matchedFilter: the template is zero: it is like everything."],
  [
    () => normalizedCorrelation([1], [1, 2]),
    /^normalizedCorrelation: convolve: the window is larger than its padded input/,
  ],
  [() => diagonalDetector(0), "diagonalDetector: wrong size (expected a whole number ≥ 1, received 0)."],
  [() => diagonalDetector(3, Number.NaN), "diagonalDetector: wrong on (expected a number, received NaN)."],
  [() => highest(signal([[]])), /^signal: wrong samples/],
])("mistakes %#", async (call, message) => {
  const text = await messageOf(async () => call());
  if (typeof message === "string") expect(text).toBe(message);
  else expect(text).toMatch(message);
});
