import { closest, fail } from "../core/errors.js";
import {
  type Augment,
  type Augmentation,
  augment,
  blur,
  brightness,
  contrast,
  cutMix,
  elastic,
  erasing,
  flip,
  frequencyMask,
  hue,
  mixUp,
  noise,
  randomCrop,
  randomResizedCrop,
  rotate,
  saturation,
  scale,
  shear,
  shift,
  timeMask,
  timeShift,
} from "../data/index.js";

/** Augmentations that a command line can ask for: those of one number, or of none. */
const makers: Readonly<Record<string, (value: number | undefined) => Augmentation>> = {
  rotate: (degrees = 10) => rotate(degrees),
  shift: (part = 0.1) => shift(part),
  scale: (part = 0.1) => scale(part),
  shear: (degrees = 10) => shear(degrees),
  flip: () => flip(),
  randomCrop: (padding = 4) => randomCrop(padding),
  randomResizedCrop: () => randomResizedCrop(),
  elastic: (deviation = 1) => elastic(deviation),
  brightness: (part = 0.2) => brightness(part),
  contrast: (part = 0.2) => contrast(part),
  saturation: (part = 0.2) => saturation(part),
  hue: (part = 0.05) => hue(part),
  noise: (deviation = 0.05) => noise(deviation),
  blur: (deviation = 1) => blur(deviation),
  erasing: () => erasing(),
  timeShift: (part = 0.1) => timeShift(part, { fill: "minimum" }),
  timeMask: (frames = 10) => timeMask(frames),
  frequencyMask: (bands = 5) => frequencyMask(bands),
  mixUp: (alpha) => mixUp(alpha),
  cutMix: (alpha) => cutMix(alpha),
};

/** Names of augmentations, for help. */
export const augmentationNames = Object.keys(makers);

/** Reads what stands after `--augment`: `rotate:10,shift:0.1,flip`; also `rotate(10)`, with quotes around it. */
export function parseAugment(text: string): Augment {
  const steps = text.split(",").map((part) => {
    const [, name, , value] = /^\s*(\w+)\s*([:(=]\s*([\d.eE+-]+)\s*\)?|\(\s*\))?\s*$/.exec(part) ?? [];
    const make = name === undefined ? undefined : makers[name];
    if (make !== undefined) return make(value === undefined ? undefined : Number(value));
    const near = name === undefined ? undefined : closest(name, augmentationNames);
    return fail({
      code: "usage",
      where: "--augment",
      problem: `"${part.trim()}" is no augmentation`,
      expected: `names with a number each, as in rotate:10,flip: ${augmentationNames.join(", ")}`,
      fix: near === undefined ? undefined : `Did you mean "${near}"`,
    });
  });
  return augment(...steps);
}
