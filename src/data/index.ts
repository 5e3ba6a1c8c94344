/** Data sets: published ones, generated digits, files of images, arrays and sound; ways to divide, measure and vary them. */
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
export { augmentationNames, formatAugment, parseAugment } from "./augment/text.js";
export {
  blur,
  type ErasingOptions,
  erasing,
  frequencyMask,
  noise,
  type TimeShiftOptions,
  timeMask,
  timeShift,
} from "./augment/values.js";
export { type CifarOptions, type CifarRecords, cifar10, parseCifar } from "./cifar.js";
export { parseCsv } from "./csv.js";
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
export type { FileDataset, FileOptions, SkippedFile } from "./files.js";
export { gunzip } from "./gzip.js";
export { type IdxArray, parseIdx } from "./idx.js";
export {
  type ImageDatasetOptions,
  type ImageListOptions,
  imageDataset,
  imageFolder,
  imageList,
  type LabelledImage,
  type LabelledImagesOptions,
  type MaskedImagesOptions,
  maskedImages,
} from "./imageFiles.js";
export { type ImageFile, type ImageSize, readImage } from "./images.js";
export {
  type CollectOptions,
  classWeights,
  collect,
  oneHot,
  type Statistics,
  type StreamedExample,
  statistics,
  stratifiedSplit,
} from "./measures.js";
export { digits, fashionMnist, type MnistOptions, mnist, type TrainAndTest } from "./mnist.js";
export { type NpyArray, parseNpy, parseNpz, readArrays } from "./npy.js";
export { type ColumnOptions, type RecordDatasetOptions, recordDataset } from "./records.js";
export { type ResizedOptions, resized } from "./resized.js";
export { type SoundFolderOptions, soundFolder } from "./soundFiles.js";
export { type Spectrogram, type SpectrogramOptions, spectrogram } from "./spectrogram.js";
export { type StrokesOptions, strokes } from "./strokes.js";
export { mono, parseWav, resampleSound, type Sound } from "./wav.js";
