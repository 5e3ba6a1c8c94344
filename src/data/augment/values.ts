import { checkOptions, fail } from "../../core/errors.js";
import { type RandomStream, threefry2x32 } from "../../core/random.js";
import { sizeOf } from "../../core/shapes.js";
import { checkPair, checkRange, type ExampleView, type ValueAugmentation } from "./augmentation.js";
import { byte } from "./colourMap.js";

/** The standard normal distribution at the middles of 4096 equal parts: a value for each 12 random bits. */
let normals: Float32Array | undefined;

/**
 * Adds normal noise to every value, each for itself.
 *
 * @param deviation standard deviation, as a part of the range of pixels (of 255); of float inputs, in their own unit
 * Errors: code "option" for numbers out of range.
 * @example augment(noise(0.03))
 */
export function noise(deviation: number): ValueAugmentation {
  checkRange("noise", "deviation", deviation, 0, Number.POSITIVE_INFINITY);
  return {
    kind: "noise",
    options: { deviation },
    stage: "values",
    needs: 0,
    apply({ inputs }, random) {
      normals ??= normalTable();
      const key = [random.integer(2 ** 32), random.integer(2 ** 32)] as const;
      if (inputs instanceof Uint8Array) addToBytes(inputs, normals, 255 * deviation, key);
      else addToFloats(inputs, normals, deviation, key);
    },
  };
}

// two loops, each for one type of array: V8's code for both at once is several times slower

function addToBytes(values: Uint8Array, table: Float32Array, deviation: number, key: readonly [number, number]): void {
  for (let i = 0, counter = 0; i < values.length; counter++) {
    const [first, second] = threefry2x32(key, counter, 0);
    const stop = Math.min(i + 4, values.length);
    for (let bits = first, taken = 0; i < stop; i++, taken++) {
      if (taken === 2) bits = second;
      values[i] = byte(values[i]! + deviation * table[bits & 4095]!);
      bits >>>= 12;
    }
  }
}

function addToFloats(
  values: Float32Array,
  table: Float32Array,
  deviation: number,
  key: readonly [number, number],
): void {
  for (let i = 0, counter = 0; i < values.length; counter++) {
    const [first, second] = threefry2x32(key, counter, 0);
    const stop = Math.min(i + 4, values.length);
    for (let bits = first, taken = 0; i < stop; i++, taken++) {
      if (taken === 2) bits = second;
      values[i]! += deviation * table[bits & 4095]!;
      bits >>>= 12;
    }
  }
}

/** By bisection of Φ, whose values come from a series: exact to float32. */
function normalTable(): Float32Array {
  const table = new Float32Array(4096);
  for (let i = 0; i < 2048; i++) {
    const wanted = (i + 0.5) / 4096;
    let [low, high] = [-6, 0];
    while (high - low > 1e-9) {
      const middle = (low + high) / 2;
      if (normalBelow(middle) < wanted) low = middle;
      else high = middle;
    }
    table[i] = low;
    table[4095 - i] = -low;
  }
  return table;
}

/** Φ(x) = ½ + φ(x)·(x + x³/3 + x⁵/(3·5) + …) */
function normalBelow(x: number): number {
  let [term, sum] = [x, x];
  for (let k = 3; Math.abs(term) > 1e-17; k += 2) {
    term *= (x * x) / k;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-x * x) / 2)) / Math.sqrt(2 * Math.PI);
}

/**
 * Blurs images with a Gaussian whose standard deviation is drawn from 0 to `deviation` pixels. Beyond the border, its
 * pixels go on.
 *
 * @param deviation 0 … 100 pixels
 * Errors: code "option" for numbers out of range.
 * @example augment(blur(1))
 */
export function blur(deviation: number): ValueAugmentation {
  checkRange("blur", "deviation", deviation, 0, 100);
  let lines = new Float32Array(0);
  return {
    kind: "blur",
    options: { deviation },
    stage: "values",
    needs: "images",
    apply({ inputs, shape }, random) {
      const drawn = random.uniform(0, deviation);
      // narrower than this it would not change a byte
      if (drawn < 0.15) return;
      if (lines.length < inputs.length) lines = new Float32Array(inputs.length);
      const [height, width, channels] = shape as [number, number, number];
      gaussian(inputs as Uint8Array, lines, height, width, channels, drawn);
    },
  };
}

function gaussian(
  image: Uint8Array,
  lines: Float32Array,
  height: number,
  width: number,
  channels: number,
  deviation: number,
): void {
  const radius = Math.ceil(3 * deviation);
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, k) =>
    Math.exp(-((k - radius) ** 2) / (2 * deviation ** 2)),
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const line = width * channels;
  lines.fill(0, 0, height * line);
  for (let k = -radius; k <= radius; k++) {
    const weight = weights[k + radius]! / total;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        const from = y * line + Math.min(width - 1, Math.max(0, x + k)) * channels;
        const to = y * line + x * channels;
        for (let channel = 0; channel < channels; channel++) lines[to + channel]! += weight * image[from + channel]!;
      }
    }
  }
  const sums = new Float64Array(line);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let k = -radius; k <= radius; k++) {
      const weight = weights[k + radius]! / total;
      const from = Math.min(height - 1, Math.max(0, y + k)) * line;
      for (let i = 0; i < line; i++) sums[i]! += weight * lines[from + i]!;
    }
    for (let i = 0; i < line; i++) image[y * line + i] = byte(sums[i]!);
  }
}

export interface ErasingOptions {
  /** Part of the images that it happens to. Default: 0.5. */
  readonly probability?: number;
  /** Part of the area that is erased. Default: [0.02, 0.33]. */
  readonly area?: readonly [number, number];
  /** Width over height. Default: [0.3, 3.3]. */
  readonly ratio?: readonly [number, number];
  /** What is left there: a value, or random ones. Default: 0. */
  readonly fill?: number | "random";
}

/**
 * Erases a rectangle at a random place.
 *
 * Source: Zhong et al., "Random erasing data augmentation", AAAI 2020. PyTorch: RandomErasing
 *
 * Errors: code "option" for numbers out of range.
 * @example augment(erasing({ area: [0.02, 0.2], fill: "random" }))
 */
export function erasing(options: ErasingOptions = {}): ValueAugmentation {
  checkOptions("erasing", options, ["probability", "area", "ratio", "fill"]);
  const probability = checkRange("erasing", "probability", options.probability ?? 0.5, 0, 1);
  const area = checkPair("erasing", "area", options.area ?? [0.02, 0.33], 0, 1);
  const ratio = checkPair("erasing", "ratio", options.ratio ?? [0.3, 3.3], 0.01, 100);
  const { fill = 0 } = options;
  if (fill !== "random") checkRange("erasing", "fill", fill, 0, 255);
  return {
    kind: "erasing",
    options: { probability, area, ratio, fill },
    stage: "values",
    needs: "images",
    apply({ inputs, shape }, random) {
      if (random.uniform() >= probability) return;
      const [height, width, channels] = shape as [number, number, number];
      const erased = random.uniform(...area) * height * width;
      const form = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
      const across = Math.min(width, Math.round(Math.sqrt(erased * form)));
      const down = Math.min(height, Math.round(Math.sqrt(erased / form)));
      const left = random.integer(width - across + 1);
      const top = random.integer(height - down + 1);
      for (let y = top; y < top + down; y++) {
        const start = (y * width + left) * channels;
        const end = start + across * channels;
        if (fill === "random") for (let i = start; i < end; i++) inputs[i] = random.integer(256);
        else inputs.fill(fill, start, end);
      }
    },
  };
}

export interface TimeShiftOptions {
  /** What stands for silence: 0 for waves; for spectrograms of logarithms the example's "minimum". Default: 0. */
  readonly fill?: number | "minimum";
}

/**
 * Moves sound in time, by at most `part` of its length either way, with silence before or after it. Time is the first
 * axis: waves are [samples] or [samples, channels], spectrograms [frames, bands, 1].
 *
 * @param part 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(timeShift(0.1))
 */
export function timeShift(part: number, options: TimeShiftOptions = {}): ValueAugmentation {
  checkRange("timeShift", "part", part, 0, 1);
  checkOptions("timeShift", options, ["fill"]);
  const { fill = 0 } = options;
  if (fill !== "minimum") checkRange("timeShift", "fill", fill, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
  return {
    kind: "timeShift",
    options: { part, fill },
    stage: "values",
    needs: 1,
    apply({ inputs, shape }, random) {
      const [frames] = shape as [number];
      const size = inputs.length / frames;
      const by = Math.round(random.uniform(-part, part) * frames) * size;
      const silence = fill === "minimum" ? minimumOf(inputs) : fill;
      inputs.copyWithin(Math.max(0, by), Math.max(0, -by), inputs.length - Math.max(0, by));
      if (by > 0) inputs.fill(silence, 0, by);
      else inputs.fill(silence, inputs.length + by);
    },
  };
}

/**
 * Masks a stretch of time: sets up to `frames` neighbouring frames to the example's mean.
 *
 * Source: Park et al., "SpecAugment", Interspeech 2019
 *
 * Errors: code "option" for numbers out of range.
 * @example augment(timeMask(20), frequencyMask(8))
 */
export function timeMask(frames: number): ValueAugmentation {
  checkRange("timeMask", "frames", frames, 0, Number.MAX_SAFE_INTEGER);
  return {
    kind: "timeMask",
    options: { frames },
    stage: "values",
    needs: 1,
    apply(example, random) {
      const [total] = example.shape as [number];
      const { start, end } = stretch(Math.floor(frames), total, random);
      const size = example.inputs.length / total;
      example.inputs.fill(meanOf(example), start * size, end * size);
    },
  };
}

/**
 * Masks a band of frequencies of a spectrogram [frames, bands, …]: sets up to `bands` neighbouring ones to the example's
 * mean.
 *
 * Source: Park et al., "SpecAugment", Interspeech 2019
 *
 * Errors: code "option" for numbers out of range.
 * @example augment(frequencyMask(8))
 */
export function frequencyMask(bands: number): ValueAugmentation {
  checkRange("frequencyMask", "bands", bands, 0, Number.MAX_SAFE_INTEGER);
  return {
    kind: "frequencyMask",
    options: { bands },
    stage: "values",
    needs: 2,
    apply(example, random) {
      const [frames, total] = example.shape as [number, number];
      const { start, end } = stretch(Math.floor(bands), total, random);
      const size = sizeOf(example.shape.slice(2));
      const mean = meanOf(example);
      for (let frame = 0; frame < frames; frame++) {
        example.inputs.fill(mean, (frame * total + start) * size, (frame * total + end) * size);
      }
    },
  };
}

function stretch(most: number, total: number, random: RandomStream): { start: number; end: number } {
  const length = random.integer(Math.min(most, total) + 1);
  const start = random.integer(total - length + 1);
  return { start, end: start + length };
}

function minimumOf(values: Uint8Array | Float32Array): number {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) least = Math.min(least, values[i]!);
  return least;
}

function meanOf({ inputs }: ExampleView): number {
  let sum = 0;
  for (let i = 0; i < inputs.length; i++) sum += inputs[i]!;
  return sum / inputs.length;
}

/** Options that only JSON could have brought. */
export function failKind(kind: unknown): never {
  return fail({ code: "option", where: "augment", problem: "unknown augmentation", received: String(kind) });
}
