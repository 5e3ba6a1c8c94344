import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf, stridesOf } from "../core/shapes.js";
import { extents } from "../model/check.js";
import { forEachPlace } from "./signal.js";

/** Numbers that a layout arranges: converted ones are of the same type. */
export type Values = Float32Array | Float64Array | Uint8Array | Int32Array;

export interface LaidOut<V extends Values = Values> {
  readonly values: V;
  readonly shape: Shape;
}

/**
 * From channels first (PyTorch) to channels last (fovea, TensorFlow): [N, C, H, W] → [N, H, W, C]; sequences [N, C, L]
 * and volumes [N, C, D, H, W] alike. Models take channels last; a network whose data come channels first may also
 * begin with `permute([1, 2, 0])`.
 *
 * Errors: code "shape" for less than 3 or more than 5 axes, or values that the shape does not hold.
 *
 * @param values row by row
 * @param shape as they lie
 * @example nchwToNhwc(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8), [1, 2, 2, 2]).values; // 1, 5, 2, 6, 3, 7, 4, 8
 */
export function nchwToNhwc<V extends Values>(values: V, shape: Shape): LaidOut<V> {
  const [batch, channels, ...extents] = axesOf("nchwToNhwc", shape);
  return permuted("nchwToNhwc", values, shape, [batch!, ...extents, channels!]);
}

/**
 * From channels last to channels first: the inverse of {@link nchwToNhwc}.
 *
 * @example nhwcToNchw(Float32Array.of(1, 5, 2, 6, 3, 7, 4, 8), [1, 2, 2, 2]).values; // 1, 2, 3, 4, 5, 6, 7, 8
 */
export function nhwcToNchw<V extends Values>(values: V, shape: Shape): LaidOut<V> {
  const axes = axesOf("nhwcToNchw", shape);
  return permuted("nhwcToNchw", values, shape, [0, axes.at(-1)!, ...axes.slice(1, -1)]);
}

/**
 * Filters of PyTorch's as fovea has them: [outputs, inputs, height, width] → [height, width, inputs, outputs], with one
 * to three spatial axes. For `Model.setWeight`.
 *
 * @example oihwToHwio(new Float32Array(96 * 3 * 11 * 11), [96, 3, 11, 11]).shape; // [11, 11, 3, 96]
 */
export function oihwToHwio<V extends Values>(values: V, shape: Shape): LaidOut<V> {
  const [outputs, inputs, ...taps] = axesOf("oihwToHwio", shape);
  return permuted("oihwToHwio", values, shape, [...taps, inputs!, outputs!]);
}

/**
 * Filters as PyTorch has them: the inverse of {@link oihwToHwio}.
 *
 * @example hwioToOihw(new Float32Array(11 * 11 * 3 * 96), [11, 11, 3, 96]).shape; // [96, 3, 11, 11]
 */
export function hwioToOihw<V extends Values>(values: V, shape: Shape): LaidOut<V> {
  const axes = axesOf("hwioToOihw", shape);
  return permuted("hwioToOihw", values, shape, [axes.at(-1)!, axes.at(-2)!, ...axes.slice(0, -2)]);
}

function axesOf(where: string, shape: Shape): number[] {
  extents(where, "shape", shape);
  if (shape.length >= 3 && shape.length <= 5) return shape.map((_, axis) => axis);
  const expected = "3 to 5: two and one to three spatial ones";
  return fail({ code: "shape", where, problem: "wrong number of axes", expected, received: formatShape(shape) });
}

/** Axis a of the result is axis `order[a]` of what is given. */
function permuted<V extends Values>(where: string, values: V, shape: Shape, order: readonly number[]): LaidOut<V> {
  if (values.length !== sizeOf(shape)) {
    fail({
      code: "shape",
      where,
      problem: `the shape ${formatShape(shape)} does not hold the values`,
      expected: String(sizeOf(shape)),
      received: String(values.length),
    });
  }
  const result = values.slice() as V;
  const strides = stridesOf(shape);
  const steps = order.map((axis) => strides[axis]!);
  const turned = order.map((axis) => shape[axis]!);
  forEachPlace(turned, (places, n) => {
    let from = 0;
    for (let axis = 0; axis < places.length; axis++) from += places[axis]! * steps[axis]!;
    result[n] = values[from]!;
  });
  return { values: result, shape: turned };
}
