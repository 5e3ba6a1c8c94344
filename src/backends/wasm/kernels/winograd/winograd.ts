import type { Expression } from "../../../../ops/expression.js";
import type { Acceptance, NodeContext } from "../../../../plan/types.js";
import { type I32, i32 } from "../../assembler/index.js";
import { attributesOf, type Engine, isKept, type PhaseScope, type WasmKernel } from "../../kernel.js";
import {
  type Conv2dAttributes,
  type Conv2dGeometry,
  type Conv2dInputGradientAttributes,
  conv2dGeometry,
} from "../planar.js";
import { EpilogueEmitter, emitProduct, overwritableOperands, rowTile, tiledCycles } from "../tile.js";
import { emitTransposition } from "../turn.js";
import { transpose, type WinogradMatrices, winogradMatrices } from "./matrices.js";
import { align, directCostsLess, outputsPerTile, pointStride, refusal, where } from "./sizes.js";
import {
  emitTileTransform,
  emitTwoSided,
  locateTile,
  patchFloats,
  storeEntries,
  type Tiling,
  temporaryFloats,
  tileCount,
} from "./tiles.js";

/** Sizes of one convolution by Winograd's method: images of `inputs` channels become images of `outputs` channels. */
export interface Layout {
  readonly matrices: WinogradMatrices;
  /** The image, cut into squares of `points` pixels. */
  readonly tiling: Tiling;
  readonly inputs: number;
  readonly outputs: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  /** Tiles of one task: what is transformed, multiplied and transformed back while it is in cache. */
  readonly block: number;
}

/** Bytes that the transformed tiles of one block may take: a good part of a core's second-level cache. */
const blockBytes = 512 * 1024;

export interface Convolution {
  readonly batch: number;
  readonly height: number;
  readonly width: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  readonly taps: number;
  readonly top: number;
  readonly left: number;
}

export function layoutOf(c: Convolution, engine: Engine): Layout {
  const matrices = winogradMatrices(outputsPerTile.get(c.taps)!, c.taps);
  const tiling: Tiling = {
    batch: c.batch,
    height: c.height,
    width: c.width,
    channels: c.inputs,
    top: c.top,
    left: c.left,
    rows: Math.ceil(c.outputHeight / matrices.outputs),
    columns: Math.ceil(c.outputWidth / matrices.outputs),
    size: matrices.points,
    step: matrices.outputs,
  };
  const { inputs, outputs, outputHeight, outputWidth } = c;
  const bytesPerTile = 4 * matrices.points ** 2 * (inputs + outputs);
  const rows = rowTile(24, outputs, engine);
  const fitting = Math.max(2 * rows, Math.floor(blockBytes / bytesPerTile));
  // as many blocks for every thread; how tiles are grouped does not change results
  const tiles = tileCount(tiling);
  const rounds = Math.ceil(tiles / fitting / engine.threads);
  const block = Math.ceil(tiles / (rounds * engine.threads));
  return { matrices, tiling, inputs, outputs, outputHeight, outputWidth, block };
}

/** Whether the method costs clearly less than multiplying directly; `kept` filters are transformed once and for all. */
function pays(layout: Layout, directMultiplyAdds: number, filterBytes: number, kept: boolean): Acceptance {
  const { matrices, tiling, inputs, outputs } = layout;
  const tiles = tileCount(tiling);
  const squared = matrices.points ** 2;
  const products = tiledCycles(tiles * squared * inputs * outputs);
  const transforms = (tiles * (inputs + outputs) + (kept ? 0 : inputs * outputs)) * squared * 0.75;
  const reloads = (Math.ceil(tiles / layout.block) * filterBytes) / 16;
  return products + transforms + reloads < 0.8 * tiledCycles(directMultiplyAdds) ? true : directCostsLess;
}

/** Input channels whose filters are turned before they are transformed: what half a cache line holds, if that divides them. */
const turnedChannels = (inputs: number): number => (inputs % 8 === 0 ? 8 : 4);

/** Where the parts of the scratch memory lie, in bytes; `turned` and `temporary` also behind the transformed filter. */
function scratchLayout(layout: Layout) {
  const { matrices, tiling, inputs, outputs, block } = layout;
  const squared = matrices.points ** 2;
  const filter = squared * pointStride(inputs, outputs);
  const turned = 4 * align(matrices.taps ** 2 * turnedChannels(inputs) * outputs);
  const temporary = 4 * align(temporaryFloats(matrices.points));
  const patch = 4 * align(patchFloats(tiling));
  const image = squared * pointStride(block, inputs);
  const result = squared * pointStride(block, outputs);
  return { filter, turned, temporary, patch, image, result, perThread: temporary + patch + image + result };
}

export function forwardConvolution(node: NodeContext): {
  c: Convolution;
  g: Conv2dGeometry;
  attributes: Conv2dAttributes;
} {
  const attributes = attributesOf<Conv2dAttributes>(node);
  const g = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, where);
  const c: Convolution = {
    batch: g.batch,
    height: g.inputHeight,
    width: g.inputWidth,
    inputs: g.inputChannels,
    outputs: g.outputChannels,
    outputHeight: g.outputHeight,
    outputWidth: g.outputWidth,
    taps: g.kernelHeight,
    top: attributes.padding[0],
    left: attributes.padding[2],
  };
  return { c, g, attributes };
}

/** The gradient for the image as a convolution: of the output's gradient, with the filter turned by half a turn. */
export function backwardConvolution(node: NodeContext): {
  c: Convolution;
  g: Conv2dGeometry;
  attributes: Conv2dAttributes;
} {
  const attributes = attributesOf<Conv2dInputGradientAttributes>(node);
  const g = conv2dGeometry(attributes.inputShape, node.inputs[1]!.shape, attributes, where);
  const c: Convolution = {
    batch: g.batch,
    height: g.outputHeight,
    width: g.outputWidth,
    inputs: g.outputChannels,
    outputs: g.inputChannels,
    outputHeight: g.inputHeight,
    outputWidth: g.inputWidth,
    taps: g.kernelHeight,
    top: g.kernelHeight - 1 - attributes.padding[0],
    left: g.kernelWidth - 1 - attributes.padding[2],
  };
  return { c, g, attributes };
}

function convolutionKernel(
  name: string,
  describe: typeof forwardConvolution,
  /** Whether the filter must be turned before it is transformed. */
  turned: boolean,
): WasmKernel {
  return {
    name,
    accepts(node, engine) {
      const { c, g, attributes } = describe(node);
      const suitable = refusal(attributes, g);
      if (suitable !== true) return suitable;
      const direct = g.batch * g.outputHeight * g.outputWidth * c.taps ** 2 * c.inputs * c.outputs;
      // judged for one thread whatever their number, since the choice of the kernel changes the last bits of results
      const layout = layoutOf(c, { ...engine, threads: 1 });
      return pays(layout, direct, scratchLayout(layout).filter, isKept(node, { input: 1 }));
    },
    scratchBytes(node, engine) {
      return engine.threads * scratchLayout(layoutOf(describe(node).c, engine)).perThread;
    },
    packs(node, engine) {
      const { filter, turned: turnedBytes, temporary } = scratchLayout(layoutOf(describe(node).c, engine));
      return { input: 1, bytes: filter + engine.threads * (temporary + (turned ? turnedBytes : 0)) };
    },
    overwrites: overwritableOperands,
    phases(node, engine) {
      const { c, attributes } = describe(node);
      const layout = layoutOf(c, engine);
      const tiles = tileCount(layout.tiling);
      const squared = layout.matrices.points ** 2;
      const weights = c.inputs * c.outputs;
      return [
        {
          packs: true,
          tasks: turned ? c.inputs / turnedChannels(c.inputs) : c.inputs,
          cycles: weights * (0.75 * squared + (turned ? c.taps ** 2 : 0)),
          emit: (scope) => (turned ? emitTurnedTransform(scope, layout, c) : emitFilterTransform(scope, layout)),
        },
        {
          tasks: Math.ceil(tiles / layout.block),
          cycles: tiledCycles(tiles * squared * weights) + tiles * squared * (c.inputs + c.outputs) * 0.75,
          emit: (scope) => emitBlocks(scope, layout, node, attributes.epilogue),
        },
      ];
    },
  };
}

/** Forward convolution: six multiplications in place of 25 for 5×5, four in place of nine for 3×3 and better. */
export const conv2dWinograd = convolutionKernel("f32_conv2d_winograd_simd128", forwardConvolution, false);

export const conv2dInputGradientWinograd = convolutionKernel(
  "f32_conv2d_input_gradient_winograd_simd128",
  backwardConvolution,
  true,
);

/** target[tap][o][c] = filter[last − tap][c][o]: one task per tap. `c.inputs` are the filter's output channels. */
export function emitTurnedFilter(scope: PhaseScope, c: Convolution, target: I32): void {
  const { f, begin, end } = scope;
  const tap = f.local("i32");
  f.for(tap, begin, end, 1, () =>
    emitTurnedTap(scope, c, { tap: tap.get, first: i32.constant(0), count: c.inputs }, target),
  );
}

/** The same of `count` channels from the first on, target[tap][o − first][c], for one tap. */
function emitTurnedTap(
  { f, inputs }: PhaseScope,
  c: Convolution,
  { tap, first, count }: { readonly tap: I32; readonly first: I32; readonly count: number },
  target: I32,
): void {
  const opposite = i32.sub(c.taps ** 2 - 1, tap);
  const from = i32.add(inputs[1]!, i32.add(i32.mul(opposite, 4 * c.inputs * c.outputs), i32.mul(first, 4)));
  emitTransposition(
    f,
    { from, rowBytes: 4 * c.inputs, rows: c.outputs, columns: count },
    { to: i32.add(target, i32.mul(tap, 4 * count * c.outputs)), rowBytes: 4 * c.outputs },
  );
}

/** The calling thread's own part of the scratch memory. */
function threadScratch({ f, scratch, thread }: PhaseScope, layout: Layout) {
  const { temporary, patch, image, perThread } = scratchLayout(layout);
  const base = f.local("i32", i32.add(scratch, i32.mul(thread, perThread))).get;
  return {
    temporary: base,
    patch: i32.add(base, temporary),
    image: i32.add(base, temporary + patch),
    result: i32.add(base, temporary + patch + image),
  };
}

/** packed[point][input channel][output channel] = G · filter · Gᵀ: one task per input channel. */
function emitFilterTransform(scope: PhaseScope, layout: Layout): void {
  const { f, begin, end, inputs } = scope;
  const { filter, temporary } = scratchLayout(layout);
  const own = packedPlace(scope, filter, temporary);
  const channel = f.local("i32");
  f.for(channel, begin, end, 1, () =>
    emitChannelTransform(scope, layout, channel.get, {
      source: i32.add(inputs[1]!, i32.mul(channel.get, 4 * layout.outputs)),
      tapBytes: 4 * layout.inputs * layout.outputs,
      temporary: own,
    }),
  );
}

/** The same of a filter turned by half a turn, for the gradient of the image: one task for a few input channels. */
function emitTurnedTransform(scope: PhaseScope, layout: Layout, c: Convolution): void {
  const { f, begin, end } = scope;
  const { filter, temporary, turned } = scratchLayout(layout);
  const own = packedPlace(scope, filter, temporary + turned);
  const count = turnedChannels(c.inputs);
  const [task, tap, channel] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const first = f.local("i32");
  const block = f.local("i32", i32.add(own, temporary)).get;
  f.for(task, begin, end, 1, () => {
    f.set(first, i32.mul(task.get, count));
    f.for(tap, 0, c.taps ** 2, 1, () => emitTurnedTap(scope, c, { tap: tap.get, first: first.get, count }, block));
    f.for(channel, 0, count, 1, () =>
      emitChannelTransform(scope, layout, i32.add(first.get, channel.get), {
        source: i32.add(block, i32.mul(channel.get, 4 * c.outputs)),
        tapBytes: 4 * count * c.outputs,
        temporary: own,
      }),
    );
  });
}

/** The calling thread's own memory behind the transformed filter. */
function packedPlace({ f, packed, thread }: PhaseScope, filter: number, perThread: number): I32 {
  return f.local("i32", i32.add(i32.add(packed, filter), i32.mul(thread, perThread))).get;
}

/** G · filter · Gᵀ of one input channel, whose filters lie at `source`, a tap every `tapBytes`. */
function emitChannelTransform(
  scope: PhaseScope,
  { matrices, inputs, outputs }: Layout,
  channel: I32,
  { source, tapBytes, temporary }: { readonly source: I32; readonly tapBytes: number; readonly temporary: I32 },
): void {
  const { f, packed } = scope;
  const pointBytes = pointStride(inputs, outputs);
  const row = f.local("i32", i32.mul(channel, 4 * outputs));
  emitTwoSided(scope, matrices.g, {
    source: f.local("i32", source).get,
    rowBytes: i32.constant(matrices.taps * tapBytes),
    pixelBytes: tapBytes,
    channels: outputs,
    temporary,
    store(results, line, chunk) {
      const offset = i32.add(i32.mul(line, matrices.points * pointBytes), i32.add(row.get, chunk));
      const to = f.local("i32", i32.add(packed, offset));
      storeEntries(scope, results, to.get, pointBytes);
    },
  });
}

/** Blocks of tiles: transform the image's squares, multiply point by point, transform back. One task per block. */
function emitBlocks(scope: PhaseScope, layout: Layout, node: NodeContext, epilogue: Expression | undefined): void {
  const { f, begin, end, inputs: operands, packed } = scope;
  const { matrices, tiling, inputs, outputs, block } = layout;
  const squared = matrices.points ** 2;
  const tiles = tileCount(tiling);
  const own = threadScratch(scope, layout);
  const task = f.local("i32");
  const first = f.local("i32");
  const count = f.local("i32");
  const tile = f.local("i32");
  const point = f.local("i32");
  const index = () => i32.add(first.get, tile.get);
  f.for(task, begin, end, 1, () => {
    f.set(first, i32.mul(task.get, block));
    f.set(count, i32.min(block, i32.sub(tiles, first.get)));
    f.for(tile, 0, count.get, 1, () =>
      emitTileTransform(scope, tiling, matrices.b, {
        image: operands[0]!,
        index: index(),
        target: f.local("i32", i32.add(own.image, i32.mul(tile.get, 4 * inputs))).get,
        pointBytes: pointStride(block, inputs),
        temporary: own.temporary,
        patch: own.patch,
      }),
    );
    f.for(point, 0, squared, 1, () =>
      emitProduct(scope, {
        a: f.local("i32", i32.add(own.image, i32.mul(point.get, pointStride(block, inputs)))).get,
        rowBytesOfA: 4 * inputs,
        stepBytesOfA: 4,
        b: f.local("i32", i32.add(packed, i32.mul(point.get, pointStride(inputs, outputs)))).get,
        rowBytesOfB: 4 * outputs,
        target: f.local("i32", i32.add(own.result, i32.mul(point.get, pointStride(block, outputs)))).get,
        rowBytesOfTarget: 4 * outputs,
        m: block,
        n: outputs,
        k: inputs,
        add: false,
      }),
    );
    f.for(tile, 0, count.get, 1, () => {
      const products: OutputProducts = {
        source: i32.add(own.result, i32.mul(tile.get, 4 * outputs)),
        pointBytes: pointStride(block, outputs),
        channels: outputs,
        firstChannel: i32.constant(0),
        temporary: own.temporary,
      };
      emitOutputTile(scope, layout, node, epilogue, products, index());
    });
  });
}

/** The products of one tile: for each point, some of the output's channels. */
export interface OutputProducts {
  readonly source: I32;
  /** From one point to the next. */
  readonly pointBytes: number;
  readonly channels: number;
  /** Byte offset of the first of them among all channels. */
  readonly firstChannel: I32;
  readonly temporary: I32;
}

/** Aᵀ · products · A of one tile, finished by the epilogue and stored where the image has pixels. */
export function emitOutputTile(
  scope: PhaseScope,
  layout: Layout,
  node: NodeContext,
  epilogue: Expression | undefined,
  products: OutputProducts,
  index: I32,
): void {
  const { f, output } = scope;
  const { matrices, tiling, outputs, outputHeight, outputWidth } = layout;
  const { image, row, column } = locateTile(scope, tiling, index);
  const ending = new EpilogueEmitter(scope, epilogue, node);
  const { pointBytes } = products;
  const top = f.local("i32", i32.mul(row.get, tiling.step));
  const left = f.local("i32", i32.mul(column.get, tiling.step));
  const place = f.local("i32");
  const target = f.local("i32");
  const channel = f.local("i32");
  emitTwoSided(scope, transpose(matrices.a), {
    source: f.local("i32", products.source).get,
    rowBytes: i32.constant(matrices.points * pointBytes),
    pixelBytes: pointBytes,
    channels: products.channels,
    temporary: products.temporary,
    store(results, line, chunk) {
      const y = i32.add(top.get, line);
      f.if(i32.ltU(y, outputHeight), () => {
        const pixel = i32.add(i32.mul(i32.add(i32.mul(image.get, outputHeight), y), outputWidth), left.get);
        f.set(channel, i32.add(products.firstChannel, chunk));
        f.set(place, i32.add(i32.mul(pixel, 4 * outputs), channel.get));
        f.set(target, i32.add(output, place.get));
        const finish = (j: number) =>
          results[j]!.forEach((vector, v) => {
            const offset = 4 * outputs * j + 16 * v;
            const finished = ending.apply(
              vector.get,
              { base: place.get, offset },
              { base: channel.get, offset: 16 * v },
            );
            f.set(vector, finished);
          });
        const store = (j: number) =>
          results[j]!.forEach((vector, v) => f.storeV128(target.get, vector.get, 4 * outputs * j + 16 * v));
        f.if(
          i32.leS(left.get, outputWidth - matrices.outputs),
          () => {
            results.forEach((_, j) => finish(j));
            results.forEach((_, j) => store(j));
          },
          () =>
            results.slice(0, -1).forEach((_, j) =>
              f.if(i32.ltS(left.get, outputWidth - j), () => {
                finish(j);
                store(j);
              }),
            ),
        );
      });
    },
  });
}
