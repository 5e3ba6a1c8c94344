import { checkOptions, FoveaError, fail } from "../core/errors.js";
import { checkInteger, checkSeed, type Dataset, dataset, take } from "./dataset.js";
import type { DownloadProgress, PublishedFile } from "./download.js";
import { parseIdx } from "./idx.js";
import { type DataSource, type LocatedFile, locateFile } from "./locate.js";
import { strokes } from "./strokes.js";

export interface TrainAndTest {
  readonly train: Dataset;
  readonly test: Dataset;
}

export interface MnistOptions {
  /** A random part of the 60,000 training images; default: all. */
  train?: number;
  /** A random part of the 10,000 test images; default: all. */
  test?: number;
  /** Which part; default 0. */
  seed?: number;
  /** Called as a download goes on. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Another address to download from, for instance a mirror, or a folder of your own site; ends in "/". */
  url?: string;
}

const optionNames = ["train", "test", "seed", "onProgress", "url"] as const;

/** One set of four files that all have MNIST's names. */
interface MnistLike extends DataSource {
  readonly classes: readonly string[];
  readonly files: { readonly [Split in "train" | "test"]: { images: PublishedFile; labels: PublishedFile } };
  readonly alternative?: string;
}

function published(name: string, bytes: number, sha256: string): PublishedFile {
  return { name, bytes, sha256 };
}

const digitsSource: MnistLike = {
  name: "MNIST",
  folders: ["mnist", "MNIST/raw"],
  url: "https://ossci-datasets.s3.amazonaws.com/mnist/",
  classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
  alternative: "digits() goes on without either, on generated digits",
  files: {
    train: {
      images: published(
        "train-images-idx3-ubyte.gz",
        9912422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
      ),
      labels: published(
        "train-labels-idx1-ubyte.gz",
        28881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
      ),
    },
    test: {
      images: published(
        "t10k-images-idx3-ubyte.gz",
        1648877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
      ),
      labels: published(
        "t10k-labels-idx1-ubyte.gz",
        4542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
      ),
    },
  },
};

const fashionSource: MnistLike = {
  name: "Fashion-MNIST",
  folders: ["fashion-mnist", "FashionMNIST/raw"],
  url: "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
  classes: ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
  files: {
    train: {
      images: published(
        "train-images-idx3-ubyte.gz",
        26421880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
      ),
      labels: published(
        "train-labels-idx1-ubyte.gz",
        29515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
      ),
    },
    test: {
      images: published(
        "t10k-images-idx3-ubyte.gz",
        4422102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
      ),
      labels: published(
        "t10k-labels-idx1-ubyte.gz",
        5148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
      ),
    },
  },
};

/**
 * MNIST (LeCun, Cortes, Burges): 60,000 + 10,000 handwritten digits, 28 × 28 grey. Looked for in `FOVEA_DATA`, the
 * cache and `../shared/data`, then downloaded; fails with code "data" when it cannot be had.
 *
 * @example const { train, test } = await mnist();
 */
export function mnist(options: MnistOptions = {}): Promise<TrainAndTest> {
  return load("mnist", digitsSource, options);
}

/**
 * Fashion-MNIST (Xiao, Rasul, Vollgraf 2017): ten kinds of clothing in MNIST's format and sizes.
 *
 * @example const { train, test } = await fashionMnist({ train: 6000 });
 */
export function fashionMnist(options: MnistOptions = {}): Promise<TrainAndTest> {
  return load("fashionMnist", fashionSource, options);
}

/**
 * MNIST or, where it cannot be had, as many generated digits (`strokes`); then `source` says so. A file that is there
 * but damaged is an error all the same.
 *
 * @example const { train, test } = await digits({ train: 6000, seed: 4487 });
 */
export async function digits(options: MnistOptions = {}): Promise<TrainAndTest> {
  try {
    return await load("digits", digitsSource, options);
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "data" && error.where === digitsSource.name)) throw error;
    const { train, test, seed } = options;
    const generated = await strokes({ train, test, seed });
    const source = "generated digits (strokes), since MNIST could not be had";
    return { train: { ...generated.train, source }, test: { ...generated.test, source } };
  }
}

async function load(where: string, source: MnistLike, options: MnistOptions): Promise<TrainAndTest> {
  checkOptions(where, options, optionNames);
  checkSeed(where, options.seed);
  const { train, test } = options;
  if (train !== undefined) checkInteger(where, "train", train, 1, 60000);
  if (test !== undefined) checkInteger(where, "test", test, 1, 10000);
  return {
    train: await loadSplit(source, "train", train, options),
    test: await loadSplit(source, "test", test, options),
  };
}

async function loadSplit(
  source: MnistLike,
  split: "train" | "test",
  count: number | undefined,
  { seed, onProgress, url }: MnistOptions,
): Promise<Dataset> {
  const { images: imageFile, labels: labelFile } = source.files[split];
  const locate = (file: PublishedFile) =>
    locateFile(source, file, { onProgress, url, alternative: source.alternative });
  // The labels are small: where nothing can be had, that is found out before a long download.
  const labels = await locate(labelFile);
  const images = await locate(imageFile);
  const all = dataset({
    name: `${source.name} ${split}`,
    source: `${source.name} from ${images.place}`,
    classes: source.classes,
    ...pair(images, labels),
  });
  return count === undefined ? all : take(all, count, { seed });
}

/** Images and labels, checked against each other: they may come from different places. */
function pair(imageFile: LocatedFile, labelFile: LocatedFile) {
  const images = parseIdx(imageFile.bytes, imageFile.path, 3);
  const labels = parseIdx(labelFile.bytes, labelFile.path, 1);
  const [count, height, width] = images.shape;
  if (count !== labels.shape[0]) {
    fail({
      code: "format",
      where: imageFile.path,
      problem: `the number of images is not that of the labels in ${labelFile.path}`,
      expected: `${labels.shape[0]}`,
      received: `${count}`,
    });
  }
  if (height !== 28 || width !== 28) {
    fail({
      code: "format",
      where: imageFile.path,
      problem: "the images have the wrong size",
      expected: "28 × 28",
      received: `${height} × ${width}`,
    });
  }
  return { inputs: images.data, targets: Int32Array.from(labels.data), shape: [28, 28, 1] };
}
