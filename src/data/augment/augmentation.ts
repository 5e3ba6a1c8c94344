import { checkOptions, fail } from "../../core/errors.js";
import type { RandomStream } from "../../core/random.js";
import type { ColourMap } from "./colourMap.js";
import type { Geometry } from "./geometry.js";

/** What lies beyond an image's border: a value 0 … 255, the nearest pixel of the border, or the image mirrored there. */
export type Fill = number | "edge" | "reflect";

/** One example on its way: augmentations change the values in place. */
export interface ExampleView {
  readonly inputs: Uint8Array | Float32Array;
  /** Without the batch. Images [height, width, channels]; sound and spectrograms begin with time. */
  readonly shape: readonly number[];
  readonly targets: Int32Array | Float32Array;
  readonly targetShape: readonly number[];
}

/** What all augmentations have in common. `kind` and `options` are what `JSON.stringify` keeps of one. */
interface Described {
  readonly kind: string;
  readonly options: object;
}

/** Moves pixels. Neighbours become one map from places to places, so that pixels are interpolated once. */
export interface GeometricAugmentation extends Described {
  readonly stage: "geometry";
  /** Undefined where nothing from beyond the border comes into sight. */
  readonly fill: Fill | undefined;
  move(geometry: Geometry, random: RandomStream): void;
}

/** Changes colours, each pixel for itself. Neighbours become one map from colours to colours. */
export interface ColourAugmentation extends Described {
  readonly stage: "colour";
  change(map: ColourMap, random: RandomStream): void;
}

/** Changes values in any other manner. */
export interface ValueAugmentation extends Described {
  readonly stage: "values";
  /** What it works on: uint8 images [height, width, channels], examples of so many axes at least, or anything. */
  readonly needs: "images" | number;
  apply(example: ExampleView, random: RandomStream): void;
}

/** Mixes an example with another one, targets included. */
export interface MixingAugmentation extends Described {
  readonly stage: "mix";
  readonly needs: "images" | number;
  /** `partner` is another example, augmented as it would be in its own place. */
  mix(example: ExampleView, partner: ExampleView, random: RandomStream): void;
}

/** One way to vary examples, as `rotate(10)` describes it. */
export type Augmentation = GeometricAugmentation | ColourAugmentation | ValueAugmentation | MixingAugmentation;

/** Checks a number of an augmentation. */
export function checkRange(where: string, name: string, value: number, low: number, high: number): number {
  if (typeof value === "number" && value >= low && value <= high) return value;
  const expected = high === Number.POSITIVE_INFINITY ? `a number of at least ${low}` : `a number in ${low} … ${high}`;
  return fail({ code: "option", where, problem: `${name} is out of range`, expected, received: String(value) });
}

/** Checks a pair [low, high] within bounds. */
export function checkPair(
  where: string,
  name: string,
  pair: readonly [number, number],
  low: number,
  high: number,
): readonly [number, number] {
  const good = Array.isArray(pair) && pair.length === 2 && pair[0] >= low && pair[0] <= pair[1] && pair[1] <= high;
  if (good) return [pair[0], pair[1]];
  const expected = `[low, high] with ${low} ≤ low ≤ high ≤ ${high}`;
  return fail({ code: "option", where, problem: `${name} is not a range`, expected, received: JSON.stringify(pair) });
}

export interface FillOptions {
  /** What comes in from beyond the border. Masks get 0 where a value is given here. Default: 0. */
  readonly fill?: Fill;
}

export function checkFill(where: string, options: FillOptions): Fill {
  checkOptions(where, options, ["fill"]);
  const { fill = 0 } = options;
  if (fill === "edge" || fill === "reflect") return fill;
  if (typeof fill === "number" && fill >= 0 && fill <= 255) return fill;
  const expected = 'a number in 0 … 255, "edge" or "reflect"';
  return failFill(where, fill, expected);
}

function failFill(where: string, fill: unknown, expected: string): never {
  return fail({ code: "option", where, problem: "fill is out of range", expected, received: JSON.stringify(fill) });
}
