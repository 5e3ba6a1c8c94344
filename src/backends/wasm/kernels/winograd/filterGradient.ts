import { type I32, i32 } from "../../assembler/index.js";
import { attributesOf, type Engine, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { fill } from "../padded.js";
import {
  type Conv2dAttributes,
  type Conv2dFilterGradientAttributes,
  type Conv2dGeometry,
  conv2dGeometry,
} from "../planar.js";
import { emitProduct, tiledCycles } from "../tile.js";
import { transpose, type WinogradMatrices, winogradMatrices } from "./matrices.js";
import { align, directCostsLess, outputsPerTile, pointStride, refusal, where } from "./sizes.js";
import {
  emitTileTransform,
  emitTwoSided,
  patchFloats,
  storeEntries,
  type Tiling,
  temporaryFloats,
  tileCount,
} from "./tiles.js";

/**
 * Tiles of one block at most. Transformed, they may take 1280 KiB, since longer products matter more than the nearest
 * cache, but no more than two thirds of what the kernel reads and writes. There are always enough that the sums are not
 * loaded and stored too often.
 */
function mostTiles(bytesPerTile: number, tensorBytes: number): number {
  const fast = Math.max(32, Math.floor((1280 * 1024) / bytesPerTile));
  const frugal = Math.max(24, Math.floor((2 * tensorBytes) / 3 / bytesPerTile));
  return Math.min(fast, frugal);
}

/**
 * Parts into which the tiles are split, each with sums of its own: fixed, so that results do not depend on threads. Few,
 * since the sums take memory: as many as bytes of one part's allow, four at most, and no more than what the kernel reads
 * and writes. Where there are more threads than parts, the points of a part are shared out, too.
 */
function partsFor(sumBytes: number, tensorBytes: number): number {
  const most = sumBytes <= 256 * 1024 ? 4 : sumBytes <= 2048 * 1024 ? 2 : 1;
  return Math.max(1, Math.min(most, Math.floor(tensorBytes / sumBytes)));
}

/** Filters beyond this many values per point would need more memory for their sums than they save time. */
const mostWeights = 256 * 256;

interface FilterLayout {
  readonly matrices: WinogradMatrices;
  readonly image: Tiling;
  readonly gradient: Tiling;
  readonly inputs: number;
  readonly outputs: number;
  readonly block: number;
  readonly parts: number;
}

function filterLayout(g: Conv2dGeometry, attributes: Conv2dAttributes): FilterLayout {
  const matrices = winogradMatrices(outputsPerTile.get(g.kernelHeight)!, g.kernelHeight);
  const rows = Math.ceil(g.outputHeight / matrices.outputs);
  const columns = Math.ceil(g.outputWidth / matrices.outputs);
  const shared = { batch: g.batch, rows, columns, step: matrices.outputs };
  const image: Tiling = {
    ...shared,
    height: g.inputHeight,
    width: g.inputWidth,
    channels: g.inputChannels,
    top: attributes.padding[0],
    left: attributes.padding[2],
    size: matrices.points,
  };
  const gradient: Tiling = {
    ...shared,
    height: g.outputHeight,
    width: g.outputWidth,
    channels: g.outputChannels,
    top: 0,
    left: 0,
    size: matrices.outputs,
  };
  const sumBytes = matrices.points ** 2 * pointStride(g.inputChannels, g.outputChannels);
  const pixels = g.inputHeight * g.inputWidth * g.inputChannels + g.outputHeight * g.outputWidth * g.outputChannels;
  const tensorBytes = 4 * (g.batch * pixels + g.kernelHeight * g.kernelWidth * g.inputChannels * g.outputChannels);
  const parts = Math.min(partsFor(sumBytes, tensorBytes), tileCount(image));
  const perPart = Math.ceil(tileCount(image) / parts);
  const bytesPerTile = 4 * matrices.points ** 2 * (g.inputChannels + g.outputChannels);
  // equal blocks, so that none is padded by much
  const most = mostTiles(bytesPerTile, tensorBytes);
  const block = 4 * Math.ceil(perPart / Math.ceil(perPart / most) / 4);
  return { matrices, image, gradient, inputs: g.inputChannels, outputs: g.outputChannels, block, parts };
}

/** Bytes: sums of each part; of each thread, squares in the making and a block of transformed ones, of its share. */
function filterScratch(layout: FilterLayout, engine: Engine) {
  const { matrices, image, gradient, inputs, outputs, block, parts } = layout;
  const sums = matrices.points ** 2 * pointStride(inputs, outputs);
  const temporary = 4 * align(temporaryFloats(matrices.points));
  const patch = 4 * align(Math.max(patchFloats(image), patchFloats(gradient)));
  const points = matrices.points * sharesOf(layout, engine).lines;
  const images = points * pointStride(block, inputs);
  const gradients = points * pointStride(block, outputs);
  const [patchAt, imagesAt, gradientsAt] = [temporary, temporary + patch, temporary + patch + images];
  return { sums, threadsAt: parts * sums, patchAt, imagesAt, gradientsAt, perThread: gradientsAt + gradients };
}

/** How the points of a part are shared out: lines of transformed squares in each share but the last, and shares. */
function sharesOf({ matrices: { points }, parts }: FilterLayout, { threads }: Engine) {
  const lines = Math.ceil(points / Math.min(points, Math.ceil(threads / parts)));
  return { lines, shares: Math.ceil(points / lines) };
}

/**
 * Gradient for the filter: the image's squares and the gradient's are transformed, multiplied point by point and summed
 * over all tiles; only the sum is transformed back.
 */
export const conv2dFilterGradientWinograd: WasmKernel = {
  name: "f32_conv2d_filter_gradient_winograd_simd128",
  accepts(node) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const suitable = refusal(attributes, g);
    if (suitable !== true) return suitable;
    if (g.inputChannels * g.outputChannels > mostWeights) return "partial sums would take too much memory";
    const layout = filterLayout(g, attributes);
    const squared = layout.matrices.points ** 2;
    const tiles = tileCount(layout.image);
    const direct = g.batch * g.outputHeight * g.outputWidth * g.kernelHeight ** 2 * g.inputChannels * g.outputChannels;
    const products = tiledCycles(tiles * squared * g.inputChannels * g.outputChannels);
    const sums = (squared * g.inputChannels * g.outputChannels * (2 + tiles / layout.block)) / 4;
    const weights = g.inputChannels * g.outputChannels;
    const transforms = (tiles * (g.inputChannels + g.outputChannels) + weights) * squared * 0.75;
    return products + sums + transforms < 0.8 * tiledCycles(direct) ? true : directCostsLess;
  },
  scratchBytes(node, engine) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const layout = filterLayout(g, attributes);
    const { threadsAt, perThread } = filterScratch(layout, engine);
    return threadsAt + engine.threads * perThread;
  },
  phases(node, engine) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const layout = filterLayout(g, attributes);
    const squared = layout.matrices.points ** 2;
    const weights = layout.inputs * layout.outputs;
    const tiles = tileCount(layout.image);
    return [
      {
        tasks: layout.parts * sharesOf(layout, engine).shares,
        cycles: tiledCycles(tiles * squared * weights) + tiles * squared * (layout.inputs + layout.outputs) * 0.75,
        emit: (scope) => emitPartialSums(scope, layout),
      },
      {
        tasks: layout.inputs,
        cycles: squared * weights * (0.75 + layout.parts / 4),
        emit: (scope) => emitFilterResult(scope, layout),
      },
    ];
  },
};

/** One task per part and share: its tiles, block by block, summed into the part's own [point][input][output]. */
function emitPartialSums(scope: PhaseScope, layout: FilterLayout): void {
  const { f, engine, begin, end, inputs: operands, scratch } = scope;
  const { matrices, image, gradient, inputs, outputs, block, parts } = layout;
  const { sums, threadsAt, patchAt, imagesAt, gradientsAt, perThread } = filterScratch(layout, engine);
  const { lines, shares } = sharesOf(layout, engine);
  const { points } = matrices;
  const tiles = tileCount(image);
  const task = f.local("i32");
  const [part, share] = [f.local("i32"), f.local("i32")];
  const target = f.local("i32");
  const [first, last] = [f.local("i32"), f.local("i32")];
  const tile = f.local("i32");
  const [point, count] = [f.local("i32"), f.local("i32")];
  const own = f.local("i32", i32.add(scratch, i32.add(i32.mul(scope.thread, perThread), threadsAt)));
  const at = (offset: number) => i32.add(own.get, offset);
  /** Code for the share of this task: transforms are different for each. */
  const forShare = (emit: (lines: readonly number[]) => void) => {
    for (let s = 0; s < shares; s++) {
      const wanted = Array.from({ length: Math.min(lines, points - s * lines) }, (_, i) => s * lines + i);
      if (shares === 1) emit(wanted);
      else f.if(i32.eq(share.get, s), () => emit(wanted));
    }
  };
  /** Transforms tile `tile` of the block, or makes zeros of it where the last block is not full: they add nothing. */
  const transformTile = (lines: readonly number[]) => {
    const index = f.local("i32", i32.add(first.get, tile.get));
    const row = (offset: number, channels: number) =>
      f.local("i32", i32.add(at(offset), i32.mul(tile.get, 4 * channels)));
    const transform = (
      tiling: Tiling,
      matrix: readonly (readonly number[])[],
      { operand, offset }: { readonly operand: I32; readonly offset: number },
    ) =>
      emitTileTransform(scope, tiling, matrix, {
        lines,
        image: operand,
        index: index.get,
        target: row(offset, tiling.channels).get,
        pointBytes: pointStride(block, tiling.channels),
        temporary: own.get,
        patch: at(patchAt),
      });
    const clear = (offset: number, channels: number) => {
      const line = row(offset, channels);
      f.for(point, 0, points * lines.length, 1, () => {
        fill(scope, line.get, channels);
        f.increase(line, pointStride(block, channels));
      });
    };
    f.if(
      i32.ltS(index.get, last.get),
      () => {
        transform(image, matrices.b, { operand: operands[0]!, offset: imagesAt });
        transform(gradient, matrices.a, { operand: operands[1]!, offset: gradientsAt });
      },
      () => {
        clear(imagesAt, inputs);
        clear(gradientsAt, outputs);
      },
    );
  };
  f.for(task, begin, end, 1, () => {
    f.set(part, i32.divU(task.get, shares));
    f.set(share, i32.remU(task.get, shares));
    f.set(count, i32.mul(i32.min(lines, i32.sub(points, i32.mul(share.get, lines))), points));
    const shareBytes = lines * points * pointStride(inputs, outputs);
    f.set(target, i32.add(scratch, i32.add(i32.mul(part.get, sums), i32.mul(share.get, shareBytes))));
    forShare((lines) => fill(scope, target.get, (lines.length * points * pointStride(inputs, outputs)) / 4));
    f.set(first, i32.divU(i32.mul(part.get, tiles), parts));
    f.set(last, i32.divU(i32.mul(i32.add(part.get, 1), tiles), parts));
    f.while(
      () => i32.ltS(first.get, last.get),
      () => {
        forShare((lines) => f.for(tile, 0, block, 1, () => transformTile(lines)));
        f.for(point, 0, count.get, 1, () =>
          emitProduct(scope, {
            a: f.local("i32", i32.add(at(imagesAt), i32.mul(point.get, pointStride(block, inputs)))).get,
            rowBytesOfA: 4,
            stepBytesOfA: 4 * inputs,
            b: f.local("i32", i32.add(at(gradientsAt), i32.mul(point.get, pointStride(block, outputs)))).get,
            rowBytesOfB: 4 * outputs,
            target: f.local("i32", i32.add(target.get, i32.mul(point.get, pointStride(inputs, outputs)))).get,
            rowBytesOfTarget: 4 * outputs,
            m: inputs,
            n: outputs,
            k: block,
            add: true,
          }),
        );
        f.increase(first, block);
      },
    );
  });
}

/** filter gradient = Gᵀ · Σ parts · G: one task per input channel. */
function emitFilterResult(scope: PhaseScope, layout: FilterLayout): void {
  const { f, engine, begin, end, output, scratch } = scope;
  const { matrices, inputs, outputs, parts } = layout;
  const { sums, threadsAt, perThread } = filterScratch(layout, engine);
  const pointBytes = pointStride(inputs, outputs);
  const tapBytes = 4 * inputs * outputs;
  const channel = f.local("i32");
  const row = f.local("i32");
  const temporary = f.local("i32", i32.add(scratch, i32.add(i32.mul(scope.thread, perThread), threadsAt)));
  f.for(channel, begin, end, 1, () => {
    f.set(row, i32.mul(channel.get, 4 * outputs));
    emitTwoSided(scope, transpose(matrices.g), {
      source: f.local("i32", i32.add(scratch, row.get)).get,
      rowBytes: i32.constant(matrices.points * pointBytes),
      pixelBytes: pointBytes,
      channels: outputs,
      temporary: temporary.get,
      terms: { count: parts, bytes: sums },
      store(results, line, chunk) {
        const offset = i32.add(i32.mul(line, matrices.taps * tapBytes), i32.add(row.get, chunk));
        const to = f.local("i32", i32.add(output, offset));
        storeEntries(scope, results, to.get, tapBytes);
      },
    });
  });
}
