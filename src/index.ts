/** fovea: design, train, look inside and ship convolutional neural networks. */
export { type ErrorCode, type ErrorDetails, FoveaError } from "./core/errors.js";
export type { Shape } from "./core/shapes.js";
export {
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
} from "./model/layers/index.js";
export { adam, type Optimizer, sgd } from "./model/optimizers.js";
export { input } from "./model/symbolic.js";
export type {
  Callback,
  EpochLog,
  RunControl,
  RunEnd,
  RunStart,
  StepLog,
} from "./train/callbacks.js";
export { type EarlyStoppingOptions, earlyStopping } from "./train/earlyStopping.js";
export type { Evaluation } from "./train/evaluate.js";
export type { FitOptions, History } from "./train/fit.js";
export {
  type EvaluateOptions,
  loadModel,
  Model,
  model,
  modelFromBytes,
  type PredictOptions,
  sequential,
} from "./train/model.js";
