import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { checkInteger, checkSeed, type Dataset, dataset, take } from "./dataset.js";
import type { PublishedFile } from "./download.js";
import { type DataSource, locateFile, locateFolder, readUnpacked } from "./locate.js";
import type { MnistOptions, TrainAndTest } from "./mnist.js";
import { untar } from "./tar.js";

const side = 32;
const pixels = side * side;
const recordBytes = 1 + 3 * pixels;

const classes = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"] as const;

/** Images, HWC, and labels of CIFAR-10. */
export interface CifarRecords {
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/**
 * Reads records of CIFAR-10's binary version: a label 0 … 9, then 1024 red, 1024 green and 1024 blue bytes, row by row.
 * Channels come last in the result, as everywhere in fovea. Allocates as many bytes as the file has.
 *
 * Errors: code "format", with the record's number.
 *
 * @example parseCifar(new Uint8Array(3073), "black.bin").labels // [0]
 */
export function parseCifar(bytes: Uint8Array, where: string): CifarRecords {
  const count = bytes.length / recordBytes;
  if (count === 0 || !Number.isInteger(count)) {
    fail({
      code: "format",
      where,
      problem: "the file does not divide into records",
      expected: `a multiple of ${recordBytes} bytes`,
      received: `${bytes.length}`,
    });
  }
  const labels = new Uint8Array(count);
  const images = new Uint8Array(count * 3 * pixels);
  for (let record = 0; record < count; record++) {
    const start = record * recordBytes;
    const label = bytes[start];
    if (label >= classes.length) {
      fail({
        code: "format",
        where,
        problem: `the label of record ${record} is not a class`,
        expected: "0 … 9",
        received: `${label}`,
      });
    }
    labels[record] = label;
    const image = images.subarray(record * 3 * pixels, (record + 1) * 3 * pixels);
    for (let channel = 0; channel < 3; channel++) {
      const plane = start + 1 + channel * pixels;
      for (let i = 0; i < pixels; i++) image[3 * i + channel] = bytes[plane + i];
    }
  }
  return { images, labels };
}

export interface CifarOptions extends MnistOptions {
  /**
   * Files whose names begin with "jpeg" hold images that went through JPEG: near to the published ones, but not the same.
   * "train" takes them to train on only, "all" to test on too. Default: "train".
   */
  lossy?: "none" | "train" | "all";
}

const source: DataSource = {
  name: "CIFAR-10",
  folders: ["cifar10", "cifar-10-batches-bin"],
  url: "https://www.cs.toronto.edu/~kriz/",
};

const archive: PublishedFile = {
  name: "cifar-10-binary.tar.gz",
  bytes: 170_052_171,
  sha256: "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
};

/**
 * CIFAR-10 (Krizhevsky 2009): 50,000 + 10,000 photos of ten classes, 32 × 32 RGB. Looked for in `FOVEA_DATA`, the cache
 * and `../shared/data`: a folder `cifar10` or `cifar-10-batches-bin` with files `.bin` or `.bin.gz`, of which those with
 * "test" in their name are tested on. Else it is downloaded. Fails with code "data" when it cannot be had.
 *
 * @example
 * async function load() {
 *   const { train, test } = await cifar10({ train: 10000 });
 * }
 */
export async function cifar10(options: CifarOptions = {}): Promise<TrainAndTest> {
  const where = "cifar10";
  checkOptions(where, options, ["train", "test", "seed", "onProgress", "url", "lossy"]);
  checkSeed(where, options.seed);
  const { train, test, lossy = "train", seed } = options;
  if (train !== undefined) checkInteger(where, "train", train, 1, 50_000);
  if (test !== undefined) checkInteger(where, "test", test, 1, 10_000);
  if (!["none", "train", "all"].includes(lossy)) {
    const expected = '"none", "train" or "all"';
    fail({ code: "option", where, problem: "lossy is out of range", expected, received: String(lossy) });
  }
  const { parts, place } = await findParts(options);
  const part = (split: "train" | "test", count: number | undefined) => {
    const lossyToo = lossy === "all" || lossy === split;
    const chosen = parts.filter(
      ({ name }) => name.includes("test") === (split === "test") && (lossyToo || !isLossy(name)),
    );
    if (chosen.length === 0) {
      fail({
        code: "data",
        where: source.name,
        problem: `there are no files to ${split} ${split === "train" ? "on" : "with"} in ${place}`,
        received: parts.map(({ name }) => name).join(", "),
      });
    }
    const all = join(chosen, split, place);
    return count === undefined || count >= all.length ? all : take(all, count, { seed });
  };
  return { train: part("train", train), test: part("test", test) };
}

interface Part extends CifarRecords {
  readonly name: string;
}

const isLossy = (name: string) => name.startsWith("jpeg");

async function findParts(options: CifarOptions): Promise<{ parts: Part[]; place: string }> {
  const found = await locateFolder(source, isWanted);
  if (found === undefined) {
    const { onProgress, url } = options;
    const { bytes, path, place } = await locateFile(source, archive, { onProgress, url });
    return { parts: partsOf(bytes, path), place };
  }
  const { directory, names, place } = found;
  const unpacked = names.filter(isPart);
  const parts: Part[] = [];
  for (const name of unpacked.length > 0 ? unpacked : names.slice(0, 1)) {
    const path = `${directory}/${name}`;
    const bytes = await readUnpacked(path);
    parts.push(...(isPart(name) ? [{ name, ...parseCifar(bytes, path) }] : partsOf(bytes, path)));
  }
  return { parts, place };
}

const isPart = (name: string) => /\.bin(\.gz)?$/.test(name);

/** Files of records, or the archive as it is published. */
const isWanted = (name: string) => isPart(name) || name === archive.name || `${name}.gz` === archive.name;

function partsOf(bytes: Uint8Array, path: string): Part[] {
  return [...untar(bytes, path)]
    .filter(([name]) => isPart(name))
    .map(([name, content]) => ({ name, ...parseCifar(content, `${path}, ${name}`) }));
}

/** One set of several files. */
function join(parts: readonly Part[], split: "train" | "test", place: string): Dataset {
  const length = parts.reduce((sum, { labels }) => sum + labels.length, 0);
  const inputs = new Uint8Array(length * 3 * pixels);
  const targets = new Int32Array(length);
  let [start, lossy] = [0, 0];
  for (const { name, images, labels } of parts) {
    inputs.set(images, start * 3 * pixels);
    targets.set(labels, start);
    start += labels.length;
    if (isLossy(name)) lossy += labels.length;
  }
  const grade = lossy === 0 ? "" : `, ${lossy === length ? "all" : `${lossy} of ${length}`} by way of JPEG`;
  return dataset({
    name: `${source.name} ${split}`,
    source: `${source.name} from ${place}${grade}`,
    inputs,
    targets,
    shape: [side, side, 3],
    classes,
  });
}

/** Whether CIFAR-10 lies on this machine, and where; nothing is downloaded or decoded. */
export async function cifarPlace(): Promise<string | undefined> {
  if (platform.directories === undefined) return undefined;
  return (await locateFolder(source, isWanted))?.place;
}
