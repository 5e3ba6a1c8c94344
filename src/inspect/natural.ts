import { checkOptions, fail } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import { list, numberThat } from "../model/check.js";
import type { View } from "./picture.js";
import type { Picture } from "./probe.js";

/** How pixels from 0 to 1 were made what a network takes: `(pixel − mean) / deviation`, channel by channel. */
export interface Normalization {
  /** One number for each channel. */
  readonly mean: readonly number[];
  /** One number > 0 for each channel. */
  readonly deviation: readonly number[];
}

export function checkNormalization(normalization: Normalization, where: string): Normalization {
  checkOptions(where, normalization, ["mean", "deviation"]);
  const numbers = (name: "mean" | "deviation", holds: (value: number) => boolean) =>
    list(where, name, normalization[name]).map((value) =>
      numberThat(where, name, value, "numbers for channels", holds),
    );
  const mean = numbers("mean", () => true);
  const deviation = numbers("deviation", (value) => value > 0);
  if (mean.length === deviation.length && mean.length > 0) return { mean, deviation };
  return fail({
    code: "option",
    where,
    problem: "mean and deviation are of different channels",
    expected: "as many numbers in both, one at least",
    received: `${mean.length} and ${deviation.length}`,
  });
}

/** Bytes, or parts, as a network takes them that was trained on normalised images. */
export function normalize(values: Uint8Array | Float32Array, { mean, deviation }: Normalization): Float32Array {
  const scale = values instanceof Uint8Array ? 255 : 1;
  const channels = mean.length;
  return Float32Array.from(values, (value, i) => (value / scale - mean[i % channels]!) / deviation[i % channels]!);
}

/** Least and largest value that pixels get. */
export function rangeUnder({ mean, deviation }: Normalization): readonly [number, number] {
  const ends = (pixel: number) => mean.map((value, c) => (pixel - value) / deviation[c]!);
  return [Math.min(...ends(0)), Math.max(...ends(1))];
}

/**
 * A view whose images have their natural colours again, to be drawn. Errors: code "shape" where images have another number
 * of channels.
 */
export function inNaturalColours(view: View, normalization: Normalization, where: string): View {
  const { mean, deviation } = normalization;
  const channels = mean.length;
  const back = (values: Float32Array, shape: Shape) => {
    if (shape.at(-1) !== channels) {
      const received = `${shape.at(-1)}`;
      fail({ code: "shape", where, problem: "images have other channels", expected: String(channels), received });
    }
    return values.map((value, i) => Math.min(1, Math.max(0, value * deviation[i % channels]! + mean[i % channels]!)));
  };
  const picture = ({ shape, values }: Picture): Picture => ({ shape, values: back(values, shape) });
  const each = (images: ReadonlyMap<number, Float32Array>, shape: Shape) =>
    new Map([...images].map(([example, values]) => [example, back(values, shape)]));
  switch (view.view) {
    case "featureMaps":
    case "attribution":
    case "gradCam":
      return { ...view, image: picture(view.image) };
    case "topActivations":
    case "predictions":
      return { ...view, images: each(view.images, view.shape) };
    case "maximizedImage": {
      const frames = view.frames?.map(({ step, values }) => ({ step, values: back(values, view.shape) }));
      return { ...view, values: back(view.values, view.shape), ...(frames === undefined ? {} : { frames }) };
    }
    case "fooling":
      return { ...view, images: view.images.map((image) => ({ ...image, values: back(image.values, view.shape) })) };
    default:
      return view;
  }
}
