import { stat } from "node:fs/promises";
import { FoveaError, fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import { listFiles, type SkippedFile } from "../../data/files.js";
import { imageExtensions } from "../../data/imageFiles.js";
import { type ImageSize, readImage } from "../../data/images.js";
import { loadModel } from "../../train/model.js";
import { formatBar, formatPercent, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { pictureSize } from "../picture.js";
import { noteSkipped, severally } from "../reading.js";
import { modelFile } from "../run.js";

export interface PredictCommandOptions {
  readonly top: number;
  readonly invert?: boolean;
  /** What happens to images that cannot be decoded. Default: "refuse". */
  readonly corrupt?: "refuse" | "skip";
  readonly threads?: number;
  readonly json?: boolean;
}

const barWidth = 24;

/** Images that are read and predicted together, so that a folder of any size fits into memory. */
const atOnce = 64;

/** More of them are told in a line each. */
const mostInDetail = 6;

/** Says what is in pictures, files and folders of them: the most probable classes of each. */
export async function predict(
  path: string,
  what: readonly string[],
  { top, invert = false, corrupt = "refuse", threads, json }: PredictCommandOptions,
  io: Io,
): Promise<number> {
  const model = await loadModel(await modelFile(path));
  const size = pictureSize(model, path);
  const images = await filesOf(what);
  const classes = sizeOf(model.network.outputs[0]!.shape);
  const rows: string[][] = [];
  for (let start = 0; start < images.length; start += atOnce) {
    const { pictures, skipped } = await readPictures(images.slice(start, start + atOnce), size, corrupt);
    noteSkipped(skipped, io);
    if (pictures.length === 0) continue;
    const pixels = new Uint8Array(pictures.length * size.height * size.width * size.channels);
    pictures.forEach(({ image, picture }, i) => {
      noteTrouble(image, picture, size, { invert, own: model.metadata.imageFit !== undefined }, io);
      const shown = invert ? picture.map((value) => 255 - value) : picture;
      pixels.set(shown, i * picture.length);
    });
    const probabilities = await model.predict(pixels, { probabilities: true, threads });
    pictures.forEach(({ image }, i) => {
      const ranked = rank(probabilities.subarray(i * classes, (i + 1) * classes), model.classes).slice(0, top);
      if (json === true) printJson(io, { event: "prediction", image, top: ranked });
      else if (images.length <= mostInDetail) printRanking(image, ranked, io);
      else rows.push([image, ...ranked.flatMap((guess) => [guess.class, formatPercent(guess.probability)])]);
    });
  }
  if (rows.length > 0) {
    const titles = Array.from({ length: Math.min(top, classes) }, (_, i) => [i === 0 ? "Class" : "or", ">with"]);
    for (const line of formatTable(["Image", ...titles.flat()], rows)) printLine(io.stdout, line);
  }
  return exitCodes.ok;
}

/** Files as they are named, and those in folders that are named. Errors: code "data" for a folder without images. */
async function filesOf(what: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for (const path of what) {
    const isFolder = await stat(path).then(
      (entry) => entry.isDirectory(),
      () => false,
    );
    if (!isFolder) {
      found.push(path);
      continue;
    }
    const folder = path.replace(/[/\\]+$/, "");
    const inside = await listFiles(folder, imageExtensions);
    if (inside.length === 0) {
      const expected = "JPEG, PNG, WebP, AVIF, TIFF or GIF files";
      fail({ code: "data", where: path, problem: "there are no images in the folder", expected });
    }
    found.push(...inside.map((name) => `${folder}/${name}`));
  }
  return found;
}

interface Picture {
  readonly image: string;
  readonly picture: Uint8Array;
}

/** Decodes images, but for those that cannot be, where they may be left out. */
async function readPictures(images: readonly string[], size: ImageSize, corrupt: "refuse" | "skip") {
  const read = new Array<Picture | SkippedFile>(images.length);
  await severally(images.length, async (i) => {
    const image = images[i]!;
    try {
      read[i] = { image, picture: await readImage(image, size) };
    } catch (error) {
      if (!(error instanceof FoveaError && error.code === "format")) throw error;
      if (corrupt === "refuse") failDecoding(error, images.length > 1);
      read[i] = { file: image, reason: error.received ?? error.problem };
    }
  });
  return {
    pictures: read.filter((each): each is Picture => "picture" in each),
    skipped: read.filter((each): each is SkippedFile => "reason" in each),
  };
}

function failDecoding(cause: FoveaError, amongOthers: boolean): never {
  const { code, where, problem, expected, received } = cause;
  const fix = amongOthers ? "Leave such images out with --corrupt skip" : undefined;
  return fail({ code, where, problem, expected, received, fix, cause });
}

interface Guess {
  readonly class: string;
  readonly index: number;
  readonly probability: number;
}

function rank(probabilities: Float32Array, names: readonly string[]): Guess[] {
  return [...probabilities]
    .map((probability, index) => ({ class: names[index] ?? String(index), index, probability }))
    .sort((a, b) => b.probability - a.probability || a.index - b.index);
}

function printRanking(image: string, guesses: readonly Guess[], { stdout }: Io): void {
  const longest = Math.max(...guesses.map((guess) => guess.class.length));
  printLine(stdout, image);
  for (const { class: name, probability } of guesses) {
    const bar = formatBar(probability, barWidth);
    printLine(stdout, `  ${name.padEnd(longest)}  ${bar}  ${formatPercent(probability).padStart(8)}`);
  }
}

/**
 * Pictures on paper have a bright background; MNIST and its like are light on black. A network that has never seen
 * one answers all the same, and confidently, so it has to be said.
 * Of models of a user's own images nothing of that kind is known.
 */
function noteTrouble(
  image: string,
  picture: Uint8Array,
  { height, width, channels }: ImageSize,
  { invert, own }: { readonly invert: boolean; readonly own: boolean },
  io: Io,
): void {
  let sum = 0;
  let count = 0;
  let [low, high] = [255, 0];
  picture.forEach((value, i) => {
    const pixel = Math.floor(i / channels);
    const [y, x] = [Math.floor(pixel / width), pixel % width];
    low = Math.min(low, value);
    high = Math.max(high, value);
    if (y > 0 && y < height - 1 && x > 0 && x < width - 1) return;
    sum += value;
    count += 1;
  });
  const bright = sum / count > 127;
  if (high - low < 8) printNote(io, `${image} is of one colour (what is transparent counts as black)`);
  else if (own) return;
  else if (channels === 1 && bright && !invert) {
    printNote(io, `${image} has a bright background, but models like this learn light ink on black: try --invert`);
  } else if (channels === 1 && !bright && invert) {
    printNote(io, `${image} has a dark background already: --invert makes it bright`);
  }
}
