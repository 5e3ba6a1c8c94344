import { fail } from "../../core/errors.js";
import type { Shape } from "../../core/shapes.js";
import { resizeNode } from "../../ops/resize.js";
import { choice, trueOrFalse, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { UpSampling } from "../shapes/spatial.js";
import { checkSpatial, type Dimensions, wholeNumbers } from "./spatial.js";

/** Names of linear interpolation over one, two and three axes. */
const linear = { 1: "linear", 2: "bilinear", 3: "trilinear" } as const;

interface UpSamplingOptions<Linear extends string> extends LayerOptions {
  /** `"nearest"` repeats elements; the other blends the nearest along each axis linearly. Default: `"nearest"`. */
  readonly interpolation?: "nearest" | Linear;
  /**
   * For linear interpolation, whether the centres of the corners lie on each other (true), or the outer edges do, as in
   * Keras. Default: false.
   */
  readonly alignCorners?: boolean;
}

export type UpSampling1dOptions = UpSamplingOptions<"linear">;
export type UpSampling2dOptions = UpSamplingOptions<"bilinear">;
export type UpSampling3dOptions = UpSamplingOptions<"trilinear">;

/** A factor for all axes, one for each, or the extents that come out. */
export type UpSamplingSize<Extents> = number | Extents | { readonly outputSize: Extents };

export interface UpSamplingConfig {
  readonly size: readonly number[] | { readonly outputSize: readonly number[] };
  readonly interpolation: string;
  readonly alignCorners: boolean;
}

function upSamplingKind(kind: string, dimensions: Dimensions): LayerKind<UpSamplingConfig> {
  const extentsAfter = ({ size }: UpSamplingConfig, extents: readonly number[]) =>
    "outputSize" in size ? size.outputSize : extents.map((extent, axis) => extent * size[axis]!);
  return {
    kind,
    arguments: ["size"],
    options: ["interpolation", "alignCorners"],
    arity: "one",
    configure(given, where) {
      const { size } = given;
      const explicit = typeof size === "object" && size !== null && "outputSize" in size;
      const interpolation = choice(where, "interpolation", withDefault(given.interpolation, "nearest"), [
        "nearest",
        linear[dimensions],
      ]);
      const alignCorners = trueOrFalse(where, "alignCorners", withDefault(given.alignCorners, false));
      if (alignCorners && interpolation === "nearest") {
        const fix = `Leave alignCorners out, or interpolate "${linear[dimensions]}"`;
        fail({ code: "option", where, problem: "the nearest elements have no corners to align", fix });
      }
      return {
        size: explicit
          ? { outputSize: wholeNumbers(where, "outputSize", size.outputSize, dimensions) }
          : wholeNumbers(where, "size", size, dimensions),
        interpolation,
        alignCorners,
      };
    },
    outputShape: (config, [input], where) => [
      ...extentsAfter(config, checkSpatial(input!, dimensions, where)),
      input![dimensions]!,
    ],
    weights: () => [],
    emit({ builder, config, inputs }) {
      const after = extentsAfter(config, inputs[0]!.shape.slice(1, -1));
      const method = config.interpolation === "nearest" ? "nearest" : "linear";
      const { alignCorners } = config;
      return after.reduce(
        (node, size, i) => resizeNode(builder, node, { axis: i + 1, size, method, alignCorners }),
        inputs[0]!,
      );
    },
    reach(config, [input]: readonly Shape[]) {
      const before = input!.slice(0, -1);
      const kernel = before.map(() => (config.interpolation === "nearest" ? 1 : 2));
      const strides = extentsAfter(config, before).map((extent, axis) => before[axis]! / extent);
      return { kernel, strides, dilation: before.map(() => 1), padding: before.flatMap(() => [0, 0]) };
    },
  };
}

export const upSampling1dKind = upSamplingKind("upSampling1d", 1);
export const upSampling2dKind = upSamplingKind("upSampling2d", 2);
export const upSampling3dKind = upSamplingKind("upSampling3d", 3);

/**
 * A sequence with more steps. With n steps before and m after, nearest: `y[i, c] = x[⌊i·n/m⌋, c]`; linear:
 * `y[i, c] = (1 − t)·x[j, c] + t·x[j + 1, c]` at `j + t = (i + ½)·n/m − ½`, kept within the sequence, or at
 * `j + t = i·(n − 1)/(m − 1)` under `alignCorners`.
 *
 * Input: [steps, channels]. Output: [steps · size, channels], or [outputSize, channels].
 *
 * Errors: code "option" for sizes that are not whole numbers ≥ 1, an unknown interpolation, or corners to be aligned
 * of nearest elements; code "shape" for an input that is no sequence.
 *
 * Keras: UpSampling1D · PyTorch: Upsample(mode="nearest" or "linear")
 *
 * @param size factor, or { outputSize: steps }
 * @example upSampling1d(2) // 10 × 4 → 20 × 4
 */
export function upSampling1d<const Size extends UpSamplingSize<number | readonly [number]>>(
  size: Size,
  options?: UpSampling1dOptions,
): Layer<UpSampling<"upSampling1d", Size>> {
  return createLayer(upSampling1dKind, { size }, options);
}

/**
 * An image with more pixels, by nearest neighbours or bilinear: the formulas of `upSampling1d` along height, then along
 * width.
 *
 * Input: [height, width, channels]. Output: [height · size₀, width · size₁, channels], or [...outputSize, channels].
 *
 * Errors: as for `upSampling1d`.
 *
 * Keras: UpSampling2D · PyTorch: Upsample(mode="nearest" or "bilinear")
 *
 * @param size factor, [vertical, horizontal], or { outputSize: [height, width] }, which may be smaller too
 * @example upSampling2d(2, { interpolation: "bilinear" }) // 14 × 14 × 8 → 28 × 28 × 8
 */
export function upSampling2d<const Size extends UpSamplingSize<number | readonly [number, number]>>(
  size: Size,
  options?: UpSampling2dOptions,
): Layer<UpSampling<"upSampling2d", Size>> {
  return createLayer(upSampling2dKind, { size }, options);
}

/**
 * A volume with more voxels, by nearest neighbours or trilinear: the formulas of `upSampling1d` along depth, height and
 * width, one after the other.
 *
 * Input: [depth, height, width, channels]. Output: each extent times its factor, or [...outputSize, channels].
 *
 * Errors: as for `upSampling1d`.
 *
 * Keras: UpSampling3D · PyTorch: Upsample(mode="nearest" or "trilinear")
 *
 * @param size factor, [depth, vertical, horizontal], or { outputSize: [depth, height, width] }
 * @example upSampling3d([1, 2, 2]) // 8 × 7 × 7 × 4 → 8 × 14 × 14 × 4
 */
export function upSampling3d<const Size extends UpSamplingSize<number | readonly [number, number, number]>>(
  size: Size,
  options?: UpSampling3dOptions,
): Layer<UpSampling<"upSampling3d", Size>> {
  return createLayer(upSampling3dKind, { size }, options);
}
