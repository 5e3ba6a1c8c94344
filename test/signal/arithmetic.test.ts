import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { concatenate, conv2d, input, model, sequential } from "fovea";
import { outputSize, parameterCounts, parseChain, parseShape } from "fovea/signal";
import { afterAll, beforeAll, describe, expect, it, test } from "vitest";
import { main } from "../../src/cli/main.js";
import { summarize } from "../../src/inspect/summary.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { messageOf } from "../data/messages.js";

interface Row {
  readonly word?: string;
  readonly name: string;
  readonly outputShape: number[];
  readonly padding: [number, number][];
  readonly unseen: number[];
  readonly receptiveField: { size: number; stride: number; start: number }[];
  readonly parameters: number;
  readonly multiplyAdds: number;
  readonly activationBytes: number;
}

async function fovea(...argv: string[]) {
  const [stdout, stderr]: [string[], string[]] = [[], []];
  const code = await main(argv, {
    stdout: { write: (text: string) => stdout.push(text) },
    stderr: { write: (text: string) => stderr.push(text) },
  });
  return { code, stdout: stdout.join(""), stderr: stderr.join("") };
}

/** Rows of the table as data, the input's first. */
async function rowsOf(...argv: string[]): Promise<Row[]> {
  const { code, stdout, stderr } = await fovea("arithmetic", ...argv, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout).layers;
}

const sizesOf = async (...argv: string[]) => (await rowsOf(...argv)).map(({ outputShape }) => outputShape[0]);
const fieldsOf = async (...argv: string[]) => (await rowsOf(...argv)).map(({ receptiveField }) => receptiveField[0]!);

describe("counting parameters (A5)", () => {
  const count = (shape: readonly number[], chain: string) =>
    parameterCounts(shape, parseChain(shape, chain)).reduce((sum, weights) => sum + weights, 0);

  test.each([
    ["dense: 1000 × 1000 pixels to 10⁶ hidden units", [1000, 1000, 1], "flatten dense:1000000,nobias", 1e12],
    ["locally connected by 10 × 10", [1000, 1000, 1], "local:10,psame,nobias", 1e8],
    ["100 shared filters of 10 × 10", [1000, 1000, 1], "conv:10,f100,nobias", 1e4],
    ["256 × 256 grey pixels to 5 × 5 patches, unshared", [256, 256, 1], "local:5,psame,nobias", 1_638_400],
    ["and shared", [256, 256, 1], "conv:5,psame,nobias", 25],
    ["5 to 5, dense", [5], "dense:5", 25 + 5],
    ["5 to 5 by a shared filter of 3", [5, 1], "conv:3,psame", 3 + 1],
  ] as const)("%s", (_, shape, chain, expected) => expect(count(shape, chain)).toBe(expected));

  it("is that of the network itself", () => {
    const shape = [32, 32, 3];
    const chain = "conv:5,f8,p2 batchnorm relu pool:2 depthwise:3 separable:3,f6 deconv:2,s2,f4 flatten dense:10";
    const layers = parseChain(shape, chain);
    const total = parameterCounts(shape, layers).reduce((sum, weights) => sum + weights, 0);
    expect(total).toBe(sequential(input(shape), ...layers).parameterCount);
  });
});

describe("sizes and receptive fields (A9)", () => {
  test("227, F 11, S 4: 55", async () => {
    expect(outputSize(227, 11, { stride: 4 })).toBe(55);
    expect(await sizesOf("--input", "227x227x3", "conv:11,s4,f96")).toEqual([227, 55]);
  });

  test("256, conv k3 s2 p1: 128, max-pool k4 s1: 125", async () => {
    expect(await sizesOf("--input", "256x256x3", "conv:3,s2,p1,f16", "pool:4,s1")).toEqual([256, 128, 125]);
    expect(outputSize(outputSize(256, 3, { stride: 2, padding: 1 }), 4)).toBe(125);
  });

  test("stacked 5 then 3 see 7", async () => {
    expect((await fieldsOf("--input", "32x32x1", "conv:5", "conv:3")).map(({ size }) => size)).toEqual([1, 5, 7]);
  });

  test("dilation doubles it: a WaveNet's 2, 4, 8, …", async () => {
    const chain = [0, 1, 2, 3, 4].map((i) => `conv:2,d${2 ** i},f8`);
    expect((await fieldsOf("--input", "16000x1", ...chain)).map(({ size }) => size)).toEqual([1, 2, 4, 8, 16, 32]);
  });

  test("stride and pooling multiply jumps, and move the first centre", async () => {
    expect(await fieldsOf("--input", "227x227x3", "conv:11,s4,f96", "pool:3,s2")).toEqual([
      { size: 1, stride: 1, start: 0 },
      { size: 11, stride: 4, start: 5 },
      { size: 19, stride: 8, start: 9 },
    ]);
  });

  test("a transposed convolution divides jumps; its padding is cut off", async () => {
    const rows = await rowsOf("--input", "7x7x16", "deconv:4,s2,p1,f8", "deconv:3,s2,p1,o1,f4", "deconv:5,s3,f1");
    expect(rows.map(({ outputShape }) => outputShape)).toEqual([
      [7, 7, 16],
      [14, 14, 8],
      [28, 28, 4],
      [86, 86, 1],
    ]);
    expect(rows.map(({ padding }) => padding[0])).toEqual([undefined, [1, 1], [1, 0], [0, 0]]);
    expect(rows.map(({ receptiveField }) => receptiveField[0]!.stride)).toEqual([1, 0.5, 0.25, 0.25 / 3]);
  });

  test("axes apart, and windows that leave pixels over", async () => {
    const [, row] = await rowsOf("--input", "10x12x1", "conv:3x5,s2x4,p0x1,f2");
    expect(row).toMatchObject({
      word: "conv:3x5,s2x4,p0x1,f2",
      outputShape: [4, 3, 2],
      padding: [
        [0, 0],
        [1, 1],
      ],
      // rows 0–8 of 10 are seen, columns −1–11 of −1–12
      unseen: [1, 0],
    });
    const { stdout } = await fovea("arithmetic", "--input", "10x12x1", "conv:3x5,s2x4,p0x1,f2");
    expect(stdout).toContain("conv:3x5,s2x4,p0x1,f2: no window reaches the last 1 × 0 of its input's pixels.\n");
  });

  test("outputSize is how often a window fits", () => {
    const options = fc.record({
      stride: fc.integer({ min: 1, max: 4 }),
      padding: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
      dilation: fc.integer({ min: 1, max: 3 }),
    });
    const size = fc.integer({ min: 1, max: 30 });
    fc.assert(
      fc.property(size, fc.integer({ min: 1, max: 6 }), options, (width, taps, given) => {
        const { stride, padding, dilation } = given;
        let fits = 0;
        for (let at = -padding[0]; at + dilation * (taps - 1) < width + padding[1]; at += stride) fits++;
        expect(outputSize(width, taps, given)).toBe(fits);
      }),
    );
    expect(outputSize(28, 5, { stride: 2, padding: "same" })).toBe(14);
    expect(outputSize(5, 7)).toBe(0);
  });
});

describe("fovea arithmetic", () => {
  let directory: string;
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "fovea-arithmetic-"));
  });
  afterAll(() => rm(directory, { recursive: true, force: true }));

  it("prints a table", async () => {
    const chain = ["conv:11,s4,f96", "relu", "pool:3,s2", "flatten", "dense:10"];
    const { code, stdout } = await fovea("arithmetic", "--input", "227x227x3", ...chain);
    expect(code).toBe(0);
    expect(stdout).toMatchInlineSnapshot(`
      "227x227x3 conv:11,s4,f96 relu pool:3,s2 flatten dense:10

      Layer           Output         Padding  Field  Jump  Start  Parameters  Multiply-adds    Memory
      ───────────────────────────────────────────────────────────────────────────────────────────────
      input           227 × 227 × 3        –      1     1      0           –              –         –
      conv:11,s4,f96  55 × 55 × 96         0     11     4      5      34,944    105,415,200    1.2 MB
      relu            55 × 55 × 96         –     11     4      5           –              –    1.2 MB
      pool:3,s2       27 × 27 × 96         0     19     8      9           –              –  279.9 kB
      flatten         69,984               –    227     0    113           –              –         –
      dense:10        10                   –    227     0    113     699,850        699,840      40 B
      ───────────────────────────────────────────────────────────────────────────────────────────────
      Total                                                          734,794    106,115,040    2.6 MB
      Weights 2.9 MB. Multiply-adds and memory are for one example.
      "
    `);
    const again = await fovea("arithmetic", "--input", "227x227x3", chain.join(" "));
    expect(again.stdout).toBe(stdout);
  });

  it("says of a chain what the summary says of its network", async () => {
    const layers = parseChain([32, 32, 3], "conv:5,f8,s2 pool:3,s2,p1 flatten dense:4");
    const summary = summarize(sequentialNetwork(input(32, 32, 3), ...layers), { batchSize: 7 });
    const rows = await rowsOf("--input", "32x32x3", "conv:5,f8,s2 pool:3,s2,p1 flatten dense:4", "--batch", "7");
    expect(rows.map(({ word: _, padding: __, unseen: ___, ...row }) => row)).toEqual(summary.layers);
  });

  it("knows networks and files by name, with branches", async () => {
    const rows = await rowsOf("mnist-deep");
    expect(rows.map(({ parameters }) => parameters)).toEqual([0, 260, 10_040, 80_080, 0, 196_050, 510]);
    expect(rows[1]).toMatchObject({
      padding: [
        [1, 2],
        [1, 2],
      ],
      receptiveField: [{ size: 5 }, { size: 5 }],
    });
    const x = input(16, 16, 2);
    const joined = concatenate()(conv2d(4, 3, { dilation: 3 })(x), conv2d(4, 5)(x));
    const path = join(directory, "branches.safetensors");
    await model(x, conv2d(1, 3)(joined)).initialize(1).save(path);
    expect((await rowsOf(path)).map(({ receptiveField }) => receptiveField[0]!.size)).toEqual([1, 7, 5, 7, 9]);
  });

  it("takes every word, over one to three axes", async () => {
    const words =
      "conv:3,p1,f4 batchnorm relu depthwise:3,p1 avgpool:2 deconv:2,s2,f4 dropout:0.5 upsample:2 pool:2,s1,p1,d1,ceil";
    for (const shape of ["16x1", "16x16x1", "8x8x8x1"]) {
      const rows = await rowsOf("--input", shape, words, "globalpool", "dense:3,nobias", "softmax");
      expect(rows.at(-1)!.outputShape).toEqual([3]);
    }
    const flat = await rowsOf("--input", "8x8x4", "conv:3,f8,g4,psame", "separable:3,f2", "local:3,f2,s2", "flatten");
    expect(flat.map(({ outputShape }) => outputShape)).toEqual([[8, 8, 4], [8, 8, 8], [6, 6, 2], [2, 2, 2], [8]]);
  });

  const convUsage = "conv:SIZE[,fN][,sN][,pN|psame|pvalid][,dN][,gN][,nobias]";

  it.each([
    [
      ["--input", "56x56x3", "conv:3,s2", "pol:3"],
      'chain, word 2 "pol:3": there is no layer "pol" (expected one of conv, deconv, local, depthwise, separable, ' +
        "pool, avgpool, globalpool, upsample, dense, dropout, flatten, batchnorm, relu, softmax).\n" +
        'Did you mean "pool".',
    ],
    [
      ["--input", "56x56x3", "conv:3,q2"],
      `chain, word 1 "conv:3,q2": "q2" means nothing here (expected ${convUsage}).`,
    ],
    [["--input", "8x8x1", "conv"], `chain, word 1 "conv": conv needs its size (expected ${convUsage}).`],
    [["--input", "8x8x1", "conv:x3"], `chain, word 1 "conv:x3": "x3" is no size (expected ${convUsage}).`],
    [
      ["--input", "8x8x1", "conv:3,s2,s3"],
      `chain, word 1 "conv:3,s2,s3": stride is given twice (expected ${convUsage}).`,
    ],
    [["--input", "8x8x1", "relu:2"], 'chain, word 1 "relu:2": "2" means nothing here (expected relu).'],
    [
      ["--input", "8x8x1", "conv:3,f2", "pool:9"],
      'chain, word 2 "pool:9": maxPool2d "maxPool2d": the window is larger than its padded input (expected at least ' +
        '9 × 9 pixels, received 6 × 6).\nUse padding "same", a smaller window or a larger input.',
    ],
    [
      ["--input", "8x8x8x1", "separable:3"],
      'chain, word 1 "separable:3": there is no separable over 3 axes (expected separable:SIZE[,fN][,sN]' +
        "[,pN|psame|pvalid][,dN][,nobias]).",
    ],
    [
      ["--input", "8x8x1", "dense:5"],
      'chain, word 1 "dense:5": dense "dense": input [8, 8, 1] is not flat (expected [features], received [8, 8, 1]).\n' +
        "Add flatten() before it.",
    ],
    [
      ["--input", "227*227", "conv:3"],
      'input: "227*227" is no shape (expected whole numbers ≥ 1 with x between them, channels last).\nWrite for ' +
        "instance 227x227x3 (height, width, channels), 16000x1 (steps, channels) or 784 (features).",
    ],
    [
      ["conv:3"],
      "arithmetic: a chain of layers needs its input (expected --input and layers, or the name of one network).\n" +
        "Write for instance: fovea arithmetic --input 227x227x3 conv:11,s4,f96 pool:3,s2.",
    ],
    [
      [],
      "arithmetic: there is nothing to compute (expected --input and layers, or the name of one network).\n" +
        "Write for instance: fovea arithmetic --input 227x227x3 conv:11,s4,f96 pool:3,s2.",
    ],
    [["--input", "8x8x1"], "chain: has no layers (expected words such as conv:11,s4,f96 pool:3,s2 flatten dense:10)."],
  ])("%j says where the mistake is, and ends with code 2", async (argv, message) => {
    expect(await fovea("arithmetic", ...argv)).toEqual({ code: 2, stdout: "", stderr: `error: ${message}\n` });
  });

  it("tells mistakes as an object with --json", async () => {
    const { code, stdout } = await fovea("arithmetic", "--input", "8x8x1", "pol:3", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ event: "error", error: "usage", fix: 'Did you mean "pool"' });
  });
});

test("shapes in words", async () => {
  expect(parseShape("227x227x3")).toEqual([227, 227, 3]);
  expect(parseShape("784")).toEqual([784]);
  for (const text of ["", "x", "3x", "0x3", "3 x 3", "1e3x2"]) {
    expect(await messageOf(async () => parseShape(text))).toMatch(/^input: ".*" is no shape/);
  }
});
