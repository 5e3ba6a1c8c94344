import { checkOptions, fail } from "../core/errors.js";
import { wholePair } from "../model/check.js";

/** A kernel on its way over an input. */
export interface SlidingWindows {
  readonly view: "slidingWindows";
  /** [height, width], as all pairs. */
  readonly input: readonly [number, number];
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly padding: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Places of the window: what comes out. */
  readonly output: readonly [number, number];
  /** Rows below and columns on the right, padding included, that no window reaches. */
  readonly unseen: readonly [number, number];
}

type Pair = number | readonly [number, number];

export interface WindowsOptions {
  /** Pixels: a number, or [height, width]. */
  readonly input: Pair;
  readonly kernel: Pair;
  /** Default: 1. */
  readonly stride?: Pair;
  /** Pixels of zeros at each end. Default: 0. */
  readonly padding?: Pair;
  /** Pixels between taps. Default: 1. */
  readonly dilation?: Pair;
}

/** Places that are shown at most: a film of more would be long. */
export const mostPlaces = 144;

/**
 * A window on its way over an input: along each axis of W pixels, with F taps, dilation D, padding P at each end and
 * stride S, it has `⌊(W + 2P − (D·(F − 1) + 1)) / S⌋ + 1` places.
 *
 * Errors: code "option" for numbers out of range; code "shape" where the window does not fit once; code "unsupported" for
 * too many places to be shown.
 *
 * @example slidingWindows({ input: 7, kernel: 3, stride: 2, padding: 1 }).output // [4, 4]
 */
export function slidingWindows(options: WindowsOptions): SlidingWindows {
  const where = "slidingWindows";
  checkOptions(where, options, ["input", "kernel", "stride", "padding", "dilation"]);
  const input = wholePair(where, "input", options.input);
  const kernel = wholePair(where, "kernel", options.kernel);
  const stride = wholePair(where, "stride", options.stride ?? 1);
  const padding = wholePair(where, "padding", options.padding ?? 0, 0);
  const dilation = wholePair(where, "dilation", options.dilation ?? 1);
  const axes = [0, 1] as const;
  const span = axes.map((axis) => dilation[axis] * (kernel[axis] - 1) + 1);
  const room = axes.map((axis) => input[axis] + 2 * padding[axis] - span[axis]!);
  if (room.some((free) => free < 0)) {
    fail({
      code: "shape",
      where,
      problem: "the window does not fit into the padded input",
      expected: `at least ${span.join(" × ")} pixels`,
      received: axes.map((axis) => input[axis] + 2 * padding[axis]).join(" × "),
    });
  }
  const output = axes.map((axis) => Math.floor(room[axis]! / stride[axis]) + 1) as [number, number];
  if (output[0] * output[1] > mostPlaces) {
    const problem = "the window has too many places to be shown";
    const received = `${output[0]} × ${output[1]}`;
    fail({ code: "unsupported", where, problem, expected: `at most ${mostPlaces}`, received });
  }
  const unseen = axes.map((axis) => room[axis]! - (output[axis]! - 1) * stride[axis]) as [number, number];
  return { view: "slidingWindows", input, kernel, stride, padding, dilation, output, unseen };
}

/** Places of the taps in the input, for one place of the window; less than 0, or beyond, in the padding. */
export function tapsAt(view: SlidingWindows, row: number, column: number): readonly (readonly [number, number])[] {
  const { kernel, stride, padding, dilation } = view;
  return Array.from({ length: kernel[0] * kernel[1] }, (_, tap) => {
    const [u, v] = [Math.floor(tap / kernel[1]), tap % kernel[1]];
    return [row * stride[0] + u * dilation[0] - padding[0], column * stride[1] + v * dilation[1] - padding[1]] as const;
  });
}

/** `3 × 3`, or `3` where both are the same. */
export const pairText = ([a, b]: readonly [number, number]): string => (a === b ? String(a) : `${a} × ${b}`);

/** What the numbers are, in words. */
export function windowsSentence({ kernel, stride, padding, dilation, input, output, unseen }: SlidingWindows): string {
  const lost = unseen.some((count) => count > 0)
    ? `; the last ${pairText(unseen)} of the padded input are seen by none`
    : "";
  return `kernel ${pairText(kernel)}, stride ${pairText(stride)}, padding ${pairText(padding)}, dilation ${pairText(dilation)}: ${pairText(input)} pixels give ${pairText(output)}${lost}`;
}
