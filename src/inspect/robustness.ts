import { checkOptions, fail } from "../core/errors.js";
import { keyOf, normalAt, uniformAt } from "../core/random.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { checkFill, type Fill } from "../data/augment/augmentation.js";
import { Geometry, resample } from "../data/augment/geometry.js";
import type { Dataset } from "../data/dataset.js";
import { choice, numberThat, wholeNumber, wrongOption } from "../model/check.js";
import { predictedClasses } from "../train/metrics/index.js";
import type { Model } from "../train/model.js";
import { type AttackMethod, checkRange, type Range, rangeOf } from "./adversarial.js";
import { Classifier, checkedLabels } from "./classes.js";
import { checkExamples, overBatches } from "./examples.js";
import { checkImage, type ViewOptions, viewOptionNames } from "./probe.js";

/** What is done to images. */
export type Change = "noise" | GeometricChange | AttackMethod;
export type GeometricChange = "rotation" | "shift" | "scale";

/** How a classifier fares as images are changed more and more. */
export interface RobustnessCurve {
  readonly view: "robustnessCurve";
  readonly change: Change;
  /** The class that an attack was after. */
  readonly target?: string;
  /**
   * How much: noise and attacks in parts of the pixels' range, rotation in degrees, shift in pixels, scale as a factor.
   */
  readonly levels: readonly number[];
  /** Part of the images that is recognised, for each level. */
  readonly accuracy: readonly number[];
  /** Mean of the highest probability, for each level. */
  readonly confidence: readonly number[];
  /** Of attacks: the part of the attempts that succeeds. */
  readonly success?: readonly number[];
  readonly examples: number;
  /** Of one image. */
  readonly shape: Shape;
  /** The first image, at each level. */
  readonly samples: readonly Float32Array[];
}

/** Several curves in one picture. */
export interface Robustness {
  readonly view: "robustness";
  readonly curves: readonly RobustnessCurve[];
}

export interface NoiseCurveOptions extends ViewOptions {
  /** Standard deviations as parts of the range. Default: 0 to 0.6. */
  readonly levels?: readonly number[];
  /** Least and largest value of images. Default: [0, 1] for bytes, else those of the data. */
  readonly range?: Range;
  /** Decides the noise. Default: 0. */
  readonly seed?: number;
}

/**
 * Accuracy under rising noise: `clip(x + σ·(high − low)·n)` with n normally distributed, the same for all σ.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit;
 * code "option" for options out of range.
 *
 * @example const { levels, accuracy } = await noiseCurve(net, digits.test, { levels: [0, 0.2, 0.4] });
 */
export async function noiseCurve(
  model: Model,
  data: Dataset,
  options: NoiseCurveOptions = {},
): Promise<RobustnessCurve> {
  const where = "noiseCurve";
  checkOptions(where, options, ["levels", "range", "seed", ...viewOptionNames]);
  const levels = levelsOf(where, options.levels ?? [0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6], (v) => v >= 0);
  const key = keyOf(wholeNumber(where, "seed", options.seed ?? 0, 0), where);
  const size = sizeOf(data.shape);
  return curve(model, data, where, options, "noise", levels, () => {
    const [low, high] = options.range === undefined ? rangeOf(data, where) : checkRange(options.range, where);
    return (inputs, start) => {
      const noise = Float32Array.from(inputs, (_, i) => (high - low) * normalAt(key, start * size + i));
      return (level) => inputs.map((value, i) => Math.min(high, Math.max(low, value + level * noise[i]!)));
    };
  });
}

export interface GeometryCurveOptions extends ViewOptions {
  /** Rotation: degrees, default 0 to 90. Shift: pixels, default 0 to a quarter of the width. Scale: factors, default ½ to 2. */
  readonly levels?: readonly number[];
  /** What stands where the image does not reach: 0 … 255, `"edge"` or `"reflect"`. Default: 0. */
  readonly fill?: Fill;
  /** Decides which way each image is turned or shifted. Default: 0. */
  readonly seed?: number;
}

/**
 * Accuracy as images are turned about their centres (clockwise or not, by lot), shifted (to one of the four sides, by
 * lot), or scaled; with the geometry and the interpolation of the augmentations. The lot is the same for all levels.
 *
 * Errors: code "unsupported" for networks that are no classifiers of images; code "data" for images that are not bytes;
 * codes "shape" and "label" for data that do not fit; code "option" for options out of range.
 *
 * @example const { levels, accuracy } = await geometryCurve(net, digits.test, "rotation", { levels: [0, 30, 60] });
 */
export async function geometryCurve(
  model: Model,
  data: Dataset,
  change: GeometricChange,
  options: GeometryCurveOptions = {},
): Promise<RobustnessCurve> {
  const where = "geometryCurve";
  checkOptions(where, options, ["levels", "fill", "seed", ...viewOptionNames]);
  choice(where, "change", change, ["rotation", "shift", "scale"]);
  const [height, width, channels] = checkImage(data.shape, where);
  if (!(data.inputs instanceof Uint8Array)) {
    const problem = `images of "${data.name}" cannot be moved as augmentation does it`;
    fail({ code: "data", where, problem, expected: "bytes, 0 … 255", received: "numbers" });
  }
  const { test, usual } = movements(width)[change];
  const levels = levelsOf(where, options.levels ?? usual, test);
  const fill = checkFill(where, options.fill === undefined ? {} : { fill: options.fill });
  const key = keyOf(wholeNumber(where, "seed", options.seed ?? 0, 0), where, change);
  const size = height * width * channels;
  const geometry = new Geometry(height, width);
  return curve(model, data, where, options, change, levels, () => (inputs, start) => {
    const bytes = Uint8Array.from(inputs, (value) => Math.round(255 * value));
    const moved = new Uint8Array(size);
    return (level) => {
      const result = new Float32Array(inputs.length);
      for (let i = 0; i * size < inputs.length; i++) {
        geometry.reset();
        move(geometry, change, level, uniformAt(key, start + i));
        resample(bytes.subarray(i * size, (i + 1) * size), moved, channels, geometry, fill);
        for (let k = 0; k < size; k++) result[i * size + k] = moved[k]! / 255;
      }
      return result;
    };
  });
}

/** Levels of each movement, and which are possible. */
const movements = (width: number) => ({
  rotation: { usual: [0, 10, 20, 30, 45, 60, 75, 90], test: (v: number) => v >= 0 && v <= 180 },
  shift: { usual: pixelsUpTo(width / 4), test: (v: number) => v >= 0 && v <= width },
  scale: { usual: [0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.7, 2], test: (v: number) => v >= 0.05 && v <= 20 },
});

/** About eight whole numbers. */
function pixelsUpTo(most: number): number[] {
  const step = Math.max(1, Math.round(most / 7));
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => i * step);
}

/** @param lot 0 … 1: the side, or the direction */
function move(geometry: Geometry, change: GeometricChange, level: number, lot: number): void {
  if (change === "rotation") {
    const angle = ((lot < 0.5 ? -level : level) * Math.PI) / 180;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    geometry.append(cos, -sin, 0, sin, cos, 0);
  } else if (change === "shift") {
    const side = Math.floor(4 * lot);
    const distance = side % 2 === 0 ? level : -level;
    geometry.append(1, 0, side < 2 ? distance : 0, 0, 1, side < 2 ? 0 : distance);
  } else {
    geometry.append(1 / level, 0, 0, 0, 1 / level, 0);
  }
}

function levelsOf(where: string, levels: readonly number[], holds: (value: number) => boolean): readonly number[] {
  if (!Array.isArray(levels) || levels.length === 0) wrongOption(where, "levels", levels, "one or more numbers");
  return levels.map((level) => numberThat(where, "levels", level, "levels that the change can have", holds));
}

/** Makes the function of a batch that changes it by a level. */
type ChangeOf = (inputs: Float32Array, start: number) => (level: number) => Float32Array;

async function curve(
  model: Model,
  data: Dataset,
  where: string,
  options: ViewOptions,
  change: Change,
  levels: readonly number[],
  begin: () => ChangeOf,
): Promise<RobustnessCurve> {
  checkExamples(model, data, where);
  const classifier = await Classifier.of(model, where, options);
  const { classes } = classifier;
  const labels = checkedLabels(data, classes, where);
  const changeOf = begin();
  const sums = levels.map(() => ({ right: 0, sure: 0 }));
  const samples: Float32Array[] = [];
  const size = sizeOf(data.shape);
  await overBatches(data, classifier.batchSize, (inputs, start) => {
    const changed = changeOf(inputs, start);
    levels.forEach((level, i) => {
      const values = changed(level);
      if (start === 0) samples.push(values.slice(0, size));
      const probabilities = classifier.probabilities(values);
      predictedClasses(probabilities, classes).forEach((found, k) => {
        sums[i]!.right += found === labels[start + k] ? 1 : 0;
        sums[i]!.sure += probabilities[k * classes + found]!;
      });
    });
  });
  return {
    view: "robustnessCurve",
    change,
    levels,
    accuracy: sums.map(({ right }) => right / data.length),
    confidence: sums.map(({ sure }) => sure / data.length),
    examples: data.length,
    shape: data.shape,
    samples,
  };
}
