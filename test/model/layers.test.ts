import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import { printGraph } from "../../src/graph/print.js";
import { activationNames } from "../../src/model/activations.js";
import { constant } from "../../src/model/initializers.js";
import type { Layer } from "../../src/model/layer.js";
import {
  activation,
  add,
  averagePool2d,
  conv2d,
  dense,
  dropout,
  flatten,
  layerKinds,
  leakyRelu,
  maxPool2d,
  relu,
  reshape,
  softmax,
} from "../../src/model/layers/index.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";

/** What errors list as the known activations. */
const names = activationNames.join(", ");

describe("layer kinds", () => {
  it("are listed under their own names", () => {
    for (const [name, definition] of Object.entries(layerKinds)) expect(definition.kind).toBe(name);
  });
});

describe("output shapes", () => {
  const image = input(28, 27, 4);
  const cases: readonly [string, Layer, SymbolicTensor, readonly number[]][] = [
    ["conv2d is same by default", conv2d(10, 5), image, [28, 27, 10]],
    ["conv2d with stride rounds up", conv2d(10, 5, { stride: 2 }), image, [14, 14, 10]],
    ["conv2d with strides", conv2d(10, 5, { strides: [1, 3] }), image, [28, 9, 10]],
    ["conv2d valid", conv2d(10, [5, 3], { padding: "valid" }), image, [24, 25, 10]],
    ["conv2d with a number as padding", conv2d(10, 5, { padding: 1 }), image, [26, 25, 10]],
    ["conv2d with two paddings", conv2d(10, 5, { padding: [0, 2] }), image, [24, 27, 10]],
    ["conv2d with four paddings", conv2d(10, 5, { padding: [0, 1, 2, 3] }), image, [25, 28, 10]],
    ["conv2d with dilation", conv2d(10, 5, { padding: "valid", dilation: [1, 2] }), image, [24, 19, 10]],
    ["conv2d with groups", conv2d(10, 5, { groups: 2 }), image, [28, 27, 10]],
    ["maxPool2d leaves out what does not fill a window", maxPool2d(2), image, [14, 13, 4]],
    ["maxPool2d overlapping", maxPool2d(3, { stride: 2 }), image, [13, 13, 4]],
    ["maxPool2d same", maxPool2d(2, { padding: "same" }), image, [14, 14, 4]],
    ["averagePool2d", averagePool2d([7, 3]), image, [4, 9, 4]],
    ["dense", dense(7), input(5), [7]],
    ["flatten", flatten(), image, [3024]],
    ["reshape", reshape([9, 28, 12]), image, [9, 28, 12]],
    ["dropout", dropout(0.5), image, [28, 27, 4]],
    ["activation", activation("tanh"), image, [28, 27, 4]],
    ["relu", relu(), image, [28, 27, 4]],
    ["leakyRelu", leakyRelu(), image, [28, 27, 4]],
    ["softmax", softmax(), image, [28, 27, 4]],
  ];
  it.each(cases)("%s", (_, layer, tensor, shape) => {
    expect(layer(tensor).shape).toEqual(shape);
  });

  it("add takes tensors one by one or as a list", () => {
    expect(add()(image, relu()(image)).shape).toEqual([28, 27, 4]);
    expect(add()([image, image, image]).shape).toEqual([28, 27, 4]);
  });
});

describe("configurations", () => {
  it("hold every default", () => {
    expect(conv2d(10, 5).config).toEqual({
      filters: 10,
      kernelSize: [5, 5],
      strides: [1, 1],
      padding: "same",
      dilation: [1, 1],
      groups: 1,
      activation: "linear",
      useBias: true,
      kernelInitializer: "glorotUniform",
      biasInitializer: "zeros",
      paddingMode: "zeros",
    });
    const window = { size: [2, 2], strides: [2, 2], padding: "valid", dilation: [1, 1], ceilMode: false };
    expect(maxPool2d(2).config).toEqual(window);
    expect(averagePool2d(2).config).toEqual({ ...window, countPadding: false });
    expect(dense(3, { biasInitializer: constant(0.1) }).config).toEqual({
      units: 3,
      activation: "linear",
      useBias: true,
      kernelInitializer: "glorotUniform",
      biasInitializer: { kind: "constant", value: 0.1 },
    });
  });

  it("stay the same when they are checked again", () => {
    for (const { definition, config } of [
      conv2d(4, [3, 2], { stride: 2, padding: [1, 2] }),
      averagePool2d(3),
      dense(2),
    ]) {
      expect(definition.configure({ ...config }, "again")).toEqual(config);
    }
  });

  it("are frozen, and layers tell their kind and name", () => {
    const layer = dense(3, { name: "head" });
    expect(Object.isFrozen(layer.config)).toBe(true);
    expect([layer.kind, layer.name, dense(3).name]).toEqual(["dense", "head", undefined]);
  });
});

describe("nodes", () => {
  /** The graph of one layer over a batch of two, in training. */
  function emitted(layer: Layer, ...shapes: number[][]): string {
    const builder = new GraphBuilder();
    const { definition, config } = layer;
    const inputs = shapes.map((shape, i) => builder.input(`x${i}`, [2, ...shape], "float32"));
    const weights = definition.weights(config, shapes).map(({ name, shape }) => [name, builder.variable(name, shape)]);
    const randomKey = builder.input("randomKey", [2], "int32");
    builder.scope("layer", () =>
      definition.emit({
        builder,
        name: "layer",
        config,
        inputs,
        weights: Object.fromEntries(weights),
        frozen: new Set(),
        training: true,
        randomKey,
        salt: 7,
        update: () => {},
      }),
    );
    return printGraph(builder.build())
      .split("\n")
      .filter((line) => line.endsWith("# layer"))
      .map((line) => line.trim())
      .join("\n");
  }

  it("of conv2d: padding as four numbers, bias and activation in one map", () => {
    expect(emitted(conv2d(3, 2, { stride: 2, activation: "sigmoid" }), [5, 4, 1])).toMatchInlineSnapshot(`
      "%4 = conv(%0, %1) {strides: [2, 2], dilation: [1, 1], padding: [0, 1, 0, 0], groups: 1} : float32[2, 3, 2, 3]  # layer
      %5 = map(%4, %2) {expression: sigmoid(add($0, $1))} : float32[2, 3, 2, 3]  # layer"
    `);
    expect(
      emitted(conv2d(4, 3, { groups: 2, useBias: false, padding: [1, 0, 2, 1] }), [5, 4, 2]),
    ).toMatchInlineSnapshot(
      `"%3 = conv(%0, %1) {strides: [1, 1], dilation: [1, 1], padding: [1, 0, 2, 1], groups: 2} : float32[2, 4, 5, 4]  # layer"`,
    );
  });

  it("of dense", () => {
    expect(emitted(dense(3), [5])).toMatchInlineSnapshot(`
      "%4 = matmul(%0, %1) {transposeA: false, transposeB: false} : float32[2, 3]  # layer
      %5 = map(%4, %2) {expression: add($0, $1)} : float32[2, 3]  # layer"
    `);
    expect(emitted(dense(3, { activation: "softmax" }), [5])).toMatchInlineSnapshot(`
      "%4 = matmul(%0, %1) {transposeA: false, transposeB: false} : float32[2, 3]  # layer
      %5 = map(%4, %2) {expression: add($0, $1)} : float32[2, 3]  # layer
      %6 = softmax(%5) : float32[2, 3]  # layer"
    `);
    expect(emitted(dense(3, { activation: "linear", useBias: false }), [5])).toMatchInlineSnapshot(
      `"%3 = matmul(%0, %1) {transposeA: false, transposeB: false} : float32[2, 3]  # layer"`,
    );
  });

  it("of pooling", () => {
    expect(emitted(maxPool2d(2, { padding: "same" }), [5, 4, 1])).toMatchInlineSnapshot(
      `"%2 = maxPool(%0) {kernel: [2, 2], strides: [2, 2], dilation: [1, 1], padding: [0, 1, 0, 0]} : float32[2, 3, 2, 1]  # layer"`,
    );
    expect(emitted(averagePool2d(2, { countPadding: true }), [5, 4, 1])).toMatchInlineSnapshot(
      `"%2 = averagePool(%0) {kernel: [2, 2], strides: [2, 2], dilation: [1, 1], padding: [0, 0, 0, 0], divisor: "window"} : float32[2, 2, 2, 1]  # layer"`,
    );
  });

  it("of everything else", () => {
    expect(emitted(flatten(), [5, 4, 1])).toMatchInlineSnapshot(
      `"%2 = reshape(%0) {shape: [2, 20]} : float32[2, 20]  # layer"`,
    );
    expect(emitted(reshape([4, 5]), [5, 4, 1])).toMatchInlineSnapshot(
      `"%2 = reshape(%0) {shape: [2, 4, 5]} : float32[2, 4, 5]  # layer"`,
    );
    expect(emitted(dropout(0.25), [5])).toMatchInlineSnapshot(
      `"%2 = map(%0, %1) {expression: select(less(random($1, 7), 0.25), 0, divide($0, 0.75))} : float32[2, 5]  # layer"`,
    );
    expect(emitted(activation("tanh"), [5])).toMatchInlineSnapshot(
      `"%2 = map(%0) {expression: tanh($0)} : float32[2, 5]  # layer"`,
    );
    expect(emitted(activation("linear"), [5])).toBe("");
    expect(emitted(relu(), [5])).toMatchInlineSnapshot(
      `"%2 = map(%0) {expression: maximum($0, 0)} : float32[2, 5]  # layer"`,
    );
    expect(emitted(softmax(), [5])).toMatchInlineSnapshot(`"%2 = softmax(%0) : float32[2, 5]  # layer"`);
    expect(emitted(add(), [5], [5], [5])).toMatchInlineSnapshot(
      `"%4 = map(%0, %1, %2) {expression: add(add($0, $1), $2)} : float32[2, 5]  # layer"`,
    );
  });
});

describe("errors", () => {
  const image = input(28, 28, 3);
  const wrong = (value: unknown) => value as never;
  const wordings: readonly [() => unknown, string][] = [
    [() => conv2d(0, 5), "conv2d: wrong filters (expected a whole number ≥ 1, received 0)."],
    [
      () => conv2d(2.5, 5, { name: "stem" }),
      'conv2d "stem": wrong filters (expected a whole number ≥ 1, received 2.5).',
    ],
    [() => conv2d(wrong("10"), 5), 'conv2d: wrong filters (expected a whole number ≥ 1, received "10").'],
    [
      () => conv2d(10, wrong(undefined)),
      "conv2d: wrong kernelSize (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received nothing).",
    ],
    [
      () => conv2d(10, wrong([5, 5, 5])),
      "conv2d: wrong kernelSize (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received [5, 5, 5]).",
    ],
    [
      () => conv2d(10, 5, { stride: 0 }),
      "conv2d: wrong stride (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received 0).",
    ],
    [
      () => conv2d(10, 5, { strides: [1, -1] }),
      "conv2d: wrong strides (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received [1, -1]).",
    ],
    [
      () => conv2d(10, 5, { stride: 1, strides: 1 }),
      "conv2d: stride and strides are both given. Keep one of them; they mean the same.",
    ],
    [
      () => conv2d(10, 5, { padding: wrong("causal") }),
      'conv2d: wrong padding (expected "same", "valid", "full", a whole number ≥ 0, [vertical, horizontal] or [top, bottom, left, right], received "causal").',
    ],
    [
      () => conv2d(10, 5, { padding: wrong([1, 2, 3]) }),
      'conv2d: wrong padding (expected "same", "valid", "full", a whole number ≥ 0, [vertical, horizontal] or [top, bottom, left, right], received [1, 2, 3]).',
    ],
    [
      () => conv2d(10, 5, { padding: -1 }),
      'conv2d: wrong padding (expected "same", "valid", "full", a whole number ≥ 0, [vertical, horizontal] or [top, bottom, left, right], received -1).',
    ],
    [
      () => conv2d(10, 5, { dilation: 0 }),
      "conv2d: wrong dilation (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received 0).",
    ],
    [() => conv2d(10, 5, { groups: 0 }), "conv2d: wrong groups (expected a whole number ≥ 1, received 0)."],
    [
      () => conv2d(10, 5, { groups: 3 }),
      "conv2d: 10 filters cannot be split into 3 groups. Make the number of filters a multiple of the groups.",
    ],
    [
      () => conv2d(10, 5, { groups: 2 })(wrong(image)),
      'conv2d "conv2d": input [28, 28, 3] has 3 channels, which cannot be split into 2 groups. Make the groups a divisor of the channels.',
    ],
    [
      () => conv2d(10, 5, { activation: wrong("rely") }),
      `conv2d: unknown activation "rely" (expected one of ${names}). Did you mean "relu".`,
    ],
    [
      () => conv2d(10, 5, { activation: wrong(null) }),
      `conv2d: wrong activation (expected one of ${names}, received null).`,
    ],
    [() => conv2d(10, 5, { useBias: wrong(1) }), "conv2d: wrong useBias (expected true or false, received 1)."],
    [
      () => conv2d(10, 5, { kernelInitializer: wrong("heNorm") }),
      'conv2d: unknown kernelInitializer "heNorm" (expected one of glorotUniform, glorotNormal, heUniform, heNormal, lecunUniform, lecunNormal, zeros, ones). Did you mean "heNormal".',
    ],
    [
      () => dense(10, { biasInitializer: wrong(0.1) }),
      "dense: wrong biasInitializer (expected the name of an initializer or constant(0.1), received 0.1).",
    ],
    [
      () => dense(10, { biasInitializer: wrong({ kind: "constants", value: 1 }) }),
      'dense: unknown biasInitializer.kind "constants" (expected one of constant, randomNormal, randomUniform, truncatedNormal, orthogonal, identity, dirac). Did you mean "constant".',
    ],
    [
      () => dense(10, { biasInitializer: wrong({ kind: "constant" }) }),
      "dense: wrong biasInitializer.value (expected a finite number, received nothing).",
    ],
    [
      () => dense(10, { biasInitializer: wrong({ kind: "constant", value: 1, seed: 2 }) }),
      'dense: unknown option "biasInitializer.seed" (expected one of kind, value).',
    ],
    [() => constant(Number.NaN), "constant: wrong value (expected a finite number, received NaN)."],
    [
      () => conv2d(10, 5, wrong({ kernelInitialiser: "heNormal" })),
      'conv2d: unknown option "kernelInitialiser" (expected one of stride, strides, padding, dilation, groups, activation, useBias, kernelInitializer, biasInitializer, paddingMode, name). Did you mean "kernelInitializer".',
    ],
    [() => conv2d(10, 5, wrong(2)), "conv2d: wrong options (expected an object, received 2)."],
    [
      () => leakyRelu({ negativeSlope: 1 }),
      "leakyRelu: wrong negativeSlope (expected a number ≥ 0 and < 1, received 1).",
    ],
    [() => relu(wrong({ slope: 1 })), 'relu: unknown option "slope" (expected one of name).'],
    [
      () => dense(10, { name: "" }),
      'dense: wrong name (expected letters, digits, "_", "-", "." and "/", received "").',
    ],
    [
      () => dense(10, { name: "a b" }),
      'dense: wrong name (expected letters, digits, "_", "-", "." and "/", received "a b").',
    ],
    [
      () => dense(10, { name: "optimizer.momentum" }),
      'dense: the name "optimizer.momentum" is kept for training. Choose another name.',
    ],
    [
      () => conv2d(10, 5)(wrong(input(784))),
      'conv2d "conv2d": input [784] is not an image (expected [height, width, channels], received [784]).',
    ],
    [
      () => conv2d(10, 5, { padding: "valid" })(wrong(conv2d(3, 3)(input(4, 28, 1)))),
      'conv2d "conv2d_1": the window is larger than its padded input (expected at least 5 × 5 pixels, received 4 × 28). Use padding "same", a smaller window or a larger input.',
    ],
    [
      () => dense(50)(wrong(conv2d(10, 5, { stride: 2 })(input(28, 28, 1)))),
      'dense "dense": input [14, 14, 10] is not flat (expected [features], received [14, 14, 10]). Add flatten() before it.',
    ],
    [() => dense(0), "dense: wrong units (expected a whole number ≥ 1, received 0)."],
    [
      () => maxPool2d(0),
      "maxPool2d: wrong size (expected a whole number ≥ 1 or two of them, [vertical, horizontal], received 0).",
    ],
    [
      () => maxPool2d(2)(wrong(input(10))),
      'maxPool2d "maxPool2d": input [10] is not an image (expected [height, width, channels], received [10]).',
    ],
    [
      () => maxPool2d(2, { padding: 2 })(image),
      'maxPool2d "maxPool2d": padding is as large as the window, so a window could see no pixel (expected padding below 2 × 2, received [2, 2, 2, 2]).',
    ],
    [
      () => averagePool2d(32)(wrong(image)),
      'averagePool2d "averagePool2d": the window is larger than its padded input (expected at least 32 × 32 pixels, received 28 × 28). Use padding "same", a smaller window or a larger input.',
    ],
    [
      () => averagePool2d(2, { countPadding: wrong("yes") }),
      'averagePool2d: wrong countPadding (expected true or false, received "yes").',
    ],
    [() => dropout(1), "dropout: wrong rate (expected a number ≥ 0 and < 1, received 1)."],
    [() => dropout(wrong("half")), 'dropout: wrong rate (expected a number ≥ 0 and < 1, received "half").'],
    [
      () => activation(wrong("reelu")),
      `activation: unknown activation "reelu" (expected one of ${names}). Did you mean "relu".`,
    ],
    [() => reshape([]), "reshape: wrong shape (expected whole numbers ≥ 1, such as [28, 28, 1], received [])."],
    [
      () => reshape([28, 28])(wrong(image)),
      'reshape "reshape": input [28, 28, 3] has another number of values than [28, 28] (expected 784 values, received 2352 values).',
    ],
    [() => add()(wrong(image)), 'add "add": takes several inputs (expected 2 tensors or more, received 1 tensor).'],
    [
      () => add({ name: "join" })(wrong(image), flatten()(image)),
      'add "join": inputs differ in shape (expected [28, 28, 3] for all, or 1 where they differ, received [28, 28, 3] and [2352]).',
    ],
    [() => relu()(wrong(image), wrong(image)), 'relu "relu": takes one input (expected 1 tensor, received 2 tensors).'],
    [() => relu()(wrong([])), 'relu "relu": takes one input (expected 1 tensor, received 0 tensors).'],
    [
      () => relu()(wrong(new Float32Array(3))),
      "relu: takes symbolic tensors (expected what input(28, 28, 1) or the call of a layer returns, received an object).",
    ],
    [() => input(), "input: wrong shape (expected whole numbers ≥ 1, such as [28, 28, 1], received [])."],
    [() => input(28, 0), "input: wrong shape (expected whole numbers ≥ 1, such as [28, 28, 1], received [28, 0])."],
    [
      () => input([28, -1], { name: "image" }),
      'input "image": wrong shape (expected whole numbers ≥ 1, such as [28, 28, 1], received [28, -1]).',
    ],
    [
      () => input([28], { dtype: wrong("complex") }),
      'input: unknown dtype "complex" (expected one of float32, uint8, int32).',
    ],
    [
      () => input([28], wrong({ dype: "uint8" })),
      'input: unknown option "dype" (expected one of name, dtype). Did you mean "dtype".',
    ],
    [() => input([28], { name: "target" }), 'input: the name "target" is kept for training. Choose another name.'],
    [
      () => (input as (...given: unknown[]) => unknown)([28], {}, 3),
      "input: too many arguments (expected input(28, 28, 1) or input([28, 28, 1], { name }), received 3 arguments).",
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
