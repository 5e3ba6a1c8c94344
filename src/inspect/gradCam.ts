import type { DataArray } from "../core/dtypes.js";
import { checkOptions, fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import { choice } from "../model/check.js";
import type { Network } from "../model/network.js";
import { tensorName, tensorOf } from "../model/network.js";
import type { SymbolicTensor } from "../model/symbolic.js";
import type { Model } from "../train/model.js";
import { checkImage, type Picture, Probe, type Target, type ViewOptions, viewOptionNames } from "./probe.js";

/** Where in the image a layer found what speaks for a class. */
export interface ClassActivationMap {
  readonly view: "gradCam";
  readonly method: GradCamMethod;
  readonly image: Picture;
  readonly layer: string;
  /** [height, width] of the layer. */
  readonly shape: Shape;
  /** ≥ 0 */
  readonly values: Float32Array;
  /** The same at the image's size, height × width, bilinear. */
  readonly enlarged: Float32Array;
  readonly target: Target;
}

export type GradCamMethod = "gradCam" | "gradCam++";

export interface GradCamOptions extends ViewOptions {
  /** The layer whose maps are weighted. Default: the last one that has maps of more than one pixel. */
  readonly layer?: string;
  /** Class: an element of the network's first output. Default: the predicted one. */
  readonly unit?: number;
  /** Default: "gradCam". */
  readonly method?: GradCamMethod;
}

/**
 * `max(0, Σ_c w_c · A_c)` over the maps A_c of a layer. Grad-CAM weighs each by the mean of its gradient,
 * `w_c = mean ∂class/∂A_c`; Grad-CAM++ by `w_c = Σ α · max(0, g)`, `α = g² / (2g² + g³ · Σ A_c)` with `g = ∂class/∂A_c`,
 * which counts several places of one class as well as one.
 *
 * Errors: code "unsupported" for a layer without maps, or one that does not lead to the output.
 *
 * Source: Selvaraju et al., "Grad-CAM", ICCV 2017; Chattopadhay et al., "Grad-CAM++", WACV 2018.
 *
 * Captum: LayerGradCam(relu_attributions=True), LayerAttribution.interpolate("bilinear")
 *
 * @example const { enlarged } = await gradCam(net, image, { layer: "conv2d" });
 */
export async function gradCam(
  model: Model,
  image: DataArray,
  options: GradCamOptions = {},
): Promise<ClassActivationMap> {
  const where = "gradCam";
  checkOptions(where, options, ["layer", "unit", "method", ...viewOptionNames]);
  const method = choice(where, "method", options.method ?? "gradCam", ["gradCam", "gradCam++"]);
  const tensor =
    options.layer === undefined ? lastMaps(model.network, where) : tensorOf(model.network, options.layer, where);
  const [height, width, channels] = mapsOf(model.network, tensor, where);
  const probe = await Probe.of(model, where, options);
  const picture = probe.picture(image);
  const [imageHeight, imageWidth] = checkImage(picture.shape, where);
  const program = await probe.gradients({ ...probe.target({ unit: options.unit }), wrt: [tensor] });
  const { offset, ...target } = probe.choose({ unit: options.unit }, program.values(picture.values));
  const [gradients] = program.gradients(picture.values, offset);
  const maps = program.activation(0);
  const weights =
    method === "gradCam" ? meanWeights(gradients!, channels) : plusPlusWeights(gradients!, maps, channels);
  const values = Float32Array.from({ length: height * width }, (_, pixel) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += weights[c]! * maps[pixel * channels + c]!;
    return Math.max(0, sum);
  });
  const enlarged = resizeBilinear(values, [height, width], [imageHeight, imageWidth]);
  const layer = probe.name(tensor);
  return { view: "gradCam", method, image: picture, layer, shape: [height, width], values, enlarged, target };
}

function meanWeights(gradients: Float32Array, channels: number): Float64Array {
  const sums = new Float64Array(channels);
  gradients.forEach((value, i) => {
    sums[i % channels]! += value;
  });
  return sums.map((sum) => (sum * channels) / gradients.length);
}

function plusPlusWeights(gradients: Float32Array, maps: Float32Array, channels: number): Float64Array {
  const totals = new Float64Array(channels);
  maps.forEach((value, i) => {
    totals[i % channels]! += value;
  });
  const weights = new Float64Array(channels);
  gradients.forEach((g, i) => {
    if (g <= 0) return;
    const divisor = 2 * g * g + totals[i % channels]! * g ** 3;
    weights[i % channels]! += divisor === 0 ? 0 : (g * g * g) / divisor;
  });
  return weights;
}

/** The shape of a layer's maps. Errors: code "unsupported" where it has none. */
export function mapsOf(network: Network, tensor: SymbolicTensor, where: string): readonly [number, number, number] {
  const { shape } = tensor;
  if (shape.length === 3) return shape as readonly [number, number, number];
  const place = network.calls.find(({ output }) => output === tensor);
  const kind = place === undefined ? "the input" : `a layer of kind ${place.layer.kind}`;
  return fail({
    code: "unsupported",
    where: `${where} "${tensorName(network, tensor)}"`,
    problem: `has no maps: it is ${kind} whose output has no height and width`,
    expected: "an output of [height, width, channels]",
    received: formatShape(shape),
    fix: layersWithMaps(network),
  });
}

function layersWithMaps(network: Network): string {
  const names = network.calls.flatMap(({ output }) => (output.shape.length === 3 ? [tensorName(network, output)] : []));
  if (names.length === 0) return "This network has no layers with maps";
  return `Layers with maps are ${names.length > 12 ? `${names.slice(0, 12).join(", ")}, …` : names.join(", ")}`;
}

function lastMaps(network: Network, where: string): SymbolicTensor {
  const all = network.calls.map(({ output }) => output);
  const found = all.findLast(({ shape }) => shape.length === 3 && shape[0]! * shape[1]! > 1);
  return (
    found ?? fail({ code: "unsupported", where, problem: "the network has no layer with maps of more than one pixel" })
  );
}

/** Bilinear, pixel centres at halves, edges repeated: PyTorch's `interpolate(align_corners=False)`. */
export function resizeBilinear(
  values: Float32Array,
  [height, width]: readonly [number, number],
  [toHeight, toWidth]: readonly [number, number],
): Float32Array {
  const axis = (to: number, from: number) =>
    Array.from({ length: to }, (_, i) => {
      const at = Math.max(0, ((i + 0.5) * from) / to - 0.5);
      const low = Math.min(from - 1, Math.floor(at));
      return { low, high: Math.min(from - 1, low + 1), part: at - low };
    });
  const [rows, columns] = [axis(toHeight, height), axis(toWidth, width)];
  const result = new Float32Array(toHeight * toWidth);
  rows.forEach((row, y) => {
    columns.forEach((column, x) => {
      const at = (r: number, c: number) => values[r * width + c]!;
      const top = at(row.low, column.low) * (1 - column.part) + at(row.low, column.high) * column.part;
      const bottom = at(row.high, column.low) * (1 - column.part) + at(row.high, column.high) * column.part;
      result[y * toWidth + x] = top * (1 - row.part) + bottom * row.part;
    });
  });
  return result;
}
