import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { dataset } from "../../src/data/dataset.js";
import { strokes } from "../../src/data/strokes.js";
import { conv2d, dense, flatten, input, sequential, sgd } from "../../src/index.js";
import { featurePlane, viewSvg } from "../../src/inspect/index.js";
import {
  neighbourhoods,
  principalPlane,
  tsneDivergence,
  tsneGradient,
  tsnePlane,
} from "../../src/inspect/projection.js";
import { formulaValues } from "../fixtures/formula.js";

const options = { threads: 1 } as const;

/** Written by test/fixtures/featurePlane.py. */
const fixture: {
  readonly count: number;
  readonly size: number;
  readonly perplexity: number;
  readonly plane: readonly number[];
  readonly explained: readonly number[];
  readonly neighbourhoods: readonly number[];
  readonly steps: Readonly<Record<string, readonly number[]>>;
} = JSON.parse(readFileSync(new URL("../fixtures/featurePlane.json", import.meta.url), "utf8"));

const { count, size, perplexity } = fixture;
const points = formulaValues(11, [count, size]).map((value, i) => {
  const [n, c] = [Math.floor(i / size), i % size];
  return value + (c === 0 ? 3 * (n % 3) : c === 1 ? 2 * (n % 2) : 0);
});

function expectNear(found: ArrayLike<number>, expected: readonly number[], part: number): void {
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs(found[i]! - value)).toBeLessThan(part * largest);
  });
}

describe("planes are NumPy's", () => {
  it("of principal components", () => {
    const found = principalPlane(points, count, size);
    expectNear(found.points, fixture.plane, 1e-9);
    expectNear(found.explained, fixture.explained, 1e-9);
  });

  it("of t-SNE: neighbourhoods, and the points after steps", async () => {
    expectNear(neighbourhoods(points, count, size, perplexity), fixture.neighbourhoods, 1e-8);
    for (const [steps, expected] of Object.entries(fixture.steps)) {
      const found = await tsnePlane(points, count, size, { perplexity, steps: Number(steps) });
      expectNear(found.points, expected, 1e-6);
    }
  });

  it("the gradient is that of the divergence", () => {
    const p = neighbourhoods(points, count, size, perplexity);
    const y = Float64Array.from(formulaValues(3, [count, 2]));
    const [gradient, near] = [new Float64Array(2 * count), new Float64Array(count * count)];
    tsneGradient(p, y, gradient, near, 1);
    for (let i = 0; i < y.length; i += 7) {
      const at = (step: number) => {
        const moved = y.slice();
        moved[i]! += step;
        return tsneDivergence(p, moved, near);
      };
      expect((at(1e-5) - at(-1e-5)) / 2e-5).toBeCloseTo(gradient[i]!, 8);
    }
  });

  it("of one point, of equal points, of a line", async () => {
    expect([...principalPlane([1, 2, 3], 1, 3).points]).toEqual([0, 0]);
    const { points: same, explained } = principalPlane([1, 2, 1, 2, 1, 2], 3, 2);
    expect([...same, ...explained].every((value) => value === 0)).toBe(true);
    const line = principalPlane([0, 1, 2, 5], 4, 1);
    expect(line.explained[0]).toBeCloseTo(1, 12);
    const plane = await tsnePlane([1, 1, 1, 1, 1, 1], 6, 1, { perplexity: 1, steps: 5 });
    expect(plane.points.every(Number.isFinite)).toBe(true);
  });
});

describe("an embedding", () => {
  it("keeps classes together, and is the same each time", async () => {
    const { train, test } = await strokes({ train: 300, test: 90 });
    const net = sequential(
      input(28, 28, 1),
      conv2d(6, 5, { stride: 2, activation: "relu" }),
      flatten(),
      dense(24, { activation: "relu" }),
      dense(10),
    );
    await net.initialize(1).fit(train, {
      loss: "crossEntropy",
      optimizer: sgd(0.05),
      epochs: 15,
      batchSize: 10,
      progress: false,
      ...options,
    });
    const view = await featurePlane(net, test, options);
    expect(view).toMatchObject({ method: "tsne", layer: "dense", size: 24 });
    expect((await featurePlane(net, test, options)).points).toEqual(view.points);
    const at = (i: number) => [view.points[2 * i]!, view.points[2 * i + 1]!] as const;
    const own = Array.from({ length: 90 }, (_, i) => {
      const distance = (k: number) => Math.hypot(at(i)[0] - at(k)[0], at(i)[1] - at(k)[1]);
      const others = Array.from({ length: 90 }, (_, k) => k).filter((k) => k !== i);
      const nearest = others.reduce((best, k) => (distance(k) < distance(best) ? k : best));
      return view.labels[nearest] === view.labels[i] ? 1 : 0;
    });
    const { accuracy } = await net.evaluate(test, options);
    expect(accuracy).toBeGreaterThan(0.6);
    expect(own.reduce<number>((sum, value) => sum + value, 0) / 90).toBeGreaterThan(0.6);
    const pca = await featurePlane(net, test, { method: "pca", layer: "flatten", ...options });
    expect(pca.explained![0]).toBeGreaterThanOrEqual(pca.explained![1]);
    const svg = await viewSvg(pca, { theme: "dark" });
    expect(svg).toContain("First principal component");
    expect(svg).toContain("1,176 numbers each");
  });

  it("refuses what it cannot show", async () => {
    const net = sequential(input(2), dense(3)).initialize(0);
    const data = dataset({ inputs: formulaValues(0, [12, 2]), targets: new Int32Array(12), shape: [2], classes: 3 });
    const cases: [Parameters<typeof featurePlane>[2], RegExp][] = [
      [
        { perplexity: 5 },
        /^featurePlane: wrong perplexity \(expected a number from 1 to 3, a third of the examples, received 5\)/,
      ],
      [{ method: "umap" as never }, /^featurePlane: unknown method "umap" \(expected one of tsne, pca\)/],
      [{ layer: "none" }, /none/],
      [{ steps: 0 }, /^featurePlane: wrong steps/],
    ];
    for (const [given, message] of cases)
      await expect(featurePlane(net, data, { ...given, ...options })).rejects.toThrow(message);
    const large = dataset({ inputs: new Float32Array(6002), targets: new Int32Array(3001), shape: [2], classes: 3 });
    await expect(featurePlane(net, large, options)).rejects.toThrow(
      /too many examples for t-SNE.*at most 3000, received 3001/,
    );
  });
});
