import { describe, expect, it } from "vitest";
import { keyOf } from "../../src/core/random.js";
import { constant, type Initializer, initialize, initializerNames } from "../../src/model/initializers.js";

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

  it("is a pure function of the key", () => {
    for (const name of initializerNames) expect(draw(name)).toEqual(draw(name));
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
