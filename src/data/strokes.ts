/**
 * Handwritten-looking digits, drawn by our own code: pen strokes, bent and slanted at random, then rendered as MNIST's
 * images are (28 × 28 grey, white ink on black, a 20 × 20 digit with its centre of mass in the middle).
 */
import { platform } from "#platform";
import { checkOptions } from "../core/errors.js";
import { type Key, keyOf, permutation, RandomStream } from "../core/random.js";
import { checkInteger, checkSeed, type Dataset, dataset } from "./dataset.js";
import { type Glyph, glyphs } from "./glyphs.js";

/** Height and width of an image in pixels. */
const side = 28;
const pixels = side * side;

export interface StrokesOptions {
  /** Number of training images; default 6000. */
  train?: number;
  /** Number of test images; default 2000. */
  test?: number;
  /** Default 0. The same seed gives the same images, however many are asked for. */
  seed?: number;
}

/**
 * A data set of generated digits; image `index` of a split is a pure function of (seed, split, index).
 *
 * @example const { train, test } = await strokes({ train: 500, test: 100 });
 */
export async function strokes(options: StrokesOptions = {}): Promise<{ train: Dataset; test: Dataset }> {
  checkOptions("strokes", options, ["train", "test", "seed"]);
  const { train = 6000, test = 2000 } = options;
  const seed = checkSeed("strokes", options.seed);
  checkInteger("strokes", "train", train, 1, 1_000_000);
  checkInteger("strokes", "test", test, 1, 1_000_000);
  return { train: await drawSplit("train", train, seed), test: await drawSplit("test", test, seed) };
}

async function drawSplit(split: "train" | "test", count: number, seed: number): Promise<Dataset> {
  const inputs = new Uint8Array(count * pixels);
  const targets = new Int32Array(count);
  const painter = new Painter();
  for (let index = 0; index < count; index++) {
    targets[index] = labelAt(seed, split, index);
    painter.draw(targets[index], keyOf(seed, "strokes", split, index));
    painter.copyTo(inputs, index * pixels);
    if (index % 256 === 255) await platform.yield();
  }
  const classes = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
  return dataset({
    name: `strokes ${split}`,
    source: "generated digits (strokes)",
    inputs,
    targets,
    shape: [side, side, 1],
    classes,
  });
}

/** Each ten images in a row have the ten digits, in random order: the classes are balanced. */
function labelAt(seed: number, split: string, index: number): number {
  return permutation(10, keyOf(seed, "strokes", split, "labels", Math.floor(index / 10)))[index % 10];
}

/** One image, as 784 bytes: the digit `label` in the handwriting that `key` gives. */
export function drawDigit(label: number, key: Key): Uint8Array {
  checkInteger("drawDigit", "label", label, 0, 9);
  const painter = new Painter();
  painter.draw(label, key);
  const image = new Uint8Array(pixels);
  painter.copyTo(image, 0);
  return image;
}

/** Straight pieces that each span of a curve is flattened to. */
const piecesPerSpan = 5;

/** More than the longest glyph needs: 13 spans and their joins, several strokes. */
const maximumPoints = 256;

/** Draws one digit at a time; the scratch arrays are the reason that it is a class. */
class Painter {
  /** Flattened strokes: x, y in pixels (glyph units at first), radius in pixels. */
  readonly #x = new Float64Array(maximumPoints);
  readonly #y = new Float64Array(maximumPoints);
  readonly #radius = new Float64Array(maximumPoints);
  /** 1 where a point starts a stroke, so no line leads to it. */
  readonly #starts = new Uint8Array(maximumPoints);
  #count = 0;
  /** Ink of each pixel, 0 … 1. */
  readonly #ink = new Float32Array(pixels);
  #peak = 255;

  draw(label: number, key: Key): void {
    const random = new RandomStream(key);
    // Some writers are careful, some are not: one number for all that is irregular in an image.
    const carelessness = Math.exp(random.normal(0, 0.28));
    this.#trace(pick(glyphs[label], random), random, 1.9 * Math.min(carelessness, 1.6));
    this.#warp(random, 2.8 * Math.min(carelessness, 1.6));
    this.#transform(random);
    this.#press(random);
    this.#place(random);
    this.#render(random.uniform(0.9, 1.6));
    this.#peak = random.uniform(225, 256);
  }

  copyTo(images: Uint8Array, offset: number): void {
    for (let i = 0; i < pixels; i++) images[offset + i] = Math.min(255, this.#ink[i] * this.#peak);
  }

  /** Flattens the glyph's curves, with every point that they go through moved by normal noise of `deviation` units. */
  #trace(glyph: Glyph, random: RandomStream, deviation: number): void {
    this.#count = 0;
    for (const stroke of glyph.strokes) {
      // A stroke as a whole is off as well: bars that do not quite meet their stem.
      const shiftX = random.normal(0, deviation * 0.6);
      const shiftY = random.normal(0, deviation * 0.6);
      let corner: [number, number] | undefined;
      for (const piece of stroke) {
        const points = piece.map(([x, y]): [number, number] => [
          x + shiftX + random.normal(0, deviation),
          y + shiftY + random.normal(0, deviation),
        ]);
        if (corner === undefined) this.#add(points[0][0], points[0][1], true);
        else points[0] = corner;
        this.#flatten(points);
        corner = points[points.length - 1];
      }
    }
  }

  /** The Catmull–Rom spline through `points`, without its first point. */
  #flatten(points: readonly [number, number][]): void {
    for (let span = 0; span + 1 < points.length; span++) {
      const [x1, y1] = points[span];
      const [x2, y2] = points[span + 1];
      const [x0, y0] = points[Math.max(span - 1, 0)];
      const [x3, y3] = points[Math.min(span + 2, points.length - 1)];
      for (let piece = 1; piece <= piecesPerSpan; piece++) {
        const t = piece / piecesPerSpan;
        this.#add(catmullRom(x0, x1, x2, x3, t), catmullRom(y0, y1, y2, y3, t), false);
      }
    }
  }

  #add(x: number, y: number, starts: boolean): void {
    this.#x[this.#count] = x;
    this.#y[this.#count] = y;
    this.#starts[this.#count++] = starts ? 1 : 0;
  }

  /** A smooth elastic displacement: two waves for each axis, of about one period per digit. */
  #warp(random: RandomStream, amplitude: number): void {
    const wave = () => ({
      size: random.normal(0, amplitude),
      alongX: random.normal(0, 0.05),
      alongY: random.normal(0, 0.05),
      phase: random.uniform(0, 2 * Math.PI),
    });
    const waves = [wave(), wave(), wave(), wave()];
    const at = ({ size, alongX, alongY, phase }: ReturnType<typeof wave>, x: number, y: number) =>
      size * Math.sin(alongX * x + alongY * y + phase);
    for (let i = 0; i < this.#count; i++) {
      const x = this.#x[i];
      const y = this.#y[i];
      this.#x[i] = x + at(waves[0], x, y) + at(waves[1], x, y);
      this.#y[i] = y + at(waves[2], x, y) + at(waves[3], x, y);
    }
  }

  /** Slant, rotation and width as the writer has them; the origin becomes the middle of the box. */
  #transform(random: RandomStream): void {
    const slant = random.normal(0.12, 0.2);
    const angle = random.normal(0, 0.1);
    const width = Math.exp(random.normal(0.1, 0.16));
    const cosine = Math.cos(angle);
    const sine = Math.sin(angle);
    for (let i = 0; i < this.#count; i++) {
      const y = this.#y[i] - 50;
      const x = (this.#x[i] - 30) * width - slant * y;
      this.#x[i] = cosine * x - sine * y;
      this.#y[i] = sine * x + cosine * y;
    }
  }

  /** The radius of the pen along the stroke: a mean, waves of pressure, and ends that may thin out. */
  #press(random: RandomStream): void {
    const mean = Math.min(2.1, Math.max(0.65, 1.22 * Math.exp(random.normal(0, 0.27))));
    const depth = random.uniform(0, 0.22);
    const frequency = random.uniform(0.05, 0.25);
    const phase = random.uniform(0, 2 * Math.PI);
    for (let i = 0; i < this.#count; i++) {
      const end = this.#starts[i] === 1 || i + 1 === this.#count || this.#starts[i + 1] === 1;
      this.#radius[i] = mean * (1 + depth * Math.sin(frequency * i + phase)) * (end ? 0.85 : 1);
    }
  }

  /** Scales the digit to about 20 pixels and moves its centre of mass to about the middle of the image. */
  #place(random: RandomStream): void {
    let [left, right, top, bottom] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < this.#count; i++) {
      left = Math.min(left, this.#x[i]);
      right = Math.max(right, this.#x[i]);
      top = Math.min(top, this.#y[i]);
      bottom = Math.max(bottom, this.#y[i]);
    }
    const extent = 20 * random.uniform(0.88, 1.02) - 2 * this.#radius[0];
    const scale = extent / Math.max(right - left, bottom - top);
    let [mass, massX, massY] = [0, 0, 0];
    for (let i = 1; i < this.#count; i++) {
      if (this.#starts[i] === 1) continue;
      const length = Math.hypot(this.#x[i] - this.#x[i - 1], this.#y[i] - this.#y[i - 1]);
      mass += length;
      massX += (length * (this.#x[i] + this.#x[i - 1])) / 2;
      massY += (length * (this.#y[i] + this.#y[i - 1])) / 2;
    }
    const centreX = side / 2 + random.normal(0, 0.5) - (scale * massX) / mass;
    const centreY = side / 2 + random.normal(0, 0.5) - (scale * massY) / mass;
    for (let i = 0; i < this.#count; i++) {
      this.#x[i] = centreX + scale * this.#x[i];
      this.#y[i] = centreY + scale * this.#y[i];
    }
  }

  /**
   * Ink by the distance of each pixel's centre to the strokes: full inside the pen, none outside, and a slope of
   * `edge` pixels between, which is antialiasing and the softness of a scan in one.
   */
  #render(edge: number): void {
    const ink = this.#ink.fill(0);
    for (let i = 1; i < this.#count; i++) {
      if (this.#starts[i] === 1) continue;
      const x0 = this.#x[i - 1] - 0.5;
      const y0 = this.#y[i - 1] - 0.5;
      const dx = this.#x[i] - 0.5 - x0;
      const dy = this.#y[i] - 0.5 - y0;
      const r0 = this.#radius[i - 1];
      const dr = this.#radius[i] - r0;
      const reach = Math.max(r0, r0 + dr) + edge / 2;
      const inverse = 1 / (dx * dx + dy * dy + 1e-9);
      const left = Math.max(0, Math.ceil(Math.min(x0, x0 + dx) - reach));
      const right = Math.min(side - 1, Math.floor(Math.max(x0, x0 + dx) + reach));
      const top = Math.max(0, Math.ceil(Math.min(y0, y0 + dy) - reach));
      const bottom = Math.min(side - 1, Math.floor(Math.max(y0, y0 + dy) + reach));
      for (let y = top; y <= bottom; y++) {
        for (let x = left; x <= right; x++) {
          const t = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) * inverse));
          const awayX = x - x0 - t * dx;
          const awayY = y - y0 - t * dy;
          const distance = Math.sqrt(awayX * awayX + awayY * awayY);
          const cover = (r0 + t * dr - distance) / edge + 0.5;
          const pixel = y * side + x;
          if (cover > ink[pixel]) ink[pixel] = Math.min(1, cover);
        }
      }
    }
  }
}

/** Value at `t` of the cubic between `b` and `c` whose slopes there are (c − a) / 2 and (d − b) / 2. */
function catmullRom(a: number, b: number, c: number, d: number, t: number): number {
  return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

/** A glyph, as common as its weight says. */
function pick(variants: readonly Glyph[], random: RandomStream): Glyph {
  let rest = random.uniform(
    0,
    variants.reduce((sum, { weight }) => sum + weight, 0),
  );
  for (const variant of variants) {
    rest -= variant.weight;
    if (rest < 0) return variant;
  }
  return variants[variants.length - 1];
}
