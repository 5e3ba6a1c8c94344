import { fail } from "../core/errors.js";
import { formatShape, type Shape } from "../core/shapes.js";
import { checkWindow, effectiveSize, outputExtent, type Window, windowOutput } from "./window.js";

/** A window that slides over the spatial axes; one number for each axis, but for `padding`, which has two. */
export interface SlidingWindows extends Window {
  readonly kernel: readonly number[];
  /** How far the last window reaches beyond the padding (ceil mode); those taps never count. Default: 0. */
  readonly overhang?: readonly number[];
}

/** Windows that cut each spatial axis into so many nearly equal parts: i takes from ⌊i·n/m⌋ up to ⌈(i + 1)·n/m⌉. */
export interface AdaptiveWindows {
  readonly outputSize: readonly number[];
}

export type PoolWindows = SlidingWindows | AdaptiveWindows;

export const isAdaptive = (windows: PoolWindows): windows is AdaptiveWindows => "outputSize" in windows;

/** Number of spatial axes. */
export const dimensionsOf = (windows: PoolWindows): number =>
  isAdaptive(windows) ? windows.outputSize.length : windows.kernel.length;

/** Windows along one axis of so many pixels. */
export interface WindowAxis {
  readonly size: number;
  readonly windows: number;
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  readonly dilation: number;
  readonly overhang: number;
  readonly adaptive: boolean;
}

/** The windows over each of the spatial extents. */
export function windowAxes(windows: PoolWindows, extents: readonly number[]): WindowAxis[] {
  return extents.map((size, axis): WindowAxis => {
    if (isAdaptive(windows)) {
      const parts = windows.outputSize[axis]!;
      const kernel = Math.ceil(size / parts) + (size % parts === 0 ? 0 : 1);
      const none = { stride: 1, before: 0, after: 0, dilation: 1, overhang: 0 };
      return { size, windows: parts, kernel: Math.min(size, kernel), ...none, adaptive: true };
    }
    const [kernel, stride, dilation] = [windows.kernel[axis]!, windows.strides[axis]!, windows.dilation[axis]!];
    const [before, after] = [windows.padding[2 * axis]!, windows.padding[2 * axis + 1]!];
    const overhang = windows.overhang?.[axis] ?? 0;
    const count = outputExtent(size, effectiveSize(kernel, dilation), stride, before, after + overhang);
    return { size, windows: count, kernel, stride, before, after, dilation, overhang, adaptive: false };
  });
}

/** Positions of the taps of window `index`, also those outside of the pixels. */
export function tapsOf(axis: WindowAxis, index: number): number[] {
  const { size, windows, kernel, stride, before, dilation, adaptive } = axis;
  if (!adaptive) return Array.from({ length: kernel }, (_, tap) => index * stride + tap * dilation - before);
  const [first, end] = [Math.floor((index * size) / windows), Math.ceil(((index + 1) * size) / windows)];
  return Array.from({ length: end - first }, (_, tap) => first + tap);
}

/** Windows of one output for each so many pixels, where they come out even: then nothing about them is adaptive. */
export function adaptiveWindows(extents: readonly number[], outputSize: readonly number[]): PoolWindows {
  if (extents.some((extent, axis) => extent % outputSize[axis]! !== 0)) return { outputSize };
  const kernel = extents.map((extent, axis) => extent / outputSize[axis]!);
  const dilation = kernel.map(() => 1);
  return { kernel, strides: kernel, dilation, padding: kernel.flatMap(() => [0, 0]) };
}

/**
 * What the last windows reach beyond the padding when outputs are rounded up, `⌈(n + before + after − effective) /
 * stride⌉ + 1`, leaving out windows that would start in the padding after the pixels, as PyTorch does.
 */
export function ceilOverhang(windows: SlidingWindows, extents: readonly number[]): number[] {
  return windowAxes(windows, extents).map(({ size, kernel, stride, before, after, dilation }) => {
    const reach = effectiveSize(kernel, dilation);
    const rounded = Math.ceil((size + before + after - reach) / stride) + 1;
    const count = (rounded - 1) * stride >= size + before ? rounded - 1 : rounded;
    return Math.max(0, (count - 1) * stride + reach - size - before - after);
  });
}

const takes = [
  ["sequences", "[batch, steps, channels]"],
  ["images", "[batch, height, width, channels]"],
  ["volumes", "[batch, depth, height, width, channels]"],
] as const;

/** Checks windows against a tensor [batch, …extents, channels] and gives the extents that come out. */
export function pooledExtents(shape: Shape, windows: PoolWindows, where: string): number[] {
  const [noun, expected] = takes[dimensionsOf(windows) - 1]!;
  if (shape.length !== dimensionsOf(windows) + 2) {
    fail({ code: "shape", where, problem: `takes ${noun}`, expected, received: formatShape(shape) });
  }
  const extents = shape.slice(1, -1);
  if (isAdaptive(windows)) {
    checkSizes("outputSize", windows.outputSize, where);
    return [...windows.outputSize];
  }
  const { kernel, padding } = windows;
  checkSizes("kernel", kernel, where);
  checkWindow(windows, where, kernel.length);
  if (padding.some((amount, side) => amount >= kernel[Math.floor(side / 2)]!)) {
    fail({
      code: "option",
      where,
      problem: "padding is as large as the window, so a window could see no pixel",
      expected: `padding below ${kernel.join(" × ")}`,
      received: formatShape(padding),
    });
  }
  windowOutput(extents, kernel, windows, where);
  const axes = windowAxes(windows, extents);
  for (const axis of axes) checkEveryWindow(axis, where);
  return axes.map((axis) => axis.windows);
}

function checkSizes(name: string, values: readonly number[], where: string): void {
  if (values.every((value) => Number.isInteger(value) && value >= 1)) return;
  const received = values.join(" × ");
  fail({ code: "option", where, problem: `${name} is out of range`, expected: "whole numbers ≥ 1", received });
}

/** Under dilation, the taps of a window may all lie in the padding although it is narrower than the window. */
function checkEveryWindow(axis: WindowAxis, where: string): void {
  if (axis.dilation === 1 && axis.overhang === 0) return;
  for (let window = 0; window < axis.windows; window++) {
    const taps = tapsOf(axis, window);
    if (taps.some((tap) => tap >= 0 && tap < axis.size)) continue;
    fail({
      code: "option",
      where,
      problem: "a dilated window would see padding alone",
      expected: "a pixel under every window",
      received: `taps at ${taps.join(", ")} of ${axis.size} pixels`,
    });
  }
}
