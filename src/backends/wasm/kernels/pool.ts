import { sizeOf } from "../../../core/shapes.js";
import type { AveragePoolAttributes, AveragePoolGradientAttributes } from "../../../ops/pool.js";
import { type PoolWindows, type WindowAxis, windowAxes } from "../../../ops/poolWindows.js";
import type { NodeContext } from "../../../plan/types.js";
import {
  type FunctionBuilder,
  f32,
  f32x4,
  type I32,
  i32,
  i32x4,
  type Local,
  type V128,
  v128,
} from "../assembler/index.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";

/** Channels of one task: four vectors. */
const channelBlock = 16;

interface Geometry {
  readonly batch: number;
  readonly channels: number;
  /** The windows over each spatial axis. */
  readonly axes: readonly WindowAxis[];
  /** Pixels of the image, and of what is pooled. */
  readonly pixels: number;
  readonly windows: number;
}

function geometry(image: readonly number[], windows: PoolWindows): Geometry {
  const axes = windowAxes(windows, image.slice(1, -1));
  return {
    batch: image[0]!,
    channels: image[image.length - 1]!,
    axes,
    pixels: sizeOf(image.slice(1, -1)),
    windows: sizeOf(axes.map((axis) => axis.windows)),
  };
}

/** The part of a window that lies inside the image, along one axis: locals `first` ≤ pixel < `last`. */
class WindowRange {
  readonly first: Local<"i32">;
  readonly last: Local<"i32">;
  /** Taps within the padded input, where that is not the same for all windows. */
  readonly #taps: Local<"i32"> | undefined;

  constructor(
    readonly f: FunctionBuilder,
    readonly axis: WindowAxis,
  ) {
    this.first = f.local("i32");
    this.last = f.local("i32");
    this.#taps = axis.overhang > 0 ? f.local("i32") : undefined;
  }

  /** Sets the range for the window at output position `index`; `first` stays on the window's taps. */
  set(index: I32): void {
    const { f, axis } = this;
    const { size, windows, kernel, stride, before, dilation } = axis;
    if (axis.adaptive) {
      f.set(this.first, i32.divU(i32.mul(index, size), windows));
      f.set(this.last, i32.divU(i32.add(i32.mul(index, size), size + windows - 1), windows));
      return;
    }
    f.set(this.first, i32.sub(i32.mul(index, stride), before));
    const end = i32.add(this.first.get, (kernel - 1) * dilation + 1);
    f.set(this.last, i32.min(end, size));
    if (this.#taps !== undefined) {
      const span = i32.sub(i32.min(end, size + axis.after), this.first.get);
      f.set(this.#taps, i32.divU(i32.add(span, dilation - 1), dilation));
    }
    if (before === 0) return;
    if (dilation === 1) f.if(i32.ltS(this.first.get, 0), () => f.set(this.first, i32.constant(0)));
    else
      f.while(
        () => i32.ltS(this.first.get, 0),
        () => f.increase(this.first, dilation),
      );
  }

  /** How many taps lie inside the image. */
  count(): I32 {
    const { dilation } = this.axis;
    const span = i32.sub(this.last.get, this.first.get);
    return dilation === 1 ? span : i32.divU(i32.add(span, dilation - 1), dilation);
  }

  /** How many taps lie inside the padded input. */
  taps(): I32 {
    return this.axis.adaptive ? this.count() : (this.#taps?.get ?? i32.constant(this.axis.kernel));
  }

  each(variable: Local<"i32">, body: () => void): void {
    this.f.for(variable, this.first.get, this.last.get, this.axis.dilation, body);
  }
}

interface PoolWalk {
  /** Byte offset of the current window's result, at the first channel of the block. */
  readonly pooledOffset: Local<"i32">;
  /** Emits `body` for each pixel of the window, with its byte offset in the image and its number among the pixels. */
  eachPixel(body: (imageOffset: Local<"i32">, pixel: I32) => void): void;
  /** Pixels of the window inside the image, or taps of it inside the padded input, as a float in all lanes. */
  count(of: "pixels" | "window"): V128;
  /** Emits `body` for each vector of channels of the block; `lanes` of it are real. */
  eachVector(body: (index: number, lanes: number) => void): void;
}

/**
 * Walks all windows of the images and channel blocks of tasks begin … end. One task is one block of channels of one
 * image, so that gradients of overlapping windows are added by one thread, in one order.
 */
function walkWindows(
  { f, begin, end }: PhaseScope,
  g: Geometry,
  before: ((imageOffset: I32, channels: number) => void) | undefined,
  body: (walk: PoolWalk) => void,
): void {
  const blocks = Math.ceil(g.channels / channelBlock);
  const task = f.local("i32");
  const imageBase = f.local("i32");
  const pooledOffset = f.local("i32");
  const imageOffset = f.local("i32");
  const ranges = g.axes.map((axis) => ({
    range: new WindowRange(f, axis),
    window: f.local("i32"),
    pixel: f.local("i32"),
  }));
  const product = (of: (range: WindowRange) => I32): I32 =>
    ranges.map(({ range }) => of(range)).reduce((all, one) => i32.mul(all, one));

  const block = (channels: number) => {
    const n = i32.divU(task.get, blocks);
    const channelBytes = i32.mul(i32.remU(task.get, blocks), 4 * channelBlock);
    f.set(imageBase, i32.add(i32.mul(n, 4 * g.pixels * g.channels), channelBytes));
    f.set(pooledOffset, i32.add(i32.mul(n, 4 * g.windows * g.channels), channelBytes));
    before?.(imageBase.get, channels);
    const walk: PoolWalk = {
      pooledOffset,
      eachPixel(visit) {
        const pixel = ranges
          .map(({ pixel }) => pixel.get)
          .reduce((place, next, axis) => i32.add(i32.mul(place, g.axes[axis]!.size), next));
        const inner = () => {
          f.set(imageOffset, i32.add(imageBase.get, i32.mul(pixel, 4 * g.channels)));
          visit(imageOffset, pixel);
        };
        ranges.reduceRight(
          (within, { range, pixel: at }) =>
            () =>
              range.each(at, within),
          inner,
        )();
      },
      count: (of) => f32x4.splat(f32.fromI32(product((range) => (of === "pixels" ? range.count() : range.taps())))),
      eachVector(visit) {
        for (let i = 0; 4 * i < channels; i++) visit(i, Math.min(4, channels - 4 * i));
      },
    };
    const innermost = () => {
      body(walk);
      f.increase(pooledOffset, 4 * g.channels);
    };
    ranges.reduceRight(
      (within, { range, window }) =>
        () =>
          f.for(window, 0, range.axis.windows, 1, () => {
            range.set(window.get);
            within();
          }),
      innermost,
    )();
  };

  const rest = g.channels % channelBlock;
  f.for(task, begin, end, 1, () => {
    if (rest === 0) block(channelBlock);
    else if (blocks === 1) block(rest);
    else
      f.if(
        i32.eq(i32.remU(task.get, blocks), blocks - 1),
        () => block(rest),
        () => block(channelBlock),
      );
  });
}

/** Whether every pixel lies in exactly one window: its gradient is then written once and needs no sum. */
function isPartition({ axes }: Geometry): boolean {
  return axes.every(
    ({ size, windows, kernel, stride, before, dilation, adaptive }) =>
      !adaptive && before === 0 && kernel === stride && dilation === 1 && size === windows * stride,
  );
}

/** Zeros in the channels of a block, over one whole image. */
function clearBlock({ f }: PhaseScope, g: Geometry, address: I32, channels: number): void {
  const at = f.local("i32", address);
  const pixel = f.local("i32");
  f.for(pixel, 0, g.pixels, 1, () => {
    for (let i = 0; 4 * i < channels; i++) {
      f.storeLanes(at.get, f32x4.constant(0), Math.min(4, channels - 4 * i), 16 * i);
    }
    f.increase(at, 4 * g.channels);
  });
}

function poolKernel(
  name: string,
  imageOf: (node: NodeContext) => readonly number[],
  emit: (scope: PhaseScope, node: NodeContext, g: Geometry) => void,
): WasmKernel {
  return {
    name,
    accepts: () => true,
    phases(node) {
      const g = geometry(imageOf(node), attributesOf<PoolWindows>(node));
      const taps = sizeOf(g.axes.map(({ kernel }) => kernel));
      const tasks = g.batch * Math.ceil(g.channels / channelBlock);
      const cycles = (tasks * g.windows * taps * Math.min(g.channels, channelBlock)) / 2;
      return [{ tasks, cycles, usesScratch: false, emit: (scope) => emit(scope, node, g) }];
    },
  };
}

const firstInput = (node: NodeContext) => node.inputs[0]!.shape;

export const maxPool = poolKernel("f32_max_pool_simd128", firstInput, (scope, _node, g) => {
  const { f, inputs, output } = scope;
  const largest = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, undefined, (walk) => {
    walk.eachVector((i) => f.set(largest[i]!, f32x4.constant(Number.NEGATIVE_INFINITY)));
    walk.eachPixel((offset) => {
      const address = f.local("i32", i32.add(inputs[0]!, offset.get));
      walk.eachVector((i) => f.set(largest[i]!, f32x4.max(largest[i]!.get, v128.load(address.get, 16 * i))));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    walk.eachVector((i, lanes) => f.storeLanes(target.get, largest[i]!.get, lanes, 16 * i));
  });
});

/** Finds the winners of windows: masks of the lanes in which a pixel is the first that equals the maximum. */
class Winners {
  readonly #open: readonly Local<"v128">[];
  readonly #winner: Local<"v128">;
  readonly #pooled: Local<"i32">;

  constructor(readonly scope: PhaseScope) {
    const { f } = scope;
    this.#open = Array.from({ length: 4 }, () => f.local("v128"));
    this.#winner = f.local("v128");
    this.#pooled = f.local("i32");
  }

  /** Emits `body` for each pixel and vector of the window with the mask of the lanes that it wins. */
  each(
    walk: PoolWalk,
    body: (winner: V128, offset: Local<"i32">, pixel: I32, vector: number, lanes: number) => void,
  ): void {
    const { f, inputs } = this.scope;
    f.set(this.#pooled, i32.add(inputs[1]!, walk.pooledOffset.get));
    // lanes whose winner has not been met yet
    walk.eachVector((i) => f.set(this.#open[i]!, v128.not(f32x4.constant(0))));
    walk.eachPixel((offset, pixel) => {
      const image = f.local("i32", i32.add(inputs[0]!, offset.get));
      walk.eachVector((i, lanes) => {
        const open = this.#open[i]!;
        const equal = f32x4.eq(v128.load(image.get, 16 * i), v128.load(this.#pooled.get, 16 * i));
        f.set(this.#winner, v128.and(equal, open.get));
        f.set(open, v128.andNot(open.get, this.#winner.get));
        body(this.#winner.get, offset, pixel, i, lanes);
      });
    });
  }
}

export const maxPoolGradient = poolKernel("f32_max_pool_gradient_simd128", firstInput, (scope, _node, g) => {
  const { f, inputs, output } = scope;
  const winners = new Winners(scope);
  const once = isPartition(g);
  const clear = (offset: I32, channels: number) => clearBlock(scope, g, i32.add(output, offset), channels);
  walkWindows(scope, g, once ? undefined : clear, (walk) => {
    const gradient = f.local("i32", i32.add(inputs[2]!, walk.pooledOffset.get));
    const target = f.local("i32");
    winners.each(walk, (winner, offset, _pixel, i, lanes) => {
      if (i === 0) f.set(target, i32.add(output, offset.get));
      const share = v128.and(winner, v128.load(gradient.get, 16 * i));
      const sum = once ? share : f32x4.add(v128.load(target.get, 16 * i), share);
      f.storeLanes(target.get, sum, lanes, 16 * i);
    });
  });
});

export const maxPoolPick = poolKernel("f32_max_pool_pick_simd128", firstInput, (scope, _node, g) => {
  const { f, inputs, output } = scope;
  const winners = new Winners(scope);
  const picked = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, undefined, (walk) => {
    walk.eachVector((i) => f.set(picked[i]!, f32x4.constant(0)));
    winners.each(walk, (winner, offset, _pixel, i) => {
      const value = v128.load(i32.add(inputs[2]!, offset.get), 16 * i);
      f.set(picked[i]!, v128.bitselect(winner, value, picked[i]!.get));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    walk.eachVector((i, lanes) => f.storeLanes(target.get, picked[i]!.get, lanes, 16 * i));
  });
});

export const maxPoolIndices = poolKernel("f32_max_pool_indices_simd128", firstInput, (scope, _node, g) => {
  const { f, output } = scope;
  const winners = new Winners(scope);
  const found = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, undefined, (walk) => {
    walk.eachVector((i) => f.set(found[i]!, i32x4.constant(-1)));
    winners.each(walk, (winner, _offset, pixel, i) => {
      f.set(found[i]!, v128.bitselect(winner, i32x4.splat(pixel), found[i]!.get));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    walk.eachVector((i, lanes) => f.storeLanes(target.get, found[i]!.get, lanes, 16 * i));
  });
});

/** What a window's sum is divided by; undefined where it stays a sum. */
function divisorOf({ constant }: PhaseScope, walk: PoolWalk, g: Geometry, node: NodeContext): V128 | undefined {
  const { divisor } = attributesOf<AveragePoolAttributes>(node);
  if (divisor === 1) return undefined;
  if (typeof divisor === "number") return constant(divisor);
  const even = divisor === "window" && g.axes.every(({ adaptive, overhang }) => !adaptive && overhang === 0);
  return even ? constant(sizeOf(g.axes.map(({ kernel }) => kernel))) : walk.count(divisor);
}

export const averagePool = poolKernel("f32_average_pool_simd128", firstInput, (scope, node, g) => {
  const { f, inputs, output } = scope;
  const sums = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, undefined, (walk) => {
    walk.eachVector((i) => f.set(sums[i]!, f32x4.constant(0)));
    walk.eachPixel((offset) => {
      const address = f.local("i32", i32.add(inputs[0]!, offset.get));
      walk.eachVector((i) => f.set(sums[i]!, f32x4.add(sums[i]!.get, v128.load(address.get, 16 * i))));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    const divisor = divisorOf(scope, walk, g, node);
    const count = divisor === undefined ? undefined : f.local("v128", divisor);
    walk.eachVector((i, lanes) => {
      const mean = count === undefined ? sums[i]!.get : f32x4.div(sums[i]!.get, count.get);
      f.storeLanes(target.get, mean, lanes, 16 * i);
    });
  });
});

export const averagePoolGradient = poolKernel(
  "f32_average_pool_gradient_simd128",
  (node) => attributesOf<AveragePoolGradientAttributes>(node).inputShape,
  (scope, node, g) => {
    const { f, inputs, output } = scope;
    const shares = Array.from({ length: 4 }, () => f.local("v128"));
    const clear = (offset: I32, channels: number) => clearBlock(scope, g, i32.add(output, offset), channels);
    walkWindows(scope, g, clear, (walk) => {
      const gradient = f.local("i32", i32.add(inputs[0]!, walk.pooledOffset.get));
      const divisor = divisorOf(scope, walk, g, node);
      const count = divisor === undefined ? undefined : f.local("v128", divisor);
      walk.eachVector((i) => {
        const value = v128.load(gradient.get, 16 * i);
        f.set(shares[i]!, count === undefined ? value : f32x4.div(value, count.get));
      });
      walk.eachPixel((offset) => {
        const target = f.local("i32", i32.add(output, offset.get));
        walk.eachVector((i, lanes) =>
          f.storeLanes(target.get, f32x4.add(v128.load(target.get, 16 * i), shares[i]!.get), lanes, 16 * i),
        );
      });
    });
  },
);
