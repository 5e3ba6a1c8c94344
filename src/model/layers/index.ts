import type { LayerKind } from "../layer.js";
import { activationKind } from "./activation.js";
import { addKind } from "./add.js";
import { averageKind } from "./average.js";
import { averagePool2dKind } from "./averagePool2d.js";
import { batchNormKind } from "./batchNorm.js";
import { concatenateKind } from "./concatenate.js";
import { conv1dKind } from "./conv1d.js";
import { conv2dKind } from "./conv2d.js";
import { conv3dKind } from "./conv3d.js";
import { convTranspose1dKind } from "./convTranspose1d.js";
import { convTranspose2dKind } from "./convTranspose2d.js";
import { convTranspose3dKind } from "./convTranspose3d.js";
import { cropping1dKind, cropping2dKind, cropping3dKind } from "./cropping.js";
import { denseKind } from "./dense.js";
import { depthwiseConv1dKind } from "./depthwiseConv1d.js";
import { depthwiseConv2dKind } from "./depthwiseConv2d.js";
import { depthwiseConv3dKind } from "./depthwiseConv3d.js";
import { dropoutKind } from "./dropout.js";
import { flattenKind } from "./flatten.js";
import { globalAveragePool2dKind } from "./globalAveragePool2d.js";
import { leakyReluKind } from "./leakyRelu.js";
import { locallyConnected1dKind } from "./locallyConnected1d.js";
import { locallyConnected2dKind } from "./locallyConnected2d.js";
import { maximumKind } from "./maximum.js";
import { maxPool2dKind } from "./maxPool2d.js";
import { minimumKind } from "./minimum.js";
import { multiplyKind } from "./multiply.js";
import { permuteKind } from "./permute.js";
import { reluKind } from "./relu.js";
import { reshapeKind } from "./reshape.js";
import { separableConv1dKind } from "./separableConv1d.js";
import { separableConv2dKind } from "./separableConv2d.js";
import { softmaxKind } from "./softmax.js";
import { subtractKind } from "./subtract.js";
import { upSampling1dKind, upSampling2dKind, upSampling3dKind } from "./upSampling.js";
import { zeroPadding1dKind, zeroPadding2dKind, zeroPadding3dKind } from "./zeroPadding.js";

export { activation } from "./activation.js";
export { add } from "./add.js";
export { average } from "./average.js";
export { type AveragePool2dOptions, averagePool2d } from "./averagePool2d.js";
export { type BatchNormOptions, batchNorm } from "./batchNorm.js";
export { type ConcatenateOptions, concatenate } from "./concatenate.js";
export { type Conv1dOptions, conv1d } from "./conv1d.js";
export { type Conv2dOptions, conv2d } from "./conv2d.js";
export { type Conv3dOptions, conv3d } from "./conv3d.js";
export { type ConvTranspose1dOptions, convTranspose1d } from "./convTranspose1d.js";
export { type ConvTranspose2dOptions, convTranspose2d } from "./convTranspose2d.js";
export { type ConvTranspose3dOptions, convTranspose3d } from "./convTranspose3d.js";
export { cropping1d, cropping2d, cropping3d } from "./cropping.js";
export { type DenseOptions, dense } from "./dense.js";
export { type DepthwiseConv1dOptions, depthwiseConv1d } from "./depthwiseConv1d.js";
export { type DepthwiseConv2dOptions, depthwiseConv2d } from "./depthwiseConv2d.js";
export { type DepthwiseConv3dOptions, depthwiseConv3d } from "./depthwiseConv3d.js";
export { dropout } from "./dropout.js";
export { flatten } from "./flatten.js";
export { globalAveragePool2d } from "./globalAveragePool2d.js";
export { type LeakyReluOptions, leakyRelu } from "./leakyRelu.js";
export { type LocallyConnected1dOptions, locallyConnected1d } from "./locallyConnected1d.js";
export { type LocallyConnected2dOptions, locallyConnected2d } from "./locallyConnected2d.js";
export { maximum } from "./maximum.js";
export { type MaxPool2dOptions, maxPool2d } from "./maxPool2d.js";
export { minimum } from "./minimum.js";
export { multiply } from "./multiply.js";
export { permute } from "./permute.js";
export { relu } from "./relu.js";
export { reshape } from "./reshape.js";
export { type SeparableConv1dOptions, separableConv1d } from "./separableConv1d.js";
export { type SeparableConv2dOptions, separableConv2d } from "./separableConv2d.js";
export { softmax } from "./softmax.js";
export { subtract } from "./subtract.js";
export {
  type UpSampling1dOptions,
  type UpSampling2dOptions,
  type UpSampling3dOptions,
  type UpSamplingSize,
  upSampling1d,
  upSampling2d,
  upSampling3d,
} from "./upSampling.js";
export { type ZeroPaddingOptions, zeroPadding1d, zeroPadding2d, zeroPadding3d } from "./zeroPadding.js";

/** Every kind of layer, by name: what files may hold. A new kind is one file and one line here. */
export const layerKinds: Readonly<Record<string, LayerKind>> = {
  conv2d: conv2dKind,
  locallyConnected1d: locallyConnected1dKind,
  locallyConnected2d: locallyConnected2dKind,
  conv1d: conv1dKind,
  conv3d: conv3dKind,
  convTranspose1d: convTranspose1dKind,
  convTranspose2d: convTranspose2dKind,
  convTranspose3d: convTranspose3dKind,
  depthwiseConv1d: depthwiseConv1dKind,
  depthwiseConv2d: depthwiseConv2dKind,
  depthwiseConv3d: depthwiseConv3dKind,
  separableConv1d: separableConv1dKind,
  separableConv2d: separableConv2dKind,
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
  cropping1d: cropping1dKind,
  cropping2d: cropping2dKind,
  cropping3d: cropping3dKind,
  zeroPadding1d: zeroPadding1dKind,
  zeroPadding2d: zeroPadding2dKind,
  zeroPadding3d: zeroPadding3dKind,
  permute: permuteKind,
  concatenate: concatenateKind,
  multiply: multiplyKind,
  subtract: subtractKind,
  maximum: maximumKind,
  minimum: minimumKind,
  average: averageKind,
  upSampling1d: upSampling1dKind,
  upSampling2d: upSampling2dKind,
  upSampling3d: upSampling3dKind,
};
