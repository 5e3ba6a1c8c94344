import { describe, expect, test } from "vitest";
import type { DataArray } from "../../src/core/dtypes.js";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { Augmentor, augmentFromJSON, augmentToJSON, layoutOf } from "../../src/data/augment/augment.js";
import type { Augmentation, Fill } from "../../src/data/augment/augmentation.js";
import { Geometry, resample, resampleMask } from "../../src/data/augment/geometry.js";
import {
  augment,
  augmented,
  blur,
  brightness,
  contrast,
  cutMix,
  type Dataset,
  dataset,
  elastic,
  erasing,
  flip,
  frequencyMask,
  hue,
  mixUp,
  noise,
  randomCrop,
  randomResizedCrop,
  rotate,
  saturation,
  scale,
  shear,
  shift,
  sometimes,
  subset,
  timeMask,
  timeShift,
} from "../../src/data/index.js";
import { messageOf } from "./messages.js";

const random = new RandomStream(keyOf(1, "test"));

/** Images of random pixels. */
function images(count: number, height: number, width: number, channels: 1 | 3): Dataset {
  const inputs = Uint8Array.from({ length: count * height * width * channels }, () => random.integer(256));
  return dataset({
    inputs,
    targets: Int32Array.from({ length: count }, (_, i) => i % 3),
    shape: [height, width, channels],
  });
}

/** What bilinear interpolation is, pixel by pixel; `at` gives any pixel, those beyond the border too. */
function bilinear(at: (x: number, y: number) => number, x: number, y: number): number {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  let sum = 0;
  for (const [dx, dy] of [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const) {
    const weight = (1 - Math.abs(x - left - dx)) * (1 - Math.abs(y - top - dy));
    if (weight > 0) sum += weight * at(left + dx, top + dy);
  }
  return sum;
}

describe("movements", () => {
  test.each([0, 77, "edge", "reflect"] as const)("are bilinear interpolations, with fill %s", (fill: Fill) => {
    const [height, width] = [7, 9];
    for (const channels of [1, 3] as const) {
      const { inputs } = images(1, height, width, channels);
      const to = new Uint8Array(inputs.length);
      for (let trial = 0; trial < 20; trial++) {
        const geometry = new Geometry(height, width);
        geometry.append(
          random.normal(1, 0.3),
          random.normal(0, 0.3),
          random.normal(0, 2),
          random.normal(0, 0.3),
          0.8,
          1.5,
        );
        if (trial % 2 === 1) geometry.displace(3, () => random.normal(0, 1));
        if (trial % 5 === 0) {
          geometry.reset();
          geometry.append(
            trial % 10 === 0 ? -1 : 1,
            0,
            random.integer(7) - 3,
            0,
            trial === 5 ? -1 : 1,
            random.integer(7) - 3,
          );
        }
        const { a, b, c, d, e, f, field } = geometry;
        resample(inputs as Uint8Array, to, channels, geometry, fill);
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            for (let channel = 0; channel < channels; channel++) {
              const at = (px: number, py: number) => {
                const outside = px < 0 || py < 0 || px >= width || py >= height;
                if (outside && typeof fill === "number") return fill;
                const fold = (p: number, n: number) => {
                  if (fill === "edge") return Math.min(n - 1, Math.max(0, p));
                  let q = p;
                  while (q < 0 || q >= n) q = q < 0 ? -1 - q : 2 * n - 1 - q;
                  return q;
                };
                return inputs[(fold(py, height) * width + fold(px, width)) * channels + channel]!;
              };
              const fromX = a * x + b * y + c + (field?.x[y * width + x] ?? 0);
              const fromY = d * x + e * y + f + (field?.y[y * width + x] ?? 0);
              const expected = bilinear(at, fromX, fromY);
              // half a step, and what weights of 14 bits lose
              expect(Math.abs(to[(y * width + x) * channels + channel]! - expected)).toBeLessThan(0.56);
            }
          }
        }
      }
    }
  });

  test("follow each other as one: the later one moves what the earlier one made", () => {
    const geometry = new Geometry(5, 5);
    // a turn by a right angle, then a shift by one pixel
    geometry.append(0, -1, 0, 1, 0, 0);
    geometry.append(1, 0, 1, 0, 1, 0);
    const image = Uint8Array.from({ length: 25 }, (_, i) => i);
    const turned = new Uint8Array(25);
    resample(image, turned, 1, geometry, 0);
    const expected = [];
    for (let y = 0; y < 5; y++) {
      for (let x = 0; x < 5; x++) {
        // the shift takes (x + 1, y); the turn takes that from (4 − y, x + 1)
        expected.push(x + 1 < 5 ? image[(x + 1) * 5 + (4 - y)] : 0);
      }
    }
    expect([...turned]).toEqual(expected);
  });

  test("flips mirror, and crops move by whole pixels: nothing is interpolated", () => {
    const data = images(60, 4, 5, 3);
    const pixel = (from: DataArray, x: number, y: number) => [...from.subarray((y * 5 + x) * 3, (y * 5 + x) * 3 + 3)];
    const seen = new Set<string>();
    const flipped = augmented(data, augment(flip("both")));
    const cropped = augmented(data, augment(randomCrop(2)));
    for (let i = 0; i < data.length; i++) {
      const [one, other, crop] = [data, flipped, cropped].map(({ inputs }) => inputs.subarray(i * 60, (i + 1) * 60));
      const ways = [0, 1, 2, 3].filter((way) =>
        [...Array(20).keys()].every((at) => {
          const [x, y] = [at % 5, Math.floor(at / 5)];
          const from = pixel(one!, way & 1 ? 4 - x : x, way & 2 ? 3 - y : y);
          return pixel(other!, x, y).join() === from.join();
        }),
      );
      expect(ways).toHaveLength(1);
      seen.add(`flip ${ways[0]}`);
      const moves = [...Array(25).keys()].filter((move) => {
        const [dx, dy] = [(move % 5) - 2, Math.floor(move / 5) - 2];
        return [...Array(20).keys()].every((at) => {
          const [x, y] = [(at % 5) + dx, Math.floor(at / 5) + dy];
          const from = x < 0 || y < 0 || x > 4 || y > 3 ? [0, 0, 0] : pixel(one!, x, y);
          return pixel(crop!, at % 5, Math.floor(at / 5)).join() === from.join();
        });
      });
      expect(moves).toHaveLength(1);
      seen.add(`move ${moves[0]}`);
    }
    expect([...seen].filter((way) => way.startsWith("flip"))).toHaveLength(4);
    expect([...seen].filter((way) => way.startsWith("move")).length).toBeGreaterThan(15);
  });

  test("stay within what was asked for", () => {
    // where the middle of an image of one bright pixel went
    const [size, middle] = [41, 20];
    const inputs = new Uint8Array(50 * size * size);
    for (let i = 0; i < 50; i++) inputs[i * size * size + middle * size + middle + 15] = 255;
    const data = dataset({ inputs, targets: new Int32Array(50), shape: [size, size, 1] });
    const centres = (step: Augmentation) => {
      const { inputs: moved } = augmented(data, augment(step));
      return Array.from({ length: 50 }, (_, i) => {
        const image = [...moved.subarray(i * size * size, (i + 1) * size * size)];
        const mass = image.reduce((sum, v) => sum + v, 0);
        const x = image.reduce((sum, v, at) => sum + v * (at % size), 0) / mass - middle;
        const y = image.reduce((sum, v, at) => sum + v * Math.floor(at / size), 0) / mass - middle;
        return { x, y };
      });
    };
    const angles = centres(rotate(20)).map(({ x, y }) => (Math.atan2(y, x) * 180) / Math.PI);
    expect(Math.max(...angles.map(Math.abs))).toBeLessThan(21);
    expect(Math.max(...angles)).toBeGreaterThan(12);
    expect(Math.min(...angles)).toBeLessThan(-12);
    const shifts = centres(shift(0.1)).map(({ x }) => x - 15);
    expect(Math.max(...shifts.map(Math.abs))).toBeLessThan(4.2);
    expect(Math.max(...shifts)).toBeGreaterThan(2.5);
    const factors = centres(scale(0.2)).map(({ x }) => x / 15);
    expect(Math.max(...factors)).toBeLessThan(1.22);
    expect(Math.min(...factors)).toBeGreaterThan(0.78);
    expect(Math.max(...factors) - Math.min(...factors)).toBeGreaterThan(0.25);
  });

  test("bend less than a grid of control points can, and smoothly", () => {
    const geometry = new Geometry(30, 30);
    geometry.displace(6, () => 2);
    // the weights of a B-spline have the sum 1
    for (const value of geometry.field!.x) expect(value).toBeCloseTo(2, 5);
    geometry.displace(6, () => random.normal());
    const { y } = geometry.field!;
    for (let i = 1; i < 30; i++) expect(Math.abs(y[i]! - y[i - 1]!)).toBeLessThan(1);
    geometry.reset();
    expect(geometry.isIdentity).toBe(true);
  });

  test("move masks as their images, by the nearest pixel", () => {
    const { inputs } = images(12, 8, 8, 1);
    for (const Type of [Int32Array, Float32Array]) {
      const targets = Type.from(inputs) as Int32Array | Float32Array;
      const data: Dataset = {
        ...dataset({ inputs, targets: new Float32Array(inputs), shape: [8, 8, 1], targetShape: [8, 8] }),
        targets,
      };
      // neither interpolates
      const { inputs: moved, targets: masks } = augmented(data, augment(flip("both"), randomCrop(3)));
      expect([...masks]).toEqual([...moved]);
    }
    const geometry = new Geometry(8, 8);
    geometry.append(0.9, 0.2, 1.7, -0.2, 0.9, 0.4);
    const from = Int32Array.from({ length: 64 }, (_, i) => i + 1);
    const to = new Int32Array(64);
    resampleMask(from, to, 1, geometry, 0);
    for (let i = 0; i < 64; i++) {
      const x = Math.round(geometry.a * (i % 8) + geometry.b * Math.floor(i / 8) + geometry.c);
      const y = Math.round(geometry.d * (i % 8) + geometry.e * Math.floor(i / 8) + geometry.f);
      expect(to[i]).toBe(x >= 0 && y >= 0 && x < 8 && y < 8 ? from[y * 8 + x] : 0);
    }
  });
});

describe("colours", () => {
  const data = images(40, 6, 6, 3);
  const grey = images(40, 6, 6, 1);
  const pixels = ({ inputs }: Dataset, i: number) =>
    Array.from(
      { length: 36 },
      (_, at) => [0, 1, 2].map((c) => inputs[(i * 36 + at) * 3 + c]!) as [number, number, number],
    );
  const luma = ([r, g, b]: readonly [number, number, number]) => 0.299 * r + 0.587 * g + 0.114 * b;
  const inner = (values: readonly number[]) => values.every((v) => v > 0 && v < 255);

  test("brightness multiplies all values of an image by one factor", () => {
    for (const of of [data, grey]) {
      const bright = augmented(of, augment(brightness(0.4)));
      const size = of.inputs.length / 40;
      for (let i = 0; i < 40; i++) {
        const factors = [];
        for (let at = i * size; at < (i + 1) * size; at++) {
          if (of.inputs[at]! > 100 && bright.inputs[at]! < 255) factors.push(bright.inputs[at]! / of.inputs[at]!);
        }
        expect(Math.max(...factors) - Math.min(...factors)).toBeLessThan(0.011);
        expect(Math.abs(factors[0]! - 1)).toBeLessThan(0.41);
      }
    }
  });

  test("contrast keeps the mean brightness, and stretches around it", () => {
    const stretched = augmented(grey, augment(contrast(0.5)));
    for (let i = 0; i < 40; i++) {
      const before = [...grey.inputs.subarray(i * 36, (i + 1) * 36)];
      const after = [...stretched.inputs.subarray(i * 36, (i + 1) * 36)];
      const mean = before.reduce((a, b) => a + b) / 36;
      const factors = before.flatMap((v, at) =>
        Math.abs(v - mean) > 30 && inner([after[at]!]) ? [(after[at]! - mean) / (v - mean)] : [],
      );
      expect(Math.max(...factors) - Math.min(...factors)).toBeLessThan(0.04);
      expect(Math.abs(factors[0]! - 1)).toBeLessThan(0.53);
    }
  });

  test("saturation and hue keep the brightness of each pixel, and grey as it is", () => {
    for (const step of [saturation(0.5), hue(0.5)]) {
      const changed = augmented(data, augment(step));
      expect(changed.inputs).not.toEqual(data.inputs);
      for (let i = 0; i < 40; i++) {
        pixels(changed, i).forEach((after, at) => {
          if (inner(after)) expect(Math.abs(luma(after) - luma(pixels(data, i)[at]!))).toBeLessThan(1);
        });
      }
      expect(augmented(grey, augment(step)).inputs).toEqual(grey.inputs);
      const same = dataset({ inputs: new Uint8Array(300).fill(99), targets: new Int32Array(1), shape: [10, 10, 3] });
      expect(augmented(same, augment(step)).inputs).toEqual(same.inputs);
    }
  });

  test("follow each other as one: what was cut off before comes back", () => {
    const white = dataset({ inputs: new Uint8Array(4 * 16).fill(200), targets: new Int32Array(4), shape: [4, 4, 1] });
    const layout = layoutOf(white);
    const up: Augmentation = { ...brightness(0), change: (map) => map.multiply(2) };
    const down: Augmentation = { ...brightness(0), change: (map) => map.multiply(0.5) };
    const values = white.inputs.slice();
    new Augmentor(augment(up, down), layout).vary(values, white.targets, [1, 2]);
    expect(values).toEqual(white.inputs);
  });
});

describe("other changes", () => {
  test("noise is normal, and each value's own", () => {
    const inputs = new Float32Array(60_000);
    const data = dataset({ inputs, targets: new Int32Array(2), shape: [30_000] });
    const noisy = [...augmented(data, augment(noise(3))).inputs];
    const mean = noisy.reduce((a, b) => a + b) / 60_000;
    const variance = noisy.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 60_000;
    // five standard errors
    expect(Math.abs(mean)).toBeLessThan((5 * 3) / Math.sqrt(60_000));
    expect(Math.abs(variance / 9 - 1)).toBeLessThan(5 * Math.sqrt(2 / 60_000));
    const within = noisy.filter((v) => Math.abs(v) < 3).length / 60_000;
    expect(Math.abs(within - 0.6827)).toBeLessThan(0.01);
    const pairs = noisy.reduce((sum, v, i) => sum + v * (noisy[i - 1] ?? 0), 0) / 60_000 / 9;
    expect(Math.abs(pairs)).toBeLessThan(5 / Math.sqrt(60_000));
    const grey = dataset({
      inputs: new Uint8Array(10_000).fill(128),
      targets: new Int32Array(1),
      shape: [100, 100, 1],
    });
    const bytes = [...augmented(grey, augment(noise(0.05))).inputs];
    const deviation = Math.sqrt(bytes.reduce((sum, v) => sum + (v - 128) ** 2, 0) / 10_000);
    expect(Math.abs(deviation / (0.05 * 255) - 1)).toBeLessThan(0.04);
  });

  test("blur is a Gaussian: it keeps plain areas and sums, and spreads a point as its deviation says", () => {
    const plain = dataset({
      inputs: new Uint8Array(10 * 300).fill(77),
      targets: new Int32Array(10),
      shape: [10, 10, 3],
    });
    expect(augmented(plain, augment(blur(3))).inputs).toEqual(plain.inputs);
    const size = 21;
    const inputs = new Uint8Array(30 * size * size).fill(40);
    for (let i = 0; i < 30; i++) for (let x = 0; x < size; x++) inputs[(i * size + 10) * size + x] = 240;
    const lines = dataset({ inputs, targets: new Int32Array(30), shape: [size, size, 1] });
    const { inputs: soft } = augmented(lines, augment(blur(2)));
    const variances = Array.from({ length: 30 }, (_, i) => {
      const column = Array.from({ length: size }, (_, y) => soft[(i * size + y) * size + 5]! - 40);
      const sum = column.reduce((a, b) => a + b);
      expect(Math.abs(sum / 200 - 1)).toBeLessThan(0.05);
      return column.reduce((total, v, y) => total + v * (y - 10) ** 2, 0) / sum;
    });
    expect(Math.max(...variances)).toBeLessThan(4.2);
    expect(Math.max(...variances)).toBeGreaterThan(2);
  });

  test("erasing clears a rectangle of the area asked for, in a part of the images", () => {
    const data = dataset({
      inputs: new Uint8Array(200 * 900).fill(9),
      targets: new Int32Array(200),
      shape: [30, 30, 1],
    });
    const { inputs } = augmented(
      data,
      augment(erasing({ probability: 0.5, area: [0.1, 0.2], ratio: [0.5, 2], fill: 3 })),
    );
    let hit = 0;
    for (let i = 0; i < 200; i++) {
      const erased = [...inputs.subarray(i * 900, (i + 1) * 900)].flatMap((v, at) => (v === 3 ? [at] : []));
      if (erased.length === 0) continue;
      hit += 1;
      const [xs, ys] = [erased.map((at) => at % 30), erased.map((at) => Math.floor(at / 30))];
      const width = Math.max(...xs) - Math.min(...xs) + 1;
      const height = Math.max(...ys) - Math.min(...ys) + 1;
      expect(erased).toHaveLength(width * height);
      expect(erased.length).toBeGreaterThan(0.08 * 900);
      expect(erased.length).toBeLessThan(0.23 * 900);
    }
    expect(Math.abs(hit - 100)).toBeLessThan(36); // five standard deviations
  });

  test("sound moves in time, and loses stretches of time and bands", () => {
    const inputs = Float32Array.from({ length: 50 * 40 }, (_, i) => 1 + (i % 40));
    const waves = dataset({ inputs, targets: new Int32Array(50), shape: [20, 2] });
    const moved = augmented(waves, augment(timeShift(0.25))).inputs;
    const moves = new Set<number>();
    for (let i = 0; i < 50; i++) {
      const wave = moved.subarray(i * 40, (i + 1) * 40);
      const fits = [...Array(11).keys()]
        .map((k) => k - 5)
        .filter((by) => wave.every((v, at) => v === (at - 2 * by >= 0 && at - 2 * by < 40 ? 1 + at - 2 * by : 0)));
      expect(fits).toHaveLength(1);
      moves.add(fits[0]!);
    }
    expect(moves.size).toBeGreaterThan(7);
    const quiet = augmented(waves, augment(timeShift(0.25, { fill: "minimum" }))).inputs;
    expect([...quiet]).toEqual([...moved].map((v) => v || 1));
    const spectrograms = dataset({ inputs, targets: new Int32Array(50), shape: [8, 5, 1] });
    const masked = augmented(spectrograms, augment(timeMask(3), frequencyMask(2))).inputs;
    for (let i = 0; i < 50; i++) {
      const now = masked.subarray(i * 40, (i + 1) * 40);
      const changed = [...now.keys()].filter((at) => now[at] !== inputs[i * 40 + at]);
      const frames = [...Array(8).keys()].filter((f) => [...Array(5).keys()].every((b) => changed.includes(f * 5 + b)));
      const bands = [...Array(5).keys()].filter((b) => [...Array(8).keys()].every((f) => changed.includes(f * 5 + b)));
      expect(frames.length).toBeLessThanOrEqual(3);
      expect(bands.length).toBeLessThanOrEqual(2);
      for (const at of changed) expect(frames.includes(Math.floor(at / 5)) || bands.includes(at % 5)).toBe(true);
    }
  });

  test("sometimes leaves the other examples as they are", () => {
    const data = images(400, 3, 3, 1);
    const { inputs } = augmented(data, augment(sometimes(0.25, brightness(1))));
    const changed = [...Array(400).keys()].filter((i) =>
      inputs.subarray(i * 9, i * 9 + 9).some((v, at) => v !== data.inputs[i * 9 + at]),
    );
    expect(Math.abs(changed.length - 100)).toBeLessThan(45);
  });
});

describe("mixing", () => {
  const count = 600;
  const targets = new Float32Array(count * 2).map((_, i) => (i % 2 === Math.floor(i / 2) % 2 ? 1 : 0));
  /** Class 0 is 200 everywhere, class 1 is 100. */
  const inputs = Uint8Array.from({ length: count * 100 }, (_, i) => (Math.floor(i / 100) % 2 === 0 ? 200 : 100));
  const data = dataset({ inputs, targets, shape: [10, 10, 1], targetShape: [2] });

  test.each([0.2, 1, 3])("mixUp(%s) mixes pixels and targets alike, by a number from Beta(α, α)", (alpha) => {
    const mixed = augmented(data, augment(mixUp(alpha)));
    const parts: number[] = [];
    for (let i = 0; i < count; i++) {
      const [own, other] = i % 2 === 0 ? [2 * i, 2 * i + 1] : [2 * i + 1, 2 * i];
      const part = mixed.targets[own]!;
      expect(part + mixed.targets[other]!).toBeCloseTo(1, 5);
      const [a, b] = i % 2 === 0 ? [200, 100] : [100, 200];
      expect(Math.abs(mixed.inputs[i * 100]! - (part * a + (1 - part) * b))).toBeLessThan(0.51);
      if (part < 1) parts.push(part);
    }
    // half of the partners are of the same class
    expect(Math.abs(parts.length - count / 2)).toBeLessThan(70);
    const mean = parts.reduce((a, b) => a + b) / parts.length;
    const variance = parts.reduce((sum, v) => sum + (v - 0.5) ** 2, 0) / parts.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(5 / Math.sqrt(12 * parts.length));
    expect(Math.abs(variance * 4 * (2 * alpha + 1) - 1)).toBeLessThan(0.35);
  });

  test("cutMix puts in a rectangle, and mixes targets by its area", () => {
    const mixed = augmented(data, augment(cutMix()));
    for (let i = 0; i < count; i++) {
      const own = i % 2 === 0 ? 200 : 100;
      const foreign = [...mixed.inputs.subarray(i * 100, (i + 1) * 100)].filter((v) => v !== own).length;
      if (foreign > 0) expect(mixed.targets[2 * i + (i % 2)]).toBeCloseTo(1 - foreign / 100, 5);
    }
    expect(mixed.inputs).not.toEqual(data.inputs);
  });

  test("partners are varied as in their own places", () => {
    const steps = [rotate(20), noise(0.1)];
    const some = images(20, 8, 8, 1);
    const numbers = dataset({ inputs: some.inputs, targets: new Float32Array(40).fill(0.5), shape: [8, 8, 1] });
    const plain = augmented(numbers, augment(...steps));
    // λ = 0 or 1 nearly always: each example is its own or its partner's
    const mixed = augmented(numbers, augment(...steps, mixUp(0.001)));
    const image = (of: Dataset, i: number) => [...of.inputs.subarray(i * 64, (i + 1) * 64)].join();
    const known = new Set([...Array(20).keys()].map((i) => image(plain, i)));
    const found = [...Array(20).keys()].filter((i) => known.has(image(mixed, i)));
    expect(found.length).toBeGreaterThan(17);
    expect(found.some((i) => image(mixed, i) !== image(plain, i))).toBe(true);
  });
});

const everything = augment(
  rotate(10, { fill: "reflect" }),
  flip("both"),
  shift(0.1, { fill: 9 }),
  scale(0.2),
  shear(5),
  randomCrop(2),
  randomResizedCrop({ area: [0.5, 1] }),
  elastic(1, { spacing: 5, fill: "edge" }),
  brightness(0.2),
  contrast(0.2),
  saturation(0.2),
  hue(0.1),
  noise(0.05),
  sometimes(0.5, blur(1)),
  erasing({ fill: "random" }),
  timeShift(0.1, { fill: "minimum" }),
  timeMask(2),
  frequencyMask(2),
  mixUp(0.4),
  sometimes(0.5, cutMix(2)),
);

describe("augment", () => {
  const soft = (data: Dataset) =>
    ({ ...data, targets: Float32Array.from(data.targets), targetShape: [1], classes: [] }) as Dataset;
  const data = soft(images(30, 12, 10, 3));

  test("is a function of seed, epoch and number alone", () => {
    const whole = augmented(data, everything, { seed: 3, epoch: 2 });
    expect(augmented(data, everything, { seed: 3, epoch: 2 })).toEqual(whole);
    for (const other of [
      { seed: 3, epoch: 3 },
      { seed: 4, epoch: 2 },
    ]) {
      expect(augmented(data, everything, other).inputs).not.toEqual(whole.inputs);
    }
    // without mixing, the first examples are the same whatever comes after them
    const alone = augment(...everything.steps.filter(({ stage }) => stage !== "mix"));
    const first = augmented(subset(data, [0, 1, 2]), alone).inputs;
    expect(first).toEqual(augmented(data, alone).inputs.subarray(0, first.length));
  });

  test("gives each step a stream of its own", () => {
    const a = augmented(data, augment(brightness(0.3), sometimes(0, rotate(10)), noise(0.1)));
    const b = augmented(data, augment(brightness(0.3), sometimes(0, elastic(1)), noise(0.1)));
    expect(a).toEqual(b);
  });

  test("survives JSON, as workers get it", () => {
    const again = augmentFromJSON(JSON.parse(augmentToJSON(everything)));
    expect(augmentToJSON(again)).toBe(augmentToJSON(everything));
    expect(augmented(data, again)).toEqual(augmented(data, everything));
  });

  test("leaves the data as they were", () => {
    const before = data.inputs.slice();
    augmented(data, everything);
    expect(data.inputs).toEqual(before);
  });

  test.each([
    [() => rotate(-1), "rotate: degrees is out of range (expected a number in 0 … 180, received -1)."],
    [() => shift(Number.NaN), "shift: part is out of range (expected a number in 0 … 1, received NaN)."],
    [
      () => rotate(1, { fill: "mirror" as never }),
      'rotate: fill is out of range (expected a number in 0 … 255, "edge" or "reflect", received "mirror").',
    ],
    [() => rotate(1, { fil: 3 } as never), 'rotate: unknown option "fil" (expected one of fill). Did you mean "fill".'],
    [
      () => flip("left" as never),
      'flip: unknown direction (expected "horizontal", "vertical" or "both", received left).',
    ],
    [
      () => erasing({ area: [0.5, 0.1] }),
      "erasing: area is not a range (expected [low, high] with 0 ≤ low ≤ high ≤ 1, received [0.5,0.1]).",
    ],
    [
      () => augment(flip as never),
      "augment: argument 0 is no augmentation (expected what rotate(10), flip() and their like return).",
    ],
    [() => augment(mixUp(), flip()), "augment: mixUp comes before others. Put it at the end."],
    [
      () => augmented(images(2, 3, 3, 1), augment(flip(), mixUp())),
      'augmented "data": mixUp mixes targets, and labels cannot be mixed (expected float32 targets, received int32). ' +
        'Pass oneHot(data), with crossEntropy({ targets: "probabilities" }) as the loss.',
    ],
    [
      () =>
        augmented(
          dataset({ inputs: new Float32Array(4), targets: new Int32Array(1), shape: [2, 2, 1] }),
          augment(sometimes(0.5, rotate(3))),
        ),
      'augmented "data": rotate does not suit the examples (expected uint8 [height, width, 1 or 3], received float32 [2, 2, 1]).',
    ],
    [
      () =>
        augmented(
          dataset({ inputs: new Float32Array(4), targets: new Int32Array(1), shape: [4] }),
          augment(frequencyMask(2)),
        ),
      'augmented "data": frequencyMask does not suit the examples (expected at least 2 axes, received float32 [4]).',
    ],
  ])("says what is wrong (%#)", async (action, message) => {
    expect(await messageOf(action)).toBe(message);
  });
});
