/** fovea/metrics: how good predictions are. Pure functions of labels and of what was predicted. */
export {
  accuracy,
  type ClassificationMetrics,
  type ClassMetrics,
  type Confusion,
  type ConfusionMatrix,
  classificationMetrics,
  confusionMatrix,
  diceCoefficient,
  intersectionOverUnion,
  mostConfused,
  predictedClasses,
  topKAccuracy,
} from "./classification.js";
export {
  type Calibration,
  type CalibrationBin,
  calibration,
  type RejectionPoint,
  type RejectionRule,
  rejectionCurve,
  rejectionFor,
} from "./confidence.js";
export type { Labels } from "./labels.js";
export { meanAbsoluteError, meanSquaredError } from "./regression.js";
export { areasUnderRoc, areaUnderRoc, type RocCurve, rocCurve } from "./roc.js";
