import { checkOptions, fail } from "../../core/errors.js";
import { checkFill, checkPair, checkRange, type FillOptions, type GeometricAugmentation } from "./augmentation.js";

const radians = Math.PI / 180;

/**
 * Turns an image about its centre by an angle from −degrees to degrees.
 *
 * @param degrees 0 … 180
 * Errors: code "option" for numbers out of range.
 * @example augment(rotate(10))
 */
export function rotate(degrees: number, options: FillOptions = {}): GeometricAugmentation {
  checkRange("rotate", "degrees", degrees, 0, 180);
  return {
    kind: "rotate",
    options: { degrees, ...options },
    stage: "geometry",
    fill: checkFill("rotate", options),
    move(geometry, random) {
      const angle = random.uniform(-degrees, degrees) * radians;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      geometry.append(cos, -sin, 0, sin, cos, 0);
    },
  };
}

/**
 * Moves an image up or down and left or right, each by at most `part` of its size.
 *
 * @param part 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(shift(0.1))
 */
export function shift(part: number, options: FillOptions = {}): GeometricAugmentation {
  checkRange("shift", "part", part, 0, 1);
  return {
    kind: "shift",
    options: { part, ...options },
    stage: "geometry",
    fill: checkFill("shift", options),
    move(geometry, random) {
      const x = random.uniform(-part, part) * geometry.width;
      const y = random.uniform(-part, part) * geometry.height;
      geometry.append(1, 0, x, 0, 1, y);
    },
  };
}

/**
 * Enlarges or shrinks an image about its centre, by a factor from 1 − part to 1 + part, the same both ways.
 *
 * @param part 0 … 0.9
 * Errors: code "option" for numbers out of range.
 * @example augment(scale(0.1))
 */
export function scale(part: number, options: FillOptions = {}): GeometricAugmentation {
  checkRange("scale", "part", part, 0, 0.9);
  return {
    kind: "scale",
    options: { part, ...options },
    stage: "geometry",
    fill: checkFill("scale", options),
    move(geometry, random) {
      const inverse = 1 / random.uniform(1 - part, 1 + part);
      geometry.append(inverse, 0, 0, 0, inverse, 0);
    },
  };
}

/**
 * Slants an image: its vertical lines lean by an angle from −degrees to degrees.
 *
 * @param degrees 0 … 80
 * Errors: code "option" for numbers out of range.
 * @example augment(shear(10))
 */
export function shear(degrees: number, options: FillOptions = {}): GeometricAugmentation {
  checkRange("shear", "degrees", degrees, 0, 80);
  return {
    kind: "shear",
    options: { degrees, ...options },
    stage: "geometry",
    fill: checkFill("shear", options),
    move(geometry, random) {
      geometry.append(1, Math.tan(random.uniform(-degrees, degrees) * radians), 0, 0, 1, 0);
    },
  };
}

/**
 * Mirrors every other image, drawn by lot: left and right ("horizontal"), top and bottom ("vertical"), or each of the two
 * by a lot of its own ("both").
 *
 * Errors: code "option" for another direction.
 * @example augment(flip())
 */
export function flip(direction: "horizontal" | "vertical" | "both" = "horizontal"): GeometricAugmentation {
  if (!["horizontal", "vertical", "both"].includes(direction)) {
    const expected = '"horizontal", "vertical" or "both"';
    fail({ code: "option", where: "flip", problem: "unknown direction", expected, received: String(direction) });
  }
  return {
    kind: "flip",
    options: { direction },
    stage: "geometry",
    fill: undefined,
    move(geometry, random) {
      const across = direction !== "vertical" && random.uniform() < 0.5;
      const down = direction !== "horizontal" && random.uniform() < 0.5;
      if (across || down) geometry.append(across ? -1 : 1, 0, 0, 0, down ? -1 : 1, 0);
    },
  };
}

/**
 * Cuts a window of the image's size, at a random place, out of the image with `padding` pixels around it: a shift by
 * whole pixels, so that nothing is interpolated.
 *
 * PyTorch: RandomCrop(size, padding)
 *
 * @param padding whole pixels
 * Errors: code "option" for numbers out of range.
 * @example augment(randomCrop(4), flip()) // usual for CIFAR-10
 */
export function randomCrop(padding: number, options: FillOptions = {}): GeometricAugmentation {
  checkRange("randomCrop", "padding", padding, 0, 8192);
  const steps = 2 * Math.round(padding) + 1;
  return {
    kind: "randomCrop",
    options: { padding, ...options },
    stage: "geometry",
    fill: checkFill("randomCrop", options),
    move(geometry, random) {
      const x = random.integer(steps) - Math.round(padding);
      const y = random.integer(steps) - Math.round(padding);
      geometry.append(1, 0, x, 0, 1, y);
    },
  };
}

export interface RandomResizedCropOptions {
  /** Part of the image's area that is kept. Default: [0.35, 1]. */
  readonly area?: readonly [number, number];
  /** Width over height of what is kept, in relation to the image's. Default: [3/4, 4/3]. */
  readonly ratio?: readonly [number, number];
}

/**
 * Cuts out a window of random size, shape and place, and stretches it to the image's size.
 *
 * PyTorch: RandomResizedCrop, which keeps [0.08, 1] of the area: much for small images
 *
 * Errors: code "option" for numbers out of range.
 * @example augment(randomResizedCrop({ area: [0.5, 1] }))
 */
export function randomResizedCrop(options: RandomResizedCropOptions = {}): GeometricAugmentation {
  const where = "randomResizedCrop";
  checkOptions(where, options, ["area", "ratio"]);
  const area = checkPair(where, "area", options.area ?? [0.35, 1], 1e-4, 1);
  const ratio = checkPair(where, "ratio", options.ratio ?? [3 / 4, 4 / 3], 0.01, 100);
  return {
    kind: where,
    options: { area, ratio },
    stage: "geometry",
    fill: undefined,
    move(geometry, random) {
      const kept = random.uniform(...area);
      const shape = Math.exp(random.uniform(Math.log(ratio[0]), Math.log(ratio[1])));
      const width = Math.min(1, Math.sqrt(kept * shape));
      const height = Math.min(1, Math.sqrt(kept / shape));
      const x = random.uniform(-1, 1) * 0.5 * (1 - width) * geometry.width;
      const y = random.uniform(-1, 1) * 0.5 * (1 - height) * geometry.height;
      geometry.append(width, 0, x, 0, height, y);
    },
  };
}

export interface ElasticOptions extends FillOptions {
  /** Pixels between two control points: the larger, the smoother. Default: 8. */
  readonly spacing?: number;
}

/**
 * Bends an image: a grid of control points is moved at random, and what lies between follows by cubic B-splines.
 *
 * Source: Simard, Steinkraus, Platt, "Best practices for convolutional neural networks", ICDAR 2003; on a coarse grid as
 * in Ronneberger et al., "U-Net", 2015.
 *
 * @param deviation standard deviation of a control point's movement along each axis, in pixels: 0 … 1000
 * Errors: code "option" for numbers out of range.
 * @example augment(elastic(2, { spacing: 7 }))
 */
export function elastic(deviation: number, options: ElasticOptions = {}): GeometricAugmentation {
  checkRange("elastic", "deviation", deviation, 0, 1000);
  const { spacing = 8, ...rest } = options;
  checkRange("elastic", "spacing", spacing, 1, 8192);
  return {
    kind: "elastic",
    options: { deviation, spacing, ...rest },
    stage: "geometry",
    fill: checkFill("elastic", rest),
    move(geometry, random) {
      geometry.displace(spacing, () => random.normal(0, deviation));
    },
  };
}
