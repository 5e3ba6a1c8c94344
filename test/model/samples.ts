import type { Shape } from "../../src/core/shapes.js";
import type { Layer } from "../../src/model/layer.js";
import {
  activation,
  add,
  average,
  averagePool2d,
  batchNorm,
  concatenate,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  cropping1d,
  cropping2d,
  cropping3d,
  dense,
  depthwiseConv1d,
  depthwiseConv2d,
  depthwiseConv3d,
  dropout,
  flatten,
  globalAveragePool2d,
  leakyRelu,
  locallyConnected1d,
  locallyConnected2d,
  maximum,
  maxPool2d,
  minimum,
  multiply,
  permute,
  relu,
  reshape,
  separableConv1d,
  separableConv2d,
  softmax,
  subtract,
  upSampling1d,
  upSampling2d,
  upSampling3d,
  zeroPadding1d,
  zeroPadding2d,
  zeroPadding3d,
} from "../../src/model/layers/index.js";

/** A layer with the shapes that it takes and the one that it gives, all without the batch. */
export interface Sample {
  readonly name: string;
  readonly layer: Layer;
  readonly inputs: readonly Shape[];
  readonly output: Shape;
}

const sample = (name: string, layer: Layer, inputs: readonly Shape[], output: Shape): Sample => {
  return { name: `${layer.kind}, ${name}`, layer, inputs, output };
};

const sequence = [7, 3];
const image = [6, 5, 4];
const volume = [4, 5, 3, 2];

/** At least one of every kind of layer, and one for every option that changes what it computes. */
export const samples: readonly Sample[] = [
  sample("3×3", conv2d(2, 3), [image], [6, 5, 2]),
  sample("full, grouped", conv2d(2, 3, { padding: "full", groups: 2 }), [image], [8, 7, 2]),
  sample("circular", conv2d(2, 3, { paddingMode: "circular", stride: 2 }), [image], [3, 3, 2]),
  sample("causal, dilated", conv1d(2, 2, { padding: "causal", dilation: 4 }), [sequence], [7, 2]),
  sample("reflected", conv1d(2, 5, { paddingMode: "reflect", activation: "tanh" }), [sequence], [7, 2]),
  sample("strided", conv3d(2, 3, { stride: [2, 1, 1] }), [volume], [2, 5, 3, 2]),
  sample("replicated", conv3d(2, 3, { paddingMode: "replicate" }), [volume], [4, 5, 3, 2]),
  sample("strided", depthwiseConv1d(3, { stride: 2 }), [sequence], [4, 3]),
  sample("with a multiplier", depthwiseConv2d(3, { depthMultiplier: 2, padding: "valid" }), [image], [4, 3, 8]),
  sample("reflected", depthwiseConv2d(3, { paddingMode: "reflect", useBias: false }), [image], image),
  sample("plain", depthwiseConv3d(2, { dilation: [2, 1, 1] }), [volume], volume),
  sample("plain", separableConv1d(4, 3), [sequence], [7, 4]),
  sample("with a multiplier", separableConv2d(3, 3, { depthMultiplier: 2, stride: 2 }), [image], [3, 3, 3]),
  sample("same", convTranspose1d(2, 4, { stride: 3 }), [sequence], [21, 2]),
  sample("as in PyTorch", convTranspose2d(2, 3, { stride: 2, padding: 1 }), [image], [11, 9, 2]),
  sample("output padding", convTranspose2d(2, 3, { stride: 2, padding: 1, outputPadding: 1 }), [image], [12, 10, 2]),
  sample("same, output padding", convTranspose2d(2, 3, { stride: 2, outputPadding: 0 }), [image], [11, 9, 2]),
  sample("valid", convTranspose3d(2, 2, { stride: [1, 2, 3], padding: "valid" }), [volume], [5, 10, 9, 2]),
  sample("plain", locallyConnected1d(2, 3, { padding: "valid" }), [sequence], [5, 2]),
  sample("strided", locallyConnected2d(2, 3, { stride: 2 }), [image], [3, 3, 2]),
  sample("plain", dense(3), [[5]], [3]),
  sample("2×2", maxPool2d(2), [image], [3, 2, 4]),
  sample("2×2", averagePool2d(2), [image], [3, 2, 4]),
  sample("plain", globalAveragePool2d(), [image], [4]),
  sample("of an image", batchNorm(), [image], image),
  sample("plain", flatten(), [image], [120]),
  sample("half", dropout(0.5), [image], image),
  sample("tanh", activation("tanh"), [image], image),
  sample("plain", relu(), [image], image),
  sample("plain", leakyRelu(), [image], image),
  sample("plain", softmax(), [image], image),
  sample("to a matrix", reshape([12, 10]), [image], [12, 10]),

  sample("three", add(), [image, image, image], image),
  sample("broadcast", add(), [image, [1, 1, 4]], image),
  sample("three", multiply(), [image, image, image], image),
  sample("a gate", multiply(), [[1, 1, 4], image], image),
  sample("two", subtract(), [image, image], image),
  sample("three", maximum(), [image, image, image], image),
  sample("three", minimum(), [image, image, image], image),
  sample("three", average(), [image, image, image], image),
  sample("channels", concatenate(), [image, [6, 5, 1]], [6, 5, 5]),
  sample("rows", concatenate({ axis: 0 }), [image, [2, 5, 4], image], [14, 5, 4]),
  sample("columns, from the end", concatenate({ axis: -2 }), [image, [6, 1, 4]], [6, 6, 4]),
  sample("both ends", cropping1d(2), [sequence], [3, 3]),
  sample("one end", cropping1d([0, 3]), [sequence], [4, 3]),
  sample("all sides", cropping2d(1), [image], [4, 3, 4]),
  sample("each side", cropping2d([[1, 3], 1]), [image], [2, 3, 4]),
  sample("each side", cropping3d([1, [0, 2], 1]), [volume], [2, 3, 1, 2]),
  sample("zeros", zeroPadding1d(2), [sequence], [11, 3]),
  sample("reflect", zeroPadding1d([6, 1], { mode: "reflect" }), [sequence], [14, 3]),
  sample("ones", zeroPadding2d([1, [2, 0]], { value: 1 }), [image], [8, 7, 4]),
  sample("replicate", zeroPadding2d(7, { mode: "replicate" }), [image], [20, 19, 4]),
  sample("zeros", zeroPadding3d(1), [volume], [6, 7, 5, 2]),
  sample("circular", zeroPadding3d([4, [1, 2], 3], { mode: "circular" }), [volume], [12, 8, 9, 2]),
  sample("channels first", permute([2, 0, 1]), [image], [4, 6, 5]),

  sample("twice", upSampling1d(2), [sequence], [14, 3]),
  sample("linear", upSampling1d({ outputSize: 10 }, { interpolation: "linear" }), [sequence], [10, 3]),
  sample("factors", upSampling2d([3, 1]), [image], [18, 5, 4]),
  sample("to a size", upSampling2d({ outputSize: [4, 9] }), [image], [4, 9, 4]),
  sample("bilinear", upSampling2d(2, { interpolation: "bilinear" }), [image], [12, 10, 4]),
  sample(
    "bilinear, corners aligned",
    upSampling2d({ outputSize: [9, 4] }, { interpolation: "bilinear", alignCorners: true }),
    [image],
    [9, 4, 4],
  ),
  sample("factors", upSampling3d([1, 2, 3]), [volume], [4, 10, 9, 2]),
  sample("trilinear", upSampling3d(2, { interpolation: "trilinear" }), [volume], [8, 10, 6, 2]),
];
