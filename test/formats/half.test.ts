import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bfloat16ToFloat, floatToBfloat16, floatToHalf, halfToFloat } from "../../src/formats/half.js";

describe("half", () => {
  test("known values", () => {
    const known: [number, number][] = [
      [0, 0x0000],
      [-0, 0x8000],
      [1, 0x3c00],
      [-2, 0xc000],
      [65504, 0x7bff],
      [65520, 0x7c00],
      [Infinity, 0x7c00],
      [-Infinity, 0xfc00],
      [2 ** -14, 0x0400],
      [2 ** -24, 0x0001],
      [2 ** -25, 0x0000],
      [1.5 * 2 ** -24, 0x0002],
      [1 + 2 ** -11, 0x3c00],
      [1 + 3 * 2 ** -11, 0x3c02],
      [1e-30, 0x0000],
    ];
    for (const [value, bits] of known) expect([value, floatToHalf(value)]).toEqual([value, bits]);
    expect(halfToFloat(floatToHalf(NaN))).toBeNaN();
  });

  test("all 65,536 halves and bfloat16s come back as they were", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const half = halfToFloat(bits);
      if (!Number.isNaN(half) && floatToHalf(half) !== bits) throw new Error(`half ${bits}`);
      const brain = bfloat16ToFloat(bits);
      if (!Number.isNaN(brain) && floatToBfloat16(brain) !== bits) throw new Error(`bfloat16 ${bits}`);
    }
  });

  test("rounds to the nearest, whose neighbours are no nearer", () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = floatToHalf(value);
        const error = Math.abs(halfToFloat(bits) - value);
        for (const near of [bits - 1, bits + 1]) {
          if ((near & 0x7c00) === 0x7c00 || near < 0) continue;
          expect(error).toBeLessThanOrEqual(Math.abs(halfToFloat(near) - value));
        }
      }),
    );
  });

  test("bfloat16 rounds ties to even", () => {
    expect(floatToBfloat16(1 + 2 ** -8)).toBe(0x3f80);
    expect(floatToBfloat16(1 + 3 * 2 ** -8)).toBe(0x3f82);
    expect(bfloat16ToFloat(floatToBfloat16(NaN))).toBeNaN();
  });
});
