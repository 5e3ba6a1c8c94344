import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  augment,
  augmentationNames,
  blur,
  elastic,
  erasing,
  flip,
  formatAugment,
  parseAugment,
  randomCrop,
  randomResizedCrop,
  rotate,
  sometimes,
} from "../../src/data/index.js";
import { messageOf } from "./messages.js";

describe("parseAugment", () => {
  test("reads names, numbers, options, ranges and parts", () => {
    const text = "rotate:10, randomCrop(4, fill=reflect),randomResizedCrop(area=0.5..1), 0.3*blur:1,flip:vertical";
    const made = augment(
      rotate(10),
      randomCrop(4, { fill: "reflect" }),
      randomResizedCrop({ area: [0.5, 1] }),
      sometimes(0.3, blur(1)),
      flip("vertical"),
    );
    expect(JSON.stringify(parseAugment(text))).toBe(JSON.stringify(made));
  });

  test("has a default for every name, and reads its own text", () => {
    for (const name of augmentationNames) {
      const one = parseAugment(name);
      expect(one.steps).toHaveLength(1);
      expect(JSON.stringify(parseAugment(formatAugment(one)))).toBe(JSON.stringify(one));
    }
  });

  test.each(["", "none", " none "])("takes %j for no step", (text) => {
    expect(parseAugment(text).steps).toEqual([]);
  });

  test("and formatAugment undo each other", () => {
    const part = fc.double({ min: 0.01, max: 0.99, noNaN: true });
    const step = fc.oneof(
      fc
        .tuple(part, fc.constantFrom(0, 17.5, "edge", "reflect"))
        .map(([n, fill]) => rotate(n * 90, { fill: fill as 0 })),
      part.map((n) => elastic(n * 20, { spacing: 5, fill: "edge" })),
      part.map((n) => erasing({ probability: n, area: [n / 3, n], fill: "random" })),
      part.map((n) => sometimes(n, flip("both"))),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 5 }), (steps) => {
        const made = augment(...steps);
        expect(JSON.stringify(parseAugment(formatAugment(made)))).toBe(JSON.stringify(made));
      }),
    );
  });

  test.each([
    ["rotat:3", /"rotat:3" is no augmentation .* Did you mean "rotate"\.$/],
    ["rotate:999", /^rotate: degrees is out of range/],
    ["rotate:10:20", /"rotate:10:20" is no augmentation/],
    ["randomResizedCrop:0.5", /"randomResizedCrop:0.5" is no augmentation/],
    ["rotate(10, 20)", /"rotate\(10, 20\)" is no augmentation/],
    ["flip(direct=up)", /^flip: unknown option "direct" \(expected one of direction\)\.$/],
    ["flip:up", /^flip: unknown direction/],
    ["randomResizedCrop(area=1..0.5)", /area is not a range/],
    ["2*blur:1", /probability is out of range/],
    ["rotate:10,,flip", /"" is no augmentation/],
    ["mixUp,flip", /mixUp comes before others/],
  ])("refuses %j", async (text, message) => {
    expect(await messageOf(() => parseAugment(text))).toMatch(message);
  });

  test("survives any text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseAugment(text);
        } catch (error) {
          expect((error as Error).name).toBe("FoveaError");
        }
      }),
      { numRuns: 500 },
    );
  });
});
