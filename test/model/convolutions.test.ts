import { describe, expect, it } from "vitest";

import { formatSummary, summarize } from "../../src/inspect/summary.js";
import type { Layer } from "../../src/model/layer.js";
import {
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  depthwiseConv1d,
  depthwiseConv2d,
  depthwiseConv3d,
  locallyConnected1d,
  locallyConnected2d,
  separableConv1d,
  separableConv2d,
} from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";

/** A value that the types forbid, as JavaScript may pass it. */
const wrong = (value: unknown) => value as never;

describe("sizes and costs", () => {
  // the numbers of the layers' examples, and multiply-adds counted by hand
  const rows: readonly [Layer, readonly number[], readonly number[], number, number][] = [
    [conv1d(64, 2, { dilation: 512, padding: "causal" }), [8000, 64], [8000, 64], 8256, 8000 * 2 * 64 * 64],
    [conv3d(16, 3, { stride: 2 }), [32, 32, 32, 1], [16, 16, 16, 16], 448, 16 ** 3 * 27 * 16],
    [depthwiseConv2d(3, { stride: 2, useBias: false }), [48, 48, 96], [24, 24, 96], 864, 24 * 24 * 9 * 96],
    [depthwiseConv1d(7, { padding: "causal" }), [100, 64], [100, 64], 512, 100 * 7 * 64],
    [depthwiseConv3d(3), [8, 8, 8, 4], [8, 8, 8, 4], 112, 512 * 27 * 4],
    [separableConv2d(64, 3), [28, 28, 32], [28, 28, 64], 2400, 784 * (9 * 32 + 32 * 64)],
    [separableConv1d(64, 9), [100, 32], [100, 64], 2400, 100 * (9 * 32 + 32 * 64)],
    [convTranspose2d(16, 4, { stride: 2 }), [14, 14, 32], [28, 28, 16], 8208, 14 * 14 * 16 * 32 * 16],
    [convTranspose1d(8, 4, { stride: 4 }), [50, 16], [200, 8], 520, 50 * 4 * 16 * 8],
    [convTranspose3d(8, 2, { stride: 2 }), [4, 4, 4, 16], [8, 8, 8, 8], 1032, 64 * 8 * 16 * 8],
    [locallyConnected2d(4, 3, { stride: 2 }), [8, 8, 2], [4, 4, 4], 1216, 16 * 18 * 4],
    [locallyConnected1d(4, 3, { padding: "valid" }), [10, 2], [8, 4], 224, 8 * 6 * 4],
  ];
  it.each(rows.map((row) => [row[0].kind, ...row] as const))(
    "%s",
    (_, layer, shape, output, parameters, multiplyAdds) => {
      const { layers } = summarize(sequentialNetwork(input(shape), layer));
      expect(layers[1]).toMatchObject({ outputShape: output, parameters, multiplyAdds });
    },
  );
});

describe("receptive fields", () => {
  it("of dilated causal sequences reach back alone", () => {
    const stack = [1, 2, 4, 8].map((dilation) => conv1d(4, 2, { dilation, padding: "causal" }));
    const last = summarize(sequentialNetwork(input([100, 1]), ...stack)).layers.at(-1)!;
    // 16 steps, the last of which is the output's own
    expect(last.receptiveField).toEqual([{ size: 16, stride: 1, start: -7.5 }]);
  });

  it("of volumes have three axes", () => {
    const net = sequentialNetwork(input([9, 9, 9, 1]), conv3d(2, [3, 1, 5], { stride: [2, 1, 1] }), conv3d(2, 3));
    expect(summarize(net).layers.at(-1)!.receptiveField).toEqual([
      { size: 7, stride: 2, start: 0 },
      { size: 3, stride: 1, start: 0 },
      { size: 7, stride: 1, start: 0 },
    ]);
  });

  it("of transposed convolutions grow by what several inputs reach", () => {
    const halves = conv2d(2, 2, { stride: 2, padding: "valid" });
    const net = sequentialNetwork(input([8, 8, 1]), halves, convTranspose2d(2, 4, { stride: 2 }), conv2d(1, 3));
    const [, , transposed, last] = summarize(net).layers;
    // each output sees two of the inputs, which see two pixels each; neighbours are one pixel apart again
    expect(transposed!.receptiveField[0]).toEqual({ size: 4, stride: 1, start: 0 });
    expect(last!.receptiveField[0]).toEqual({ size: 6, stride: 1, start: 0 });
    expect(formatSummary(summarize(net))).toContain("6 × 6");
  });
});

describe("errors", () => {
  const sequence = input([8, 4]);
  const image = input([8, 8, 4]);
  const wordings: readonly [() => unknown, string][] = [
    [
      () => conv1d(2, wrong([3, 3])),
      "conv1d: wrong kernelSize (expected a whole number ≥ 1 or one in a list, [steps], received [3, 3]).",
    ],
    [
      () => conv1d(2, 3, { padding: wrong("casual") }),
      'conv1d: wrong padding (expected "same", "valid", "full", "causal", a whole number ≥ 0 or [before, after], received "casual").',
    ],
    [
      () => conv3d(2, 3, { padding: wrong([1, 2]) }),
      'conv3d: wrong padding (expected "same", "valid", "full", a whole number ≥ 0, [depth, vertical, horizontal] or [front, back, top, bottom, left, right], received [1, 2]).',
    ],
    [
      () => conv3d(2, wrong([3, 3])),
      "conv3d: wrong kernelSize (expected a whole number ≥ 1 or three of them, [depth, vertical, horizontal], received [3, 3]).",
    ],
    [
      () => conv2d(2, 3, { paddingMode: wrong("mirror") }),
      'conv2d: unknown paddingMode "mirror" (expected one of zeros, reflect, replicate, circular).',
    ],
    [
      () => conv2d(2, 3, { paddingMode: "reflect", padding: 8 })(image),
      'conv2d "conv2d": padding of axis 1 is out of range (expected whole numbers from 0 to 7, since reflect padding of 8 elements has no more to repeat, received [8, 8]).',
    ],
    [
      () => conv1d(2, 3)(wrong(image)),
      'conv1d "conv1d": input [8, 8, 4] is not a sequence (expected [steps, channels], received [8, 8, 4]).',
    ],
    [
      () => conv3d(2, 3)(wrong(image)),
      'conv3d "conv3d": input [8, 8, 4] is not a volume (expected [depth, height, width, channels], received [8, 8, 4]).',
    ],
    [
      () => conv1d(2, 3, { padding: "valid", dilation: 4 })(wrong(sequence)),
      'conv1d "conv1d": the window is larger than its padded input (expected at least 9 steps, received 8). Use padding "same", a smaller window or a larger input.',
    ],
    [
      () => depthwiseConv2d(3, { depthMultiplier: 0 }),
      "depthwiseConv2d: wrong depthMultiplier (expected a whole number ≥ 1, received 0).",
    ],
    [
      () => convTranspose2d(2, 3, { padding: wrong("full") }),
      'convTranspose2d: wrong padding (expected "same", "valid", a whole number ≥ 0, [vertical, horizontal] or [top, bottom, left, right], received "full").',
    ],
    [
      () => convTranspose2d(2, 3, { stride: 2, padding: 0, outputPadding: 2 })(image),
      'convTranspose2d "convTranspose2d": outputPadding adds whole windows (expected less than the stride 2 × 2 beyond the padding, received an output of [19, 19], which has 9 × 9 windows, not 8 × 8).',
    ],
    [
      () => convTranspose1d(2, 3, { padding: 5 })(wrong(sequence)),
      'convTranspose1d "convTranspose1d": the padding leaves no output (expected at least one pixel along each axis, received [0]). Use less padding.',
    ],
    [
      () => convTranspose1d(2, 3, { groups: 3 }),
      "convTranspose1d: 2 filters cannot be split into 3 groups. Make the number of filters a multiple of the groups.",
    ],
    [
      () => separableConv2d(2, 3, wrong({ kernelInitializer: "zeros" })),
      'separableConv2d: unknown option "kernelInitializer" (expected one of stride, strides, padding, dilation, activation, useBias, biasInitializer, paddingMode, depthMultiplier, depthwiseInitializer, pointwiseInitializer, name).',
    ],
  ];
  it.each(wordings.map(([body, wording]) => [wording, body] as const))("%s", (wording, body) => {
    expect(body).toThrow(expect.objectContaining({ message: wording }));
  });
});
