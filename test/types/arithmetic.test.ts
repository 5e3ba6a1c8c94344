import { describe, expect, it } from "vitest";
import { keyOf, RandomStream } from "../../src/core/random.js";
import { complaintsAbout } from "../harness/snippets.js";

/** What the types are to be, computed by numbers. */
const operations: Readonly<Record<string, (a: number, b: number) => number | string>> = {
  Add: (a, b) => a + b,
  Subtract: (a, b) => (a < b ? '"negative"' : a - b),
  Multiply: (a, b) => a * b,
  FloorDivide: (a, b) => (b === 0 ? "number" : Math.floor(a / b)),
  CeilDivide: (a, b) => (b === 0 ? "number" : Math.ceil(a / b)),
  Remainder: (a, b) => (b === 0 ? "number" : a % b),
};

/** Pairs at which digits are carried, borrowed and added, and random ones: axes, and sizes of flat images. */
function pairs(): [number, number][] {
  const edges = [0, 1, 2, 9, 10, 11, 99, 100, 101, 999, 1000, 4095, 4096];
  const stream = new RandomStream(keyOf(1, "pairs"));
  const random = (most: number) => stream.integer(most + 1);
  return [
    ...edges.flatMap((a) => edges.map((b): [number, number] => [a, b])),
    ...Array.from({ length: 60 }, (): [number, number] => [random(4096), random(64)]),
    ...Array.from({ length: 40 }, (): [number, number] => [random(20_000_000), random(4096)]),
  ];
}

const imports = [
  `import type { ${Object.keys(operations).join(", ")}, IsKnown, ProductOf } from "../../../src/model/shapes/arithmetic.js";`,
];

describe("arithmetic of literal types", () => {
  it("is that of numbers", () => {
    const snippets = Object.entries(operations).flatMap(([name, compute]) =>
      pairs().map(([a, b]) => `holds<Equal<${name}<${a}, ${b}>, ${compute(a, b)}>>();`),
    );
    const complaints = complaintsAbout("arithmetic", snippets, imports);
    expect(snippets.filter((_, i) => complaints[i]!.length > 0)).toEqual([]);
  });

  it("gives number for what is not one whole literal", () => {
    const unknown = ["number", "1 | 2", "1.5", "-1", "1e21"];
    const snippets = [
      ...Object.keys(operations).flatMap((name) =>
        unknown.flatMap((one) => [
          `holds<Equal<${name}<${one}, 3>, number>>();`,
          `holds<Equal<${name}<3, ${one}>, number>>();`,
        ]),
      ),
      ...unknown.map((one) => `holds<Equal<IsKnown<${one}>, false>>();`),
      "holds<Equal<ProductOf<[28, number, 3]>, number>>();",
      "holds<Equal<ProductOf<readonly number[]>, number>>();",
    ];
    const complaints = complaintsAbout("unknown", snippets, imports);
    expect(snippets.filter((_, i) => complaints[i]!.length > 0)).toEqual([]);
  });

  it("multiplies lists, and finds what is wrong", () => {
    const snippets = [
      "holds<Equal<ProductOf<[224, 224, 64, 2]>, 6422528>>();",
      "holds<Equal<ProductOf<[]>, 1>>();",
      "holds<Equal<ProductOf<readonly [7]>, 7>>();",
      "holds<Equal<ProductOf<[2, 3]>, 7>>();",
    ];
    const complaints = complaintsAbout("products", snippets, imports);
    expect(complaints.map((list) => list.length)).toEqual([0, 0, 0, 1]);
  });
});
