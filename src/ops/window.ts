import { fail } from "../core/errors.js";

/** A window that slides over any number of axes: convolution and pooling share its arithmetic. */
export interface Window {
  /** Steps between windows, axis by axis. */
  readonly strides: readonly number[];
  /** Zeros (or absent pixels) around the input: [before, after] of the first axis, of the second, … */
  readonly padding: readonly number[];
  /** Distance between taps, axis by axis; 1 is a dense window. */
  readonly dilation: readonly number[];
}

/**
 * What users write: a rule, or numbers: one for all sides, one for each axis, or [before, after] for each axis. It
 * becomes integers when the graph is built.
 */
export type Padding = "same" | "valid" | "full" | "causal" | number | readonly number[];

/** Extent that `size` taps cover: `dilation · (size − 1) + 1`. */
export function effectiveSize(size: number, dilation: number): number {
  return dilation * (size - 1) + 1;
}

/** Output extent: `⌊(input + before + after − effective) / stride⌋ + 1`. */
export function outputExtent(input: number, effective: number, stride: number, before: number, after: number): number {
  return Math.floor((input + before + after - effective) / stride) + 1;
}

/**
 * Zeros before and after each axis.
 *
 * - `"same"` as in TensorFlow and Keras: `⌈input / stride⌉` outputs, and the odd pixel of padding goes to the end
 * - `"valid"`: none
 * - `"full"`: every window that touches the input counts: `effective − 1` on both sides
 * - `"causal"`: `effective − 1` before and nothing after, so that no output sees what comes later
 * - a number pads all sides, one number for each axis both sides of it, two for each axis are [before, after]
 */
export function resolvePadding(
  padding: Padding,
  input: readonly number[],
  effective: readonly number[],
  strides: readonly number[],
): number[] {
  return input.flatMap((extent, axis) =>
    sidesOf(padding, axis, extent, effective[axis]!, strides[axis]!, input.length),
  );
}

function sidesOf(
  padding: Padding,
  axis: number,
  extent: number,
  effective: number,
  stride: number,
  axes: number,
): [number, number] {
  switch (padding) {
    case "valid":
      return [0, 0];
    case "full":
      return [effective - 1, effective - 1];
    case "causal":
      return [effective - 1, 0];
    case "same": {
      const total = Math.max(0, (Math.ceil(extent / stride) - 1) * stride + effective - extent);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    }
  }
  if (typeof padding === "number") return [padding, padding];
  if (padding.length === axes) return [padding[axis]!, padding[axis]!];
  return [padding[2 * axis]!, padding[2 * axis + 1]!];
}

/** Output extents of a window over an input, or an error when the window does not fit once. */
export function windowOutput(
  input: readonly number[],
  kernel: readonly number[],
  { strides, padding, dilation }: Window,
  where: string,
): number[] {
  const effective = kernel.map((size, axis) => effectiveSize(size, dilation[axis]!));
  const padded = input.map((extent, axis) => extent + padding[2 * axis]! + padding[2 * axis + 1]!);
  const output = padded.map((extent, axis) => outputExtent(extent, effective[axis]!, strides[axis]!, 0, 0));
  if (output.some((extent) => extent < 1)) {
    fail({
      code: "shape",
      where,
      problem: "the window is larger than its padded input",
      expected: `at least ${effective.join(" × ")} ${input.length === 1 ? "steps" : "pixels"}`,
      received: padded.join(" × "),
      fix: 'Use padding "same", a smaller window or a larger input',
    });
  }
  return output;
}

/** Checks that strides, dilation and padding are whole numbers in range, as many as there are axes. */
export function checkWindow({ strides, padding, dilation }: Window, where: string, axes: number): void {
  const check = (name: string, values: readonly number[], count: number, least: number) => {
    const received = values.join(" × ");
    if (values.length !== count) {
      fail({ code: "option", where, problem: `${name} does not fit the axes`, expected: `${count} numbers`, received });
    }
    if (values.every((value) => Number.isInteger(value) && value >= least)) return;
    fail({ code: "option", where, problem: `${name} is out of range`, expected: `whole numbers ≥ ${least}`, received });
  };
  check("strides", strides, axes, 1);
  check("dilation", dilation, axes, 1);
  check("padding", padding, 2 * axes, 0);
}
