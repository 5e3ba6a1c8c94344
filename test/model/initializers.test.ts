import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/core/random.js";
import {
  checkInitializer,
  constant,
  dirac,
  type Initializer,
  identity,
  initialize,
  initializerNames,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
} from "../../src/model/initializers.js";
import { loadFixture } from "../fixtures/load.js";

const fans = { fanIn: 300, fanOut: 100 };
const shape = [300, 100];
const draw = (initializer: Initializer, seed = 1) =>
  initialize(initializer, shape, fans, keyOf(seed, "initialize", "dense.kernel"));

function moments(values: Float32Array) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance), largest: values.reduce((a, b) => Math.max(a, Math.abs(b)), 0) };
}

describe("initialize", () => {
  it.each([
    ["glorotUniform", Math.sqrt(2 / 400), Math.sqrt(6 / 400)],
    ["glorotNormal", Math.sqrt(2 / 400), undefined],
    ["heUniform", Math.sqrt(2 / 300), Math.sqrt(6 / 300)],
    ["heNormal", Math.sqrt(2 / 300), undefined],
    ["lecunUniform", Math.sqrt(1 / 300), Math.sqrt(3 / 300)],
    ["lecunNormal", Math.sqrt(1 / 300), undefined],
  ] as const)("%s has mean 0 and deviation %f", (name, deviation, limit) => {
    const found = moments(draw(name));
    // 30,000 draws: the mean is within 4 deviations / √30,000, the deviation within 2 %
    expect(Math.abs(found.mean)).toBeLessThan((4 * deviation) / Math.sqrt(30_000));
    expect(found.deviation / deviation).toBeCloseTo(1, 1.7);
    if (limit !== undefined) {
      expect(found.largest).toBeLessThanOrEqual(limit);
      expect(found.largest).toBeGreaterThan(0.999 * limit);
    } else {
      expect(found.largest).toBeGreaterThan(3.5 * deviation);
    }
  });

  it("fills with zeros, ones and constants", () => {
    expect(new Set(draw("zeros"))).toEqual(new Set([0]));
    expect(new Set(draw("ones"))).toEqual(new Set([1]));
    expect(new Set(draw(constant(0.25)))).toEqual(new Set([0.25]));
  });

  it("draws numbers of the mean and the deviation that are asked for", () => {
    const close = (initializer: Initializer, mean: number, deviation: number) => {
      const found = moments(draw(initializer));
      expect(Math.abs(found.mean - mean)).toBeLessThan((4 * deviation) / Math.sqrt(30_000));
      expect(found.deviation / deviation).toBeCloseTo(1, 1.7);
      return draw(initializer);
    };
    close(randomNormal(0.2, 1), 1, 0.2);
    const even = close(randomUniform(-1, 3), 1, 4 / Math.sqrt(12));
    expect(Math.min(...even)).toBeGreaterThanOrEqual(-1);
    expect(Math.max(...even)).toBeLessThan(3);
    // Johnson, Kotz and Balakrishnan: 1 − 2·2·φ(2) / (2·Φ(2) − 1) is the variance between −2 and 2
    const phi = Math.exp(-2) / Math.sqrt(2 * Math.PI);
    const cut = close(truncatedNormal(0.5, -2), -2, 0.5 * Math.sqrt(1 - (4 * phi) / 0.9544997361036416));
    expect(Math.max(...cut.map((value) => Math.abs(value + 2)))).toBeLessThanOrEqual(1);
    expect(Math.max(...cut.map((value) => Math.abs(value + 2)))).toBeGreaterThan(0.995);
  });

  it.each([
    [[60, 20], 1],
    [[20, 60], 2],
    [[3, 3, 4, 30], 0.5],
    [[16, 16], 1],
  ] as const)("makes %o orthogonal, with gain %d", (shape, gain) => {
    const values = initialize(orthogonal(gain), shape, fans, keyOf(1, "w"));
    const columns = shape[shape.length - 1]!;
    const rows = values.length / columns;
    const [count, size] = [Math.min(rows, columns), Math.max(rows, columns)];
    const at = (n: number, i: number) => values[columns <= rows ? i * columns + n : n * columns + i]!;
    for (let a = 0; a < count; a++) {
      for (let b = 0; b <= a; b++) {
        let product = 0;
        for (let i = 0; i < size; i++) product += at(a, i) * at(b, i);
        // each factor is rounded to float32: Σ |a·b|·2u ≤ 2u·gain² by Cauchy and Schwarz
        expect(Math.abs(product - (a === b ? gain * gain : 0))).toBeLessThanOrEqual(2.1 * 2 ** -24 * gain * gain);
      }
    }
  });

  it("makes orthogonal matrices without a preferred direction", () => {
    // elements of an even 8 × 8 orthogonal matrix have mean 0 and variance 1/8
    const elements = Array.from({ length: 400 }, (_, seed) => [
      ...initialize(orthogonal(), [8, 8], fans, keyOf(seed, "w")),
    ]);
    for (const position of [0, 9, 37, 63]) {
      const { mean, deviation } = moments(Float32Array.from(elements, (matrix) => matrix[position]!));
      expect(Math.abs(mean)).toBeLessThan(4 * Math.sqrt(1 / 8 / 400));
      expect(deviation ** 2 * 8).toBeCloseTo(1, 0.5);
    }
  });

  it("puts ones where they pass values on", () => {
    expect([...initialize(identity(2), [2, 3], fans, keyOf(1))]).toEqual([2, 0, 0, 0, 2, 0]);
    const { entries } = loadFixture<{ shape: number[]; groups: number; value: number[] }>("initializers.json");
    for (const { shape, groups, value } of entries) {
      expect([...initialize(dirac(groups), shape, fans, keyOf(1))]).toEqual(value);
    }
  });

  it("goes into files as it is", () => {
    const all = [constant(1), randomNormal(), randomUniform(), truncatedNormal(), orthogonal(), identity(), dirac()];
    for (const initializer of [...all, ...initializerNames]) {
      const text = JSON.stringify(initializer);
      expect(JSON.stringify(checkInitializer("dense", "kernelInitializer", JSON.parse(text)))).toBe(text);
    }
  });

  it("says what is wrong", () => {
    const message = (body: () => unknown) => {
      try {
        body();
      } catch (error) {
        return (error as Error).message;
      }
      return undefined;
    };
    const check = (value: unknown) => message(() => checkInitializer("dense", "kernelInitializer", value));
    expect(check({ kind: "normal" })).toMatch(
      /^dense: unknown kernelInitializer.kind "normal" \(expected one of constant/,
    );
    expect(check({ kind: "dirac", groups: 0 })).toBe(
      "dense: wrong kernelInitializer.groups (expected a whole number ≥ 1, received 0).",
    );
    expect(check({ kind: "orthogonal", gain: 1, axis: 2 })).toBe(
      'dense: unknown option "kernelInitializer.axis" (expected one of kind, gain).',
    );
    expect(message(() => randomUniform(1, 0))).toBe("randomUniform: wrong high (expected a number ≥ 1, received 0).");
    expect(message(() => truncatedNormal(-1))).toBe(
      "truncatedNormal: wrong deviation (expected a number ≥ 0, received -1).",
    );
    expect(message(() => initialize(identity(), [2, 2, 2], fans, keyOf(1)))).toBe(
      'initializer "identity": does not suit the weight (expected a matrix, received [2, 2, 2]).',
    );
    expect(message(() => initialize(dirac(2), [3, 3, 3], fans, keyOf(1)))).toBe(
      'initializer "dirac": does not suit the weight (expected filters [extent, …, channels, filters], a multiple of 2 filters, received [3, 3, 3]).',
    );
  });

  it("is a pure function of the key", () => {
    for (const name of [...initializerNames, truncatedNormal(), orthogonal()]) expect(draw(name)).toEqual(draw(name));
    expect(draw("heNormal", 1)).not.toEqual(draw("heNormal", 2));
  });

  it("gives the same numbers for ever", () => {
    const key = keyOf(4487, "initialize", "conv2d.kernel");
    expect([...initialize("glorotUniform", [2, 2], { fanIn: 25, fanOut: 250 }, key)]).toMatchInlineSnapshot(`
      [
        0.1225687563419342,
        -0.02024250477552414,
        0.09423065930604935,
        0.12607641518115997,
      ]
    `);
    expect([...initialize("heNormal", [2], { fanIn: 25, fanOut: 250 }, key)]).toMatchInlineSnapshot(`
      [
        -0.1189446747303009,
        -0.15564227104187012,
      ]
    `);
  });
});
