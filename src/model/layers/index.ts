import type { LayerKind } from "../layer.js";
import { activationKind } from "./activation.js";
import { addKind } from "./add.js";
import { averagePool2dKind } from "./averagePool2d.js";
import { batchNormKind } from "./batchNorm.js";
import { conv2dKind } from "./conv2d.js";
import { denseKind } from "./dense.js";
import { dropoutKind } from "./dropout.js";
import { flattenKind } from "./flatten.js";
import { globalAveragePool2dKind } from "./globalAveragePool2d.js";
import { leakyReluKind } from "./leakyRelu.js";
import { maxPool2dKind } from "./maxPool2d.js";
import { reluKind } from "./relu.js";
import { reshapeKind } from "./reshape.js";
import { softmaxKind } from "./softmax.js";
import { subnetworkKind } from "./subnetwork.js";

export { activation } from "./activation.js";
export { add } from "./add.js";
export { type AveragePool2dOptions, averagePool2d } from "./averagePool2d.js";
export { type BatchNormOptions, batchNorm } from "./batchNorm.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { type DenseOptions, dense } from "./dense.js";
export { dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { globalAveragePool2d } from "./globalAveragePool2d.js";
export { type LeakyReluOptions, leakyRelu } from "./leakyRelu.js";
export { type MaxPool2dOptions, maxPool2d } from "./maxPool2d.js";
export { relu } from "./relu.js";
export { reshape } from "./reshape.js";
export { softmax } from "./softmax.js";
export { subnetwork } from "./subnetwork.js";

/** Every kind of layer, by name: what files may hold. A new kind is one file and one line here. */
export const layerKinds: Readonly<Record<string, LayerKind>> = {
  conv2d: conv2dKind,
  dense: denseKind,
  maxPool2d: maxPool2dKind,
  averagePool2d: averagePool2dKind,
  globalAveragePool2d: globalAveragePool2dKind,
  batchNorm: batchNormKind,
  flatten: flattenKind,
  dropout: dropoutKind,
  activation: activationKind,
  relu: reluKind,
  leakyRelu: leakyReluKind,
  softmax: softmaxKind,
  add: addKind,
  reshape: reshapeKind,
  network: subnetworkKind,
};
