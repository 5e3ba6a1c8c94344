import { f32x4, type I32, i32 } from "../../assembler/index.js";
import { attributesOf, type Engine, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { fill } from "../padded.js";
import {
  type Conv2dAttributes,
  type Conv2dFilterGradientAttributes,
  type Conv2dGeometry,
  conv2dGeometry,
} from "../planar.js";
import { columnTile, emitProduct, tiledCycles } from "../tile.js";
import { transpose, type WinogradMatrices, winogradMatrices } from "./matrices.js";
import { align, directCostsLess, outputsPerTile, pointStride, refusal, where } from "./sizes.js";
import {
  type ChannelRange,
  emitTileTransform,
  emitTwoSided,
  patchFloats,
  storeEntries,
  type Tiling,
  temporaryFloats,
  tileCount,
} from "./tiles.js";

/** Bytes that the transformed tiles of one block may take here: longer products matter more than the nearest cache. */
const sumBlockBytes = 1280 * 1024;

/**
 * Parts into which the tiles are split, each with sums of its own: fixed, so that results do not depend on threads. Few,
 * since the sums take memory: as many as bytes of one part's allow, four at most. Where there are more threads than
 * parts, a part's output channels are shared out, too, and the image's squares transformed for each share.
 */
const partsFor = (sumBytes: number): number => (sumBytes <= 256 * 1024 ? 4 : sumBytes <= 2048 * 1024 ? 2 : 1);

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
  const parts = Math.min(partsFor(sumBytes), tileCount(image));
  const perPart = Math.ceil(tileCount(image) / parts);
  const bytesPerTile = 4 * matrices.points ** 2 * (g.inputChannels + g.outputChannels);
  // equal blocks, so that none is padded by much; long enough that the sums are not loaded and stored too often
  const most = Math.max(32, Math.floor(sumBlockBytes / bytesPerTile));
  const block = 4 * Math.ceil(perPart / Math.ceil(perPart / most) / 4);
  return { matrices, image, gradient, inputs: g.inputChannels, outputs: g.outputChannels, block, parts };
}

/** Bytes: sums of each part; of each thread, squares in the making and a block of transformed ones. */
function filterScratch({ matrices, image, gradient, inputs, outputs, block, parts }: FilterLayout) {
  const squared = matrices.points ** 2;
  const sums = squared * pointStride(inputs, outputs);
  const temporary = 4 * align(temporaryFloats(matrices.points));
  const patch = 4 * align(Math.max(patchFloats(image), patchFloats(gradient)));
  const images = squared * pointStride(block, inputs);
  const gradients = squared * pointStride(block, outputs);
  const [patchAt, imagesAt, gradientsAt] = [temporary, temporary + patch, temporary + patch + images];
  return { sums, threadsAt: parts * sums, patchAt, imagesAt, gradientsAt, perThread: gradientsAt + gradients };
}

/** How the output channels are shared out: columns of a share, a multiple of a product's tile, and shares. */
function sharesOf({ outputs, parts }: FilterLayout, engine: Engine) {
  const width = Math.max(8, columnTile(outputs, engine));
  const tiles = Math.ceil(outputs / width);
  const wanted = width % 8 === 0 ? Math.min(tiles, Math.ceil(engine.threads / parts)) : 1;
  const columns = Math.ceil(tiles / wanted) * width;
  return { columns, shares: Math.ceil(outputs / columns) };
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
    const { threadsAt, perThread } = filterScratch(layout);
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
  const { sums, threadsAt, patchAt, imagesAt, gradientsAt, perThread } = filterScratch(layout);
  const { columns, shares } = sharesOf(layout, engine);
  const squared = matrices.points ** 2;
  const tiles = tileCount(image);
  const task = f.local("i32");
  const part = f.local("i32");
  const target = f.local("i32");
  const from = f.local("i32");
  const to = f.local("i32");
  const first = f.local("i32");
  const last = f.local("i32");
  const tile = f.local("i32");
  const point = f.local("i32");
  const own = f.local("i32", i32.add(scratch, i32.add(i32.mul(scope.thread, perThread), threadsAt)));
  const at = (offset: number) => i32.add(own.get, offset);
  const range = shares === 1 ? {} : { range: { from: from.get, to: to.get } };
  f.for(task, begin, end, 1, () => {
    f.set(part, i32.divU(task.get, shares));
    f.set(from, i32.mul(i32.remU(task.get, shares), columns));
    f.set(to, i32.min(i32.add(from.get, columns), outputs));
    f.set(target, i32.add(scratch, i32.mul(part.get, sums)));
    clearSums(scope, layout, target.get, from.get, to.get, shares);
    f.set(first, i32.divU(i32.mul(part.get, tiles), parts));
    f.set(last, i32.divU(i32.mul(i32.add(part.get, 1), tiles), parts));
    f.while(
      () => i32.ltS(first.get, last.get),
      () => {
        f.for(tile, 0, block, 1, () => {
          const row = (offset: number, channels: number) =>
            f.local("i32", i32.add(at(offset), i32.mul(tile.get, 4 * channels))).get;
          const index = f.local("i32", i32.add(first.get, tile.get));
          const transform = (
            tiling: Tiling,
            matrix: readonly (readonly number[])[],
            operand: number,
            offset: number,
            wanted: { range?: ChannelRange } = {},
          ) =>
            emitTileTransform(scope, tiling, matrix, {
              ...wanted,
              image: operands[operand]!,
              index: index.get,
              target: row(offset, tiling.channels),
              pointBytes: pointStride(block, tiling.channels),
              temporary: own.get,
              patch: at(patchAt),
            });
          f.if(
            i32.ltS(index.get, last.get),
            () => {
              transform(image, matrices.b, 0, imagesAt);
              transform(gradient, matrices.a, 1, gradientsAt, range);
            },
            () => {
              // the last block is not full: zeros add nothing
              for (const [offset, channels] of [
                [imagesAt, inputs],
                [gradientsAt, outputs],
              ] as const) {
                const line = f.local("i32", row(offset, channels));
                f.for(point, 0, squared, 1, () => {
                  fill(scope, line.get, channels);
                  f.increase(line, pointStride(block, channels));
                });
              }
            },
          );
        });
        f.for(point, 0, squared, 1, () =>
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
            ...(shares > 1 && { columns: { from: from.get, to: to.get } }),
          }),
        );
        f.increase(first, block);
      },
    );
  });
}

/** Zeros for a share of a part's sums. */
function clearSums(scope: PhaseScope, layout: FilterLayout, sums: I32, from: I32, to: I32, shares: number): void {
  const { f } = scope;
  const { matrices, inputs, outputs } = layout;
  const squared = matrices.points ** 2;
  if (shares === 1) {
    fill(scope, sums, filterScratch(layout).sums / 4);
    return;
  }
  const [point, input] = [f.local("i32"), f.local("i32")];
  const [at, end] = [f.local("i32"), f.local("i32")];
  f.for(point, 0, squared, 1, () =>
    f.for(input, 0, inputs, 1, () => {
      const row = i32.add(i32.mul(point.get, pointStride(inputs, outputs)), i32.mul(input.get, 4 * outputs));
      f.set(at, i32.add(sums, i32.add(row, i32.mul(from, 4))));
      f.set(end, i32.add(at.get, i32.mul(i32.sub(to, from), 4)));
      f.doWhile(
        () => {
          f.storeV128(at.get, f32x4.constant(0));
          f.increase(at, 16);
        },
        () => i32.ne(at.get, end.get),
      );
    }),
  );
}

/** filter gradient = Gᵀ · Σ parts · G: one task per input channel. */
function emitFilterResult(scope: PhaseScope, layout: FilterLayout): void {
  const { f, begin, end, output, scratch } = scope;
  const { matrices, inputs, outputs, parts } = layout;
  const { sums, threadsAt, perThread } = filterScratch(layout);
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
