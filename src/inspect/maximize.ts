import { checkOptions } from "../core/errors.js";
import { keyOf, normalAt } from "../core/random.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { numberThat, wholeNumber } from "../model/check.js";
import type { Model } from "../train/model.js";
import { checkImage, Probe, type Target, type TargetOptions, type ViewOptions, viewOptionNames } from "./probe.js";

/** An image made for a unit. */
export interface MaximizedImage {
  readonly view: "maximizedImage";
  readonly shape: Shape;
  readonly values: Float32Array;
  readonly target: Target;
  /** The unit's value before each step and after the last. */
  readonly history: readonly number[];
  /** The image on its way, where it was asked for: the first, every `keepEvery`-th and the last. */
  readonly frames?: readonly { readonly step: number; readonly values: Float32Array }[];
}

export interface MaximizeOptions extends Omit<TargetOptions, "unit">, ViewOptions {
  /** A class or a channel (in the middle of its map), or a place. */
  readonly unit: number | readonly number[];
  /** Default: 128. */
  readonly steps?: number;
  /** Length of a step: the root mean square of the change of all values. Default: 0.05. */
  readonly stepSize?: number;
  /** Part of the image's distance from `range`'s middle that is taken off in each step. Default: 0.01. */
  readonly decay?: number;
  /** How often the image is blurred a little, in steps; 0 for never. Default: 4. */
  readonly blurEvery?: number;
  /** Least and largest value. Default: [0, 1], those of images. */
  readonly range?: readonly [number, number];
  /** Keep the image before every so many steps, for a film. Default: 0, none. */
  readonly keepEvery?: number;
  /** Decides the noise that it begins with. Default: 0. */
  readonly seed?: number;
}

/**
 * Activation maximisation: an image that a unit likes, by gradient ascent from faint noise around the middle of
 * `range`. Each step adds the gradient divided by its root mean square, draws the image towards the middle, keeps it
 * within `range`, and from time to time blurs it with (1, 2, 1)/4 along both axes. The same seed gives the same image.
 *
 * Errors: code "option" for options out of range.
 *
 * Source: Erhan et al., "Visualizing higher-layer features of a deep network", 2009; the blur: Yosinski et al., 2015.
 *
 * @example const { values, history } = await maximizeActivation(net, { unit: 3, steps: 8 });
 */
export async function maximizeActivation(model: Model, options: MaximizeOptions): Promise<MaximizedImage> {
  const where = "maximizeActivation";
  const own = [
    "layer",
    "unit",
    "preActivation",
    "steps",
    "stepSize",
    "decay",
    "blurEvery",
    "range",
    "keepEvery",
    "seed",
  ];
  checkOptions(where, options, [...own, ...viewOptionNames]);
  const steps = wholeNumber(where, "steps", options.steps ?? 128);
  const blurEvery = wholeNumber(where, "blurEvery", options.blurEvery ?? 4, 0);
  const keepEvery = wholeNumber(where, "keepEvery", options.keepEvery ?? 0, 0);
  const stepSize = numberThat(where, "stepSize", options.stepSize ?? 0.05, "a number > 0", (value) => value > 0);
  const decay = numberThat(where, "decay", options.decay ?? 0.01, "a number from 0 to 1", (v) => v >= 0 && v <= 1);
  const [low, high] = options.range ?? [0, 1];
  numberThat(where, "range", high - low, "two numbers, the lower first", (value) => value > 0);
  const probe = await Probe.of(model, where, options);
  const { shape, tensor: image } = probe.input();
  checkImage(shape, where);
  const { target: tensor, preActivation } = probe.target(options);
  const unit = inTheMiddle(options.unit, tensor.shape);
  const program = await probe.gradients({ target: tensor, preActivation, wrt: [image] });
  const middle = (low + high) / 2;
  const key = keyOf(options.seed ?? 0, where);
  const values = Float32Array.from({ length: sizeOf(shape) }, (_, i) => {
    return clamp(middle + 0.05 * (high - low) * normalAt(key, i), low, high);
  });
  const choose = () => probe.choose({ layer: options.layer, unit, preActivation }, program.value());
  program.values(values);
  const { offset } = choose();
  const history: number[] = [];
  const frames: { step: number; values: Float32Array }[] = [];
  for (let step = 0; step < steps; step++) {
    if (keepEvery > 0 && step % keepEvery === 0) frames.push({ step, values: values.slice() });
    const [gradient] = program.gradients(values, offset);
    history.push(program.value()[offset]!);
    const length = Math.sqrt(gradient!.reduce((sum, g) => sum + g * g, 0) / gradient!.length);
    // a unit that is off has no gradient: what it begins with is then all there is
    const scale = length === 0 ? 0 : (stepSize * (high - low)) / length;
    values.forEach((value, i) => {
      values[i] = clamp(value + scale * gradient![i]! - decay * (value - middle), low, high);
    });
    if (blurEvery > 0 && step % blurEvery === blurEvery - 1 && step < steps - 1) blur(values, shape);
  }
  program.values(values);
  const { offset: _, ...target } = choose();
  history.push(target.value);
  if (keepEvery > 0) frames.push({ step: steps, values });
  return { view: "maximizedImage", shape, values, target, history, ...(keepEvery > 0 ? { frames } : {}) };
}

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

/** A channel's number, as the element in the middle of its map. */
function inTheMiddle(unit: number | readonly number[], shape: Shape): number | readonly number[] {
  if (typeof unit !== "number" || shape.length === 1) return unit;
  return [...shape.slice(0, -1).map((extent) => extent >> 1), unit];
}

/** (1, 2, 1)/4 along height and width, edges repeated. */
function blur(values: Float32Array, shape: Shape): void {
  const [height, width, channels] = shape as readonly [number, number, number];
  const along = (extent: number, step: number, starts: (visit: (start: number) => void) => void) => {
    const line = new Float32Array(extent);
    starts((start) => {
      for (let i = 0; i < extent; i++) line[i] = values[start + i * step]!;
      for (let i = 0; i < extent; i++) {
        const [before, after] = [line[Math.max(0, i - 1)]!, line[Math.min(extent - 1, i + 1)]!];
        values[start + i * step] = (before + 2 * line[i]! + after) / 4;
      }
    });
  };
  along(height, width * channels, (visit) => {
    for (let start = 0; start < width * channels; start++) visit(start);
  });
  along(width, channels, (visit) => {
    for (let row = 0; row < height; row++) {
      for (let c = 0; c < channels; c++) visit(row * width * channels + c);
    }
  });
}
