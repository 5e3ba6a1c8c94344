import { fail } from "../core/errors.js";

/** A window that slides over height and width: convolution and pooling share its arithmetic. */
export interface WindowAttributes {
  /** Steps between windows: [vertical, horizontal]. */
  readonly strides: readonly [number, number];
  /** Zeros (or absent pixels) around the input: [top, bottom, left, right]. */
  readonly padding: readonly [number, number, number, number];
  /** Distance between taps: [vertical, horizontal]; 1 is a dense window. */
  readonly dilation: readonly [number, number];
}

/** What users write: a rule or numbers; it becomes four integers when the graph is built. */
export type Padding = "same" | "valid" | number | readonly [number, number] | readonly [number, number, number, number];

/** Extent that `size` taps cover: `dilation · (size − 1) + 1`. */
export function effectiveSize(size: number, dilation: number): number {
  return dilation * (size - 1) + 1;
}

/** Output extent: `⌊(input + before + after − effective) / stride⌋ + 1`. */
export function outputExtent(input: number, effective: number, stride: number, before: number, after: number): number {
  return Math.floor((input + before + after - effective) / stride) + 1;
}

/**
 * "same" as in TensorFlow and Keras: `⌈input / stride⌉` outputs, and the odd pixel of padding goes to the end.
 * "valid" is no padding. A number pads all sides, `[vertical, horizontal]` both sides of each axis.
 */
export function resolvePadding(
  padding: Padding,
  input: readonly [number, number],
  effective: readonly [number, number],
  strides: readonly [number, number],
): [number, number, number, number] {
  if (padding === "valid") return [0, 0, 0, 0];
  if (padding === "same") {
    const total = (axis: 0 | 1) =>
      Math.max(0, (Math.ceil(input[axis] / strides[axis]) - 1) * strides[axis] + effective[axis] - input[axis]);
    const [vertical, horizontal] = [total(0), total(1)];
    return [Math.floor(vertical / 2), Math.ceil(vertical / 2), Math.floor(horizontal / 2), Math.ceil(horizontal / 2)];
  }
  if (typeof padding === "number") return [padding, padding, padding, padding];
  return padding.length === 2 ? [padding[0], padding[0], padding[1], padding[1]] : [...padding];
}

/** Output [height, width] of a window over an input, or an error when the window does not fit once. */
export function windowOutput(
  input: readonly [number, number],
  kernel: readonly [number, number],
  { strides, padding, dilation }: WindowAttributes,
  where: string,
): [number, number] {
  const [top, bottom, left, right] = padding;
  const effective = [effectiveSize(kernel[0], dilation[0]), effectiveSize(kernel[1], dilation[1])] as const;
  const height = outputExtent(input[0], effective[0], strides[0], top, bottom);
  const width = outputExtent(input[1], effective[1], strides[1], left, right);
  if (height < 1 || width < 1) {
    fail({
      code: "shape",
      where,
      problem: "the window is larger than its padded input",
      expected: `at least ${effective[0]} × ${effective[1]} pixels`,
      received: `${input[0] + top + bottom} × ${input[1] + left + right}`,
      fix: 'Use padding "same", a smaller window or a larger input',
    });
  }
  return [height, width];
}

/** Checks that strides, dilation and padding are whole numbers in range. */
export function checkWindow({ strides, padding, dilation }: WindowAttributes, where: string): void {
  const check = (name: string, values: readonly number[], least: number) => {
    if (values.every((value) => Number.isInteger(value) && value >= least)) return;
    const received = values.join(" × ");
    fail({ code: "option", where, problem: `${name} is out of range`, expected: `whole numbers ≥ ${least}`, received });
  };
  check("strides", strides, 1);
  check("dilation", dilation, 1);
  check("padding", padding, 0);
}
