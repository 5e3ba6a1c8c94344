/** The signals behind convolutional networks: convolution, spectra, filters, templates, and the arithmetic of layers. */
export {
  type OutputSizeOptions,
  outputSize,
  parameterCounts,
  parseChain,
  parseShape,
} from "./chain.js";
export {
  type FilterCharts,
  type FrequencyPoint,
  filterCharts,
  type NamedFilter,
  type TimePoint,
} from "./charts.js";
export {
  type ConvolveOptions,
  convolutionMatrix,
  convolve,
  correlate,
  correlationMatrix,
  flip,
  type Mode,
} from "./convolve.js";
export {
  bandPass,
  type FilterOptions,
  highPass,
  lowPass,
  movingAverage,
  type WindowName,
  windowWeights,
} from "./filters.js";
export { bandwidth, type DtftResult, dtft, type FrequencyResponse, frequencyResponse } from "./frequency.js";
export { hwioToOihw, type LaidOut, nchwToNhwc, nhwcToNchw, oihwToHwio, type Values } from "./layouts.js";
export { type Nested, nested, type Signal, type SignalLike, signal } from "./signal.js";
export { fft, ifft, type Spectrum } from "./spectra.js";
export {
  diagonalDetector,
  edgeDetector,
  highest,
  laplacian,
  matchedFilter,
  normalizedCorrelation,
  type Peak,
} from "./templates.js";
