import { type ColourAugmentation, checkRange } from "./augmentation.js";
import { hueMatrix, saturationMatrix } from "./colourMap.js";

/**
 * Makes images brighter or darker: all values are multiplied by a factor from 1 − part to 1 + part. Of neighbouring
 * changes of colours, only the last result is cut off at 0 and 255.
 *
 * PyTorch: ColorJitter(brightness)
 *
 * @param part 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(brightness(0.2))
 */
export function brightness(part: number): ColourAugmentation {
  checkRange("brightness", "part", part, 0, 1);
  return {
    kind: "brightness",
    options: { part },
    stage: "colour",
    change: (map, random) => map.multiply(random.uniform(1 - part, 1 + part)),
  };
}

/**
 * Stretches the distances of all values from the image's mean brightness, by a factor from 1 − part to 1 + part.
 *
 * PyTorch: ColorJitter(contrast)
 *
 * @param part 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(contrast(0.2))
 */
export function contrast(part: number): ColourAugmentation {
  checkRange("contrast", "part", part, 0, 1);
  return {
    kind: "contrast",
    options: { part },
    stage: "colour",
    change(map, random) {
      const factor = random.uniform(1 - part, 1 + part);
      const mean = map.meanBrightness();
      map.multiply(factor);
      map.add((1 - factor) * mean);
    },
  };
}

/**
 * Makes colours stronger or paler: their distance from grey of the same brightness is multiplied by a factor from
 * 1 − part to 1 + part. Grey images stay as they are.
 *
 * PyTorch: ColorJitter(saturation)
 *
 * @param part 0 … 1
 * Errors: code "option" for numbers out of range.
 * @example augment(saturation(0.3))
 */
export function saturation(part: number): ColourAugmentation {
  checkRange("saturation", "part", part, 0, 1);
  return {
    kind: "saturation",
    options: { part },
    stage: "colour",
    change(map, random) {
      const factor = random.uniform(1 - part, 1 + part);
      if (map.channels === 3) map.apply(saturationMatrix(factor));
    },
  };
}

/**
 * Turns colours round the circle of hues by −part to part of it, about the grey axis of YIQ: brightness stays. Grey
 * images stay as they are.
 *
 * PyTorch: ColorJitter(hue), which turns in HSV
 *
 * @param part 0 … 0.5
 * Errors: code "option" for numbers out of range.
 * @example augment(hue(0.05))
 */
export function hue(part: number): ColourAugmentation {
  checkRange("hue", "part", part, 0, 0.5);
  return {
    kind: "hue",
    options: { part },
    stage: "colour",
    change(map, random) {
      const angle = random.uniform(-part, part) * 2 * Math.PI;
      if (map.channels === 3) map.apply(hueMatrix(angle));
    },
  };
}
