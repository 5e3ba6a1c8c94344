import { beforeAll, describe, expect, it } from "vitest";
import { type Complaint, complaintsAbout } from "../harness/snippets.js";

/** What is wrong, and what the compiler is to say. */
const mismatches: readonly (readonly [string, string])[] = [
  [
    "conv2d(8, 9, { padding: 'valid' })(input(7, 7, 3));",
    "conv2d: its 9×9 kernel is larger than the 7×7 input; use padding same or a smaller kernel",
  ],
  [
    "conv2d(8, 5, { padding: 1 })(input(2, 28, 3));",
    "conv2d: its 5×5 kernel is larger than the 2×28 input padded to 4×30; use padding same or a smaller kernel",
  ],
  [
    "conv2d(8, [3, 2], { padding: 'valid', dilation: [4, 1] })(input(7, 7, 3));",
    "conv2d: its 3×2 kernel dilated to 9×2 is larger than the 7×7 input; use padding same or a smaller kernel",
  ],
  [
    "conv1d(8, 9, { padding: 'valid' })(input(7, 3));",
    "conv1d: its kernel of 9 is larger than the input of 7; use padding same or a smaller kernel",
  ],
  ["conv2d(8, 3)(input(784));", "conv2d: input [784] is not an image [height, width, channels]"],
  ["conv1d(8, 3)(input(28, 28, 1));", "conv1d: input [28, 28, 1] is not a sequence [steps, channels]"],
  ["conv3d(8, 3)(input(28, 28, 1));", "conv3d: input [28, 28, 1] is not a volume [depth, height, width, channels]"],
  [
    "conv2d(8, 3, { groups: 2 })(input(28, 28, 3));",
    "conv2d: 3 channels cannot be split into 2 groups; make the groups a divisor of the channels",
  ],
  [
    "conv2d(10, 3, { groups: 3 })(input(28, 28, 3));",
    "conv2d: 10 filters cannot be split into 3 groups; make the groups a divisor of the filters",
  ],
  [
    "convTranspose2d(8, 3, { padding: 4 })(input(2, 2, 3));",
    "convTranspose2d: the padding leaves nothing of the output; use less padding",
  ],
  [
    "depthwiseConv2d(5, { padding: 'valid' })(input(4, 9, 3));",
    "depthwiseConv2d: its 5×5 kernel is larger than the 4×9 input; use padding same or a smaller kernel",
  ],
  [
    "maxPool2d(8)(input(7, 7, 3));",
    "maxPool2d: its 8×8 window is larger than the 7×7 input; use padding same or a smaller window",
  ],
  [
    "averagePool3d([1, 2, 3])(input(4, 4, 2, 1));",
    "averagePool3d: its 1×2×3 window is larger than the 4×4×2 input; use padding same or a smaller window",
  ],
  [
    "maxUnpool2d(2)(input(7, 7, 3), input(28, 28, 3));",
    "maxUnpool2d: the values are [7, 7, 3], but pooling the second input gives [14, 14, 3]",
  ],
  ["globalAveragePool2d()(input(10));", "globalAveragePool2d: input [10] is not an image [height, width, channels]"],
  ["adaptiveMaxPool1d(4)(input(4));", "adaptiveMaxPool1d: input [4] is not a sequence [steps, channels]"],
  [
    "dense(10)(conv2d(10, 5, { stride: 2 })(input(28, 28, 1)));",
    "dense: input [14, 14, 10] is not flat; add flatten() before it",
  ],
  [
    "concatenate()(input(7, 7, 4), input(8, 8, 4));",
    "concatenate: inputs [7, 7, 4] and [8, 8, 4] differ elsewhere than along axis 2",
  ],
  ["concatenate({ axis: 3 })(input(7, 7, 4), input(7, 7, 4));", "concatenate: input [7, 7, 4] has no axis 3"],
  ["concatenate({ axis: -4 })(input(7, 7, 4), input(7, 7, 4));", "concatenate: input [7, 7, 4] has no axis -4"],
  ["add()(input(7, 7, 4), input(7, 7, 5));", "add: inputs [7, 7, 4] and [7, 7, 5] differ in shape"],
  ["add()([input(7, 7, 4), input(7, 7, 1), input(4)]);", "add: inputs [7, 7, 4] and [7, 7, 1] and [4] differ in shape"],
  ["multiply()(input(5));", "multiply: takes 2 tensors or more, not 1"],
  ["subtract()(input(5), input(5), input(5));", "subtract: takes two inputs, not 3"],
  ["relu()(input(5), input(5));", "relu: takes one input, not 2"],
  ["reshape([28, 28])(input(28, 28, 3));", "reshape: input [28, 28, 3] has 2352 values, but [28, 28] has 784"],
  ["permute([1, 0])(input(28, 28, 3));", "permute: input [28, 28, 3] has 3 axes, but [1, 0] names 2"],
  ["cropping2d([14, 0])(input(28, 28, 3));", "cropping2d: cropping leaves nothing of the 28×28 input"],
  ["zeroPadding2d(1)(input(28, 3));", "zeroPadding2d: input [28, 3] is not an image [height, width, channels]"],
  ["upSampling1d(2)(input(28));", "upSampling1d: input [28] is not a sequence [steps, channels]"],
  [
    "groupNorm()(input(28, 28, 48));",
    "groupNorm: 48 channels cannot be split into 32 groups; make the groups a divisor of the channels",
  ],
  ["instanceNorm()(input(7));", "instanceNorm: input [7] has one value per channel, which normalisation would make 0"],
  ["spatialDropout2d(0.1)(input(7, 3));", "spatialDropout2d: input [7, 3] is not an image [height, width, channels]"],
  [
    "maxout(2)(input(3));",
    "maxout: 3 channels cannot be split into 2 pieces each; make the pieces a divisor of the channels",
  ],
  [
    "sequential(input(3), dense(2)).asLayer()(input(4));",
    "network: inputs [4] are not those of the network; expected [3]",
  ],
  ["sequential(input(28, 28, 1), dense(10));", "dense: input [28, 28, 1] is not flat; add flatten() before it"],
  ["sequential(input(28, 28, 1), relu(), add());", "add: takes 2 tensors or more, not 1"],
];

/** What is wrong otherwise: the compiler has its own words. */
const misuses: readonly (readonly [string, string])[] = [
  ["conv2d(8, 3, { strid: 2 });", "'strid' does not exist in type"],
  ["conv2d(8, 3, { strid: 2 });", "Did you mean to write 'stride'?"],
  ["conv2d(8, 3, { padding: 'smae' });", `Type '"smae"' is not assignable to type 'Padding2d | undefined'.`],
  ["conv2d('8', 3);", "Argument of type 'string' is not assignable to parameter of type 'number'."],
  ["maxPool2d([1, 2, 3]);", "Type 'number' is not assignable"],
  ["relu()();", "Expected 1 arguments, but got 0."],
  ["dense(10)(28);", "Argument of type 'number' is not assignable to parameter of type 'LayerArgument'."],
  ["sequential(input(3), dense);", "is missing the following properties from type 'Layer<ShapeRule>'"],
  [
    "let x = input(28, 28, 1);\nx = conv2d(8, 3)(x);",
    "Type 'SymbolicTensor<[28, 28, 8]>' is not assignable to type 'SymbolicTensor<[28, 28, 1]>'.",
  ],
  ["let layer = conv2d(8, 3);\nlayer = conv2d(16, 3);", "is not assignable to type 'Layer<Conv<"],
];

describe("shapes that do not fit", () => {
  const chain = [
    "sequential(",
    "  input(28, 28, 1),",
    "  conv2d(10, 5, { stride: 2, activation: 'relu' }),",
    "  maxPool2d(2),",
    "  conv2d(20, 9, { padding: 'valid' }),",
    "  flatten(),",
    "  dense(10),",
    ");",
  ].join("\n");
  let complaints: Complaint[][];
  beforeAll(() => {
    const snippets = [...mismatches, ...misuses].map(([snippet]) => snippet);
    complaints = complaintsAbout("errors", [...snippets, chain]);
  }, 60_000);

  it.each(mismatches.map((pair, i) => [...pair, i] as const))("%s", (_, message, i) => {
    expect(complaints[i]!.length).toBe(1);
    const { code, message: complaint } = complaints[i]![0]!;
    expect(code).toBe("TS2345");
    expect(complaint).toMatch(/^Argument of type '.*' is not assignable to parameter of type '/s);
    expect(complaint.split("parameter of type ").at(-1)).toBe(`'"${message}"'.`);
  });

  it.each(misuses.map((pair, i) => [...pair, i] as const))("%s: %s", (_, part, i) => {
    expect(complaints[mismatches.length + i]!.length).toBe(1);
    expect(complaints[mismatches.length + i]![0]!.message).toContain(part);
  });

  it("are found at the layer that they do not fit", () => {
    expect(complaints.at(-1)).toEqual([
      {
        line: 5,
        code: "TS2345",
        message:
          'Argument of type \'Layer<Conv<"conv2d", 20, 9, 1, "valid", 1, 1>>\' is not assignable to parameter of type ' +
          "'\"conv2d: its 9×9 kernel is larger than the 7×7 input; use padding same or a smaller kernel\"'.",
      },
    ]);
  });
});
