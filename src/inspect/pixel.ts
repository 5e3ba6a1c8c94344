import type { DataArray } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { type Network, type NetworkCall, tensorName } from "../model/network.js";
import type { Model } from "../train/model.js";
import { Probe, type ViewOptions, viewOptionNames } from "./probe.js";

/** How one value of a convolution comes about. */
export interface PixelArithmetic {
  readonly view: "pixelArithmetic";
  readonly layer: string;
  /** [row, column, channel] of the layer's output. */
  readonly at: readonly [number, number, number];
  /** [height, width, channels] of the three that follow: channels are those that the filter reads. */
  readonly shape: readonly [number, number, number];
  /** What the filter sees; 0 where the window reaches beyond the input. */
  readonly patch: Float32Array;
  readonly kernel: Float32Array;
  /** patch × kernel, value by value. */
  readonly products: Float32Array;
  /** Row and column in the input of each tap, [height × width × 2]; less than 0, or beyond, in the padding. */
  readonly places: Int32Array;
  /** [height, width] of the layer's input. */
  readonly input: readonly [number, number];
  /** The first of the input's channels that are read. */
  readonly firstChannel: number;
  /** 0 where the layer has none. */
  readonly bias: number;
  /** Σ products + bias, summed in float64. */
  readonly sum: number;
  /** `"relu"`, …, `"linear"`. */
  readonly activation: string;
  /** What the layer gives there. */
  readonly value: number;
}

export interface PixelOptions extends ViewOptions {
  /** A convolution of images. Default: the first. */
  readonly layer?: string;
  /** [row, column, channel] of the output. Default: where it is largest. */
  readonly at?: readonly number[];
}

/**
 * The arithmetic of one value of a convolution: the patch of its input that the filter sees, times the kernel, summed,
 * plus the bias, through the activation.
 *
 * Errors: code "unsupported" for a layer that is no plain convolution of images with zeros around them; code "option" for
 * a place that is not there; code "shape" for an image of another size.
 *
 * @param image one example; uint8 is divided by 255
 * @example const { patch, kernel, sum, value } = await pixelArithmetic(net, image, { layer: "conv2d", at: [3, 4, 0] });
 */
export async function pixelArithmetic(
  model: Model,
  image: DataArray,
  options: PixelOptions = {},
): Promise<PixelArithmetic> {
  const where = "pixelArithmetic";
  checkOptions(where, options, ["layer", "at", ...viewOptionNames]);
  const { network } = model;
  const call = convolutionOf(network, options.layer, where);
  const { layer, name, inputs } = call;
  const reach = layer.definition.reach(
    layer.config,
    inputs.map(({ shape }) => shape),
  );
  if (typeof reach === "string") return failKind(network, call, where);
  const { strides, dilation, padding } = reach;
  const [source] = inputs;
  const [height, width, channels] = source!.shape as readonly [number, number, number];
  const probe = await Probe.of(model, where, options);
  const picture = probe.picture(image);
  const isFirst = network.inputs.some(({ tensor }) => tensor === source);
  const program = await probe.forward(isFirst ? [call.output] : [call.output, source!], 1);
  program.input(probe.input().name).set(picture.values);
  program.run();
  const output = Float32Array.from(program.output("0"));
  const values = isFirst ? picture.values : Float32Array.from(program.output("1"));

  const at = placeOf(options.at, call.output.shape, output, `${where} "${name}"`);
  const weight = network.weights.find(({ layer: own, shape }) => own === name && shape.length === 4)!;
  const [rows, columns, reads, filters] = weight.shape as readonly [number, number, number, number];
  const weights = model.weight(weight.name);
  const groups = channels / reads;
  const firstChannel = Math.floor(at[2] / (filters / groups)) * reads;
  const size = rows * columns * reads;
  const [patch, kernel] = [new Float32Array(size), new Float32Array(size)];
  const places = new Int32Array(rows * columns * 2);
  for (let u = 0; u < rows; u++) {
    for (let v = 0; v < columns; v++) {
      const y = at[0] * strides[0]! + u * dilation[0]! - padding[0]!;
      const x = at[1] * strides[1]! + v * dilation[1]! - padding[2]!;
      const tap = u * columns + v;
      places.set([y, x], 2 * tap);
      const inside = y >= 0 && y < height && x >= 0 && x < width;
      for (let c = 0; c < reads; c++) {
        patch[tap * reads + c] = inside ? values[(y * width + x) * channels + firstChannel + c]! : 0;
        kernel[tap * reads + c] = weights[(tap * reads + c) * filters + at[2]]!;
      }
    }
  }
  const bias = network.weights.some(({ name: own }) => own === `${name}.bias`)
    ? model.weight(`${name}.bias`)[at[2]]!
    : 0;
  const sum = patch.reduce((total, value, i) => total + value * kernel[i]!, 0) + bias;
  const { activation = "linear" } = layer.config as { readonly activation?: unknown };
  return {
    view: "pixelArithmetic",
    layer: name,
    at,
    shape: [rows, columns, reads],
    patch,
    kernel,
    products: patch.map((value, i) => value * kernel[i]!),
    places,
    input: [height, width],
    firstChannel,
    bias,
    sum,
    activation: typeof activation === "string" ? activation : "activation",
    value: output[(at[0] * call.output.shape[1]! + at[1]) * filters + at[2]]!,
  };
}

const isConvolution = ({ layer, output }: NetworkCall) =>
  (layer.kind === "conv2d" || layer.kind === "depthwiseConv2d") &&
  output.shape.length === 3 &&
  (layer.config as { readonly paddingMode?: string }).paddingMode !== "reflect" &&
  !["replicate", "circular"].includes(String((layer.config as { readonly paddingMode?: string }).paddingMode));

function convolutionOf(network: Network, layer: string | undefined, where: string): NetworkCall {
  const found = network.calls.find((call) => (layer === undefined ? isConvolution(call) : call.name === layer));
  if (found !== undefined && isConvolution(found)) return found;
  return failKind(network, found, layer === undefined ? where : `${where} "${layer}"`);
}

function failKind(network: Network, call: NetworkCall | undefined, where: string): never {
  const names = network.calls.filter(isConvolution).map((each) => tensorName(network, each.output));
  return fail({
    code: "unsupported",
    where,
    problem: "shows the arithmetic of convolutions of images with zeros around them",
    received: call === undefined ? "no such layer" : `a layer of kind ${call.layer.kind}`,
    fix: names.length === 0 ? "This network has none" : `Layers that are ones: ${names.join(", ")}`,
  });
}

function placeOf(
  at: readonly number[] | undefined,
  shape: Shape,
  values: Float32Array,
  where: string,
): readonly [number, number, number] {
  const [, width, channels] = shape as readonly [number, number, number];
  if (at === undefined) {
    let best = 0;
    for (let i = 1; i < sizeOf(shape); i++) if (values[i]! > values[best]!) best = i;
    return [Math.floor(best / (width * channels)), Math.floor(best / channels) % width, best % channels];
  }
  const fits =
    at.length === 3 && at.every((value, axis) => Number.isInteger(value) && value >= 0 && value < shape[axis]!);
  if (fits) return at as readonly [number, number, number];
  return fail({
    code: "option",
    where,
    problem: "there is no such place",
    expected: `row, column and channel within ${formatShape(shape)}`,
    received: at.join(", "),
  });
}

/** What each of the channels adds, the largest first. */
export function channelsOf({ shape, products }: PixelArithmetic): { channel: number; sum: number }[] {
  const [rows, columns, reads] = shape;
  return Array.from({ length: reads }, (_, channel) => {
    let sum = 0;
    for (let tap = 0; tap < rows * columns; tap++) sum += products[tap * reads + channel]!;
    return { channel, sum };
  }).sort((a, b) => Math.abs(b.sum) - Math.abs(a.sum) || a.channel - b.channel);
}

/** One channel of patch, kernel or products. */
export function channelOf(values: Float32Array, { shape }: PixelArithmetic, channel: number): number[] {
  const [rows, columns, reads] = shape;
  return Array.from({ length: rows * columns }, (_, tap) => values[tap * reads + channel]!);
}
