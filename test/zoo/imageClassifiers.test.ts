import { describe, expect, test } from "vitest";
import { sizeOf } from "../../src/core/shapes.js";
import { dataset } from "../../src/data/index.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import { adamW } from "../../src/model/optimizers.js";
import { Model } from "../../src/train/model.js";
import { checkClassifierInput, findImageClassifier, imageClassifiers } from "../../src/zoo/imageClassifiers.js";
import { imageNetNormalization, setNormalization } from "../../src/zoo/imageInput.js";
import { takeFeatures } from "../../src/zoo/pretrained.js";
import { smallCnn } from "../../src/zoo/smallCnn.js";
import { messageOf } from "../data/messages.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { expectClose } from "../harness/compare.js";

const small = findImageClassifier("small");
const images = (count: number, size: number) =>
  formulaValues(3, [count, size, size, 3], 0.5).map((value) => value + 0.5);

describe("classifiers of images", () => {
  test.each(imageClassifiers.map((each) => [each.name, each] as const))(
    "%s takes its smallest images, and all larger ones",
    (_, { network, least, head }) => {
      for (const side of [least, least + 7, 64]) {
        const net = network({ input: [side, side, 1], classes: 3 });
        expect(net.outputs[0]!.shape).toEqual([3]);
        expect(net.weights.filter(({ layer }) => layer === head).map(({ shape }) => shape.at(-1))).toEqual([3, 3]);
        // what is left of the image before it is averaged
        const last = net.calls.findLast(({ outputShape }) => outputShape.length === 3)!;
        expect(Math.min(...last.outputShape)).toBeGreaterThan(0);
      }
    },
  );

  test("small has as many parameters as its doc comment says, and costs the same for 32 as for 64 pixels", () => {
    const convolutions = [27 * 32, 288 * 64, 576 * 64, 576 * 128, 1152 * 128, 1152 * 256, 2304 * 256];
    const norms = 2 * (32 + 2 * 64 + 2 * 128 + 2 * 256);
    const trained = [...convolutions, norms, 256 * 10 + 10].reduce((a, b) => a + b);
    expect(trained).toBe(1_166_506);
    const count = ({ weights }: ReturnType<typeof smallCnn>, kind: boolean) =>
      weights.filter(({ trainable }) => trainable === kind).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    for (const side of [16, 32, 64, 128]) {
      const net = smallCnn({ input: [side, side, 3] });
      expect([count(net, true), count(net, false)]).toEqual([trained, 1856]);
    }
    const shapes = (side: number) =>
      smallCnn({ input: [side, side, 3] })
        .calls.filter(({ name }) => name.endsWith(".relu"))
        .map((call) => call.outputShape[0]);
    expect(shapes(32)).toEqual([32, 16, 16, 8, 8, 4, 4]);
    expect(shapes(64)).toEqual(shapes(32));
    expect(shapes(128)).toEqual([64, 16, 16, 8, 8, 4, 4]);
  });

  test.each([
    [
      () => findImageClassifier("smal"),
      'model "smal": there is no such model for images (expected one of small, mobilenet, resnet18, resnet34). Did you mean "small".',
    ],
    [
      () => checkClassifierInput(findImageClassifier("resnet34"), "--image-size", 20),
      "--image-size: images are too small for resnet34 (expected at least 32 × 32 pixels, received 20 × 20). Enlarge them, or take the model small.",
    ],
    [
      () => checkClassifierInput(small, "--image-size", 8),
      "--image-size: images are too small for small (expected at least 16 × 16 pixels, received 8 × 8).",
    ],
    [
      () => smallCnn({ input: [15, 40, 3] }),
      "smallCnn: input is out of range (expected height and width of at least 16, and channels, received [15, 40, 3]).",
    ],
    [() => smallCnn({ dropout: 1 }), "smallCnn: wrong dropout (expected a number ≥ 0 and < 1, received 1)."],
  ])("refuse what they cannot take: %#", async (body, message) => {
    expect(await messageOf(body)).toBe(message);
  });
});

describe("normalisation within the network", () => {
  const make = () => new Model(small.network({ input: [16, 16, 3], classes: 4 })).initialize(5);
  const { mean, deviation } = imageNetNormalization;

  test("subtracts and divides per channel", async () => {
    const pixels = images(2, 16);
    const plain = await make().predict(pixels.map((value, i) => (value - mean[i % 3]!) / deviation[i % 3]!));
    const model = make();
    setNormalization(model, { mean, deviation });
    expectClose("scores", await model.predict(pixels), plain, 1e-5);
  });

  test("stays as it is in training, and within the file", async () => {
    const model = make();
    setNormalization(model, { mean, deviation });
    const before = model.weight("normalization.movingMean");
    const data = dataset({
      inputs: new Uint8Array(8 * 768).fill(200),
      targets: Int32Array.from([0, 1, 2, 3, 0, 1, 2, 3]),
      shape: [16, 16, 3],
    });
    await model.fit(data, { loss: "crossEntropy", optimizer: adamW(0.01), epochs: 2, progress: false });
    expect(model.weight("normalization.movingMean")).toEqual(before);
    const tensor = readSafetensors(model.toBytes(), "model").tensors.get("normalization.movingVariance");
    expectClose(
      "variance",
      tensor!.data as Float32Array,
      deviation.map((value) => value ** 2),
      1e-6,
    );
  });

  test("leaves channels of one colour alone", async () => {
    const model = make();
    setNormalization(model, { mean: [0.5, 0, 0], deviation: [0, 1, 1] });
    expect((await model.predict(images(1, 16))).every(Number.isFinite)).toBe(true);
  });
});

interface Entry {
  readonly shape: readonly [number, number, number, number];
  readonly classes: number;
  readonly logits: readonly number[];
  readonly weights: readonly {
    name: string;
    shape: readonly number[];
    tensor: number;
    scale: number;
    offset: number;
  }[];
}

/** Weights in PyTorch's layout, by explicit loops over its axes. */
function torchTensor({ name, shape, tensor, scale, offset }: Entry["weights"][number]) {
  const values = formulaValues(tensor, shape, scale).map((value) => value + offset);
  if (shape.length === 1) return { name, dtype: "F32" as const, shape, data: values };
  const [height, width, channels, filters] = shape.length === 4 ? shape : [1, 1, ...shape];
  const data = new Float32Array(values.length);
  let at = 0;
  for (let o = 0; o < filters!; o++)
    for (let i = 0; i < channels!; i++)
      for (let y = 0; y < height!; y++)
        for (let x = 0; x < width!; x++) data[at++] = values[((y * width! + x) * channels! + i) * filters! + o]!;
  return {
    name,
    dtype: "F32" as const,
    shape: shape.length === 4 ? [filters!, channels!, height!, width!] : [filters!, channels!],
    data,
  };
}

describe("features of torchvision's weights", () => {
  const { pytorch, entries } = loadFixture<Entry>("resnet.json");
  const entry = entries[0]!;
  const resnet = findImageClassifier("resnet18");
  const [, height, width, channels] = entry.shape;
  const make = (classes: number) =>
    new Model(resnet.network({ input: [height, width, channels], classes })).initialize(1);
  const file = writeSafetensors(entry.weights.map(torchTensor));

  test(`give what PyTorch ${pytorch} computes`, async () => {
    const model = make(entry.classes);
    const head = { kernel: model.weight("fc.kernel"), bias: model.weight("fc.bias") };
    expect(takeFeatures(model, resnet, file, "resnet18.safetensors")).toEqual({ from: "torchvision", head: false });
    expect([model.weight("fc.kernel"), model.weight("fc.bias")]).toEqual([head.kernel, head.bias]);
    expectClose("mean", model.weight("normalization.movingMean"), imageNetNormalization.mean, 1e-6);
    // PyTorch's inputs were not normalised, and its last layer was its own
    setNormalization(model, { mean: [0, 0, 0], deviation: [1, 1, 1] });
    for (const name of ["kernel", "bias"] as const) {
      const { tensor, shape, scale, offset } = entry.weights.find(
        (each) => each.name === `fc.${name === "kernel" ? "weight" : "bias"}`,
      )!;
      model.setWeight(
        `fc.${name}`,
        formulaValues(tensor, shape, scale).map((value) => value + offset),
      );
    }
    expectClose("logits", await model.predict(formulaValues(0, entry.shape)), entry.logits, 1e-3);
  });

  const weights = () => entry.weights.map(torchTensor);
  test.each([
    [
      "a tensor less",
      () => weights().filter(({ name }) => name !== "layer2.0.bn1.running_var"),
      /tensor "layer2\.0\.bn1\.running_var" is missing \(expected \[128\]\)\. Give weights of resnet18/,
    ],
    [
      "a tensor more",
      () => [...weights(), { ...weights()[1]!, name: "layer1.2.bn1.weight" }],
      /"layer1\.2\.bn1\.weight" belongs to no layer of resnet18\./,
    ],
    [
      "another shape",
      () =>
        weights().map((each) =>
          each.name === "bn1.bias" ? { ...each, shape: [32], data: each.data.subarray(0, 32) } : each,
        ),
      /tensor "bn1\.bias" has another shape \(expected \[64\], received \[32\]\)/,
    ],
  ])("with %s are refused", async (_, tensors, message) => {
    expect(await messageOf(() => takeFeatures(make(2), resnet, writeSafetensors(tensors()), "file"))).toMatch(message);
  });
});

describe("features of fovea's models", () => {
  const make = (classes: readonly string[], seed: number) => {
    const model = new Model(small.network({ input: [16, 16, 3], classes: classes.length })).initialize(seed);
    model.classes = classes;
    return model;
  };

  test("are taken over, with the last layer where classes are the same", async () => {
    const before = make(["a", "b"], 1);
    setNormalization(before, imageNetNormalization);
    const same = make(["a", "b"], 2);
    expect(takeFeatures(same, small, before.toBytes(), "before")).toEqual({ from: "fovea", head: true });
    expect(await same.predict(images(3, 16))).toEqual(await before.predict(images(3, 16)));
    const other = make(["a", "b", "c"], 2);
    const head = other.weight("classifier.kernel");
    expect(takeFeatures(other, small, before.toBytes(), "before")).toEqual({ from: "fovea", head: false });
    expect(other.weight("classifier.kernel")).toEqual(head);
    expect(other.weight("stem.conv.kernel")).toEqual(before.weight("stem.conv.kernel"));
    expect(other.weight("normalization.movingMean")).toEqual(before.weight("normalization.movingMean"));
  });

  test("of another kind are refused", async () => {
    const bytes = new Model(findImageClassifier("mobilenet").network({ input: [32, 32, 3], classes: 2 }))
      .initialize(1)
      .toBytes();
    expect(await messageOf(() => takeFeatures(make(["a", "b"], 1), small, bytes, "other"))).toMatch(
      /^other: tensor "stem\.conv\.kernel" is missing/,
    );
    expect(await messageOf(() => takeFeatures(make(["a", "b"], 1), small, writeSafetensors([]), "torch"))).toBe(
      "torch: is no model of fovea's, and small is no network of torchvision's (expected a file that fovea has saved).",
    );
  });
});
