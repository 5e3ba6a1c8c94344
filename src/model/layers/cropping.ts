import { fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { sliceNode } from "../../ops/slice.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Cropped } from "../shapes/spatial.js";
import {
  borderReach,
  checkMargins,
  checkSpatial,
  type Dimensions,
  inBatch,
  type Margins,
  type Margins1d,
  type Margins2d,
  type Margins3d,
} from "./spatial.js";

export interface CroppingConfig {
  /** What goes at both ends of each spatial axis. */
  readonly cropping: Margins;
}

function croppingKind(kind: string, dimensions: Dimensions): LayerKind<CroppingConfig> {
  return {
    kind,
    arguments: ["cropping"],
    options: [],
    arity: "one",
    configure: (given, where) => ({ cropping: checkMargins(where, "cropping", given.cropping, dimensions) }),
    outputShape({ cropping }, [input], where) {
      const extents = checkSpatial(input!, dimensions, where);
      const left = extents.map((extent, axis) => extent - cropping[axis]![0] - cropping[axis]![1]);
      if (left.every((extent) => extent >= 1)) return [...left, input![dimensions]!];
      return fail({
        code: "shape",
        where,
        problem: `cropping leaves nothing of input ${formatShape(input!)}`,
        expected: "at least 1 element along each axis",
        received: formatShape(left),
      });
    },
    weights: () => [],
    emit({ builder, config: { cropping }, inputs }) {
      const margins = inBatch(cropping);
      const start = margins.map(([before]) => before);
      const size = inputs[0]!.shape.map((extent, axis) => extent - margins[axis]![0] - margins[axis]![1]);
      return sliceNode(builder, inputs[0]!, start, size);
    },
    reach: ({ cropping }) => borderReach(cropping, -1),
  };
}

export const cropping1dKind = croppingKind("cropping1d", 1);
export const cropping2dKind = croppingKind("cropping2d", 2);
export const cropping3dKind = croppingKind("cropping3d", 3);

/**
 * Takes steps away from both ends of a sequence: `y[i, c] = x[i + before, c]`.
 *
 * Input: [steps, channels]. Output: [steps − before − after, channels].
 *
 * Errors: code "option" for amounts that are not whole numbers ≥ 0; code "shape" for an input that is no sequence, or
 * of which nothing is left.
 *
 * Keras: Cropping1D · PyTorch: slicing, x[:, :, a:b]
 *
 * @param cropping steps: a number for both ends, or [before, after]
 * @example cropping1d([2, 1]) // 10 × 4 → 7 × 4
 */
export function cropping1d<const Amount extends Margins1d>(
  cropping: Amount,
  options?: LayerOptions,
): Layer<Cropped<"cropping1d", Amount>> {
  return createLayer(cropping1dKind, { cropping }, options);
}

/**
 * Takes pixels away from all sides of an image: `y[i, j, c] = x[i + top, j + left, c]`.
 *
 * Input: [height, width, channels]. Output: [height − top − bottom, width − left − right, channels].
 *
 * Errors: as for `cropping1d`.
 *
 * Keras: Cropping2D · PyTorch: slicing, x[:, :, a:b, c:d]
 *
 * @param cropping pixels: a number, [vertical, horizontal], or [[top, bottom], [left, right]]
 * @example cropping2d([[1, 2], 3]) // 28 × 28 × 8 → 25 × 22 × 8
 */
export function cropping2d<const Amount extends Margins2d>(
  cropping: Amount,
  options?: LayerOptions,
): Layer<Cropped<"cropping2d", Amount>> {
  return createLayer(cropping2dKind, { cropping }, options);
}

/**
 * Takes voxels away from all sides of a volume: `y[k, i, j, c] = x[k + front, i + top, j + left, c]`.
 *
 * Input: [depth, height, width, channels]. Output: the same with what is cropped taken off each extent.
 *
 * Errors: as for `cropping1d`.
 *
 * Keras: Cropping3D · PyTorch: slicing, x[:, :, a:b, c:d, e:f]
 *
 * @param cropping voxels: a number, or [depth, vertical, horizontal], each a number or [before, after]
 * @example cropping3d(1) // 8 × 16 × 16 × 2 → 6 × 14 × 14 × 2
 */
export function cropping3d<const Amount extends Margins3d>(
  cropping: Amount,
  options?: LayerOptions,
): Layer<Cropped<"cropping3d", Amount>> {
  return createLayer(cropping3dKind, { cropping }, options);
}
