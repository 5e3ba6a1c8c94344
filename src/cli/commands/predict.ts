import { sizeOf } from "../../core/shapes.js";
import { readImage } from "../../data/images.js";
import { loadModel } from "../../train/model.js";
import { formatBar, formatPercent } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { pictureSize } from "../picture.js";
import { modelFile } from "../run.js";

export interface PredictCommandOptions {
  readonly top: number;
  readonly invert?: boolean;
  readonly threads?: number;
  readonly json?: boolean;
}

const barWidth = 24;

/** Says what is in pictures: the most probable classes of each. */
export async function predict(
  path: string,
  images: readonly string[],
  { top, invert, threads, json }: PredictCommandOptions,
  io: Io,
): Promise<number> {
  const model = await loadModel(await modelFile(path));
  const shape = pictureSize(model, path);
  const size = sizeOf(model.network.inputs[0]!.shape);
  const pixels = new Uint8Array(images.length * size);
  for (const [i, image] of images.entries()) {
    const picture = await readImage(image, shape);
    noteTrouble(image, picture, shape, invert === true, io);
    pixels.set(invert === true ? picture.map((value) => 255 - value) : picture, i * size);
  }
  const probabilities = await model.predict(pixels, { probabilities: true, threads });
  const classes = sizeOf(model.network.outputs[0]!.shape);
  images.forEach((image, i) => {
    const ranked = rank(probabilities.subarray(i * classes, (i + 1) * classes), model.classes).slice(0, top);
    if (json === true) printJson(io, { event: "prediction", image, top: ranked });
    else printRanking(image, ranked, io);
  });
  return exitCodes.ok;
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
 */
function noteTrouble(
  image: string,
  picture: Uint8Array,
  { height, width, channels }: { height: number; width: number; channels: number },
  invert: boolean,
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
  else if (channels === 1 && bright && !invert) {
    printNote(io, `${image} has a bright background, but models like this learn light ink on black: try --invert`);
  } else if (channels === 1 && !bright && invert) {
    printNote(io, `${image} has a dark background already: --invert makes it bright`);
  }
}
