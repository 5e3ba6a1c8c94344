import fc from "fast-check";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import {
  conv2d,
  dense,
  depthwiseConv2d,
  flatten,
  input,
  type Model,
  maxPool2d,
  sequential,
  softmax,
} from "../../src/index.js";
import {
  filterEvolution,
  filters,
  maximizeActivation,
  pixelArithmetic,
  slidingWindows,
  type View,
  viewGif,
  viewSvg,
} from "../../src/inspect/index.js";
import { tapsAt } from "../../src/inspect/windows.js";
import { formulaValues } from "../fixtures/formula.js";

const options = { threads: 1 } as const;
const image = formulaValues(0, [11, 9, 4]);

function strange(): Model {
  return sequential(
    input(11, 9, 4),
    conv2d(6, [3, 2], { stride: [2, 1], padding: [2, 0, 1, 1], dilation: [1, 2], activation: "relu", name: "odd" }),
    conv2d(4, 3, { groups: 2, useBias: false, name: "grouped" }),
    depthwiseConv2d(3, { stride: 2, activation: "tanh", name: "each" }),
    maxPool2d(2),
    flatten(),
    dense(3),
    softmax(),
  ).initialize(4);
}

describe("the arithmetic of a value", () => {
  it.each(["odd", "grouped", "each"])("of %s is that of the layer, at every place", async (layer) => {
    const net = strange();
    const { shape } = net.layer(layer).output;
    const [height, width, channels] = shape as readonly [number, number, number];
    const given = await net.features(layer).predict(image, options);
    for (let i = 0; i < height * width * channels; i += 5) {
      const at = [Math.floor(i / (width * channels)), Math.floor(i / channels) % width, i % channels];
      const view = await pixelArithmetic(net, image, { layer, at, ...options });
      expect(view.value).toBe(given[i]);
      const after = { relu: Math.max(0, view.sum), tanh: Math.tanh(view.sum), linear: view.sum }[view.activation]!;
      expect(Math.abs(after - view.value)).toBeLessThan(1e-5);
      const total = view.products.reduce((sum, value) => sum + value, 0);
      expect(Math.abs(total + view.bias - view.sum)).toBeLessThan(1e-5);
    }
  });

  it("is shown where the layer answers most, unless a place is asked for", async () => {
    const net = strange();
    const given = await net.features("odd").predict(image, options);
    const { layer, value, shape, input: size } = await pixelArithmetic(net, image, options);
    expect([layer, value, shape, size]).toEqual(["odd", Math.max(...given), [3, 2, 4], [11, 9]]);
  });

  it("shows padding as 0", async () => {
    const { patch, places } = await pixelArithmetic(strange(), image, { at: [0, 0, 0], ...options });
    expect([...places.subarray(0, 2)]).toEqual([-2, -1]);
    expect([...patch.subarray(0, 4)]).toEqual([0, 0, 0, 0]);
  });

  it.each([
    [{ layer: "max_pool2d" }, /there is no layer|shows the arithmetic of convolutions/],
    [
      { layer: "dense" },
      /^pixelArithmetic "dense": shows the arithmetic of convolutions .*received a layer of kind dense/,
    ],
    [
      { layer: "odd", at: [9, 0, 0] },
      /^pixelArithmetic "odd": there is no such place \(expected row, column and channel within/,
    ],
    [{ at: [0, 0] }, /there is no such place/],
  ])("refuses %j", async (more, message) => {
    await expect(pixelArithmetic(strange(), image, { ...more, ...options })).rejects.toThrow(message);
  });
});

const pair = (least: number, most: number) =>
  fc.tuple(fc.integer({ min: least, max: most }), fc.integer({ min: least, max: most }));

describe("sliding windows", () => {
  it("have as many places as the layer has outputs, and see what it sees", () => {
    fc.assert(
      fc.property(
        pair(1, 9),
        pair(1, 4),
        pair(1, 3),
        pair(0, 2),
        pair(1, 3),
        (size, kernel, stride, padding, dilation) => {
          const given = { input: size, kernel, stride, padding, dilation };
          const layer = conv2d(1, kernel, { stride, padding, dilation });
          let shape: readonly number[] | undefined;
          try {
            shape = sequential(input(...size, 1), layer).outputShape as readonly number[];
          } catch {
            expect(() => slidingWindows(given)).toThrow(/the window does not fit into the padded input/);
            return;
          }
          const view = slidingWindows(given);
          expect([...view.output, 1]).toEqual(shape);
          const [first, last] = [tapsAt(view, 0, 0), tapsAt(view, view.output[0] - 1, view.output[1] - 1)];
          expect(first).toHaveLength(kernel[0] * kernel[1]);
          expect(first[0]).toEqual([0 - padding[0], 0 - padding[1]]);
          for (const axis of [0, 1] as const) {
            expect(last.at(-1)![axis] + view.unseen[axis]).toBe(size[axis] + padding[axis] - 1);
            expect(view.unseen[axis]).toBeLessThan(stride[axis]);
          }
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each([
    [{ input: 3, kernel: 5 }, /does not fit into the padded input \(expected at least 5 × 5 pixels, received 3 × 3\)/],
    [{ input: 3, kernel: 0 }, /^slidingWindows: wrong kernel/],
    [{ input: 40, kernel: 3 }, /too many places to be shown \(expected at most 144, received 38 × 38\)/],
    [{ input: 5, kernel: 3, strides: 2 }, /unknown option "strides"/],
  ])("refuse %j", (given, message) => {
    expect(() => slidingWindows(given as never)).toThrow(message);
  });
});

describe("films", () => {
  const films: Record<string, { view: View; pages: number }> = {};
  const nets = [1, 2, 3].map((seed) => sequential(input(8, 8, 1), conv2d(3, 3), flatten(), dense(2)).initialize(seed));

  beforeAll(async () => {
    const kept = await maximizeActivation(nets[0]!, { unit: 1, steps: 9, keepEvery: 3, ...options });
    const plain = await maximizeActivation(nets[0]!, { unit: 1, steps: 9, ...options });
    expect(kept.frames!.map(({ step }) => step)).toEqual([0, 3, 6, 9]);
    expect(kept.frames!.at(-1)!.values).toEqual(plain.values);
    expect(plain.frames).toBeUndefined();
    const [a, b, c] = nets;
    films.windows = { view: slidingWindows({ input: 5, kernel: 3, stride: 2, padding: 1 }), pages: 9 };
    films.maximize = { view: kept, pages: 4 };
    films.evolution = { view: filterEvolution({ a: a!, b: b!, c: c! }), pages: 3 };
  });

  it.each(["windows", "maximize", "evolution"])("of %s have a picture for each step, and all differ", async (name) => {
    const { view, pages } = films[name]!;
    const gif = await viewGif(view, { delay: 100 });
    const metadata = await sharp(gif, { animated: true }).metadata();
    expect(metadata).toMatchObject({ format: "gif", pages, loop: 0 });
    expect(metadata.delay).toEqual([...new Array<number>(pages - 1).fill(100), 400]);
    const frames = await Promise.all(
      Array.from({ length: pages }, async (_, page) =>
        (await sharp(gif, { page }).raw().toBuffer()).toString("base64"),
      ),
    );
    expect(new Set(frames).size).toBe(pages);
    expect(await viewGif(view, { delay: 100 })).toEqual(gif);
    expect(await viewGif(view, { delay: 100, theme: "dark" })).not.toEqual(gif);
  });

  it("of what does not move are refused", async () => {
    await expect(viewGif(filters(nets[0]!))).rejects.toThrow(
      /^film of a view: there is nothing that moves in a view "filters"/,
    );
    const still = await maximizeActivation(nets[0]!, { unit: 1, steps: 2, ...options });
    await expect(viewGif(still)).rejects.toThrow(/Make it with keepEvery: 4/);
    await expect(viewGif(films.windows!.view, { delay: 1 })).rejects.toThrow(
      /wrong delay \(expected a whole number ≥ 20/,
    );
  });

  it("have a first picture as SVG, too", async () => {
    const svg = await viewSvg(films.windows!.view);
    expect(svg).toContain("kernel 3, stride 2, padding 1, dilation 1: 5 pixels give 3");
    const view = await pixelArithmetic(strange(), image, { at: [0, 0, 0], ...options });
    expect(await viewSvg(view)).toContain("struck through: padding, which is 0");
  });
});
