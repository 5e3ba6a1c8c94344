import { checkOptions, fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { wholeNumber } from "../model/check.js";
import { tensorName, tensorOf } from "../model/network.js";
import type { Model } from "../train/model.js";
import type { Patch } from "./attribution.js";
import { checkExamples, examplesOf, overExamples } from "./examples.js";
import { checkImage, Probe, type ViewOptions, viewOptionNames } from "./probe.js";
import { type AxisField, summarize } from "./summary.js";

/** One of the strongest answers of a unit. */
export interface Activation {
  /** Position in the data set. */
  readonly example: number;
  readonly value: number;
  /** [row, column] in the layer's map; empty for a layer without maps. */
  readonly place: readonly number[];
  /** What the unit sees there, its receptive field: it may reach beyond the image. */
  readonly field: Patch;
  /** The field, cut at the image's edges. */
  readonly patch: Patch;
}

/** What the units of a layer respond to. */
export interface TopActivations {
  readonly view: "topActivations";
  readonly layer: string;
  /** Channels, or elements of a layer without maps. */
  readonly units: readonly { readonly unit: number; readonly activations: readonly Activation[] }[];
  /** Images looked at. */
  readonly examples: number;
  /** The images that are named above, by their positions. */
  readonly images: ReadonlyMap<number, Float32Array>;
  /** Shape of one image. */
  readonly shape: Shape;
}

export interface TopActivationsOptions extends ViewOptions {
  /** Default: the first layer that has maps. */
  readonly layer?: string;
  /** Which channels or elements. Default: the first 8. */
  readonly units?: readonly number[];
  /** Images for each, each image once. Default: 9. */
  readonly count?: number;
}

const batch = 32;

/**
 * The images of a data set that excite units most, and the patch of each that the unit sees: its receptive field at the
 * place of its largest value.
 *
 * Errors: code "shape" for data that do not fit the network; code "option" for units that are not there.
 *
 * @example const { units } = await topActivations(net, digits.test, { layer: "conv2d", units: [0], count: 4 });
 */
export async function topActivations(
  model: Model,
  data: Dataset,
  options: TopActivationsOptions = {},
): Promise<TopActivations> {
  const where = "topActivations";
  checkOptions(where, options, ["layer", "units", "count", ...viewOptionNames]);
  const { network } = model;
  const count = wholeNumber(where, "count", options.count ?? 9);
  const first = network.calls.find(({ output }) => output.shape.length === 3) ?? network.calls[0]!;
  const tensor = options.layer === undefined ? first.output : tensorOf(network, options.layer, where);
  const channels = tensor.shape.at(-1)!;
  const units = options.units ?? Array.from({ length: Math.min(8, channels) }, (_, i) => i);
  const wrong = units.find((unit) => !(Number.isInteger(unit) && unit >= 0 && unit < channels));
  if (wrong !== undefined) {
    fail({
      code: "option",
      where,
      problem: "there is no such unit",
      expected: `0 … ${channels - 1}`,
      received: String(wrong),
    });
  }
  const shape = checkImage(checkExamples(model, data, where), where);
  const fields = fieldsOf(model, tensorName(network, tensor));
  const places = sizeOf(tensor.shape) / channels;
  const best = units.map((): Activation[] => []);
  const probe = await Probe.of(model, where, options);
  await overExamples(probe, data, [tensor], batch, ([values], start, examples) => {
    units.forEach((unit, position) => {
      for (let i = 0; i < examples; i++) {
        let at = 0;
        const value = (place: number) => values![(i * places + place) * channels + unit]!;
        for (let place = 1; place < places; place++) if (value(place) > value(at)) at = place;
        const list = best[position]!;
        if (list.length === count && !(value(at) > list[count - 1]!.value)) continue;
        const place = tensor.shape.length === 3 ? [Math.floor(at / tensor.shape[1]!), at % tensor.shape[1]!] : [];
        const found = { example: start + i, value: value(at), place, ...patchAt(place, fields, shape) };
        list.splice(list.findIndex((other) => found.value > other.value) >>> 0, 0, found);
        list.length = Math.min(list.length, count);
      }
    });
  });
  const images = await examplesOf(
    data,
    best.flat().map(({ example }) => example),
  );
  return {
    view: "topActivations",
    layer: tensorName(network, tensor),
    units: units.map((unit, i) => ({ unit, activations: best[i]! })),
    examples: data.length,
    images,
    shape,
  };
}

function fieldsOf({ network }: Model, layer: string): readonly AxisField[] {
  const { layers } = summarize(network);
  const position = network.calls.findIndex(({ output }) => tensorName(network, output) === layer);
  return layers[position < 0 ? 0 : network.inputs.length + position]!.receptiveField;
}

function patchAt(place: readonly number[], fields: readonly AxisField[], [height, width]: Shape) {
  const along = (axis: number, extent: number): [number, number] => {
    const field = fields[axis];
    if (field === undefined || place.length === 0) return [0, extent];
    const centre = field.start + place[axis]! * field.stride;
    const low = Math.round(centre - (field.size - 1) / 2);
    return [low, low + field.size];
  };
  const [top, bottom] = along(0, height!);
  const [left, right] = along(1, width!);
  const patch: Patch = {
    top: Math.max(0, top),
    left: Math.max(0, left),
    bottom: Math.min(height!, bottom),
    right: Math.min(width!, right),
  };
  return { field: { top, left, bottom, right }, patch };
}
