/** fovea: design, train, look inside and ship convolutional neural networks. */
export { type ErrorCode, type ErrorDetails, FoveaError } from "./core/errors.js";
export type { Shape } from "./core/shapes.js";
export {
  constant,
  dirac,
  type Initializer,
  identity,
  orthogonal,
  randomNormal,
  randomUniform,
  truncatedNormal,
} from "./model/initializers.js";
export {
  activation,
  add,
  averagePool2d,
  batchNorm,
  conv2d,
  dense,
  dropout,
  flatten,
  globalAveragePool2d,
  leakyRelu,
  maxPool2d,
  relu,
  reshape,
  softmax,
} from "./model/layers/index.js";
export {
  type BinaryCrossEntropyOptions,
  binaryCrossEntropy,
  type CrossEntropyOptions,
  categoricalHinge,
  cosineSimilarity,
  crossEntropy,
  type DiceOptions,
  dice,
  type HuberOptions,
  hinge,
  huber,
  klDivergence,
  type Loss,
  type LossFunction,
  type LossName,
  type LossOption,
  meanAbsoluteError,
  meanSquaredError,
  squaredHinge,
} from "./model/losses.js";
export type { LossSpec, LossWeights } from "./model/objectives.js";
export {
  type AdadeltaOptions,
  type AdagradOptions,
  type AdamOptions,
  adadelta,
  adagrad,
  adam,
  adamW,
  type LionOptions,
  lion,
  type Optimizer,
  type OptimizerOptions,
  type ParameterGroup,
  type RmspropOptions,
  rmsprop,
  type SgdOptions,
  sgd,
} from "./model/optimizers.js";
export type { Regularizer, Regularizers } from "./model/regularizers.js";
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
  type ModelLayer,
  model,
  modelFromBytes,
  type PredictInputs,
  type PredictOptions,
  sequential,
} from "./train/model.js";
export {
  type CosineDecayOptions,
  cosineDecay,
  type ExponentialDecayOptions,
  exponentialDecay,
  type OneCycleOptions,
  oneCycle,
  type PolynomialDecayOptions,
  perEpoch,
  polynomialDecay,
  type ReduceOnPlateauOptions,
  reduceOnPlateau,
  type Schedule,
  type StepDecayOptions,
  stepDecay,
} from "./train/schedules.js";
