import type { DataArray } from "../core/dtypes.js";
import { checkOptions } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { wholeNumber, wholePair } from "../model/check.js";
import type { Model } from "../train/model.js";
import {
  checkImage,
  type Picture,
  Probe,
  pictureFor,
  type Target,
  type TargetOptions,
  type ViewOptions,
  viewOptionNames,
} from "./probe.js";
import type { RectifierRule } from "./rectifiers.js";

export type AttributionMethod =
  | "saliency"
  | "guided backpropagation"
  | "deconvnet"
  | "integrated gradients"
  | "occlusion";

/** What each value of an image counts for a unit: positive speaks for it, negative against it. */
export interface Attribution {
  readonly view: "attribution";
  readonly method: AttributionMethod;
  readonly image: Picture;
  /** The image's. */
  readonly shape: Shape;
  readonly values: Float32Array;
  readonly target: Target;
}

export interface AttributionOptions extends TargetOptions, ViewOptions {}

const targetOptionNames = ["layer", "unit", "preActivation", ...viewOptionNames];

/**
 * The gradient of a unit with respect to the image, `∂unit/∂image`: which pixels would change it most. A picture of it
 * shows magnitudes, the largest over the channels.
 *
 * @param image one example; uint8 is divided by 255
 * Errors: code "shape" for an image of another size; "option" for a unit that is not there; "unsupported" for networks
 * of several inputs and for units that do not depend on the input.
 *
 * Source: Simonyan, Vedaldi, Zisserman, "Deep inside convolutional networks", 2014.
 *
 * Captum: Saliency(abs=False)
 *
 * @example const { values, target } = await saliency(net, image);
 */
export async function saliency(model: Model, image: DataArray, options: AttributionOptions = {}): Promise<Attribution> {
  return backward(model, image, options, "saliency", "gradient");
}

/**
 * As {@link saliency}, but rectifiers pass back only what is positive on both ways: `(a > 0) · max(g, 0)`. Sharper, and
 * less a statement about the unit than about what image the layers below see.
 *
 * Rectifiers are `relu` and `relu6`, as layers or activations; of networks without any, it is the gradient.
 *
 * Source: Springenberg, Dosovitskiy, Brox, Riedmiller, "Striving for simplicity", 2015.
 *
 * Captum: GuidedBackprop
 *
 * @example const { values } = await guidedBackpropagation(net, image, { unit: 7 });
 */
export async function guidedBackpropagation(
  model: Model,
  image: DataArray,
  options: AttributionOptions = {},
): Promise<Attribution> {
  return backward(model, image, options, "guided backpropagation", "guided");
}

/**
 * As {@link saliency}, but rectifiers pass back `max(g, 0)` whatever was passed forward; max pooling passes it back to
 * the winners. Of a map, the strongest element is taken: what in the image made it.
 *
 * Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
 *
 * Captum: Deconvolution
 *
 * @example const { values } = await deconvnet(net, image, { layer: "conv2d", unit: 0 });
 */
export async function deconvnet(
  model: Model,
  image: DataArray,
  options: AttributionOptions = {},
): Promise<Attribution> {
  return backward(model, image, options, "deconvnet", "deconvnet");
}

async function backward(
  model: Model,
  image: DataArray,
  options: AttributionOptions,
  method: AttributionMethod,
  rule: RectifierRule,
): Promise<Attribution> {
  checkOptions(method, options, targetOptionNames);
  const probe = await Probe.of(model, method, options);
  const picture = probe.picture(image);
  const program = await probe.gradients({ ...probe.target(options), wrt: [probe.input().tensor], rule });
  const { offset, ...chosen } = probe.choose(options, program.values(picture.values));
  const [values] = program.gradients(picture.values, offset);
  return { view: "attribution", method, image: picture, shape: picture.shape, values: values!, target: chosen };
}

export interface IntegratedGradientsOptions extends AttributionOptions {
  /** What the image is compared with: one number for all values, or an example. Default: 0. */
  readonly baseline?: number | DataArray;
  /** Points of the Gauss–Legendre rule on the way from the baseline to the image. Default: 50. */
  readonly steps?: number;
}

/** An attribution that adds up to what the image changes, but for the error of the quadrature. */
export interface IntegratedGradients extends Attribution {
  /** The unit's value for the baseline. */
  readonly baselineValue: number;
  /** Σ values − (value − baselineValue): 0 for enough steps. */
  readonly completenessError: number;
}

/** Examples of a program that runs many. */
const batch = 16;

/**
 * `(x − b) · ∫₀¹ ∂unit/∂x (b + α·(x − b)) dα` for every value x of the image and b of the baseline: they add up to
 * the difference of the unit between both.
 *
 * Source: Sundararajan, Taly, Yan, "Axiomatic attribution for deep networks", ICML 2017.
 *
 * Captum: IntegratedGradients(method="gausslegendre")
 *
 * @example const { values, completenessError } = await integratedGradients(net, image, { steps: 20 });
 */
export async function integratedGradients(
  model: Model,
  image: DataArray,
  options: IntegratedGradientsOptions = {},
): Promise<IntegratedGradients> {
  const method = "integrated gradients";
  checkOptions(method, options, [...targetOptionNames, "baseline", "steps"]);
  const steps = wholeNumber(method, "steps", options.steps ?? 50);
  const probe = await Probe.of(model, method, options);
  const picture = probe.picture(image);
  const { shape } = picture;
  const baseline = baselineOf(options.baseline ?? 0, shape, method);
  const { target: tensor, preActivation } = probe.target(options);
  const size = sizeOf(shape);
  const batchSize = Math.min(batch, steps);
  const program = await probe.gradients({ target: tensor, preActivation, wrt: [probe.input().tensor], batchSize });
  const inputs = new Float32Array(batchSize * size);
  const units = sizeOf(tensor.shape);
  inputs.set(picture.values);
  if (batchSize > 1) inputs.set(baseline, size);
  const first = program.values(inputs);
  const { offset, ...target } = probe.choose(options, first.subarray(0, units));
  let baselineValue = first[units + offset];
  if (baselineValue === undefined) baselineValue = program.values(baseline)[offset]!;

  const { nodes, weights } = gaussLegendre(steps);
  const sums = new Float64Array(size);
  for (let start = 0; start < steps; start += batchSize) {
    const count = Math.min(batchSize, steps - start);
    for (let i = 0; i < count; i++) {
      const alpha = nodes[start + i]!;
      for (let k = 0; k < size; k++) inputs[i * size + k] = baseline[k]! + alpha * (picture.values[k]! - baseline[k]!);
    }
    const gradients = program.gradients(inputs, offset)[0]!;
    for (let i = 0; i < count; i++) {
      const weight = weights[start + i]!;
      for (let k = 0; k < size; k++) sums[k]! += weight * gradients[i * size + k]!;
    }
  }
  const values = Float32Array.from(sums, (sum, k) => sum * (picture.values[k]! - baseline[k]!));
  const total = values.reduce((sum, value) => sum + value, 0);
  const completenessError = total - (target.value - baselineValue);
  return { view: "attribution", method, image: picture, shape, values, target, baselineValue, completenessError };
}

export interface OcclusionOptions extends AttributionOptions {
  /** Height and width of the patch in pixels: a number, or one for each. Default: an eighth of the image, at least 3. */
  readonly size?: number | readonly [number, number];
  /** Pixels between patches. Default: half the size, at least 1. */
  readonly stride?: number | readonly [number, number];
  /** What the patch is covered with, in values that the network takes. Default: 0. */
  readonly baseline?: number | DataArray;
}

/**
 * How much the unit falls when a patch is covered: `unit(image) − unit(covered)`, for each pixel the mean over the
 * patches that cover it. Patches stand every `stride` pixels, all channels at once; those at the lower and the right
 * edge are cut where the image ends.
 *
 * Source: Zeiler and Fergus, ECCV 2014.
 *
 * Captum: Occlusion
 *
 * @example const { values } = await occlusion(net, image, { size: 8, stride: 4 });
 */
export async function occlusion(model: Model, image: DataArray, options: OcclusionOptions = {}): Promise<Attribution> {
  const method = "occlusion";
  checkOptions(method, options, [...targetOptionNames, "size", "stride", "baseline"]);
  const probe = await Probe.of(model, method, options);
  const picture = probe.picture(image);
  const { shape } = picture;
  const [height, width, channels] = checkImage(shape, method);
  const [patchHeight, patchWidth] = pair(method, "size", options.size, [
    Math.min(height, Math.max(3, Math.round(height / 8))),
    Math.min(width, Math.max(3, Math.round(width / 8))),
  ]);
  const [strideY, strideX] = pair(method, "stride", options.stride, [
    Math.max(1, patchHeight >> 1),
    Math.max(1, patchWidth >> 1),
  ]);
  const baseline = baselineOf(options.baseline ?? 0, shape, method);
  const patches: Patch[] = [];
  for (const top of starts(height, patchHeight, strideY)) {
    for (const left of starts(width, patchWidth, strideX)) {
      patches.push({
        top,
        left,
        bottom: Math.min(height, top + patchHeight),
        right: Math.min(width, left + patchWidth),
      });
    }
  }
  const { target: tensor, preActivation } = probe.target(options);
  const units = sizeOf(tensor.shape);
  const size = sizeOf(shape);
  const batchSize = Math.min(batch, patches.length);
  const program = await probe.forward([tensor], batchSize, preActivation);
  const run = (inputs: Float32Array) => {
    program.input(probe.input().name).set(inputs);
    program.run();
    return program.output("0");
  };
  const inputs = new Float32Array(batchSize * size);
  inputs.set(picture.values);
  const { offset, ...target } = probe.choose(options, Float32Array.from(run(inputs)).subarray(0, units));

  const sums = new Float64Array(height * width);
  const counts = new Float64Array(height * width);
  for (let start = 0; start < patches.length; start += batchSize) {
    const some = patches.slice(start, start + batchSize);
    some.forEach((patch, i) => {
      inputs.set(picture.values, i * size);
      eachRow(patch, width, channels, (from, to) => inputs.set(baseline.subarray(from, to), i * size + from));
    });
    const values = run(inputs);
    some.forEach((patch, i) => {
      const fall = target.value - values[i * units + offset]!;
      eachRow(patch, width, 1, (from, to) => {
        for (let pixel = from; pixel < to; pixel++) {
          sums[pixel]! += fall;
          counts[pixel]! += 1;
        }
      });
    });
  }
  const values = new Float32Array(size);
  for (let k = 0; k < size; k++) {
    const pixel = Math.floor(k / channels);
    values[k] = counts[pixel] === 0 ? 0 : sums[pixel]! / counts[pixel]!;
  }
  return { view: "attribution", method, image: picture, shape, values, target };
}

/** A part of an image; bottom and right are the first row and column outside. */
export interface Patch {
  readonly top: number;
  readonly left: number;
  readonly bottom: number;
  readonly right: number;
}

function eachRow(
  { top, left, bottom, right }: Patch,
  width: number,
  channels: number,
  body: (from: number, to: number) => void,
): void {
  for (let row = top; row < bottom; row++) body((row * width + left) * channels, (row * width + right) * channels);
}

/** First pixels of patches: as many as cover the axis. */
function starts(extent: number, size: number, stride: number): number[] {
  const count = Math.max(0, Math.ceil((extent - size) / stride)) + 1;
  return Array.from({ length: count }, (_, i) => i * stride);
}

function pair(
  where: string,
  name: string,
  value: unknown,
  fallback: readonly [number, number],
): readonly [number, number] {
  return value === undefined ? fallback : wholePair(where, name, value);
}

function baselineOf(baseline: number | DataArray, shape: Shape, where: string): Float32Array {
  if (typeof baseline === "number") return new Float32Array(sizeOf(shape)).fill(baseline);
  return pictureFor(shape, baseline, `${where}: baseline`).values;
}

/** Points and weights of the Gauss–Legendre rule on [0, 1]: roots of the Legendre polynomial, by Newton's method. */
export function gaussLegendre(count: number): { readonly nodes: Float64Array; readonly weights: Float64Array } {
  const nodes = new Float64Array(count);
  const weights = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    let z = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 0;
    for (let step = 0; step < 100; step++) {
      let [before, value] = [1, z];
      for (let k = 2; k <= count; k++) [before, value] = [value, ((2 * k - 1) * z * value - (k - 1) * before) / k];
      slope = (count * (z * value - before)) / (z * z - 1);
      const change = value / slope;
      z -= change;
      if (Math.abs(change) < 1e-15) break;
    }
    nodes[count - 1 - i] = (1 + z) / 2;
    weights[count - 1 - i] = 1 / ((1 - z * z) * slope * slope);
  }
  return { nodes, weights };
}
