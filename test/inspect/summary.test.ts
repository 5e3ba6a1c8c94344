import { describe, expect, it } from "vitest";
import { formatSummary, summarize } from "../../src/inspect/summary.js";
import {
  add,
  conv2d,
  dense,
  dropout,
  flatten,
  maxPool2d,
  relu,
  reshape,
  subnetwork,
} from "../../src/model/layers/index.js";
import { network, sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";
import { mnistDeep, mnistShallow } from "../../src/zoo/networks.js";

const sizes = (...layers: Parameters<typeof sequentialNetwork>[1][]) =>
  summarize(sequentialNetwork(input(227, 227, 1), ...layers)).layers.map(({ receptiveField }) => receptiveField[0]!);

describe("summarize", () => {
  it("sees through networks that are layers", () => {
    const layers = () => [conv2d(8, 5, { stride: 2 }), maxPool2d(3, { strides: 2 }), conv2d(4, 3, { dilation: 2 })];
    const nested = subnetwork(sequentialNetwork(input(227, 227, 1), ...layers()));
    expect(sizes(nested, conv2d(2, 3)).at(-1)).toEqual(sizes(...layers(), conv2d(2, 3)).at(-1));
  });

  it("counts parameters, multiply-adds and bytes", () => {
    const summary = summarize(mnistShallow());
    expect(
      summary.layers.map(({ name, parameters, multiplyAdds, activationBytes }) => {
        return [name, parameters, multiplyAdds, activationBytes];
      }),
    ).toEqual([
      ["input", 0, 0, 0],
      ["conv2d", 260, 14 * 14 * 10 * 25, 14 * 14 * 10 * 4],
      ["flatten", 0, 0, 0],
      ["dense", 98_050, 1960 * 50, 50 * 4],
      ["dense_1", 510, 500, 40],
    ]);
    const { layers: _, ...totals } = summary;
    expect(totals).toEqual({
      batchSize: 1,
      parameters: 98_820,
      trainableParameters: 98_820,
      multiplyAdds: 147_500,
      weightBytes: 395_280,
      activationBytes: 8_080,
    });
    expect(summarize(mnistShallow(), { batchSize: 50 }).activationBytes).toBe(50 * 8_080);
  });

  it("counts groups and shared weights once", () => {
    const grouped = summarize(sequentialNetwork(input(4, 4, 4), conv2d(8, 3, { groups: 2 })));
    expect(grouped.multiplyAdds).toBe(16 * 8 * 9 * 2);
    const x = input(4);
    const shared = dense(4);
    const rows = summarize(network(x, shared(shared(x)))).layers;
    expect(rows.map(({ parameters, shared }) => [parameters, shared])).toEqual([
      [0, false],
      [20, false],
      [0, true],
    ]);
  });

  it("is plain JSON", () => {
    const summary = summarize(mnistDeep());
    expect(JSON.parse(JSON.stringify(summary))).toEqual(summary);
  });

  it("says so where the batch size is none", () => {
    expect(() => summarize(mnistDeep(), { batchSize: 0 })).toThrow(
      expect.objectContaining({ message: "summary: wrong batchSize (expected a whole number ≥ 1, received 0)." }),
    );
  });
});

describe("receptive fields", () => {
  it("of stacked convolutions: 5 then 3 see 7", () => {
    expect(sizes(conv2d(1, 5), conv2d(1, 3))).toEqual([
      { size: 1, stride: 1, start: 0 },
      { size: 5, stride: 1, start: 0 },
      { size: 7, stride: 1, start: 0 },
    ]);
  });

  it("grow with stride, dilation and pooling", () => {
    expect(sizes(conv2d(1, 11, { stride: 4, padding: "valid" }), maxPool2d(3, { stride: 2 }))).toEqual([
      { size: 1, stride: 1, start: 0 },
      { size: 11, stride: 4, start: 5 },
      { size: 19, stride: 8, start: 9 },
    ]);
    expect(sizes(conv2d(1, 3, { dilation: 4 }), relu()).slice(1)).toEqual([
      { size: 9, stride: 1, start: 0 },
      { size: 9, stride: 1, start: 0 },
    ]);
  });

  it("of branches: what either sees", () => {
    const x = input(9, 9, 1);
    const join = add()(conv2d(1, 5)(x), conv2d(1, 3, { padding: [0, 2, 0, 2] })(x));
    // 5 taps reach from −2 to 2, 3 taps without padding before from 0 to 2
    expect(summarize(network(x, join)).layers.at(-1)!.receptiveField[0]).toEqual({ size: 5, stride: 1, start: 0 });
    const shifted = add()(conv2d(1, 5, { padding: [3, 1, 3, 1] })(x), conv2d(1, 3)(x));
    expect(summarize(network(x, shifted)).layers.at(-1)!.receptiveField[0]).toEqual({ size: 5, stride: 1, start: -1 });
  });

  it("of dense layers and flatten: everything", () => {
    expect(sizes(flatten(), dense(2)).slice(1)).toEqual([
      { size: 227, stride: 0, start: 113 },
      { size: 227, stride: 0, start: 113 },
    ]);
  });

  it("are empty where the input has no axes to see along", () => {
    const rows = summarize(sequentialNetwork(input(16), reshape([4, 4, 1]), conv2d(1, 3))).layers;
    expect(rows.map(({ receptiveField }) => receptiveField)).toEqual([[], [], []]);
  });
});

describe("formatSummary", () => {
  it("prints a table", () => {
    expect(formatSummary(summarize(mnistDeep()))).toMatchInlineSnapshot(`
      "Layer     Output        Parameters  Multiply-adds  Activations  Receptive field
      ───────────────────────────────────────────────────────────────────────────────
      input     28 × 28 × 1            –              –            –            1 × 1
      conv2d    14 × 14 × 10         260         49,000       7.8 kB            5 × 5
      conv2d_1  7 × 7 × 40        10,040        490,000       7.8 kB          13 × 13
      conv2d_2  7 × 7 × 80        80,080      3,920,000      15.7 kB          29 × 29
      flatten   3,920                  –              –            –          28 × 28
      dense     50               196,050        196,000        200 B          28 × 28
      dense_1   10                   510            500         40 B          28 × 28
      ───────────────────────────────────────────────────────────────────────────────
      Total                      286,940      4,655,500      31.6 kB
      Weights 1.1 MB. Multiply-adds and activations are for one example.
      "
    `);
  });

  it("shows names of the user's with their kind, shared weights, and the batch", () => {
    const x = input([4, 4, 2], { name: "image" });
    const shared = conv2d(2, 3, { name: "stem" });
    const net = network(x, dense(2)(flatten()(dropout(0.5)(add({ name: "join" })(shared(shared(x)), x)))));
    expect(formatSummary(summarize(net, { batchSize: 1000 }))).toMatchInlineSnapshot(`
      "Layer          Output     Parameters  Multiply-adds  Activations  Receptive field
      ─────────────────────────────────────────────────────────────────────────────────
      image (input)  4 × 4 × 2           –              –            –            1 × 1
      stem (conv2d)  4 × 4 × 2          38            576     128.0 kB            3 × 3
      stem (conv2d)  4 × 4 × 2      shared            576     128.0 kB            5 × 5
      join (add)     4 × 4 × 2           –              –     128.0 kB            5 × 5
      dropout        4 × 4 × 2           –              –            –            5 × 5
      flatten        32                  –              –            –            4 × 4
      dense          2                  66             64       8.0 kB            4 × 4
      ─────────────────────────────────────────────────────────────────────────────────
      Total                            104          1,216     392.0 kB
      Weights 416 B. Multiply-adds are for one example, activations for 1,000.
      "
    `);
  });

  it("stays within the width", () => {
    const name = "a.very.long.name.of.a.layer.such.as.imported.networks.have.them.and.even.longer";
    const net = sequentialNetwork(input(28, 28, 1), conv2d(1024, 5, { name }), flatten(), dense(1000));
    for (const width of [100, 80, 60, 50]) {
      const lines = formatSummary(summarize(net), { width }).trimEnd().split("\n").slice(0, -1);
      for (const line of lines) expect(line.length).toBeLessThanOrEqual(width);
    }
    expect(formatSummary(summarize(net), { width: 60 })).toMatchInlineSnapshot(`
      "Layer            Output            Parameters  Multiply-adds
      ────────────────────────────────────────────────────────────
      input            28 × 28 × 1                –              –
      a.very.long.na…  28 × 28 × 1,024       26,624     20,070,400
      flatten          802,816                    –              –
      dense            1,000            802,817,000    802,816,000
      ────────────────────────────────────────────────────────────
      Total                             802,843,624    822,886,400
      Weights 3.2 GB. Multiply-adds and activations are for one example.
      "
    `);
  });
});
