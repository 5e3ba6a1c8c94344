/** Data sets: from arrays, MNIST and Fashion-MNIST, generated digits, image files. */
export {
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
export { type StrokesOptions, strokes } from "./strokes.js";
