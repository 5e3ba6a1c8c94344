import { describe, expect, test } from "vitest";
import { strokes } from "../../src/data/index.js";
import { dense, flatten, input, type LearningRateOptions, sequential, sgd } from "../../src/index.js";
import { learningRatePng, learningRateSvg } from "../../src/inspect/learningRatePlot.js";
import { messageOf } from "./messages.js";

const { train } = await strokes({ train: 400, test: 10, seed: 3 });
const linear = () => sequential(input(28, 28, 1), flatten(), dense(10));
const options: LearningRateOptions = { loss: "crossEntropy", optimizer: sgd(0.1), batchSize: 40, threads: 1, seed: 2 };

describe("a search for a learning rate", () => {
  test("rises evenly on a logarithmic scale, and leaves the weights alone", async () => {
    const net = linear().initialize(2);
    const before = net.toBytes();
    const { points } = await net.findLearningRate(train, { ...options, from: 1e-5, to: 1e-3, steps: 21 });
    expect(points).toHaveLength(21);
    points.forEach(({ rate }, i) => {
      expect(Math.log10(rate)).toBeCloseTo(-5 + i / 10, 10);
    });
    expect(Buffer.compare(net.toBytes(), before)).toBe(0);
  });

  test("follows a run with that schedule, step by step", async () => {
    const { points } = await linear().findLearningRate(train, { ...options, from: 1e-3, to: 1, steps: 10 });
    const schedule = (step: number) => 0.01 * 1000 ** (step / 9);
    const { epochs } = await linear().fit(train, { ...options, schedule, epochs: 1, progress: false });
    const mean = points.reduce((sum, { loss }) => sum + loss, 0) / points.length;
    expect(mean).toBeCloseTo(epochs[0]!.loss, 12);
    let average = 0;
    points.forEach(({ loss, smoothed }, i) => {
      average = 0.9 * average + 0.1 * loss;
      expect(smoothed).toBeCloseTo(average / (1 - 0.9 ** (i + 1)), 12);
    });
  });

  test("ends where the loss grows, and suggests a rate that trains well", async () => {
    const search = await linear().findLearningRate(train, { ...options, to: 1e4, steps: 150 });
    expect(search.points.length).toBeLessThan(150);
    expect(search.suggestion).toBeLessThanOrEqual(search.lowest);
    const lossWith = async (rate: number) => {
      const { epochs } = await linear().fit(train, { ...options, optimizer: sgd(rate), epochs: 3, progress: false });
      return epochs[2]!.loss;
    };
    const suggested = await lossWith(search.suggestion);
    expect(suggested).toBeLessThan(await lossWith(search.suggestion / 30));
    expect(suggested).toBeLessThan(await lossWith(Math.min(search.suggestion * 100, 1e3)));
  });

  test("is drawn", async () => {
    const search = await linear().findLearningRate(train, { ...options, steps: 60 });
    const svg = await learningRateSvg(search);
    expect(svg).toMatch(/^<svg .*Loss over the learning rate.*Learning rate.*<\/svg>\n$/s);
    expect(Buffer.from(await learningRatePng(search)).toString("latin1", 1, 4)).toBe("PNG");
  });

  test("refuses what makes no sense", async () => {
    const wrong = (more: object) => messageOf(linear().findLearningRate(train, { ...options, ...more }));
    expect(await wrong({ from: 1, to: 0.1 })).toBe(
      "findLearningRate: wrong to (expected a number > from, 1, received 0.1).",
    );
    expect(await wrong({ steps: 3 })).toBe("findLearningRate: wrong steps (expected a whole number ≥ 10, received 3).");
    expect(await wrong({ epochs: 3 })).toMatch(/^findLearningRate: unknown option "epochs"/);
    expect(await wrong({ optimizer: undefined })).toMatch(/^fit: optimizer is missing/);
  });
});
