/** Data sets: from arrays, MNIST and Fashion-MNIST, generated digits, image files. */
export {
  type Column,
  classCounts,
  type Dataset,
  type DatasetOptions,
  dataset,
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
