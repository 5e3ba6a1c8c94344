import { expect, test } from "vitest";
import { strokes } from "../../src/data/index.js";
import {
  adam,
  concatenate,
  conv2d,
  defineLayer,
  dense,
  dropout,
  gelu,
  globalAveragePool2d,
  groupNorm,
  input,
  lambda,
  layerNorm,
  math,
  maxPool2d,
  maxUnpool2d,
  model,
  modelFromBytes,
  prelu,
  sequential,
  spatialDropout2d,
  upSampling2d,
  zeroPadding2d,
} from "../../src/index.js";

const { train } = await strokes({ train: 200, test: 10, seed: 2 });
const fitting = { loss: "crossEntropy", epochs: 20, batchSize: 20, progress: false, optimizer: adam(0.01) } as const;

const gate = defineLayer({
  name: "gate",
  options: { sharpness: 2 },
  weights: ([shape]) => ({ bias: { shape: shape!.slice(-1), initializer: "zeros" } }),
  call: ([x], { weights, options }) =>
    x.multiply(x.add(weights.bias).multiply(options.sharpness).activation("sigmoid")),
});

test("a network of pads, norms, gates and pools learns, and survives its file bit for bit", async () => {
  const net = sequential(
    input(28, 28, 1),
    zeroPadding2d(1, { mode: "reflect" }),
    conv2d(8, 3, { stride: 2, padding: "valid" }),
    groupNorm({ groups: 2 }),
    gelu(),
    spatialDropout2d(0.1),
    maxPool2d(3, { stride: 2, ceilMode: true }),
    conv2d(16, 3),
    layerNorm(),
    gate({ sharpness: 3 }),
    lambda((a) => math.multiply(a, math.add(1, math.tanh(a)))),
    globalAveragePool2d(),
    dense(10),
  );
  const { epochs } = await net.fit(train, { ...fitting, threads: 1 });
  expect(epochs[epochs.length - 1]!.loss).toBeLessThan(0.6 * epochs[0]!.loss);
  const again = modelFromBytes(net.toBytes());
  expect(await again.predict(train.inputs)).toEqual(await net.predict(train.inputs));
});

test("the same weights on any number of threads", async () => {
  const trained = async (threads: number) => {
    const image = input(28, 28, 1);
    const features = conv2d(6, 3)(image);
    const pooled = maxPool2d(2)(features);
    const back = maxUnpool2d(2)(prelu()(pooled), features);
    const wide = upSampling2d(2, { interpolation: "bilinear" })(pooled);
    const joined = dropout(0.2)(concatenate()(back, wide, features));
    const net = model(image, dense(10)(globalAveragePool2d()(joined)));
    await net.fit(train, { ...fitting, epochs: 1, threads });
    return net.toBytes();
  };
  expect(Buffer.compare(await trained(1), await trained(2))).toBe(0);
});
