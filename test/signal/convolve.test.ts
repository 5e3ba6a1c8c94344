import fc from "fast-check";
import type { Shape } from "fovea";
import {
  convolutionMatrix,
  convolve,
  correlate,
  correlationMatrix,
  flip,
  laplacian,
  nested,
  type Signal,
  signal,
} from "fovea/signal";
import { describe, expect, it, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.js";
import { conv1d, conv2d, conv3d } from "../../src/model/layers/index.js";
import { messageOf } from "../data/messages.js";
import { truth } from "../harness/backends.js";
import { runGraph } from "../harness/graph.js";
import { layerExperiment } from "../harness/layer.js";
import { integers, norm, scipy, u } from "./numbers.js";

/** What this is about: the loops of the lecture, for one axis. */
function naive(x: readonly number[], w: readonly number[]): number[] {
  const z = new Array<number>(x.length + w.length - 1).fill(0);
  for (let m = 0; m < x.length; m++) for (let k = 0; k < w.length; k++) z[m + k]! += x[m]! * w[k]!;
  return z;
}

const list = (length: number) => fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 1, maxLength: length });

describe("worked examples", () => {
  test("A2: a binary image", () => {
    const image = ["11100", "01110", "00111", "00110", "01100"].map((row) => [...row].map(Number));
    const kernel = [
      [1, 0, 1],
      [0, 1, 0],
      [1, 0, 1],
    ];
    expect(nested(correlate(image, kernel, { mode: "valid" }))).toEqual([
      [4, 3, 4],
      [2, 4, 3],
      [2, 3, 4],
    ]);
  });

  const image = [
    [95, 242, 186, 152, 39],
    [39, 14, 220, 153, 180],
    [5, 247, 212, 54, 46],
    [46, 77, 133, 110, 74],
    [156, 35, 74, 93, 116],
  ];

  test.each([
    [
      "valid",
      { mode: "valid" as const },
      [
        [692, -315, -6],
        [-680, -194, 305],
        [153, -59, -86],
      ],
    ],
    [
      "stride 2",
      { mode: "valid" as const, stride: 2 },
      [
        [692, -6],
        [153, -86],
      ],
    ],
    [
      "padding 1",
      { padding: 1 },
      [
        [-99, -673, -130, -230, 176],
        [-42, 692, -315, -6, -482],
        [312, -680, -194, 305, 124],
        [54, 153, -59, -86, -24],
        [-543, 167, -35, -72, -297],
      ],
    ],
  ])("A3: the Laplacian, %s", (_, options, expected) => {
    expect(nested(correlate(image, laplacian(), options))).toEqual(expected);
    // it is symmetric, so flipping it changes nothing
    expect(nested(convolve(image, laplacian(), options))).toEqual(expected);
  });
});

describe("convolution and cross-correlation", () => {
  test.each(scipy.cases)("are SciPy's: $shape with $kernel, $mode", (example) => {
    const [x, w] = [integers(example.seed, example.shape), integers(example.seed + 100, example.kernel)];
    expect(nested(convolve(x, w, { mode: example.mode }))).toEqual(example.convolve);
    expect(nested(correlate(x, w, { mode: example.mode }))).toEqual(example.correlate);
  });

  it("have N + P − 1, N and N − P + 1 outputs", () => {
    for (const shape of [[9], [9, 8], [9, 8, 7]]) {
      const kernel = shape.map((_, axis) => 2 + axis);
      const lengths = (mode: "full" | "same" | "valid") =>
        convolve(integers(1, shape), integers(2, kernel), { mode }).shape;
      expect(lengths("full")).toEqual(shape.map((extent, axis) => extent + kernel[axis]! - 1));
      expect(lengths("same")).toEqual(shape);
      expect(lengths("valid")).toEqual(shape.map((extent, axis) => extent - kernel[axis]! + 1));
    }
  });

  it("are the lecture's sums, and commute", () => {
    fc.assert(
      fc.property(list(20), list(8), (x, w) => {
        const z = [...convolve(x, w).values].map((value) => value + 0);
        expect(z).toEqual(naive(x, w).map((value) => value + 0));
        expect(z).toEqual([...convolve(w, x).values].map((value) => value + 0));
      }),
    );
  });

  it("turn into each other when the kernel is flipped, whatever the options", () => {
    const options = fc.record(
      { mode: fc.constantFrom("full", "same", "valid"), stride: fc.integer({ min: 1, max: 3 }) },
      { requiredKeys: ["mode"] },
    );
    const extents = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(extents, extents, fc.integer({ min: 1, max: 99 }), options, (height, width, seed, given) => {
        const [x, w] = [integers(seed, [6, 5]), integers(seed + 7, [height, width])];
        const chosen = given as { mode: "full" | "same" | "valid"; stride?: number };
        expect(convolve(x, w, chosen)).toEqual(correlate(x, flip(w), chosen));
      }),
    );
  });

  it("of a strided output are every other one of the dense", () => {
    const [x, w] = [integers(3, [11, 10]), integers(4, [3, 2])];
    const dense = nested(correlate(x, w, { padding: [1, 2] })) as number[][];
    const every = nested(correlate(x, w, { padding: [1, 2], stride: [2, 3] })) as number[][];
    expect(every).toEqual(dense.filter((_, i) => i % 2 === 0).map((row) => row.filter((_, j) => j % 3 === 0)));
  });

  it("leave holes between taps under dilation", () => {
    expect(correlate([1, 2, 4, 8, 16], [1, 1], { mode: "valid", dilation: 3 }).values).toEqual(Float64Array.of(9, 18));
    expect(convolve([1], [1, 2, 3], { dilation: 2 }).values).toEqual(Float64Array.of(1, 0, 2, 0, 3));
  });
});

describe("fovea's layers", () => {
  const layers = [conv1d, conv2d, conv3d] as const;

  it.each([
    [[9], [3], { padding: "same" }, { mode: "same" }],
    [[9], [4], { padding: "same", stride: 2 }, { mode: "same", stride: 2 }],
    [[7, 8], [3, 2], { padding: "valid" }, { mode: "valid" }],
    [[7, 8], [2, 4], { padding: "same" }, { mode: "same" }],
    [[7, 8], [3, 3], { padding: [1, 2, 0, 1], stride: [2, 1] }, { padding: [1, 2, 0, 1], stride: [2, 1] }],
    [[7, 8], [3, 3], { padding: "full", dilation: 2 }, { mode: "full", dilation: 2 }],
    [[4, 5, 6], [2, 3, 3], { padding: "same" }, { mode: "same" }],
  ] as const)("are cross-correlations: %j with %j, %j", async (shape, kernel, layerOptions, options) => {
    const make = layers[shape.length - 1]! as (
      filters: number,
      size: readonly number[],
      options: object,
    ) => ReturnType<typeof conv2d>;
    const layer = make(1, kernel, { ...layerOptions, useBias: false });
    const [x, w] = [integers(8, shape), integers(9, kernel)];
    const valuesOf = (leaf: string, leafShape: Shape) =>
      leaf === "x0" ? x.values : leaf === "r" ? new Float64Array(sizeOf(leafShape)) : w.values;
    const experiment = layerExperiment(layer, [[...shape, 1]], 1, false, valuesOf, false);
    const { value } = await runGraph(truth, experiment);
    const expected = correlate(x, w, options as Parameters<typeof correlate>[2]);
    expect([...value!].map((v) => v + 0)).toEqual([...expected.values].map((v) => v + 0));
  });
});

describe("the matrix", () => {
  const transposedTimes = (a: Signal, x: ArrayLike<number>) => {
    const [samples, outputs] = a.shape as [number, number];
    return Array.from({ length: outputs }, (_, j) => {
      let sum = 0;
      for (let i = 0; i < samples; i++) sum += a.values[i * outputs + j]! * x[i]!;
      return sum;
    });
  };

  it("is SciPy's, transposed", () => {
    const rows = scipy.convolutionMatrix as number[][];
    expect(nested(convolutionMatrix([1, 2, 3], 4))).toEqual(rows[0]!.map((_, j) => rows.map((row) => row[j]!)));
  });

  it("is banded, with equal numbers along each diagonal: 3 weights, where a dense layer has 25", () => {
    const a = nested(convolutionMatrix([5, 7, 9], 5, { mode: "same" })) as number[][];
    expect(a).toEqual([
      [7, 9, 0, 0, 0],
      [5, 7, 9, 0, 0],
      [0, 5, 7, 9, 0],
      [0, 0, 5, 7, 9],
      [0, 0, 0, 5, 7],
    ]);
    expect(new Set(a.flat().filter((weight) => weight !== 0)).size).toBe(3);
  });

  it("gives the convolution: z = Aᵀx", () => {
    for (const [shape, kernel] of [
      [[9], [4]],
      [
        [5, 4],
        [3, 2],
      ],
      [
        [3, 4, 3],
        [2, 2, 3],
      ],
    ] as const) {
      const [x, w] = [integers(5, shape), integers(6, kernel)];
      for (const options of [{}, { mode: "same" }, { mode: "valid" }, { padding: 1, stride: 2 }] as const) {
        const sum = (values: ArrayLike<number>) => Array.from(values, (value) => value + 0);
        const z = convolve(x, w, options);
        expect(sum(transposedTimes(convolutionMatrix(w, shape, options), x.values))).toEqual(sum(z.values));
        const c = correlate(x, w, options);
        expect(sum(transposedTimes(correlationMatrix(w, shape, options), x.values))).toEqual(sum(c.values));
      }
    }
  });
});

describe("by spectra", () => {
  /** The bound of the doc comment. */
  const bound = (x: Signal, w: Signal) => {
    const log = x.shape.reduce((sum, size, axis) => sum + Math.ceil(Math.log2(size + w.shape[axis]! - 1)), 0);
    return 4 * 8 * u * log * norm(x.values) * w.values.reduce((sum, value) => sum + Math.abs(value), 0);
  };
  /** Sums of whole numbers are exact, so what differs is the spectra's error. */
  const expectClose = (x: Signal, w: Signal, options: object) => {
    const direct = convolve(x, w, options);
    const spectral = convolve(x, w, { ...options, method: "fft" });
    expect(spectral.shape).toEqual(direct.shape);
    const worst = Math.max(...direct.values.map((value, n) => Math.abs(value - spectral.values[n]!)));
    expect(worst).toBeLessThanOrEqual(bound(x, w));
  };

  it("is the direct one within the derived bound", () => {
    fc.assert(fc.property(list(200), list(60), (x, w) => expectClose(signal(x), signal(w), {})));
  });

  it.each([
    [[9], [4], { mode: "same", stride: 2 }],
    [[9], [3], { padding: 7 }],
    [[8], [3], { mode: "valid", dilation: 2 }],
    [[7, 5], [3, 4], { mode: "full" }],
    [[7, 5], [3, 4], { padding: [5, 0, 1, 7], stride: [1, 3] }],
    [[4, 6, 5], [3, 2, 3], { mode: "same" }],
  ] as const)("takes the same options: %j with %j, %j", (shape, kernel, options) => {
    expectClose(integers(11, shape), integers(12, kernel), options);
  });

  it("is the same after rounding for kernels of thousands of taps", () => {
    const [x, w] = [integers(1, [20_000]), integers(2, [3_001])];
    const spectral = convolve(x, w, { method: "fft" }).values;
    expect(bound(x, w)).toBeLessThan(0.5);
    expect(Array.from(spectral, (value) => Math.round(value) + 0)).toEqual(
      Array.from(convolve(x, w).values, (value) => value + 0),
    );
  });
});

describe("mistakes", () => {
  it.each([
    [
      () => convolve([1, 2], [[1]]),
      "convolve: signal and kernel differ in axes (expected a kernel over 1, as the signal [2], received [1, 1]).",
    ],
    [
      () => correlate([1, 2], [1, 2, 3], { mode: "valid" }),
      'correlate: the window is larger than its padded input (expected at least 3 steps, received 2). Use padding "same", a smaller window or a larger input.',
    ],
    [
      () => convolve([1], [1], { mode: "ful" as "full" }),
      'convolve: unknown mode "ful" (expected one of full, same, valid). Did you mean "full".',
    ],
    [
      () => convolve([1], [1], { mode: "full", padding: 1 }),
      "convolve: mode and padding are both given. Keep one of them; a mode is a rule for padding.",
    ],
    [() => convolve([1], [1], { stride: 0 }), /^convolve: wrong stride \(expected a whole number ≥ 1/],
    [
      () => convolve([1], [1], { padding: -1 }),
      /^convolve: wrong padding \(expected a whole number ≥ 0 or \[before, after\], received -1\)\.$/,
    ],
    [() => convolve([1], [1], { strid: 1 } as object), /^convolve: unknown option "strid" .* Did you mean "stride"\.$/],
    [
      () => convolve([[1, 2], [3]], [[1]]),
      "convolve: signal: lists of one level differ in length (expected 2 in each, received 1).",
    ],
    [
      () => convolve([], [1]),
      "convolve: signal: wrong samples (expected numbers in lists, none of them empty, received []).",
    ],
    [
      () => signal(["1" as unknown as number]),
      'signal: wrong samples (expected numbers in lists, none of them empty, received "1").',
    ],
    [
      () => signal(new Float32Array(5), [2, 3]),
      "signal: the shape [2, 3] does not hold the samples (expected 6, received 5).",
    ],
    [
      () => signal([[[[1]]]] as unknown as number[]),
      "signal: has too many axes (expected 1 to 3, received [1, 1, 1, 1]).",
    ],
  ])("%#: say what is wrong", async (call, message) => {
    const text = await messageOf(async () => call());
    if (typeof message === "string") expect(text).toBe(message);
    else expect(text).toMatch(message);
  });
});
