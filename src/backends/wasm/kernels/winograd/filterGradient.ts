import { i32 } from "../../assembler/index.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { fill } from "../padded.js";
import {
  type Conv2dAttributes,
  type Conv2dFilterGradientAttributes,
  type Conv2dGeometry,
  conv2dGeometry,
} from "../planar.js";
import { emitProduct, tiledCycles } from "../tile.js";
import { transpose, type WinogradMatrices, winogradMatrices } from "./matrices.js";
import { align, outputsPerTile, pointStride, refusal, where } from "./sizes.js";
import {
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

/** Parts into which the tiles are split, each with sums of its own: fixed, so that results do not depend on threads. */
const partCount = 4;

/** From this many weights on, two parts: their sums take memory and time. */
const manyWeights = 128 * 256;

/** Filters beyond this many values per point would need more memory for partial sums than they save time. */
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
  const parts = Math.min(g.inputChannels * g.outputChannels > manyWeights ? 2 : partCount, tileCount(image));
  const perPart = Math.ceil(tileCount(image) / parts);
  const bytesPerTile = 4 * matrices.points ** 2 * (g.inputChannels + g.outputChannels);
  // equal blocks, so that none is padded by much; long enough that the sums are not loaded and stored too often
  const most = Math.max(32, Math.floor(sumBlockBytes / bytesPerTile));
  const block = 4 * Math.ceil(perPart / Math.ceil(perPart / most) / 4);
  return { matrices, image, gradient, inputs: g.inputChannels, outputs: g.outputChannels, block, parts };
}

function filterScratch({ matrices, image, gradient, inputs, outputs, block, parts }: FilterLayout) {
  const squared = matrices.points ** 2;
  const sums = squared * pointStride(inputs, outputs);
  const temporary = 4 * align(temporaryFloats(matrices.points));
  const patch = 4 * align(Math.max(patchFloats(image), patchFloats(gradient)));
  const images = squared * pointStride(block, inputs);
  const gradients = squared * pointStride(block, outputs);
  return { sums, temporary, patch, images, perPart: sums + temporary + patch + images + gradients, parts };
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
    const transforms = tiles * squared * (g.inputChannels + g.outputChannels) * 0.75;
    return products + sums + transforms < 0.8 * tiledCycles(direct) ? true : "direct costs less here";
  },
  scratchBytes(node, engine) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const layout = filterLayout(g, attributes);
    const { perPart, temporary } = filterScratch(layout);
    return layout.parts * perPart + engine.threads * temporary;
  },
  phases(node) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const layout = filterLayout(g, attributes);
    const squared = layout.matrices.points ** 2;
    const weights = layout.inputs * layout.outputs;
    const tiles = tileCount(layout.image);
    return [
      {
        tasks: layout.parts,
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

/** One task per part: its tiles, block by block, summed into the part's own [point][input][output]. */
function emitPartialSums(scope: PhaseScope, layout: FilterLayout): void {
  const { f, begin, end, inputs: operands, scratch } = scope;
  const { matrices, image, gradient, inputs, outputs, block, parts } = layout;
  const { sums, temporary, patch, images, perPart } = filterScratch(layout);
  const squared = matrices.points ** 2;
  const tiles = tileCount(image);
  const part = f.local("i32");
  const base = f.local("i32");
  const first = f.local("i32");
  const last = f.local("i32");
  const tile = f.local("i32");
  const point = f.local("i32");
  const at = (offset: number) => i32.add(base.get, offset);
  const [imagesAt, gradientsAt] = [sums + temporary + patch, sums + temporary + patch + images];
  f.for(part, begin, end, 1, () => {
    f.set(base, i32.add(scratch, i32.mul(part.get, perPart)));
    fill(scope, base.get, sums / 4);
    f.set(first, i32.divU(i32.mul(part.get, tiles), parts));
    f.set(last, i32.divU(i32.mul(i32.add(part.get, 1), tiles), parts));
    f.while(
      () => i32.ltS(first.get, last.get),
      () => {
        f.for(tile, 0, block, 1, () => {
          const target = (offset: number, channels: number) =>
            f.local("i32", i32.add(at(offset), i32.mul(tile.get, 4 * channels))).get;
          const index = f.local("i32", i32.add(first.get, tile.get));
          const transform = (tiling: Tiling, matrix: readonly (readonly number[])[], operand: number, offset: number) =>
            emitTileTransform(scope, tiling, matrix, {
              image: operands[operand]!,
              index: index.get,
              target: target(offset, tiling.channels),
              pointBytes: pointStride(block, tiling.channels),
              temporary: at(sums),
              patch: at(sums + temporary),
            });
          f.if(
            i32.ltS(index.get, last.get),
            () => {
              transform(image, matrices.b, 0, imagesAt);
              transform(gradient, matrices.a, 1, gradientsAt);
            },
            () => {
              // the last block is not full: zeros add nothing
              for (const [offset, channels] of [
                [imagesAt, inputs],
                [gradientsAt, outputs],
              ] as const) {
                const row = f.local("i32", target(offset, channels));
                f.for(point, 0, squared, 1, () => {
                  fill(scope, row.get, channels);
                  f.increase(row, pointStride(block, channels));
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
            target: f.local("i32", i32.add(base.get, i32.mul(point.get, pointStride(inputs, outputs)))).get,
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
  const { f, begin, end, output, scratch } = scope;
  const { matrices, inputs, outputs, parts } = layout;
  const { perPart, temporary: temporaryBytes } = filterScratch(layout);
  const pointBytes = pointStride(inputs, outputs);
  const tapBytes = 4 * inputs * outputs;
  const channel = f.local("i32");
  const row = f.local("i32");
  // behind the parts, a temporary square for each thread
  const ownSquare = i32.add(i32.mul(scope.thread, temporaryBytes), parts * perPart);
  const temporary = f.local("i32", i32.add(scratch, ownSquare));
  f.for(channel, begin, end, 1, () => {
    f.set(row, i32.mul(channel.get, 4 * outputs));
    emitTwoSided(scope, transpose(matrices.g), {
      source: f.local("i32", i32.add(scratch, row.get)).get,
      rowBytes: i32.constant(matrices.points * pointBytes),
      pixelBytes: pointBytes,
      channels: outputs,
      temporary: temporary.get,
      terms: { count: parts, bytes: perPart },
      store(results, line, chunk) {
        const offset = i32.add(i32.mul(line, matrices.taps * tapBytes), i32.add(row.get, chunk));
        const to = f.local("i32", i32.add(output, offset));
        storeEntries(scope, results, to.get, tapBytes);
      },
    });
  });
}
