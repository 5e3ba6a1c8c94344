import type { Shape } from "../../../core/shapes.js";
import { type ConvAttributes, convGeometry } from "../../../ops/conv.js";
import { type FunctionBuilder, type I32, i32 } from "../assembler/index.js";

/** One axis of a convolution. */
export interface Axis {
  readonly input: number;
  readonly kernel: number;
  readonly output: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
}

/** A value for each of depth, height and width. */
export type Axes<T> = readonly [depth: T, height: T, width: T];

/** A convolution over one to three axes as one over three: those that it lacks have one pixel and one tap. */
export interface SpatialGeometry {
  readonly batch: number;
  readonly axes: Axes<Axis>;
  readonly inputChannels: number;
  readonly groupChannels: number;
  readonly outputChannels: number;
}

const trivial: Axis = { input: 1, kernel: 1, output: 1, stride: 1, dilation: 1, before: 0 };

export function spatialGeometry(image: Shape, filter: Shape, attributes: ConvAttributes): SpatialGeometry {
  const { batch, inputChannels, groupChannels, outputChannels, ...g } = convGeometry(image, filter, attributes, "conv");
  const axes = g.input.map(
    (input, axis): Axis => ({
      input,
      kernel: g.kernel[axis]!,
      output: g.output[axis]!,
      stride: attributes.strides[axis]!,
      dilation: attributes.dilation[axis]!,
      before: attributes.padding[2 * axis]!,
    }),
  );
  while (axes.length < 3) axes.unshift(trivial);
  return { batch, axes: axes as unknown as Axes<Axis>, inputChannels, groupChannels, outputChannels };
}

/**
 * One axis of a pass over an image: result `i` sums over `tap` what lies at `i·step + origin + tap·tapStep`, multiplied
 * with tap `firstTap + tap·weightStep` of the filter, and is stored at `first + i·distance`.
 */
export interface PassAxis {
  readonly count: number;
  readonly step: number;
  readonly origin: number;
  readonly taps: number;
  readonly tapStep: number;
  readonly firstTap: number;
  readonly weightStep: number;
  readonly first: number;
  readonly distance: number;
  /** Extent of the image that is read, of the filter, and of the result. */
  readonly input: number;
  readonly kernel: number;
  readonly output: number;
}

/** The axis as the forward convolution walks it. */
export function forwardAxis({ input, kernel, output, stride, dilation, before }: Axis): PassAxis {
  const walk = { count: output, step: stride, origin: -before, taps: kernel, tapStep: dilation };
  return { ...walk, firstTap: 0, weightStep: 1, first: 0, distance: 1, input, kernel, output };
}

/**
 * The axis as the gradient for the image walks the gradient of the result: one pass for every residue of the stride,
 * whose pixels are reached by the same taps, so that no multiplication by inserted zeros takes place.
 */
export function backwardAxes({ input, kernel, output, stride, dilation, before }: Axis): PassAxis[] {
  return Array.from({ length: Math.min(stride, input) }, (_, first): PassAxis => {
    const reads = (tap: number) => (first + before - tap * dilation) / stride;
    const taps = Array.from({ length: kernel }, (_, tap) => kernel - 1 - tap).filter((tap) =>
      Number.isInteger(reads(tap)),
    );
    const [a = 0, b = a] = taps;
    return {
      count: Math.ceil((input - first) / stride),
      step: 1,
      origin: taps.length > 0 ? reads(a) : 0,
      taps: taps.length,
      tapStep: a === b ? 1 : reads(b) - reads(a),
      firstTap: a,
      weightStep: b - a,
      first,
      distance: stride,
      input: output,
      kernel,
      output: input,
    };
  });
}

/** The results, first ≤ i < last, all of whose taps lie inside the image. */
export function interiorOf({ count, step, origin, taps, tapStep, input }: PassAxis): { first: number; last: number } {
  if (taps === 0) return { first: 0, last: count };
  const first = Math.min(count, Math.max(0, Math.ceil(-origin / step)));
  const last = Math.floor((input - 1 - (taps - 1) * tapStep - origin) / step) + 1;
  return { first, last: Math.max(first, Math.min(count, last)) };
}

/** The taps, first ≤ tap < last, of result `index` that lie inside the image. */
export function tapRange(f: FunctionBuilder, axis: PassAxis, index: I32): { first: I32 | number; last: I32 | number } {
  const interior = interiorOf(axis);
  const { count, step, origin, taps, tapStep, input } = axis;
  if (interior.first === 0 && interior.last === count) return { first: 0, last: taps };
  const at = f.local("i32", i32.add(i32.mul(index, step), origin));
  const first = f.local("i32", i32.constant(0));
  const last = f.local("i32", i32.constant(0));
  f.if(i32.ltS(at.get, 0), () => f.set(first, i32.divU(i32.sub(tapStep - 1, at.get), tapStep)));
  f.if(i32.ltS(at.get, input), () =>
    f.set(last, i32.min(taps, i32.add(i32.divU(i32.sub(input - 1, at.get), tapStep), 1))),
  );
  return { first: first.get, last: last.get };
}
