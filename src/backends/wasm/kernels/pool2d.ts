import type {
  AveragePool2dAttributes,
  AveragePool2dGradientAttributes,
  Pool2dAttributes,
} from "../../../ops/pool2d.js";
import type { NodeContext } from "../../../plan/types.js";
import { type FunctionBuilder, f32, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";

/** Channels of one task: four vectors. */
const channelBlock = 16;

interface Geometry {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
}

function geometry(image: readonly number[], pooled: readonly number[]): Geometry {
  const [batch, height, width, channels] = image as [number, number, number, number];
  return { batch, height, width, channels, outputHeight: pooled[1]!, outputWidth: pooled[2]! };
}

/** The part of a window that lies inside the image, along one axis: locals `first` ≤ pixel < `last`. */
class WindowRange {
  readonly first: Local<"i32">;
  readonly last: Local<"i32">;

  constructor(
    readonly f: FunctionBuilder,
    readonly size: number,
    readonly kernel: number,
    readonly stride: number,
    readonly before: number,
    readonly dilation: number,
  ) {
    this.first = f.local("i32");
    this.last = f.local("i32");
  }

  /** Sets the range for the window at output position `index`; `first` stays on the window's taps. */
  set(index: I32): void {
    const { f, size, kernel, stride, before, dilation } = this;
    f.set(this.first, i32.sub(i32.mul(index, stride), before));
    f.set(this.last, i32.min(i32.add(this.first.get, (kernel - 1) * dilation + 1), size));
    if (before === 0) return;
    if (dilation === 1) f.if(i32.ltS(this.first.get, 0), () => f.set(this.first, i32.constant(0)));
    else
      f.while(
        () => i32.ltS(this.first.get, 0),
        () => f.increase(this.first, dilation),
      );
  }

  /** How many taps lie inside. */
  count(): I32 {
    const span = i32.sub(this.last.get, this.first.get);
    return this.dilation === 1 ? span : i32.divU(i32.add(span, this.dilation - 1), this.dilation);
  }

  each(variable: Local<"i32">, body: () => void): void {
    this.f.for(variable, this.first.get, this.last.get, this.dilation, body);
  }
}

interface PoolWalk {
  /** Byte offset of the current window's result, at the first channel of the block. */
  readonly pooledOffset: Local<"i32">;
  /** Emits `body` for each pixel of the window, with its byte offset in the image. */
  eachPixel(body: (imageOffset: Local<"i32">) => void): void;
  /** Pixels of the window inside the image, as a float in all lanes. */
  pixelCount(): V128;
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
  { kernel, strides, padding, dilation }: Pool2dAttributes,
  before: ((imageOffset: I32, channels: number) => void) | undefined,
  body: (walk: PoolWalk) => void,
): void {
  const blocks = Math.ceil(g.channels / channelBlock);
  const task = f.local("i32");
  const [oy, ox, y, x] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
  const imageBase = f.local("i32");
  const pooledOffset = f.local("i32");
  const imageOffset = f.local("i32");
  const rows = new WindowRange(f, g.height, kernel[0], strides[0], padding[0], dilation[0]);
  const columns = new WindowRange(f, g.width, kernel[1], strides[1], padding[2], dilation[1]);

  const block = (channels: number) => {
    const n = i32.divU(task.get, blocks);
    const channelBytes = i32.mul(i32.remU(task.get, blocks), 4 * channelBlock);
    f.set(imageBase, i32.add(i32.mul(n, 4 * g.height * g.width * g.channels), channelBytes));
    f.set(pooledOffset, i32.add(i32.mul(n, 4 * g.outputHeight * g.outputWidth * g.channels), channelBytes));
    before?.(imageBase.get, channels);
    f.for(oy, 0, g.outputHeight, 1, () => {
      rows.set(oy.get);
      f.for(ox, 0, g.outputWidth, 1, () => {
        columns.set(ox.get);
        body({
          pooledOffset,
          eachPixel: (visit) =>
            rows.each(y, () =>
              columns.each(x, () => {
                const pixel = i32.add(i32.mul(y.get, g.width), x.get);
                f.set(imageOffset, i32.add(imageBase.get, i32.mul(pixel, 4 * g.channels)));
                visit(imageOffset);
              }),
            ),
          pixelCount: () => f32x4.splat(f32.fromI32(i32.mul(rows.count(), columns.count()))),
          eachVector(visit) {
            for (let i = 0; 4 * i < channels; i++) visit(i, Math.min(4, channels - 4 * i));
          },
        });
        f.increase(pooledOffset, 4 * g.channels);
      });
    });
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
function isPartition(g: Geometry, { kernel, strides, padding, dilation }: Pool2dAttributes): boolean {
  const covers = (size: number, axis: 0 | 1, outputs: number) =>
    kernel[axis] === strides[axis] && dilation[axis] === 1 && size === outputs * strides[axis];
  return (
    padding.every((side) => side === 0) && covers(g.height, 0, g.outputHeight) && covers(g.width, 1, g.outputWidth)
  );
}

/** Zeros in the channels of a block, over one whole image. */
function clearBlock({ f }: PhaseScope, g: Geometry, address: I32, channels: number): void {
  const at = f.local("i32", address);
  const pixel = f.local("i32");
  f.for(pixel, 0, g.height * g.width, 1, () => {
    for (let i = 0; 4 * i < channels; i++) {
      f.storeLanes(at.get, f32x4.constant(0), Math.min(4, channels - 4 * i), 16 * i);
    }
    f.increase(at, 4 * g.channels);
  });
}

function poolKernel(
  name: string,
  shapes: (node: NodeContext) => { image: readonly number[]; pooled: readonly number[] },
  emit: (scope: PhaseScope, node: NodeContext, g: Geometry) => void,
): WasmKernel {
  return {
    name,
    accepts: () => true,
    phases(node) {
      const { image, pooled } = shapes(node);
      const g = geometry(image, pooled);
      const { kernel } = attributesOf<Pool2dAttributes>(node);
      const tasks = g.batch * Math.ceil(g.channels / channelBlock);
      const cycles =
        (tasks * g.outputHeight * g.outputWidth * kernel[0] * kernel[1] * Math.min(g.channels, channelBlock)) / 2;
      return [{ tasks, cycles, usesScratch: false, emit: (scope) => emit(scope, node, g) }];
    },
  };
}

const forward = (node: NodeContext) => ({ image: node.inputs[0]!.shape, pooled: node.output.shape });

export const maxPool2d = poolKernel("f32_max_pool2d_simd128", forward, (scope, node, g) => {
  const { f, inputs, output } = scope;
  const largest = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, attributesOf<Pool2dAttributes>(node), undefined, (walk) => {
    walk.eachVector((i) => f.set(largest[i]!, f32x4.constant(Number.NEGATIVE_INFINITY)));
    walk.eachPixel((offset) => {
      const address = f.local("i32", i32.add(inputs[0]!, offset.get));
      walk.eachVector((i) => f.set(largest[i]!, f32x4.max(largest[i]!.get, v128.load(address.get, 16 * i))));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    walk.eachVector((i, lanes) => f.storeLanes(target.get, largest[i]!.get, lanes, 16 * i));
  });
});

export const maxPool2dGradient = poolKernel(
  "f32_max_pool2d_gradient_simd128",
  (node) => ({ image: node.inputs[0]!.shape, pooled: node.inputs[1]!.shape }),
  (scope, node, g) => {
    const { f, inputs, output } = scope;
    const open = Array.from({ length: 4 }, () => f.local("v128"));
    const winner = f.local("v128");
    const attributes = attributesOf<Pool2dAttributes>(node);
    const once = isPartition(g, attributes);
    const clear = (offset: I32, channels: number) => clearBlock(scope, g, i32.add(output, offset), channels);
    walkWindows(scope, g, attributes, once ? undefined : clear, (walk) => {
      const pooled = f.local("i32", i32.add(inputs[1]!, walk.pooledOffset.get));
      const gradient = f.local("i32", i32.add(inputs[2]!, walk.pooledOffset.get));
      // lanes whose winner has not been met yet
      walk.eachVector((i) => f.set(open[i]!, v128.not(f32x4.constant(0))));
      walk.eachPixel((offset) => {
        const image = f.local("i32", i32.add(inputs[0]!, offset.get));
        const target = f.local("i32", i32.add(output, offset.get));
        walk.eachVector((i, lanes) => {
          const equal = f32x4.eq(v128.load(image.get, 16 * i), v128.load(pooled.get, 16 * i));
          f.set(winner, v128.and(equal, open[i]!.get));
          f.set(open[i]!, v128.andNot(open[i]!.get, winner.get));
          const share = v128.and(winner.get, v128.load(gradient.get, 16 * i));
          const sum = once ? share : f32x4.add(v128.load(target.get, 16 * i), share);
          f.storeLanes(target.get, sum, lanes, 16 * i);
        });
      });
    });
  },
);

/** What a window's sum is divided by. */
function divisor(walk: PoolWalk, { kernel, countPadding }: AveragePool2dAttributes): V128 {
  return countPadding ? f32x4.constant(kernel[0] * kernel[1]) : walk.pixelCount();
}

export const averagePool2d = poolKernel("f32_average_pool2d_simd128", forward, (scope, node, g) => {
  const { f, inputs, output } = scope;
  const attributes = attributesOf<AveragePool2dAttributes>(node);
  const sums = Array.from({ length: 4 }, () => f.local("v128"));
  walkWindows(scope, g, attributes, undefined, (walk) => {
    walk.eachVector((i) => f.set(sums[i]!, f32x4.constant(0)));
    walk.eachPixel((offset) => {
      const address = f.local("i32", i32.add(inputs[0]!, offset.get));
      walk.eachVector((i) => f.set(sums[i]!, f32x4.add(sums[i]!.get, v128.load(address.get, 16 * i))));
    });
    const target = f.local("i32", i32.add(output, walk.pooledOffset.get));
    const count = f.local("v128", divisor(walk, attributes));
    walk.eachVector((i, lanes) => f.storeLanes(target.get, f32x4.div(sums[i]!.get, count.get), lanes, 16 * i));
  });
});

export const averagePool2dGradient = poolKernel(
  "f32_average_pool2d_gradient_simd128",
  (node) => ({ image: node.output.shape, pooled: node.inputs[0]!.shape }),
  (scope, node, g) => {
    const { f, inputs, output } = scope;
    const attributes = attributesOf<AveragePool2dGradientAttributes>(node);
    const shares = Array.from({ length: 4 }, () => f.local("v128"));
    const clear = (offset: I32, channels: number) => clearBlock(scope, g, i32.add(output, offset), channels);
    walkWindows(scope, g, attributes, clear, (walk) => {
      const gradient = f.local("i32", i32.add(inputs[0]!, walk.pooledOffset.get));
      const count = f.local("v128", divisor(walk, attributes));
      walk.eachVector((i) => f.set(shares[i]!, f32x4.div(v128.load(gradient.get, 16 * i), count.get)));
      walk.eachPixel((offset) => {
        const target = f.local("i32", i32.add(output, offset.get));
        walk.eachVector((i, lanes) =>
          f.storeLanes(target.get, f32x4.add(v128.load(target.get, 16 * i), shares[i]!.get), lanes, 16 * i),
        );
      });
    });
  },
);
