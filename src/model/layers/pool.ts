import type { Shape } from "../../core/shapes.js";
import type { GraphBuilder } from "../../graph/builder.js";
import type { Node } from "../../graph/types.js";
import { ceilOverhang, pooledExtents, type SlidingWindows } from "../../ops/poolWindows.js";
import { trueOrFalse, withDefault } from "../check.js";
import { createLayer, type Layer, type LayerKind, type LayerOptions } from "../layer.js";
import type { Pool, PoolWindowOptions } from "../shapes/spatial.js";
import { checkSpatial, type Dimensions, type PerAxis, type WindowPadding, wholeNumbers } from "./spatial.js";
import { checkPadding, checkStrides, type WindowConfig, windowOver } from "./window.js";

/** What all layers take that pool with windows over D axes. */
export interface PoolOptions<D extends Dimensions> extends LayerOptions {
  /** Elements between windows: a number, or one for each axis. Default: the size, so that windows do not overlap. */
  readonly stride?: PerAxis[D];
  /** The same as `stride`. */
  readonly strides?: PerAxis[D];
  /**
   * Elements around the input: `"same"` (⌈extent / stride⌉ outputs), `"valid"` (none), a number, one for each axis, or
   * one for every end. Default: `"valid"`.
   */
  readonly padding?: WindowPadding[D];
  /** Elements between the taps of a window: a number, or one for each axis. Default: 1. */
  readonly dilation?: PerAxis[D];
  /** Whether a last window that is not full counts too (extents rounded up), as PyTorch's ceil_mode. Default: false. */
  readonly ceilMode?: boolean;
}

export interface PoolConfig extends WindowConfig {
  readonly size: readonly number[];
  readonly ceilMode: boolean;
}

function configurePool(given: Readonly<Record<string, unknown>>, dimensions: Dimensions, where: string): PoolConfig {
  const size = wholeNumbers(where, "size", given.size, dimensions);
  return {
    size,
    strides: checkStrides(given, size, where),
    padding: checkPadding(where, withDefault(given.padding, "valid"), dimensions, ["same", "valid"]),
    dilation: wholeNumbers(where, "dilation", withDefault(given.dilation, 1), dimensions),
    ceilMode: trueOrFalse(where, "ceilMode", withDefault(given.ceilMode, false)),
  };
}

/** The op's windows over these extents. */
export function slidingWindows({ size, ceilMode, ...window }: PoolConfig, extents: readonly number[]): SlidingWindows {
  const windows = { kernel: size, ...windowOver(extents, size, window) };
  const overhang = ceilMode ? ceilOverhang(windows, extents) : [];
  return overhang.some((amount) => amount > 0) ? { ...windows, overhang } : windows;
}

/** A kind of layer that pools with sliding windows; `more` checks options of its own. */
export function poolKind<More extends object = object>(
  kind: string,
  dimensions: Dimensions,
  emit: (builder: GraphBuilder, input: Node, windows: SlidingWindows, config: PoolConfig & More) => Node,
  own: readonly string[] = [],
  more?: (given: Readonly<Record<string, unknown>>, where: string) => More,
): LayerKind<PoolConfig & More> {
  return {
    kind,
    arguments: ["size"],
    options: ["stride", "strides", "padding", "dilation", "ceilMode", ...own],
    arity: "one",
    configure: (given, where) => ({ ...configurePool(given, dimensions, where), ...(more?.(given, where) as More) }),
    outputShape(config, [input], where) {
      const extents = checkSpatial(input!, dimensions, where);
      const windows = slidingWindows(config, extents);
      return [...pooledExtents([1, ...input!], windows, where), input![dimensions]!];
    },
    weights: () => [],
    emit: ({ builder, config, inputs }) =>
      emit(builder, inputs[0]!, slidingWindows(config, inputs[0]!.shape.slice(1, -1)), config),
    reach: (config, [input]: readonly Shape[]) => slidingWindows(config, input!.slice(0, -1)),
  };
}

/** What makes layers that pool: a function of the window's size and of options, whose literal values the layer's type keeps. */
export function poolFunction<D extends Dimensions, Kind extends string, Options extends object = PoolOptions<D>>(
  definition: LayerKind<PoolConfig>,
) {
  return <
    const Size extends PerAxis[D],
    const Stride extends PerAxis[D] = Size,
    const Padding extends WindowPadding[D] = "valid",
    const Dilation extends PerAxis[D] = 1,
    const Ceil extends boolean = false,
  >(
    size: Size,
    options?: Options & PoolWindowOptions<Stride, Padding, Dilation, Ceil>,
  ): Layer<Pool<Kind, Size, Stride, Padding, Dilation, Ceil>> => createLayer(definition, { size }, options);
}
