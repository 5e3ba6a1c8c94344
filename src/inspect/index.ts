/** Looking inside models: filters, feature maps, what units respond to, and how training goes. */
export {
  type AdversarialImage,
  type AdversarialImages,
  type AdversarialOptions,
  type AttackCurveOptions,
  type AttackMethod,
  type AttackOptions,
  adversarialImages,
  attackCurve,
  type FoolingImage,
  type FoolingImages,
  type FoolingOptions,
  foolingImages,
  type Guess,
  type Range,
} from "./adversarial.js";
export {
  type Attribution,
  type AttributionMethod,
  type AttributionOptions,
  deconvnet,
  guidedBackpropagation,
  type IntegratedGradients,
  type IntegratedGradientsOptions,
  integratedGradients,
  type OcclusionOptions,
  occlusion,
  type Patch,
  saliency,
} from "./attribution.js";
export {
  type CalibrationDiagram,
  type CalibrationOptions,
  calibrationDiagram,
  type Rejection,
  type RejectionCurve,
  type RejectionOptions,
  rejection,
} from "./confidence.js";
export { type FilterEvolution, filterEvolution } from "./evolution.js";
export { type FeaturePlane, type FeaturePlaneMethod, type FeaturePlaneOptions, featurePlane } from "./featurePlane.js";
export { type FilterFigureOptions, filterFigurePng, filterFigureSvg } from "./filterFigure.js";
export { type FeatureMaps, type FeatureMapsOptions, type Filters, featureMaps, filters } from "./filters.js";
export { type ClassActivationMap, type GradCamMethod, type GradCamOptions, gradCam } from "./gradCam.js";
export { type MaximizedImage, type MaximizeOptions, maximizeActivation } from "./maximize.js";
export type { Normalization } from "./natural.js";
export { type FilmOptions, type PictureOptions, type View, viewGif, viewPng, viewSvg } from "./picture.js";
export { type PixelArithmetic, type PixelOptions, pixelArithmetic } from "./pixel.js";
export {
  type ConfusionView,
  confusion,
  mistakes,
  type Prediction,
  type Predictions,
  type PredictionsOptions,
  predictions,
} from "./predictions.js";
export type { Picture, Target, TargetOptions, ViewOptions } from "./probe.js";
export { reportHtml } from "./report/report.js";
export type { ReportFacts, ReportOptions } from "./report/subject.js";
export {
  type Change,
  type GeometricChange,
  type GeometryCurveOptions,
  geometryCurve,
  type NoiseCurveOptions,
  noiseCurve,
  type Robustness,
  type RobustnessCurve,
} from "./robustness.js";
export {
  type GradientNorm,
  type GradientNormOptions,
  type GradientNorms,
  gradientNorms,
  type Histogram,
  type HistogramOptions,
  type Histograms,
  histograms,
  type LayerHealth,
  type UnitReport,
  unitReport,
} from "./statistics.js";
export type { ThemeName } from "./svg.js";
export type { PictureView } from "./tiles.js";
export { type Activation, type TopActivations, type TopActivationsOptions, topActivations } from "./topActivations.js";
export { type ViewTextOptions, viewText } from "./viewText.js";
export { type SlidingWindows, slidingWindows, type WindowsOptions } from "./windows.js";
