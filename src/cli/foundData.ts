import { platform } from "#platform";
import { didYouMean, FoveaError, fail } from "../core/errors.js";
import { cifar10, cifarPlace } from "../data/cifar.js";
import { lastPart, listFiles } from "../data/files.js";
import { imageExtensions } from "../data/imageFiles.js";
import { imageExtent } from "../data/images.js";
import {
  type Dataset,
  dataset,
  type FileDataset,
  fashionMnist,
  imageFolder,
  type MnistOptions,
  maskedImages,
  mnist,
  readArrays,
  type SkippedFile,
  soundFolder,
  strokes,
  type TrainAndTest,
} from "../data/index.js";

export interface KnownSet {
  readonly name: string;
  readonly about: string;
  load(options: Pick<MnistOptions, "onProgress">): Promise<TrainAndTest>;
  /** Where it lies, without reading it. Default: found out by reading it. */
  readonly place?: () => Promise<string | undefined>;
}

export const knownSets: readonly KnownSet[] = [
  { name: "mnist", about: "handwritten digits, 60,000 + 10,000", load: mnist },
  { name: "fashion-mnist", about: "ten kinds of clothing, 60,000 + 10,000", load: fashionMnist },
  { name: "cifar10", about: "small photos of ten kinds, 50,000 + 10,000", load: cifar10, place: cifarPlace },
  { name: "strokes", about: "digits drawn by fovea itself, any number", load: () => strokes() },
];

/** A data set by whatever name it was called. */
export interface FoundData {
  readonly name: string;
  readonly source: string;
  /** "train" and "test" of a known set, otherwise folders or the whole. */
  readonly parts: readonly { readonly name: string; readonly data: Dataset }[];
  readonly skipped: readonly SkippedFile[];
  /** Of files, which have no shape of their own as a set: what they are like. */
  readonly about?: string;
}

export interface FindOptions extends Pick<MnistOptions, "onProgress"> {
  /** How images of a folder are made to fit into a small square: with bars to look at, without to measure. */
  readonly fit: "contain" | "fill";
}

/** Height and width of the images of a folder as they are looked at. */
const imageSide = 112;

/** Names of folders that are parts of a set, not classes. */
const partNames = ["train", "training", "valid", "validation", "val", "test", "testing"];

/**
 * A known set, a folder of images or WAV files in folders of classes, a folder with `images` and `masks`, a folder of such
 * folders called train and test, or a `.npz` file with x_train, y_train, x_test, y_test or x and y.
 *
 * Errors: code "usage" where `what` is none of these.
 */
export async function findData(what: string, options: FindOptions): Promise<FoundData> {
  const known = knownSets.find(({ name }) => name === what);
  if (known !== undefined) {
    const { train, test } = await known.load(
      options.onProgress === undefined ? {} : { onProgress: options.onProgress },
    );
    const parts = [
      { name: "train", data: train },
      { name: "test", data: test },
    ];
    return { name: what, source: train.source, parts, skipped: [] };
  }
  if (await platform.files.exists(what)) {
    const path = what.replace(/[/\\]+$/, "");
    return /\.npz$/i.test(path) ? arraysIn(path) : folderData(path, options);
  }
  const names = knownSets.map(({ name }) => name);
  return fail({
    code: "usage",
    where: `data set "${what}"`,
    problem: "there is no such data set, folder or file",
    expected: `one of ${names.join(", ")}, or a path`,
    fix: didYouMean(what, names),
  });
}

async function folderData(path: string, options: FindOptions): Promise<FoundData> {
  const inside = await platform.files.list(path);
  const parts = inside.filter((name) => partNames.includes(name.toLowerCase()));
  // the part that is trained on comes first
  parts.sort((a, b) => partNames.indexOf(a.toLowerCase()) - partNames.indexOf(b.toLowerCase()));
  const names = parts.length > 1 ? parts : [""];
  const found: { name: string; data: FileDataset }[] = [];
  for (const name of names) {
    found.push({ name: name || "all", data: await partData(name === "" ? path : `${path}/${name}`, options) });
  }
  const skipped = found.flatMap(({ data }) => data.skipped);
  const damaged = new Set(skipped.map(({ file }) => file));
  const images = (await listFiles(path, imageExtensions)).map((file) => `${path}/${file}`);
  const about = await extentsOf(images.filter((file) => !damaged.has(file)));
  return { name: path, source: path, parts: found, skipped, ...(about === undefined ? {} : { about }) };
}

async function extentsOf(files: readonly string[]): Promise<string | undefined> {
  let [smallest, largest]: ({ height: number; width: number } | undefined)[] = [];
  for (const file of files) {
    const extent = await imageExtent(file);
    const pixels = extent.height * extent.width;
    if (smallest === undefined || pixels < smallest.height * smallest.width) smallest = extent;
    if (largest === undefined || pixels > largest.height * largest.width) largest = extent;
  }
  if (smallest === undefined || largest === undefined) return undefined;
  const [from, to] = [smallest, largest].map(({ height, width }) => `${width} × ${height}`);
  return from === to ? `images of ${from} pixels` : `images of ${from} to ${to} pixels`;
}

async function partData(path: string, { fit }: FindOptions): Promise<FileDataset> {
  const size = { height: imageSide, width: imageSide, channels: 3, fit, damaged: "skip" } as const;
  const inside = await platform.files.list(path);
  if (inside.includes("images") && inside.includes("masks")) {
    return maskedImages(`${path}/images`, `${path}/masks`, { ...size, name: lastPart(path) });
  }
  const sounds = await listFiles(path, /\.wave?$/i);
  const images = await listFiles(path, imageExtensions);
  if (sounds.length > images.length) return soundFolder(path, { spectrogram: {}, damaged: "skip" });
  return imageFolder(path, size);
}

/** The parts of a `.npz` file: train and test, or all. */
export async function arraysIn(path: string): Promise<FoundData> {
  const arrays = await readArrays(path);
  const part = (name: string, x: string, y: string) => {
    const [inputs, targets] = [arrays[x], arrays[y]];
    if (inputs === undefined || targets === undefined) return [];
    const grey = inputs.shape.length === 3 && inputs.data instanceof Uint8Array;
    const data = dataset({
      name: path,
      source: path,
      inputs: inputs.data instanceof Uint8Array ? inputs.data : Float32Array.from(inputs.data),
      targets: targets.data instanceof Float64Array ? Float32Array.from(targets.data) : targets.data,
      shape: [...inputs.shape.slice(1), ...(grey ? [1] : [])],
    });
    return [{ name, data }];
  };
  const parts = [...part("train", "x_train", "y_train"), ...part("test", "x_test", "y_test"), ...part("all", "x", "y")];
  if (parts.length === 0) {
    const expected = "x_train and y_train, x_test and y_test, or x and y";
    fail({
      code: "data",
      where: path,
      problem: "has no arrays of these names",
      expected,
      received: Object.keys(arrays).join(", "),
    });
  }
  return { name: path, source: path, parts, skipped: [] };
}

/** Looks at the places on this machine, by reading the set with the network switched off. */
export async function whereIs(set: KnownSet): Promise<{ found: boolean; place: string }> {
  if (set.name === "strokes") return { found: true, place: "generated" };
  const known = await set.place?.();
  if (known !== undefined) return { found: true, place: known };
  const before = process.env.FOVEA_OFFLINE;
  process.env.FOVEA_OFFLINE = "1";
  try {
    const { test } = await set.load({});
    return { found: true, place: test.source.replace(/^.* from /, "") };
  } catch (error) {
    if (!(error instanceof FoveaError)) throw error;
    if (error.code !== "data") return { found: false, place: `damaged: ${error.where}: ${error.problem}` };
    const address = /https?:\S+\//.exec(error.problem)?.[0];
    return { found: false, place: address === undefined ? "nowhere" : `not here; to download from ${address}` };
  } finally {
    if (before === undefined) delete process.env.FOVEA_OFFLINE;
    else process.env.FOVEA_OFFLINE = before;
  }
}
