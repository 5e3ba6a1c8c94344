import type { DataArray } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { type Network, tensorName, tensorOf } from "../model/network.js";
import type { Model } from "../train/model.js";
import { mapsOf } from "./gradCam.js";
import { type Picture, Probe, type ViewOptions, viewOptionNames } from "./probe.js";

/** The filters of a layer, one after the other. */
export interface Filters {
  readonly view: "filters";
  readonly layer: string;
  /** Full name of the weight. */
  readonly weight: string;
  /** Number of filters. */
  readonly count: number;
  /** One filter: [height, width, channels]. */
  readonly shape: Shape;
  /** count × height × width × channels */
  readonly values: Float32Array;
  /** Whether the channels are those of a colour image. */
  readonly isColor: boolean;
}

/**
 * The filters of a convolution of images (also depthwise and transposed), and of a dense layer behind `flatten`, whose
 * units see the flattened maps. Without `layer`: those of the first layer that has filters.
 *
 * Errors: code "usage" for a name that no layer has; code "unsupported" for a layer without filters.
 *
 * @returns values on one scale, those of the weights
 * @example const { count, shape, values } = filters(net, "dense");
 */
export function filters(model: Model, layer?: string): Filters {
  const where = "filters";
  const { network } = model;
  const name = layer ?? network.calls.find((call) => describeFilters(network, call.name) !== undefined)?.name;
  if (name === undefined) fail({ code: "unsupported", where, problem: "the network has no layer with filters" });
  tensorOf(network, name, where);
  const found = describeFilters(network, name) ?? failWithout(network, name, where);
  const weight = model.weight(found.weight);
  const { count, shape } = found;
  const size = sizeOf(shape);
  const values = new Float32Array(count * size);
  for (let i = 0; i < count; i++) {
    for (let k = 0; k < size; k++) values[i * size + k] = weight[found.at(i, k)]!;
  }
  const first = network.calls.find((call) => call.name === name)!.inputs[0]!;
  const isColor = shape[2] === 3 && network.inputs.some(({ tensor }) => tensor === first);
  return { view: "filters", layer: name, weight: found.weight, count, shape, values, isColor };
}

interface FoundFilters {
  readonly weight: string;
  readonly count: number;
  readonly shape: Shape;
  /** Where in the weight the k-th value of filter i is. */
  readonly at: (i: number, k: number) => number;
}

function describeFilters(network: Network, name: string): FoundFilters | undefined {
  const call = network.calls.find((each) => each.name === name);
  const spec = network.weights.find(({ layer, shape }) => layer === name && shape.length >= 2);
  if (call === undefined || spec === undefined) return undefined;
  const { shape } = spec;
  const { kind } = call.layer;
  if (kind === "dense") {
    const before = network.calls.find(({ output }) => output === call.inputs[0]);
    const maps = before?.layer.kind === "flatten" ? before.inputs[0]!.shape : undefined;
    if (maps?.length !== 3) return undefined;
    return { weight: spec.name, count: shape[1]!, shape: maps, at: (i, k) => k * shape[1]! + i };
  }
  if (shape.length !== 4) return undefined;
  const [height, width, third, fourth] = shape as readonly [number, number, number, number];
  if (kind === "convTranspose2d") {
    // one filter draws one channel of the output from all channels of the input
    const at = (i: number, k: number) => (Math.floor(k / fourth) * third + i) * fourth + (k % fourth);
    return { weight: spec.name, count: third, shape: [height, width, fourth], at };
  }
  if (!/[cC]onv2d$/.test(kind)) return undefined;
  return { weight: spec.name, count: fourth, shape: [height, width, third], at: (i, k) => k * fourth + i };
}

function failWithout(network: Network, name: string, where: string): never {
  const call = network.calls.find((each) => each.name === name);
  const own = network.weights.filter(({ layer }) => layer === name);
  const why =
    own.length === 0 ? "it has no weights" : `its weights are ${own.map(({ shape }) => formatShape(shape)).join(", ")}`;
  const others = [...new Set(network.calls.map((each) => each.name))].filter(
    (each) => describeFilters(network, each) !== undefined,
  );
  return fail({
    code: "unsupported",
    where: `${where} "${name}"`,
    problem: `has no filters that are pictures: it is ${call === undefined ? "an input" : `of kind ${call.layer.kind}`}, and ${why}`,
    expected: "a convolution of images, or a dense layer behind flatten",
    fix: others.length === 0 ? undefined : `Layers with filters are ${others.join(", ")}`,
  });
}

/** What the channels of a layer give for one image. */
export interface FeatureMaps {
  readonly view: "featureMaps";
  readonly layer: string;
  readonly image: Picture;
  /** [height, width, channels] */
  readonly shape: Shape;
  readonly values: Float32Array;
}

export interface FeatureMapsOptions extends ViewOptions {
  /** Default: the first layer that has maps. */
  readonly layer?: string;
}

/**
 * The feature maps of a layer for an image.
 *
 * Errors: code "unsupported" for a layer whose output has no height and width; code "shape" for another image size.
 *
 * @param image one example; uint8 is divided by 255
 * @example const { shape, values } = await featureMaps(net, image, { layer: "conv2d" });
 */
export async function featureMaps(
  model: Model,
  image: DataArray,
  options: FeatureMapsOptions = {},
): Promise<FeatureMaps> {
  const where = "featureMaps";
  checkOptions(where, options, ["layer", ...viewOptionNames]);
  const { network } = model;
  const first = network.calls.find(({ output }) => output.shape.length === 3) ?? network.calls[0]!;
  const tensor = options.layer === undefined ? first.output : tensorOf(network, options.layer, where);
  const shape = mapsOf(network, tensor, where);
  const probe = await Probe.of(model, where, options);
  const picture = probe.picture(image);
  const program = await probe.forward([tensor], 1);
  program.input(probe.input().name).set(picture.values);
  program.run();
  const values = Float32Array.from(program.output("0"));
  return { view: "featureMaps", layer: tensorName(network, tensor), image: picture, shape, values };
}
