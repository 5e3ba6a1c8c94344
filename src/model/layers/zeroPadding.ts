import { fail } from "../../core/errors.js";
import { formatShape } from "../../core/shapes.js";
import { type PadMode, pad, padModes, padNode } from "../../ops/pad.js";
import { choice, numberThat, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Padded } from "../shapes/spatial.js";
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

export interface ZeroPaddingOptions extends LayerOptions {
  /**
   * What the border holds: `"constant"` `value`; `"reflect"` the input mirrored at its first and last element, which
   * are not repeated; `"replicate"` the nearest element; `"circular"` what lies at the other end. Default: `"constant"`.
   */
  readonly mode?: PadMode;
  /** What a constant border holds. Default: 0. */
  readonly value?: number;
}

export interface ZeroPaddingConfig {
  readonly padding: Margins;
  readonly mode: PadMode;
  readonly value: number;
}

function zeroPaddingKind(kind: string, dimensions: Dimensions): LayerKind<ZeroPaddingConfig> {
  return {
    kind,
    arguments: ["padding"],
    options: ["mode", "value"],
    arity: "one",
    configure(given, where) {
      const mode = choice(where, "mode", withDefault(given.mode, "constant"), padModes);
      const value = numberThat(where, "value", withDefault(given.value, 0), "a finite number", () => true);
      if (mode !== "constant" && value !== 0) {
        fail({ code: "option", where, problem: `a border of mode "${mode}" has no value`, fix: "Leave value out" });
      }
      return { padding: checkMargins(where, "padding", given.padding, dimensions), mode, value };
    },
    outputShape(config, [input], where) {
      const extents = checkSpatial(input!, dimensions, where);
      const { mode, value } = config;
      extents.forEach((extent, axis) => {
        const most = mode === "reflect" ? extent - 1 : mode === "circular" ? extent : Number.POSITIVE_INFINITY;
        if (config.padding[axis]!.every((amount) => amount <= most)) return;
        fail({
          code: "shape",
          where,
          problem: `input ${formatShape(input!)} has too little to repeat in mode "${mode}"`,
          expected: `padding of at most ${most} along axis ${axis}`,
          received: formatShape(config.padding[axis]!),
        });
      });
      const type = { shape: [1, ...input!], dtype: "float32" } as const;
      return pad.infer([type], { padding: inBatch(config.padding), mode, value }, where).shape.slice(1);
    },
    weights: () => [],
    emit: ({ builder, config, inputs }) =>
      padNode(builder, inputs[0]!, inBatch(config.padding), config.mode, config.value),
    reach: ({ padding }) => borderReach(padding, 1),
  };
}

export const zeroPadding1dKind = zeroPaddingKind("zeroPadding1d", 1);
export const zeroPadding2dKind = zeroPaddingKind("zeroPadding2d", 2);
export const zeroPadding3dKind = zeroPaddingKind("zeroPadding3d", 3);

/**
 * A border at both ends of a sequence, of zeros or of what `mode` says: `y[i, c] = x[i − before, c]`.
 *
 * Input: [steps, channels]. Output: [before + steps + after, channels].
 *
 * Errors: code "option" for amounts that are not whole numbers ≥ 0 or an unknown mode; code "shape" for an input that
 * is no sequence, or too short for its border (`reflect` repeats at most steps − 1, `circular` at most steps).
 *
 * Keras: ZeroPadding1D · PyTorch: ZeroPad1d, ConstantPad1d, ReflectionPad1d, ReplicationPad1d, CircularPad1d
 *
 * @param padding steps: a number for both ends, or [before, after]
 * @example zeroPadding1d([2, 0]) // 10 × 4 → 12 × 4, as for a causal convolution
 */
export function zeroPadding1d<const Amount extends Margins1d>(
  padding: Amount,
  options?: ZeroPaddingOptions,
): Layer<Padded<"zeroPadding1d", Amount>> {
  return createLayer(zeroPadding1dKind, { padding }, options);
}

/**
 * A border around an image, of zeros or of what `mode` says: `y[i, j, c] = x[i − top, j − left, c]`.
 *
 * Input: [height, width, channels]. Output: [top + height + bottom, left + width + right, channels].
 *
 * Errors: as for `zeroPadding1d`.
 *
 * Keras: ZeroPadding2D · PyTorch: ZeroPad2d, ConstantPad2d, ReflectionPad2d, ReplicationPad2d, CircularPad2d
 *
 * @param padding pixels: a number, [vertical, horizontal], or [[top, bottom], [left, right]]
 * @example zeroPadding2d(3, { mode: "reflect" }) // 28 × 28 × 8 → 34 × 34 × 8
 */
export function zeroPadding2d<const Amount extends Margins2d>(
  padding: Amount,
  options?: ZeroPaddingOptions,
): Layer<Padded<"zeroPadding2d", Amount>> {
  return createLayer(zeroPadding2dKind, { padding }, options);
}

/**
 * A border around a volume, of zeros or of what `mode` says: `y[k, i, j, c] = x[k − front, i − top, j − left, c]`.
 *
 * Input: [depth, height, width, channels]. Output: the same with both borders added to each extent.
 *
 * Errors: as for `zeroPadding1d`.
 *
 * Keras: ZeroPadding3D · PyTorch: ZeroPad3d, ConstantPad3d, ReflectionPad3d, ReplicationPad3d, CircularPad3d
 *
 * @param padding voxels: a number, or [depth, vertical, horizontal], each a number or [before, after]
 * @example zeroPadding3d([1, 2, [0, 3]]) // 8 × 16 × 16 × 2 → 10 × 20 × 19 × 2
 */
export function zeroPadding3d<const Amount extends Margins3d>(
  padding: Amount,
  options?: ZeroPaddingOptions,
): Layer<Padded<"zeroPadding3d", Amount>> {
  return createLayer(zeroPadding3dKind, { padding }, options);
}
