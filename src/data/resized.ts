import { allocateArray, type DataArray, dtypeOf } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { formatShape, sizeOf } from "../core/shapes.js";
import { checkInteger, type Dataset } from "./dataset.js";

export interface ResizedOptions {
  /** Pixels from top to bottom. */
  height: number;
  /** Pixels from left to right. */
  width: number;
}

/** What one element of an axis is made of: neighbours from `first` on, and what each counts. The weights sum to 1. */
interface Mixture {
  readonly first: number;
  readonly weights: readonly number[];
}

/**
 * A data set whose images are resampled to another size. An axis that becomes shorter is averaged over areas: each new
 * pixel is the mean of all that it covers, the ones at its edge by the part that it covers. So nothing is aliased, and the
 * mean stays. An axis that becomes longer is interpolated linearly between the centres of pixels. uint8 pixels are
 * rounded.
 *
 * `y[i] = Σ_j x[j] · |[j, j + 1] ∩ [i·s, (i + 1)·s]| / s` with `s = length / new length ≥ 1`, along each axis.
 *
 * Images that are read when they are needed are resampled then. Labels and other targets stay as they are.
 *
 * Errors: code "option" for sizes that are not whole numbers of 1 to 16384; code "data" for examples that are no images,
 * or whose targets lie on the pixels, as masks do.
 *
 * @example resized(data, { height: 16, width: 16 }).shape // [16, 16, 1]
 */
export function resized(data: Dataset, options: ResizedOptions): Dataset {
  const { name, shape, targetShape, inputs, reader } = data;
  const where = `resized "${name}"`;
  checkOptions(where, options, ["height", "width"]);
  const height = checkInteger(where, "height", options.height, 1, 16384);
  const width = checkInteger(where, "width", options.width, 1, 16384);
  const [rows, columns, channels] = shape;
  const tokens = inputs instanceof Int32Array;
  if (tokens || shape.length !== 3 || rows === undefined || columns === undefined || channels === undefined) {
    return fail({
      code: "data",
      where,
      problem: "the examples are no images",
      expected: "examples of shape [height, width, channels]",
      received: tokens ? `tokens of shape ${formatShape(shape)}` : formatShape(shape),
    });
  }
  if (targetShape[0] === rows && targetShape[1] === columns) {
    fail({
      code: "data",
      where,
      problem: "the targets lie on the pixels, and would no longer fit them",
      received: `targets of shape ${formatShape(targetShape)}`,
      fix: "Read images and masks in the size that is wanted, as maskedImages does",
    });
  }
  if (rows === height && columns === width) return data;

  const [downwards, across] = [mixtures(rows, height), mixtures(columns, width)];
  const before = sizeOf(shape);
  const after = height * width * channels;
  const squeezed = new Float64Array(height * columns * channels);
  const resample = (from: DataArray, to: DataArray): void => {
    mixRows(from, squeezed, columns * channels, downwards);
    for (let row = 0; row < height; row++) {
      const part = squeezed.subarray(row * columns * channels, (row + 1) * columns * channels);
      mixRows(part, to.subarray(row * width * channels, (row + 1) * width * channels), channels, across);
    }
  };
  const result = { ...data, shape: [height, width, channels] };
  if (reader !== undefined) {
    const Pixels = inputs.constructor as new (length: number) => typeof inputs;
    return {
      ...result,
      reader: {
        readsTargets: reader.readsTargets,
        async read(index, to, targets) {
          // calls may overlap: each has an image of its own
          const image = new Pixels(before);
          await reader.read(index, image, targets);
          resample(image, to);
        },
      },
    };
  }
  const pixels = allocateArray(dtypeOf(inputs), data.length * after);
  for (let i = 0; i < data.length; i++) {
    resample(inputs.subarray(i * before, (i + 1) * before), pixels.subarray(i * after, (i + 1) * after));
  }
  return { ...result, inputs: pixels };
}

/** Each row of the result is a mixture of rows. */
function mixRows(
  from: ArrayLike<number>,
  to: DataArray | Float64Array,
  rowLength: number,
  rows: readonly Mixture[],
): void {
  const rounding = to instanceof Uint8Array ? 0.5 : 0;
  rows.forEach(({ first, weights }, row) => {
    for (let i = 0; i < rowLength; i++) {
      let sum = rounding;
      for (let j = 0; j < weights.length; j++) sum += weights[j]! * from[(first + j) * rowLength + i]!;
      to[row * rowLength + i] = sum;
    }
  });
}

function mixtures(from: number, to: number): Mixture[] {
  const step = from / to;
  return Array.from({ length: to }, (_, i) => (step >= 1 ? covered(i, step, from) : between(i, step, from)));
}

/** The mean over [i·step, (i + 1)·step]. */
function covered(i: number, step: number, from: number): Mixture {
  const [start, end] = [i * step, Math.min((i + 1) * step, from)];
  const first = Math.floor(start);
  const weights: number[] = [];
  for (let j = first; j < end; j++) weights.push((Math.min(j + 1, end) - Math.max(j, start)) / (end - start));
  return { first, weights };
}

/** The value at the centre of [i·step, (i + 1)·step], on the line through the centres of two pixels. */
function between(i: number, step: number, from: number): Mixture {
  const place = Math.min(Math.max((i + 0.5) * step - 0.5, 0), from - 1);
  const first = Math.min(Math.floor(place), Math.max(0, from - 2));
  return { first, weights: from === 1 ? [1] : [1 - (place - first), place - first] };
}
