/** Data sets: from arrays, MNIST and Fashion-MNIST, generated digits, image files. */
export { type Augment, augment, augmented, sometimes } from "./augment/augment.js";
export type {
  Augmentation,
  ColourAugmentation,
  Fill,
  FillOptions,
  GeometricAugmentation,
  MixingAugmentation,
  ValueAugmentation,
} from "./augment/augmentation.js";
export { brightness, contrast, hue, saturation } from "./augment/colour.js";
export {
  type ElasticOptions,
  elastic,
  flip,
  type RandomResizedCropOptions,
  randomCrop,
  randomResizedCrop,
  rotate,
  scale,
  shear,
  shift,
} from "./augment/geometric.js";
export { cutMix, mixUp } from "./augment/mix.js";
export { blur, type ErasingOptions, erasing, frequencyMask, noise, timeMask, timeShift } from "./augment/values.js";
export {
  type Column,
  classCounts,
  type Dataset,
  type DatasetOptions,
  dataset,
  type ExampleReader,
  type LazyDatasetOptions,
  lazyDataset,
  split,
  subset,
  take,
} from "./dataset.js";
export type { DownloadProgress } from "./download.js";
export { gunzip } from "./gzip.js";
export { type IdxArray, parseIdx } from "./idx.js";
export { type ImageSize, readImage } from "./images.js";
export { digits, fashionMnist, type MnistOptions, mnist, type TrainAndTest } from "./mnist.js";
export { type ColumnOptions, type RecordDatasetOptions, recordDataset } from "./records.js";
export { type StrokesOptions, strokes } from "./strokes.js";
