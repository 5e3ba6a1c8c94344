import fc from "fast-check";
import type { Shape } from "fovea";
import { describe, expect, it } from "vitest";
import { sizeOf } from "../../src/core/shapes.js";
import type { Layer } from "../../src/model/layer.js";
import {
  averagePool2d,
  conv1d,
  conv2d,
  conv3d,
  dense,
  flatten,
  globalMaxPool2d,
  maxPool2d,
  subnetwork,
} from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { truth } from "../harness/backends.js";
import { runGraph } from "../harness/graph.js";
import { layerExperiment, networkOf } from "../harness/layer.js";
import { integers } from "./numbers.js";

/** What a layer makes of an image of whole numbers, with weights that are whole numbers: exact. */
async function apply(layer: Layer, x: Image, seed = 5): Promise<Image> {
  const valuesOf = (leaf: string, shape: Shape) => {
    if (leaf === "x0") return x.values;
    return leaf === "r" ? new Float64Array(sizeOf(shape)) : integers(seed + leaf.length, shape).values;
  };
  const experiment = layerExperiment(layer, [x.shape], 1, false, valuesOf, false);
  const { value } = await runGraph(truth, experiment);
  const shape = networkOf(layer, [x.shape]).outputs[0]!.shape;
  return { shape, values: Float64Array.from(value!, (v) => v + 0) };
}

/** An example, channels last. */
interface Image {
  readonly shape: Shape;
  readonly values: Float64Array;
}

/** Moved around the edges by so many pixels along each axis: what leaves at one end comes in at the other. */
function shift({ shape, values }: Image, by: readonly number[]): Image {
  const result = new Float64Array(values.length);
  const extents = shape.slice(0, -1);
  const channels = shape.at(-1)!;
  for (let n = 0; n < values.length / channels; n++) {
    let [rest, to, step] = [n, 0, 1];
    for (let axis = extents.length - 1; axis >= 0; axis--) {
      const extent = extents[axis]!;
      const place = (((rest % extent) + (by[axis] ?? 0)) % extent) + extent;
      to += (place % extent) * step;
      rest = Math.floor(rest / extent);
      step *= extent;
    }
    for (let c = 0; c < channels; c++) result[to * channels + c] = values[n * channels + c]!;
  }
  return { shape, values: result };
}

/** A square image turned by 90°. */
function turn({ shape, values }: Image): Image {
  const [size, , channels] = shape as [number, number, number];
  const result = new Float64Array(values.length);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      for (let c = 0; c < channels; c++) {
        result[(j * size + (size - 1 - i)) * channels + c] = values[(i * size + j) * channels + c]!;
      }
    }
  }
  return { shape, values: result };
}

const circular = { padding: "same", paddingMode: "circular" } as const;
const shifts = fc.tuple(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -3, max: 3 }),
);
const seeds = fc.integer({ min: 1, max: 500 });

describe("a convolution of a shifted image is the shifted convolution", () => {
  it.each([
    ["conv1d", [12, 2], () => conv1d(3, 3, circular)],
    ["conv2d", [6, 7, 2], () => conv2d(3, 3, circular)],
    ["conv2d with dilation and ReLU", [8, 8, 1], () => conv2d(2, 3, { ...circular, dilation: 2, activation: "relu" })],
    ["conv3d", [4, 5, 4, 1], () => conv3d(2, 3, circular)],
  ] as const)("%s", async (_, shape, make) => {
    await fc.assert(
      fc.asyncProperty(shifts, seeds, async (by, seed) => {
        const x = integers(seed, shape);
        expect(await apply(make(), shift(x, by))).toEqual(shift(await apply(make(), x), by));
      }),
      { numRuns: 20 },
    );
  });

  it("within an image of zeros as well, as long as nothing leaves it", async () => {
    const [x, small] = [new Float64Array(100), integers(3, [4, 4, 1]).values];
    for (let i = 0; i < 4; i++) x.set(small.subarray(4 * i, 4 * i + 4), (i + 2) * 10 + 2);
    const image = { shape: [10, 10, 1], values: x };
    const layer = () => conv2d(1, 3, { useBias: false });
    expect(await apply(layer(), shift(image, [2, 1]))).toEqual(shift(await apply(layer(), image), [2, 1]));
  });

  it("under a stride of s only for shifts by multiples of s, which become s times smaller", async () => {
    const strided = () => conv2d(2, 3, { ...circular, stride: 2 });
    await fc.assert(
      fc.asyncProperty(shifts, seeds, async ([down, right], seed) => {
        const x = integers(seed, [8, 6, 1]);
        const moved = await apply(strided(), shift(x, [2 * down, 2 * right]));
        expect(moved).toEqual(shift(await apply(strided(), x), [down, right]));
      }),
      { numRuns: 20 },
    );
    // by one pixel it sees other pixels, and no shift of the result is what comes out
    const x = integers(1, [8, 6, 1]);
    const moved = await apply(strided(), shift(x, [1, 0]));
    const y = await apply(strided(), x);
    for (let i = 0; i < 4; i++) for (let j = 0; j < 3; j++) expect(moved).not.toEqual(shift(y, [i, j]));
  });

  it("but not of a turned image, unless the kernel is turned too, nor of one twice as large", async () => {
    const x = integers(2, [6, 6, 1]);
    const layer = () => conv2d(1, 3, { ...circular, useBias: false });
    const turnedAfter = turn(await apply(layer(), x));
    expect(await apply(layer(), turn(x))).not.toEqual(turnedAfter);
    const kernel = turn({ shape: [3, 3, 1], values: integers(5 + "conv2d.kernel".length, [3, 3, 1]).values });
    const valuesOf = (leaf: string, shape: Shape) =>
      leaf === "x0" ? turn(x).values : leaf === "r" ? new Float64Array(sizeOf(shape)) : kernel.values;
    const { value } = await runGraph(truth, layerExperiment(layer(), [x.shape], 1, false, valuesOf, false));
    expect(Float64Array.from(value!, (v) => v + 0)).toEqual(turnedAfter.values);

    const doubled = (image: Image): Image => {
      const [height, width] = image.shape as [number, number];
      const values = Float64Array.from({ length: 4 * height * width }, (_, n) => {
        const [i, j] = [Math.floor(n / (2 * width)), n % (2 * width)];
        return image.values[(i >> 1) * width + (j >> 1)]!;
      });
      return { shape: [2 * height, 2 * width, 1], values };
    };
    expect(await apply(layer(), doubled(x))).not.toEqual(doubled(await apply(layer(), x)));
  });
});

describe("pooling makes small shifts invisible", () => {
  /** A single bright pixel. */
  const spot = (i: number, j: number): Image => {
    const values = new Float64Array(64);
    values[8 * i + j] = 7;
    return { shape: [8, 8, 1], values };
  };

  it.each([
    ["maxPool2d", () => maxPool2d(4)],
    ["averagePool2d", () => averagePool2d(4)],
  ] as const)("%s: within its window a spot may be anywhere", async (_, make) => {
    const first = await apply(make(), spot(0, 0));
    for (let i = 0; i < 4; i++) for (let j = 0; j < 4; j++) expect(await apply(make(), spot(i, j))).toEqual(first);
    // beyond the window it shows
    expect(await apply(make(), spot(4, 0))).not.toEqual(first);
  });

  it("global pooling after a convolution: every shift", async () => {
    const both = () => subnetwork(sequentialNetwork(input(6, 7, 2), conv2d(3, 3, circular), globalMaxPool2d()));
    await fc.assert(
      fc.asyncProperty(shifts, seeds, async (by, seed) => {
        const x = integers(seed, [6, 7, 2]);
        expect(await apply(both(), shift(x, by))).toEqual(await apply(both(), x));
      }),
      { numRuns: 20 },
    );
  });

  it("max pooling of a random image changes at fewer places than the image", async () => {
    const x = integers(9, [16, 16, 1]);
    const changed = (a: Image, b: Image) =>
      a.values.filter((value, n) => value !== b.values[n]).length / a.values.length;
    const moved = shift(x, [0, 1]);
    const pool = () => maxPool2d(4);
    expect(changed(await apply(pool(), x), await apply(pool(), moved))).toBeLessThan(0.7 * changed(x, moved));
  });
});

it("a dense layer has neither: a shift makes another image of it", async () => {
  const layer = () => subnetwork(sequentialNetwork(input(6, 6, 1), flatten(), dense(36)));
  const x = integers(3, [6, 6, 1]);
  const y = (await apply(layer(), x)).values;
  const moved = (await apply(layer(), shift(x, [1, 0]))).values;
  expect(moved).not.toEqual(y);
  for (let i = 0; i < 6; i++) {
    for (let j = 0; j < 6; j++) expect(moved).not.toEqual(shift({ shape: [6, 6, 1], values: y }, [i, j]).values);
  }
});
