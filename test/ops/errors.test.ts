import { describe, expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import type { DType } from "../../src/core/dtypes.js";
import type { Shape } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { OpTable } from "../../src/graph/types.js";
import { add, less, random, x } from "../../src/ops/expression.js";
import { type AttributesOf, ops } from "../../src/ops/index.js";
import type { CaseOp } from "../harness/case.js";

type Operand = Shape | { readonly shape: Shape; readonly dtype: DType };

/** Adds one node named "layer" to an empty graph: the way in which users meet these errors. */
function adding<Op extends CaseOp>(op: Op, operands: readonly Operand[], attributes: AttributesOf<Op>) {
  return () => {
    const builder = new GraphBuilder();
    const nodes = operands.map((operand, index) => {
      const { shape, dtype } = "shape" in operand ? operand : { shape: operand, dtype: "float32" as const };
      return builder.input(`x${index}`, shape, dtype);
    });
    builder.add((ops as OpTable)[op]!, nodes, attributes, "layer");
  };
}

const window = { strides: [1, 1], padding: [0, 0, 0, 0], dilation: [1, 1] } as const;
const conv = { ...window, groups: 1 };
const pool = { ...window, kernel: [2, 2] } as const;
const plain = { transposeA: false, transposeB: false };
const bytes = (...shape: number[]) => ({ shape, dtype: "uint8" }) as const;
const labels = (...shape: number[]) => ({ shape, dtype: "int32" }) as const;

/** What is done wrong, and the whole message. */
const wordings: readonly [string, () => void, string][] = [
  [
    "conv of a matrix",
    adding(
      "conv",
      [
        [8, 9],
        [3, 3, 9, 4],
      ],
      conv,
    ),
    'conv "layer": takes images (expected [batch, …axes, channels] with one to three axes, received [8, 9]).',
  ],
  [
    "conv with a matrix as filter",
    adding(
      "conv",
      [
        [1, 8, 8, 3],
        [3, 4],
      ],
      conv,
    ),
    'conv "layer": takes a filter with the axes of its image (expected [size, size, input channels, output channels], received [3, 4]).',
  ],
  [
    "conv with other channels",
    adding(
      "conv",
      [
        [8, 32, 32, 3],
        [3, 3, 4, 16],
      ],
      conv,
    ),
    'conv "layer": input [8, 32, 32, 3] has 3 channels, weights expect 4.',
  ],
  [
    "conv with other channels in groups",
    adding(
      "conv",
      [
        [8, 32, 32, 6],
        [3, 3, 4, 16],
      ],
      { ...conv, groups: 2 },
    ),
    'conv "layer": input [8, 32, 32, 6] has 6 channels, weights expect 8 in 2 groups.',
  ],
  [
    "conv with filters that do not split",
    adding(
      "conv",
      [
        [8, 32, 32, 6],
        [3, 3, 3, 5],
      ],
      { ...conv, groups: 2 },
    ),
    'conv "layer": 5 filters cannot be split into 2 groups. Make the number of filters a multiple of the groups.',
  ],
  [
    "conv with a filter larger than the image",
    adding(
      "conv",
      [
        [1, 4, 6, 3],
        [5, 5, 3, 2],
      ],
      { ...conv, dilation: [2, 1], padding: [1, 1, 0, 0] },
    ),
    'conv "layer": the window is larger than its padded input (expected at least 9 × 5 pixels, received 6 × 6). ' +
      'Use padding "same", a smaller window or a larger input.',
  ],
  [
    "conv with stride 0",
    adding(
      "conv",
      [
        [1, 8, 8, 3],
        [3, 3, 3, 2],
      ],
      { ...conv, strides: [0, 1] },
    ),
    'conv "layer": strides is out of range (expected whole numbers ≥ 1, received 0 × 1).',
  ],
  [
    "conv with half a dilation",
    adding(
      "conv",
      [
        [1, 8, 8, 3],
        [3, 3, 3, 2],
      ],
      { ...conv, dilation: [1, 1.5] },
    ),
    'conv "layer": dilation is out of range (expected whole numbers ≥ 1, received 1 × 1.5).',
  ],
  [
    "conv with negative padding",
    adding(
      "conv",
      [
        [1, 8, 8, 3],
        [3, 3, 3, 2],
      ],
      { ...conv, padding: [0, 0, -1, 0] },
    ),
    'conv "layer": padding is out of range (expected whole numbers ≥ 0, received 0 × 0 × -1 × 0).',
  ],
  [
    "conv of bytes",
    adding("conv", [bytes(1, 8, 8, 3), [3, 3, 3, 2]], conv),
    'conv "layer": takes floats (expected float32, received uint8).',
  ],
  [
    "convInputGradient of another shape",
    adding(
      "convInputGradient",
      [
        [1, 8, 8, 2],
        [3, 3, 3, 2],
      ],
      { ...conv, inputShape: [1, 8, 8, 3] },
    ),
    'convInputGradient "layer": the gradient does not have the output\'s shape ' +
      "(expected [1, 6, 6, 2], received [1, 8, 8, 2]).",
  ],
  [
    "convFilterGradient of another shape",
    adding(
      "convFilterGradient",
      [
        [1, 8, 8, 3],
        [1, 6, 6, 3],
      ],
      { ...conv, filterShape: [3, 3, 3, 2] },
    ),
    'convFilterGradient "layer": the gradient does not have the output\'s shape ' +
      "(expected [1, 6, 6, 2], received [1, 6, 6, 3]).",
  ],
  ["an operand too many", adding("matmul", [[2, 3], [3, 4], [4]], plain), 'matmul "layer": has too many inputs.'],
  [
    "an epilogue's operand that does not fit",
    adding("matmul", [[2, 3], [3, 4], [3]], { ...plain, epilogue: add(x(0), x(1)) }),
    'matmul "layer": an operand of the epilogue does not fit the result ' +
      "(expected one value, one per channel, or [2, 4], received [3]).",
  ],
  [
    "an epilogue's operand that is larger than the result",
    adding(
      "matmul",
      [
        [2, 3],
        [3, 4],
        [5, 2, 4],
      ],
      { ...plain, epilogue: add(x(0), x(1)) },
    ),
    'matmul "layer": an operand of the epilogue does not fit the result ' +
      "(expected one value, one per channel, or [2, 4], received [5, 2, 4]).",
  ],
  [
    "an epilogue's operand with one value per row",
    adding(
      "matmul",
      [
        [4, 3],
        [3, 4],
        [4, 1],
      ],
      { ...plain, epilogue: add(x(0), x(1)) },
    ),
    'matmul "layer": an operand of the epilogue does not fit the result ' +
      "(expected one value, one per channel, or [4, 4], received [4, 1]).",
  ],
  [
    "map with a missing input",
    adding("map", [[2]], { expression: add(x(0), x(1)) }),
    'map "layer": its expression reads missing input 1.',
  ],
  [
    "map with a wrong key",
    adding("map", [[2], [2]], { expression: less(random(1, 0), x(0)) }),
    'map "layer": input 1 is no random key (expected int32 [2]).',
  ],
  [
    "map of shapes that do not broadcast",
    adding("map", [[2, 3], [4]], { expression: add(x(0), x(1)) }),
    'map "layer": shapes do not fit together (expected shapes that broadcast, received [2, 3] and [4]).',
  ],
  [
    "map to a shape that the input does not broadcast to",
    adding("map", [[2, 3]], { expression: x(0), shape: [3] }),
    'map "layer": shapes do not fit together (expected shapes that broadcast to [3], received [2, 3]).',
  ],
  [
    "matmul of a vector",
    adding("matmul", [[3], [3, 4]], plain),
    'matmul "layer": takes two matrices (received [3] and [3, 4]).',
  ],
  [
    "matmul with different inner sizes",
    adding(
      "matmul",
      [
        [2, 3],
        [4, 5],
      ],
      { ...plain, transposeB: true },
    ),
    'matmul "layer": inner sizes differ (expected 3 rows in the right matrix, received [2, 3] · [4, 5]ᵀ).',
  ],
  [
    "matmul of integers",
    adding("matmul", [[2, 3], labels(3, 4)], plain),
    'matmul "layer": takes floats (expected float32, received int32).',
  ],
  [
    "pool of a matrix",
    adding("maxPool", [[4, 4]], pool),
    'maxPool "layer": takes images (expected [batch, height, width, channels], received [4, 4]).',
  ],
  [
    "pool of bytes",
    adding("averagePool", [bytes(1, 4, 4, 1)], { ...pool, divisor: "window" }),
    'averagePool "layer": pools floats (expected float32, received uint8).',
  ],
  [
    "pool with too much padding",
    adding("maxPool", [[1, 4, 4, 1]], { ...pool, padding: [0, 0, 2, 0] }),
    'maxPool "layer": padding is as large as the window, so a window could see no pixel ' +
      "(expected padding below 2 × 2, received [0, 0, 2, 0]).",
  ],
  [
    "pool with a dilated window over padding alone",
    adding("maxPool", [[1, 2, 4, 1]], { ...pool, padding: [1, 1, 0, 0], dilation: [3, 1] }),
    'maxPool "layer": a dilated window would see padding alone ' +
      "(expected a pixel under every window, received taps at -1, 2 of 2 pixels).",
  ],
  [
    "pool gradient of another shape",
    adding("averagePoolGradient", [[1, 2, 3, 1]], {
      ...pool,
      strides: [2, 2],
      divisor: "window",
      inputShape: [1, 4, 4, 1],
    }),
    'averagePoolGradient "layer": the gradient does not have the output\'s shape ' +
      "(expected [1, 2, 2, 1], received [1, 2, 3, 1]).",
  ],
  [
    "maxPool gradient of another shape",
    adding(
      "maxPoolGradient",
      [
        [1, 4, 4, 1],
        [1, 3, 3, 1],
        [1, 3, 3, 2],
      ],
      pool,
    ),
    'maxPoolGradient "layer": the gradient does not have the output\'s shape ' +
      "(expected [1, 3, 3, 1], received [1, 3, 3, 2]).",
  ],
  [
    "pool of a volume by windows over images",
    adding("maxPool", [[1, 4, 4, 4, 1]], pool),
    'maxPool "layer": takes images (expected [batch, height, width, channels], received [1, 4, 4, 4, 1]).',
  ],
  [
    "pool of a matrix into parts",
    adding("maxPool", [[4, 4]], { outputSize: [2] }),
    'maxPool "layer": takes sequences (expected [batch, steps, channels], received [4, 4]).',
  ],
  [
    "pool into no parts",
    adding("averagePool", [[1, 4, 4, 4, 1]], { outputSize: [2, 0, 2], divisor: "pixels" }),
    'averagePool "layer": outputSize is out of range (expected whole numbers ≥ 1, received 2 × 0 × 2).',
  ],
  [
    "indices for another pooled shape",
    adding(
      "maxPoolIndices",
      [
        [1, 4, 4, 1],
        [1, 2, 3, 1],
      ],
      pool,
    ),
    'maxPoolIndices "layer": the pooled tensor does not have the output\'s shape ' +
      "(expected [1, 3, 3, 1], received [1, 2, 3, 1]).",
  ],
  [
    "values of another shape than the image",
    adding(
      "maxPoolPick",
      [
        [1, 4, 4, 1],
        [1, 3, 3, 1],
        [1, 4, 3, 1],
      ],
      pool,
    ),
    'maxPoolPick "layer": the values do not have the image\'s shape (expected [1, 4, 4, 1], received [1, 4, 3, 1]).',
  ],
  [
    "reduce of integers",
    adding("reduce", [labels(4)], { kind: "sum", axes: [0] }),
    'reduce "layer": cannot reduce integers (expected float32, received int32).',
  ],
  [
    "reduce over axes out of order",
    adding("reduce", [[2, 3]], { kind: "sum", axes: [1, 0] }),
    'reduce "layer": axes are out of order or range (received axes [1, 0] of [2, 3]).',
  ],
  [
    "reduce over a missing axis",
    adding("reduce", [[2, 3]], { kind: "mean", axes: [2] }),
    'reduce "layer": axes are out of order or range (received axes [2] of [2, 3]).',
  ],
  [
    "reshape to another number of elements",
    adding("reshape", [[2, 3]], { shape: [7] }),
    'reshape "layer": the number of elements must stay the same (expected 6 elements of [2, 3], received 7 of [7]).',
  ],
  [
    "gather from a scalar",
    adding("gather", [[], labels(2)], {}),
    'gather "layer": takes rows of a table (expected [rows, …], received []).',
  ],
  [
    "gather by floats",
    adding("gather", [[3, 4], [2]], {}),
    'gather "layer": takes whole numbers as indices (expected int32 or uint8, received float32).',
  ],
  [
    "scatterAdd of integers",
    adding("scatterAdd", [labels(2, 4), labels(2)], { rows: 3 }),
    'scatterAdd "layer": sums floats (expected float32, received int32).',
  ],
  [
    "scatterAdd with too few indices",
    adding("scatterAdd", [[2, 4], labels(1)], { rows: 3 }),
    'scatterAdd "layer": needs one index per row of values (expected indices [2], received [1]).',
  ],
  [
    "slice of another rank",
    adding("slice", [[4, 5]], { start: [0], size: [1], step: [1] }),
    'slice "layer": start, size and step must name every axis (expected 2 numbers each, received 1, 1 and 1).',
  ],
  [
    "slice beyond the end",
    adding("slice", [[4, 5]], { start: [0, 1], size: [4, 3], step: [1, 2] }),
    'slice "layer": the slice leaves axis 1 (expected at least one element, all from 0 to 4, ' +
      "received start 1, size 3, step 2).",
  ],
  [
    "slice of bytes",
    adding("slice", [bytes(4)], { start: [0], size: [1], step: [1] }),
    'slice "layer": moves numbers of four bytes (expected float32 or int32, received uint8).',
  ],
  [
    "slice gradient of another shape",
    adding("sliceGradient", [[3]], { start: [0], size: [2], step: [1], inputShape: [4] }),
    'sliceGradient "layer": the gradient does not have the slice\'s shape (expected [2], received [3]).',
  ],
  [
    "concatenate along a missing axis",
    adding("concatenate", [[2, 3]], { axis: 2 }),
    'concatenate "layer": there is no such axis (expected 0 to 1, received 2).',
  ],
  [
    "concatenate of different shapes",
    adding(
      "concatenate",
      [
        [2, 3],
        [4, 3],
      ],
      { axis: 1 },
    ),
    'concatenate "layer": inputs differ elsewhere than along axis 1 ' +
      "(expected float32 [2, 3] but for axis 1, received float32 [4, 3]).",
  ],
  [
    "transpose that names an axis twice",
    adding("transpose", [[2, 3]], { permutation: [1, 1] }),
    'transpose "layer": the permutation must name every axis once (expected 0 to 1 in some order, received [1, 1]).',
  ],
  [
    "pad of too few axes",
    adding("pad", [[2, 3]], { padding: [[1, 1]], mode: "constant", value: 0 }),
    'pad "layer": padding must name every axis (expected 2 pairs, received 1).',
  ],
  [
    "pad by a reflection of all",
    adding("pad", [[3]], { padding: [[3, 0]], mode: "reflect", value: 0 }),
    'pad "layer": padding of axis 0 is out of range (expected whole numbers from 0 to 2, since reflect padding of ' +
      "3 elements has no more to repeat, received [3, 0]).",
  ],
  [
    "pad by less than nothing",
    adding("pad", [[3]], { padding: [[0, -1]], mode: "constant", value: 0 }),
    'pad "layer": padding of axis 0 is out of range (expected whole numbers ≥ 0, received [0, -1]).',
  ],
  [
    "batchMatmul over different leading axes",
    adding(
      "batchMatmul",
      [
        [2, 3, 4],
        [3, 4, 5],
      ],
      { transposeA: false },
    ),
    'batchMatmul "layer": takes matrices over the same leading axes ' +
      "(expected […, m, k] and […, k, n], received [2, 3, 4] and [3, 4, 5]).",
  ],
  [
    "batchMatmul with different inner sizes",
    adding(
      "batchMatmul",
      [
        [2, 3, 4],
        [2, 4, 5],
      ],
      { transposeA: true },
    ),
    'batchMatmul "layer": inner sizes differ (expected 3 rows in the right matrices, received [2, 3, 4]ᵀ · [2, 4, 5]).',
  ],
  [
    "resize to nothing",
    adding("resize", [[2, 3]], { axis: 1, size: 0, method: "nearest", alignCorners: false }),
    'resize "layer": size is out of range (expected a whole number from 1 to 16384, received 0).',
  ],
  [
    "resize gradient of another size",
    adding("resizeGradient", [[2, 3]], { axis: 1, size: 4, inputSize: 2, method: "linear", alignCorners: true }),
    'resizeGradient "layer": the gradient does not have the output\'s shape (expected 4 along axis 1, received [2, 3]).',
  ],
  [
    "windowSum of a scalar",
    adding("windowSum", [[]], { before: 1, after: 1 }),
    'windowSum "layer": needs a last axis (received []).',
  ],
  [
    "windowSum of less than nothing",
    adding("windowSum", [[3]], { before: 1, after: -1 }),
    'windowSum "layer": reach is out of range (expected whole numbers ≥ 0, received 1 and -1).',
  ],
  ["softmax of a scalar", adding("softmax", [[]], {}), 'softmax "layer": needs a last axis of classes (received []).'],
  [
    "argmax of integers",
    adding("argmax", [labels(3)], {}),
    'argmax "layer": takes floats (expected float32, received int32).',
  ],
  [
    "cross-entropy with float labels",
    adding("softmaxCrossEntropy", [[4, 10], [4]], {}),
    'softmaxCrossEntropy "layer": needs one integer label per row of logits (expected int32 [4], received float32 [4]).',
  ],
  [
    "cross-entropy with too many labels",
    adding("softmaxCrossEntropy", [[4, 10], labels(4, 1)], {}),
    'softmaxCrossEntropy "layer": needs one integer label per row of logits (expected int32 [4], received int32 [4, 1]).',
  ],
  [
    "cross-entropy's gradient of another shape",
    adding("softmaxCrossEntropyGradient", [[4, 10], labels(4), []], {}),
    'softmaxCrossEntropyGradient "layer": one gradient per example is needed (expected [4], received []).',
  ],
];

describe("errors say what is wrong", () => {
  for (const [what, attempt, message] of wordings) {
    it(what, () => expect(attempt).toThrowError(expect.objectContaining({ name: "FoveaError", message })));
  }
});

it("ops without a gradient say so", () => {
  const builder = new GraphBuilder();
  const logits = builder.variable("x", [2]);
  const place = builder.add(ops.argmax, [logits], {}, "head");
  const message = 'argmax "head": has no gradient: a position does not vary smoothly.';
  expect(() => differentiate(builder, place, [logits])).toThrowError(expect.objectContaining({ message }));
});
