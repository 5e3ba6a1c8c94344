import { type DType, dtypeOf } from "../../core/dtypes.js";
import { checkOptions, fail } from "../../core/errors.js";
import { type Key, keyOf, RandomStream, threefry2x32 } from "../../core/random.js";
import { formatShape, sizeOf } from "../../core/shapes.js";
import { checkSeed, type Dataset, subset } from "../dataset.js";
import { type Augmentation, checkRange, type ExampleView, type Fill, type MixingAugmentation } from "./augmentation.js";
import { brightness, contrast, hue, saturation } from "./colour.js";
import { ColourMap } from "./colourMap.js";
import { elastic, flip, randomCrop, randomResizedCrop, rotate, scale, shear, shift } from "./geometric.js";
import { Geometry, resample, resampleMask } from "./geometry.js";
import { cutMix, mixUp } from "./mix.js";
import { blur, erasing, failKind, frequencyMask, noise, timeMask, timeShift } from "./values.js";

/** Augmentations one after the other, as `augment` puts them together. JSON keeps it whole. */
export interface Augment {
  readonly steps: readonly Augmentation[];
}

/**
 * Puts augmentations together, in the order in which they happen. What happens to an example is a function of seed, epoch
 * and the example's number alone. Neighbouring movements (rotate, shift, scale, shear, flip, crops, elastic) of the same
 * `fill` are one movement, and neighbouring changes of colours one change. Masks, which are targets [height, width] or
 * [height, width, channels] of images, move with their images. Mixing comes last.
 *
 * Errors: code "option" for what is no augmentation, and for mixUp and cutMix before the end.
 *
 * @example const usual = augment(rotate(10), shift(0.1), scale(0.1), brightness(0.2));
 */
export function augment(...steps: readonly Augmentation[]): Augment {
  steps.forEach((step, i) => {
    if (typeof step !== "object" || step === null || !("stage" in step)) {
      const expected = "what rotate(10), flip() and their like return";
      fail({ code: "option", where: "augment", problem: `argument ${i} is no augmentation`, expected });
    }
    if (step.stage === "mix" && steps.slice(i + 1).some(({ stage }) => stage !== "mix")) {
      fail({ code: "option", where: "augment", problem: `${step.kind} comes before others`, fix: "Put it at the end" });
    }
  });
  return { steps };
}

/**
 * An augmentation that happens to a part of the examples only.
 *
 * @param probability 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(sometimes(0.3, blur(1)))
 */
export function sometimes<A extends Augmentation>(probability: number, step: A): A {
  checkRange("sometimes", "probability", probability, 0, 1);
  augment(step);
  const happens = (random: RandomStream) => random.uniform() < probability;
  const described = { ...step, kind: "sometimes", options: { probability, step } };
  const s: Augmentation = step;
  switch (s.stage) {
    case "geometry":
      return { ...described, move: (g: Geometry, random: RandomStream) => happens(random) && s.move(g, random) };
    case "colour":
      return {
        ...described,
        change: (map: ColourMap, random: RandomStream) => happens(random) && s.change(map, random),
      };
    case "values":
      return { ...described, apply: (e: ExampleView, random: RandomStream) => happens(random) && s.apply(e, random) };
    case "mix":
      return {
        ...described,
        mix: (e: ExampleView, p: ExampleView, random: RandomStream) => happens(random) && s.mix(e, p, random),
      };
  }
}

/** One augmentation of JSON's kinds and options. */
export function stepFromJSON({ kind, options: o }: { kind: string; options: Record<string, never> }): Augmentation {
  const { degrees, part, padding, deviation, ...rest } = o;
  switch (kind) {
    case "rotate":
      return rotate(degrees!, rest);
    case "shift":
      return shift(part!, rest);
    case "scale":
      return scale(part!, rest);
    case "shear":
      return shear(degrees!, rest);
    case "flip":
      return flip(o.direction);
    case "randomCrop":
      return randomCrop(padding!, rest);
    case "randomResizedCrop":
      return randomResizedCrop(o);
    case "elastic":
      return elastic(deviation!, rest);
    case "brightness":
      return brightness(part!);
    case "contrast":
      return contrast(part!);
    case "saturation":
      return saturation(part!);
    case "hue":
      return hue(part!);
    case "noise":
      return noise(deviation!);
    case "blur":
      return blur(deviation!);
    case "erasing":
      return erasing(o);
    case "timeShift":
      return timeShift(part!, rest);
    case "timeMask":
      return timeMask(o.frames!);
    case "frequencyMask":
      return frequencyMask(o.bands!);
    case "mixUp":
      return mixUp(o.alpha);
    case "cutMix":
      return cutMix(o.alpha);
    case "sometimes":
      return sometimes(o.probability!, stepFromJSON(o.step!));
    default:
      return failKind(kind);
  }
}

/** Makes again what JSON kept. */
export function augmentFromJSON(json: unknown): Augment {
  const { steps } = json as { steps: Parameters<typeof stepFromJSON>[0][] };
  return augment(...steps.map(stepFromJSON));
}

/** The text of an `augment`, which a worker makes it from again. */
export function augmentToJSON({ steps }: Augment): string {
  return JSON.stringify({ steps: steps.map(describe) });
}

function describe({ kind, options }: Augmentation): object {
  if (kind !== "sometimes") return { kind, options };
  const { probability, step } = options as { probability: number; step: Augmentation };
  return { kind, options: { probability, step: describe(step) } };
}

/** What examples are like, as augmentation needs to know it. */
export type ExampleLayout = Pick<Dataset, "shape" | "targetShape"> & {
  readonly inputType: DType;
  readonly targetType: "int32" | "float32";
};

export function layoutOf({ shape, targetShape, inputs, targets }: Dataset): ExampleLayout {
  return {
    shape,
    targetShape,
    inputType: dtypeOf(inputs),
    targetType: targets instanceof Int32Array ? "int32" : "float32",
  };
}

/** Whether targets are masks: of the images' height and width. */
function hasMasks({ shape, targetShape }: ExampleLayout): boolean {
  return shape.length === 3 && targetShape.length >= 2 && shape[0] === targetShape[0] && shape[1] === targetShape[1];
}

/** Refuses augmentations that do not suit the examples. */
export function checkAugment(given: Augment, layout: ExampleLayout, where: string): void {
  if (!Array.isArray((given as Partial<Augment>)?.steps)) {
    const expected = "what augment(rotate(10), flip()) returns";
    fail({ code: "option", where, problem: "augment is no augmentation", expected, received: String(given) });
  }
  const { shape, inputType, targetType } = layout;
  const isImage = inputType === "uint8" && shape.length === 3 && (shape[2] === 1 || shape[2] === 3);
  for (const step of given.steps) {
    const { kind } = step.kind === "sometimes" ? (step.options as { step: Augmentation }).step : step;
    if (inputType === "int32") {
      const problem = `${kind} varies numbers, and tokens are only names`;
      fail({ code: "dtype", where, problem, expected: "uint8 or float32", received: inputType });
    }
    const needs = step.stage === "geometry" || step.stage === "colour" ? "images" : step.needs;
    if (needs === "images" ? !isImage : shape.length < needs) {
      fail({
        code: "shape",
        where,
        problem: `${kind} does not suit the examples`,
        expected: needs === "images" ? "uint8 [height, width, 1 or 3]" : `at least ${needs} axes`,
        received: `${inputType} ${formatShape(shape)}`,
      });
    }
    if (step.stage === "mix" && targetType !== "float32") {
      fail({
        code: "dtype",
        where,
        problem: `${kind} mixes targets, and labels cannot be mixed`,
        expected: "float32 targets",
        received: targetType,
        fix: 'Pass oneHot(data), with crossEntropy({ targets: "probabilities" }) as the loss',
      });
    }
  }
}

/** Whether each example needs another one. */
export function mixes({ steps }: Augment): boolean {
  return steps.some(({ stage }) => stage === "mix");
}

/** The key of all that happens to an example. */
export function exampleKey(seed: number, epoch: number, index: number): Key {
  return keyOf(seed, "augment", epoch, index);
}

/** The example that is mixed into this one: any one of the data set. */
export function partnerOf(seed: number, epoch: number, index: number, length: number): number {
  return new RandomStream(keyOf(seed, "partner", epoch, index)).integer(length);
}

/** Applies an `augment` to examples of one layout, in memory of its own. */
export class Augmentor {
  readonly #passes: readonly Pass[];
  readonly #mixes: readonly { readonly step: MixingAugmentation; readonly position: number }[];

  constructor(
    readonly augment: Augment,
    readonly layout: ExampleLayout,
  ) {
    this.#passes = passesOf(augment, layout);
    this.#mixes = augment.steps.flatMap((step, position) => (step.stage === "mix" ? [{ step, position }] : []));
  }

  /** All but mixing, in place. */
  vary(inputs: Dataset["inputs"], targets: Dataset["targets"], key: Key): void {
    const { shape, targetShape } = this.layout;
    const example = { ...numbersOf({ inputs, targets }), shape, targetShape };
    for (const pass of this.#passes) pass(example, key);
  }

  /** Mixes a varied partner into a varied example. */
  mix(example: Pick<Dataset, "inputs" | "targets">, partner: typeof example, key: Key): void {
    const { shape, targetShape } = this.layout;
    const [to, from] = [example, partner].map((each) => ({ ...numbersOf(each), shape, targetShape })) as [
      ExampleView,
      ExampleView,
    ];
    for (const { step, position } of this.#mixes) step.mix(to, from, streamOf(key, position));
  }
}

/** The same, known to be no tokens: {@link checkAugment} has refused these. */
function numbersOf({ inputs, targets }: Pick<Dataset, "inputs" | "targets">) {
  return { inputs: inputs as ExampleView["inputs"], targets };
}

type Pass = (example: ExampleView, key: Key) => void;

/** Each step draws from a stream of its own, so that what one draws does not change the others. */
function streamOf(key: Key, position: number): RandomStream {
  return new RandomStream(threefry2x32(key, position, 2));
}

function passesOf({ steps }: Augment, layout: ExampleLayout): Pass[] {
  const passes: Pass[] = [];
  for (let at = 0; at < steps.length; ) {
    const step = steps[at]!;
    let end = at + 1;
    if (step.stage === "geometry") {
      const group = [step];
      let { fill } = step;
      for (; end < steps.length; end++) {
        const next = steps[end]!;
        if (next.stage !== "geometry") break;
        if (fill !== undefined && next.fill !== undefined && next.fill !== fill) break;
        fill ??= next.fill;
        group.push(next);
      }
      passes.push(movement(group, at, fill ?? "edge", layout));
    } else if (step.stage === "colour") {
      const group = [step];
      for (; end < steps.length; end++) {
        const next = steps[end]!;
        if (next.stage !== "colour") break;
        group.push(next);
      }
      const map = new ColourMap(layout.shape[2]!);
      const start = at;
      passes.push(({ inputs }, key) => {
        map.begin(inputs as Uint8Array);
        group.forEach((change, i) => change.change(map, streamOf(key, start + i)));
        map.end();
      });
    } else if (step.stage === "values") {
      const position = at;
      passes.push((example, key) => step.apply(example, streamOf(key, position)));
    }
    at = end;
  }
  return passes;
}

function movement(
  group: readonly Extract<Augmentation, { stage: "geometry" }>[],
  start: number,
  fill: Fill,
  layout: ExampleLayout,
): Pass {
  const [height, width, channels] = layout.shape as [number, number, number];
  const geometry = new Geometry(height, width);
  const masked = hasMasks(layout);
  const Mask = layout.targetType === "int32" ? Int32Array : Float32Array;
  const mask = new Mask(masked ? sizeOf(layout.targetShape) : 0);
  return ({ inputs, targets }, key) => {
    geometry.reset();
    group.forEach((step, i) => step.move(geometry, streamOf(key, start + i)));
    if (geometry.isIdentity) return;
    resample(inputs as Uint8Array, inputs as Uint8Array, channels, geometry, fill);
    if (!masked) return;
    mask.set(targets);
    resampleMask(mask, targets, mask.length / (height * width), geometry, fill);
  };
}

/**
 * A copy of a data set, augmented as `fit` does it in one epoch: to look at, or to keep.
 *
 * Errors: codes "option", "shape" and "dtype" where the augmentation does not suit the data.
 *
 * @example const varied = augmented(data, augment(rotate(10), shift(0.1)), { seed: 1, epoch: 3 });
 */
export function augmented(data: Dataset, given: Augment, options: { seed?: number; epoch?: number } = {}): Dataset {
  const where = `augmented "${data.name}"`;
  checkOptions(where, options, ["seed", "epoch"]);
  const { epoch = 1 } = options;
  const seed = checkSeed(where, options.seed);
  const layout = layoutOf(data);
  checkAugment(given, layout, where);
  const augmentor = new Augmentor(given, layout);
  const [size, targetSize] = [sizeOf(data.shape), sizeOf(data.targetShape)];
  const all = Uint32Array.from({ length: data.length }, (_, i) => i);
  const view = (of: Dataset, i: number) => ({
    inputs: of.inputs.subarray(i * size, (i + 1) * size),
    targets: of.targets.subarray(i * targetSize, (i + 1) * targetSize),
  });
  const varied = subset(data, all);
  for (const i of all) {
    const { inputs, targets } = view(varied, i);
    augmentor.vary(inputs, targets, exampleKey(seed, epoch, i));
  }
  if (!mixes(given)) return varied;
  const mixed = subset(varied, all);
  for (const i of all) {
    const partner = partnerOf(seed, epoch, i, data.length);
    augmentor.mix(view(mixed, i), view(varied, partner), exampleKey(seed, epoch, i));
  }
  return mixed;
}
