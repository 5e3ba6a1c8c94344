import type { LayerKind } from "../layer.js";
import { activationKind } from "./activation.js";
import {
  adaptiveAveragePool1dKind,
  adaptiveAveragePool2dKind,
  adaptiveAveragePool3dKind,
} from "./adaptiveAveragePool.js";
import { adaptiveMaxPool1dKind, adaptiveMaxPool2dKind, adaptiveMaxPool3dKind } from "./adaptiveMaxPool.js";
import { addKind } from "./add.js";
import { averageKind } from "./average.js";
import { averagePool1dKind, averagePool2dKind, averagePool3dKind } from "./averagePool.js";
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
import { eluKind } from "./elu.js";
import { embeddingKind } from "./embedding.js";
import { flattenKind } from "./flatten.js";
import { geluKind } from "./gelu.js";
import { globalAveragePool1dKind, globalAveragePool2dKind, globalAveragePool3dKind } from "./globalAveragePool.js";
import { globalL2Pool1dKind, globalL2Pool2dKind, globalL2Pool3dKind } from "./globalL2Pool.js";
import { globalMaxPool1dKind, globalMaxPool2dKind, globalMaxPool3dKind } from "./globalMaxPool.js";
import { globalMinPool1dKind, globalMinPool2dKind, globalMinPool3dKind } from "./globalMinPool.js";
import { globalSumPool1dKind, globalSumPool2dKind, globalSumPool3dKind } from "./globalSumPool.js";
import { groupNormKind, instanceNormKind } from "./groupNorm.js";
import { hardSigmoidKind } from "./hardSigmoid.js";
import { hardSwishKind } from "./hardSwish.js";
import { hardTanhKind } from "./hardTanh.js";
import { l2Pool1dKind, l2Pool2dKind, l2Pool3dKind } from "./l2Pool.js";
import { lambdaKind } from "./lambda.js";
import { layerNormKind } from "./layerNorm.js";
import { leakyReluKind } from "./leakyRelu.js";
import { locallyConnected1dKind } from "./locallyConnected1d.js";
import { locallyConnected2dKind } from "./locallyConnected2d.js";
import { localResponseNormKind } from "./localResponseNorm.js";
import { maximumKind } from "./maximum.js";
import { maxoutKind } from "./maxout.js";
import { maxPool1dKind, maxPool2dKind, maxPool3dKind } from "./maxPool.js";
import { maxUnpool1dKind, maxUnpool2dKind, maxUnpool3dKind } from "./maxUnpool.js";
import { minimumKind } from "./minimum.js";
import { minPool1dKind, minPool2dKind, minPool3dKind } from "./minPool.js";
import { mishKind } from "./mish.js";
import { multiplyKind } from "./multiply.js";
import { permuteKind } from "./permute.js";
import { preluKind } from "./prelu.js";
import { reluKind } from "./relu.js";
import { relu6Kind } from "./relu6.js";
import { reshapeKind } from "./reshape.js";
import { seluKind } from "./selu.js";
import { separableConv1dKind } from "./separableConv1d.js";
import { separableConv2dKind } from "./separableConv2d.js";
import { sigmoidKind } from "./sigmoid.js";
import { siluKind } from "./silu.js";
import { softmaxKind } from "./softmax.js";
import { softplusKind } from "./softplus.js";
import { softsignKind } from "./softsign.js";
import { spatialDropout1dKind, spatialDropout2dKind, spatialDropout3dKind } from "./spatialDropout.js";
import { stopGradientKind } from "./stopGradient.js";
import { subnetworkKind } from "./subnetwork.js";
import { subtractKind } from "./subtract.js";
import { sumPool1dKind, sumPool2dKind, sumPool3dKind } from "./sumPool.js";
import { tanhKind } from "./tanh.js";
import { upSampling1dKind, upSampling2dKind, upSampling3dKind } from "./upSampling.js";
import { zeroPadding1dKind, zeroPadding2dKind, zeroPadding3dKind } from "./zeroPadding.js";

export { activation } from "./activation.js";
export { adaptiveAveragePool1d, adaptiveAveragePool2d, adaptiveAveragePool3d } from "./adaptiveAveragePool.js";
export { adaptiveMaxPool1d, adaptiveMaxPool2d, adaptiveMaxPool3d } from "./adaptiveMaxPool.js";
export { add } from "./add.js";
export { average } from "./average.js";
export { type AveragePoolOptions, averagePool1d, averagePool2d, averagePool3d } from "./averagePool.js";
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
export { type EluOptions, elu } from "./elu.js";
export { type EmbeddingOptions, embedding } from "./embedding.js";
export { flatten } from "./flatten.js";
export { type GeluOptions, gelu } from "./gelu.js";
export { globalAveragePool1d, globalAveragePool2d, globalAveragePool3d } from "./globalAveragePool.js";
export { globalL2Pool1d, globalL2Pool2d, globalL2Pool3d } from "./globalL2Pool.js";
export { globalMaxPool1d, globalMaxPool2d, globalMaxPool3d } from "./globalMaxPool.js";
export { globalMinPool1d, globalMinPool2d, globalMinPool3d } from "./globalMinPool.js";
export { globalSumPool1d, globalSumPool2d, globalSumPool3d } from "./globalSumPool.js";
export { type GroupNormOptions, groupNorm, instanceNorm } from "./groupNorm.js";
export { hardSigmoid } from "./hardSigmoid.js";
export { hardSwish } from "./hardSwish.js";
export { type HardTanhOptions, hardTanh } from "./hardTanh.js";
export { l2Pool1d, l2Pool2d, l2Pool3d } from "./l2Pool.js";
export { lambda } from "./lambda.js";
export { type LayerNormOptions, layerNorm } from "./layerNorm.js";
export { type LeakyReluOptions, leakyRelu } from "./leakyRelu.js";
export { type LocallyConnected1dOptions, locallyConnected1d } from "./locallyConnected1d.js";
export { type LocallyConnected2dOptions, locallyConnected2d } from "./locallyConnected2d.js";
export { type LocalResponseNormOptions, localResponseNorm } from "./localResponseNorm.js";
export { maximum } from "./maximum.js";
export { maxout } from "./maxout.js";
export { maxPool1d, maxPool2d, maxPool3d } from "./maxPool.js";
export { maxUnpool1d, maxUnpool2d, maxUnpool3d } from "./maxUnpool.js";
export { minimum } from "./minimum.js";
export { minPool1d, minPool2d, minPool3d } from "./minPool.js";
export { mish } from "./mish.js";
export { multiply } from "./multiply.js";
export { permute } from "./permute.js";
export type { PoolOptions } from "./pool.js";
export { type PreluOptions, prelu } from "./prelu.js";
export { relu } from "./relu.js";
export { relu6 } from "./relu6.js";
export { reshape } from "./reshape.js";
export { selu } from "./selu.js";
export { type SeparableConv1dOptions, separableConv1d } from "./separableConv1d.js";
export { type SeparableConv2dOptions, separableConv2d } from "./separableConv2d.js";
export { sigmoid } from "./sigmoid.js";
export { silu } from "./silu.js";
export { softmax } from "./softmax.js";
export { type SoftplusOptions, softplus } from "./softplus.js";
export { softsign } from "./softsign.js";
export { spatialDropout1d, spatialDropout2d, spatialDropout3d } from "./spatialDropout.js";
export { stopGradient } from "./stopGradient.js";
export { subnetwork } from "./subnetwork.js";
export { subtract } from "./subtract.js";
export { sumPool1d, sumPool2d, sumPool3d } from "./sumPool.js";
export { tanh } from "./tanh.js";
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
  embedding: embeddingKind,
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
  maxPool1d: maxPool1dKind,
  maxPool2d: maxPool2dKind,
  maxPool3d: maxPool3dKind,
  minPool1d: minPool1dKind,
  minPool2d: minPool2dKind,
  minPool3d: minPool3dKind,
  sumPool1d: sumPool1dKind,
  sumPool2d: sumPool2dKind,
  sumPool3d: sumPool3dKind,
  l2Pool1d: l2Pool1dKind,
  l2Pool2d: l2Pool2dKind,
  l2Pool3d: l2Pool3dKind,
  averagePool1d: averagePool1dKind,
  averagePool2d: averagePool2dKind,
  averagePool3d: averagePool3dKind,
  maxUnpool1d: maxUnpool1dKind,
  maxUnpool2d: maxUnpool2dKind,
  maxUnpool3d: maxUnpool3dKind,
  globalAveragePool1d: globalAveragePool1dKind,
  globalAveragePool2d: globalAveragePool2dKind,
  globalAveragePool3d: globalAveragePool3dKind,
  globalMaxPool1d: globalMaxPool1dKind,
  globalMaxPool2d: globalMaxPool2dKind,
  globalMaxPool3d: globalMaxPool3dKind,
  globalMinPool1d: globalMinPool1dKind,
  globalMinPool2d: globalMinPool2dKind,
  globalMinPool3d: globalMinPool3dKind,
  globalSumPool1d: globalSumPool1dKind,
  globalSumPool2d: globalSumPool2dKind,
  globalSumPool3d: globalSumPool3dKind,
  globalL2Pool1d: globalL2Pool1dKind,
  globalL2Pool2d: globalL2Pool2dKind,
  globalL2Pool3d: globalL2Pool3dKind,
  adaptiveAveragePool1d: adaptiveAveragePool1dKind,
  adaptiveAveragePool2d: adaptiveAveragePool2dKind,
  adaptiveAveragePool3d: adaptiveAveragePool3dKind,
  adaptiveMaxPool1d: adaptiveMaxPool1dKind,
  adaptiveMaxPool2d: adaptiveMaxPool2dKind,
  adaptiveMaxPool3d: adaptiveMaxPool3dKind,
  layerNorm: layerNormKind,
  groupNorm: groupNormKind,
  instanceNorm: instanceNormKind,
  localResponseNorm: localResponseNormKind,
  spatialDropout1d: spatialDropout1dKind,
  spatialDropout2d: spatialDropout2dKind,
  spatialDropout3d: spatialDropout3dKind,
  sigmoid: sigmoidKind,
  tanh: tanhKind,
  relu6: relu6Kind,
  selu: seluKind,
  silu: siluKind,
  hardSigmoid: hardSigmoidKind,
  hardSwish: hardSwishKind,
  softsign: softsignKind,
  mish: mishKind,
  elu: eluKind,
  gelu: geluKind,
  softplus: softplusKind,
  hardTanh: hardTanhKind,
  prelu: preluKind,
  maxout: maxoutKind,
  stopGradient: stopGradientKind,
  lambda: lambdaKind,
};
