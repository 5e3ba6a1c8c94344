import type { Acceptance, NodeContext } from "../../../../plan/types.js";
import { type I32, i32, type Local, v128 } from "../../assembler/index.js";
import { attributesOf, certain, type Engine, isKept, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { copy, fill } from "../padded.js";
import { type Conv2dAttributes, type Conv2dGeometry, conv2dGeometry } from "../planar.js";
import {
  Accumulators,
  columnTile,
  EpilogueEmitter,
  overwritableOperands,
  rowTile,
  tiledCycles,
  vectorsOf,
} from "../tile.js";
import { transpose, type WinogradMatrices, winogradMatrices } from "./matrices.js";
import { align, directCostsLess, pointStride, where } from "./sizes.js";
import { storeEntries } from "./tiles.js";
import { emitMatrixProduct, vectorLocals } from "./transform.js";

/**
 * Winograd's method along rows alone: `outputs` neighbouring pixels of one row take a product for each point, summed
 * over the filter's rows and channels before they are transformed back. For images of few channels, where the
 * transforms of two axes would cost as much as they save, and for strides.
 *
 * With a horizontal stride s, s neighbouring pixels of the image are one of s times as many channels, as they lie in
 * memory; the filter has every sth tap for each of them, and the stride is gone. Channels whose last tap is missing
 * have nothing at the last point, which is at infinity.
 */
interface Layout {
  readonly geometry: Conv2dGeometry;
  readonly attributes: Conv2dAttributes;
  readonly matrices: WinogradMatrices;
  /** Tiles of one row of output pixels. */
  readonly tiles: number;
  /** Channels of a joined pixel, and those of them that have all taps. */
  readonly depth: number;
  readonly fullDepth: number;
  /** Filters in whole vectors, and those of one panel. */
  readonly filters: number;
  readonly columns: number;
  /** Rows of output pixels of one task, and of one block of products; rows of the image that a task reads. */
  readonly bandRows: number;
  readonly bands: number;
  readonly blockRows: number;
  readonly imageRows: number;
}

/** Bytes that the transformed rows of one task may take, and the products of one block. */
const bandBytes = 192 * 1024;
const blockBytes = 20 * 1024;

/** Bands that there should be at least, for threads to share. */
const enoughBands = 16;

/** Transformed filters that are larger pass through a core's cache anew for every band. */
const cacheBytes = 512 * 1024;

/** Points that there are: see {@link winogradMatrices}. */
const mostPoints = 8;

function layoutOf(node: NodeContext, engine: Engine): Layout | string {
  const attributes = attributesOf<Conv2dAttributes>(node);
  const g = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, where);
  const [strideY, strideX] = attributes.strides;
  if (attributes.depth !== undefined) return "it has three axes";
  if (attributes.groups !== 1) return "it has groups";
  if (attributes.dilation.some((d) => d !== 1)) return "it is dilated";
  const taps = Math.ceil(g.kernelWidth / strideX);
  if (taps < 2) return "one tap along a row saves nothing";
  if (taps >= mostPoints) return "too many taps along a row";
  const depth = strideX * g.inputChannels;
  const fullDepth = (g.kernelWidth % strideX || strideX) * g.inputChannels;
  const rowCost = (outputs: number) => {
    const points = outputs + taps - 1;
    const products = g.kernelHeight * ((points - 1) * depth + fullDepth);
    return Math.ceil(g.outputWidth / outputs) * (products + points * 6);
  };
  const sizes = Array.from({ length: mostPoints - taps }, (_, i) => i + 2);
  const outputs = sizes.reduce((best, size) => (rowCost(size) < rowCost(best) ? size : best));
  const matrices = winogradMatrices(outputs, taps);
  const tiles = Math.ceil(g.outputWidth / outputs);
  const rowsFor = (rows: number) => (rows - 1) * strideY + g.kernelHeight;
  const rowBytes = 4 * matrices.points * tiles * depth;
  let bandRows = Math.min(g.outputHeight, Math.ceil((g.outputHeight * g.batch) / enoughBands));
  while (bandRows > 1 && rowsFor(bandRows) * rowBytes > bandBytes) bandRows -= 1;
  const bands = Math.ceil(g.outputHeight / bandRows);
  bandRows = Math.ceil(g.outputHeight / bands);
  const filters = 4 * vectorsOf(g.outputChannels);
  const columns = columnTile(filters, engine);
  const tileBytes = 4 * matrices.points * columns;
  const blocks = Math.ceil((bandRows * tiles * tileBytes) / blockBytes);
  const blockRows = Math.ceil(bandRows / Math.min(bandRows, blocks));
  return {
    ...{ geometry: g, attributes, matrices, tiles, depth, fullDepth, filters, columns, bandRows, bands, blockRows },
    imageRows: rowsFor(bandRows),
  };
}

/** Rows of the filter, in the order of the products: those that read rows of the image of one residue of the stride together. */
function filterRows({ geometry: g, attributes }: Layout): { readonly residue: number; readonly count: number }[] {
  const stride = attributes.strides[0];
  return Array.from({ length: Math.min(stride, g.kernelHeight) }, (_, residue) => ({
    residue,
    count: Math.ceil((g.kernelHeight - residue) / stride),
  }));
}

/** Steps of the reduction at a point. */
const stepsAt = (layout: Layout, last: boolean): number =>
  layout.geometry.kernelHeight * (last ? layout.fullDepth : layout.depth);

/** Where the parts of a thread's scratch memory lie, in bytes. */
function scratchLayout({ attributes, matrices, tiles, depth, columns, imageRows, blockRows }: Layout) {
  const stride = attributes.strides[0];
  // the last vector of a plane may write beyond it
  const plane = pointStride(1, Math.ceil(imageRows / stride) * tiles * depth + 4);
  const image = matrices.points * stride * plane;
  const rowFloats = (tiles * matrices.outputs + matrices.taps - 1) * depth;
  const row = 4 * align(rowFloats + 4);
  const point = pointStride(blockRows * tiles, columns);
  const products = matrices.points * point;
  return { plane, image, rowFloats, row, point, products, perThread: image + row + products };
}

/** Steps of the reduction at all points together. */
const stepsOf = (layout: Layout): number =>
  (layout.matrices.points - 1) * stepsAt(layout, false) + stepsAt(layout, true);

const filterBytes = (layout: Layout): number => 4 * align(stepsOf(layout) * layout.filters);

/** Estimated cycles of both phases, and of the direct method. */
function cyclesOf(layout: Layout) {
  const { geometry: g, matrices, tiles, depth, filters, bands, imageRows } = layout;
  const rows = g.batch * g.outputHeight;
  const steps = stepsOf(layout);
  const products = tiledCycles(rows * tiles * steps * filters);
  const outputs = 0.5 * rows * tiles * matrices.points * filters;
  const image = 1.5 * g.batch * bands * imageRows * tiles * matrices.points * Math.ceil(depth / 4);
  const bytes = filterBytes(layout);
  const reloads = bytes > cacheBytes ? (g.batch * bands * bytes) / 32 : 0;
  const taps = g.kernelHeight * g.kernelWidth * g.inputChannels;
  const direct = tiledCycles(rows * g.outputWidth * taps * filters);
  return { filter: 0.5 * steps * filters, bands: products + outputs + image + reloads, direct };
}

export const conv2dWinogradRows: WasmKernel = {
  name: "f32_conv2d_winograd_rows_simd128",
  accepts(node, engine): Acceptance {
    const layout = layoutOf(node, engine);
    if (typeof layout === "string") return layout;
    const { filter, bands, direct } = cyclesOf(layout);
    return (isKept(node, { input: 1 }) ? 0 : filter) + bands < 0.9 * direct ? true : directCostsLess;
  },
  scratchBytes: (node, engine) => {
    return engine.threads * scratchLayout(certain(layoutOf(node, engine))).perThread;
  },
  packs: (node, engine) => ({ input: 1, bytes: filterBytes(certain(layoutOf(node, engine))) }),
  overwrites: overwritableOperands,
  phases(node, engine) {
    const layout = certain(layoutOf(node, engine));
    const { geometry: g, bands } = layout;
    const cycles = cyclesOf(layout);
    return [
      {
        packs: true,
        tasks: g.inputChannels,
        cycles: cycles.filter,
        emit: (scope) => emitFilterTransform(scope, layout),
      },
      {
        tasks: g.batch * bands,
        cycles: cycles.bands,
        emit: (scope) => emitBands(scope, node, layout),
      },
    ];
  },
};

/** packed[point][panel of filters][filter row][joined channel][filter of the panel]: one task per input channel. */
function emitFilterTransform(scope: PhaseScope, layout: Layout): void {
  const { f, begin, end, inputs, packed } = scope;
  const { geometry: g, attributes, matrices, depth, fullDepth, filters } = layout;
  const [strideY, strideX] = attributes.strides;
  const tapBytes = 4 * g.inputChannels * g.outputChannels;
  const { points } = matrices;
  const [channel, row, panel] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const from = f.local("i32");
  const to = f.local("i32");
  const toLast = f.local("i32");
  f.for(channel, begin, end, 1, () => {
    let before = 0;
    for (const { residue, count } of filterRows(layout)) {
      for (let phase = 0; phase < strideX; phase++) {
        const taps = Math.ceil((g.kernelWidth - phase) / strideX);
        const matrix = matrices.g.slice(0, taps < matrices.taps ? -1 : undefined).map((line) => line.slice(0, taps));
        const over = (width: number) => {
          const step = i32.add(row.get, before);
          const place = (deep: number) =>
            i32.mul(i32.add(i32.add(i32.mul(step, deep), phase * g.inputChannels), channel.get), 4 * width);
          const filterRow = i32.add(i32.mul(row.get, strideY), residue);
          const first = i32.add(i32.mul(filterRow, g.kernelWidth), phase);
          f.set(from, i32.add(inputs[1]!, i32.mul(first, tapBytes)));
          f.set(from, i32.add(from.get, i32.mul(channel.get, 4 * g.outputChannels)));
          f.set(from, i32.add(from.get, i32.mul(panel.get, 4)));
          f.set(to, i32.add(i32.add(packed, i32.mul(panel.get, 4 * stepsAt(layout, false))), place(depth)));
          const lastStart = 4 * (points - 1) * stepsAt(layout, false) * filters;
          f.set(toLast, i32.add(i32.add(packed, lastStart), i32.mul(panel.get, 4 * stepsAt(layout, true))));
          f.set(toLast, i32.add(toLast.get, place(fullDepth)));
          for (let column = 0; column < width; column += 8) {
            const vectors = Math.min(2, (width - column) / 4);
            const values = vectorLocals(f, taps, vectors);
            values.forEach((tap, k) =>
              tap.forEach((local, v) =>
                f.set(local, v128.load(from.get, k * strideX * tapBytes + 4 * column + 16 * v)),
              ),
            );
            const results = vectorLocals(f, matrix.length, vectors);
            emitMatrixProduct(scope, matrix, values, (p, sums) =>
              sums.forEach((sum, v) => f.set(results[p]![v]!, sum)),
            );
            const pointBytes = 4 * stepsAt(layout, false) * filters;
            results.forEach((result, p) =>
              result.forEach((local, v) => {
                const [base, offset] = p === points - 1 ? [toLast, 0] : [to, p * pointBytes];
                f.storeV128(base.get, local.get, offset + 4 * column + 16 * v);
              }),
            );
          }
        };
        f.for(row, 0, count, 1, () => overPanels(scope, layout, panel, (own) => over(4 * vectorsOf(own))));
      }
      before += count;
    }
  });
}

/** Runs `body` for each panel of filters, with the number of those that it has. */
function overPanels(
  { f }: PhaseScope,
  { geometry, columns }: Layout,
  panel: Local<"i32">,
  body: (filters: number) => void,
): void {
  const rest = geometry.outputChannels % columns;
  const whole = geometry.outputChannels - rest;
  f.for(panel, 0, whole, columns, () => body(columns));
  if (rest === 0) return;
  f.set(panel, i32.constant(whole));
  body(rest);
}

/** One task per band: its rows of the image transformed, then block by block and panel by panel multiplied and transformed back. */
function emitBands(scope: PhaseScope, node: NodeContext, layout: Layout): void {
  const { f, begin, end } = scope;
  const { geometry: g, bandRows, bands, blockRows } = layout;
  const { image, row, perThread } = scratchLayout(layout);
  const own = f.local("i32", i32.add(scope.scratch, i32.mul(scope.thread, perThread)));
  const rowBuffer = f.local("i32", i32.add(own.get, image)).get;
  const products = f.local("i32", i32.add(rowBuffer, row)).get;
  const [task, n, first, count, block, panel] = Array.from({ length: 6 }, () => f.local("i32"));
  const result = f.local("i32");
  const blockOf = (rows: number) => {
    overPanels(scope, layout, panel!, (filters) => {
      emitProducts(scope, layout, { image: own.get, block: block!.get, panel: panel!.get, products }, rows, filters);
      const y = i32.add(first!.get, block!.get);
      const pixel = i32.mul(i32.add(i32.mul(n!.get, g.outputHeight), y), g.outputWidth);
      f.set(result, i32.mul(i32.add(i32.mul(pixel, g.outputChannels), panel!.get), 4));
      emitOutputs(scope, node, layout, { products, panel: panel!.get, result: result.get }, rows, filters);
    });
  };
  // rows of the last block of a whole band, and of the last band
  const lastBand = g.outputHeight - (bands - 1) * bandRows;
  const rests = new Set([bandRows % blockRows, lastBand % blockRows].filter((rest) => rest > 0));
  fill(scope, rowBuffer, row / 4);
  f.for(task!, begin, end, 1, () => {
    f.set(n!, i32.divU(task!.get, bands));
    f.set(first!, i32.mul(i32.remU(task!.get, bands), bandRows));
    f.set(count!, i32.min(bandRows, i32.sub(g.outputHeight, first!.get)));
    emitImageTransform(scope, layout, { image: own.get, row: rowBuffer, n: n!.get, first: first!.get });
    f.set(block!, i32.constant(0));
    f.while(
      () => i32.leS(i32.add(block!.get, blockRows), count!.get),
      () => {
        blockOf(blockRows);
        f.increase(block!, blockRows);
      },
    );
    for (const rest of rests) f.if(i32.eq(i32.sub(count!.get, block!.get), rest), () => blockOf(rest));
  });
}

/** image[point][residue of the stride][row][tile][joined channel] */
function emitImageTransform(
  scope: PhaseScope,
  layout: Layout,
  place: { image: I32; row: I32; n: I32; first: I32 },
): void {
  const { f, inputs } = scope;
  const { geometry: g, attributes, matrices, tiles, depth, imageRows } = layout;
  const { plane, rowFloats } = scratchLayout(layout);
  const [strideY] = attributes.strides;
  const pointBytes = strideY * plane;
  const before = Math.min(rowFloats, attributes.padding[2] * g.inputChannels);
  const copied = Math.min(g.inputWidth * g.inputChannels, rowFloats - before);
  const [line, y, tile, target] = Array.from({ length: 4 }, () => f.local("i32"));
  const firstRow = f.local("i32", i32.sub(i32.mul(place.first, strideY), attributes.padding[0]));
  const [from, to, chunk] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const transform = (vectors: number) => {
    const values = vectorLocals(f, matrices.points, vectors);
    const results = vectorLocals(f, matrices.points, vectors);
    values.forEach((value, j) =>
      value.forEach((local, v) => f.set(local, v128.load(from.get, 4 * j * depth + 16 * v))),
    );
    emitMatrixProduct(scope, matrices.b, values, (p, sums) => sums.forEach((sum, v) => f.set(results[p]![v]!, sum)));
    storeEntries(scope, results, to.get, pointBytes);
  };
  /** From one place among the channels to the next. */
  const advance = (floats: number) => {
    f.increase(from, 4 * floats);
    f.increase(to, 4 * floats);
  };
  f.for(line!, 0, imageRows, 1, () => {
    f.set(y!, i32.add(firstRow.get, line!.get));
    const above = i32.mul(i32.divU(line!.get, strideY), 4 * tiles * depth);
    f.set(target!, i32.add(place.image, i32.add(above, i32.mul(i32.remU(line!.get, strideY), plane))));
    f.if(
      i32.ltU(y!.get, g.inputHeight),
      () => {
        const imageRow = i32.add(i32.mul(place.n, g.inputHeight), y!.get);
        const source = i32.add(inputs[0]!, i32.mul(imageRow, 4 * g.inputWidth * g.inputChannels));
        copy(scope, source, place.row, copied, 4 * before);
        f.set(from, place.row);
        f.set(to, target!.get);
        f.for(tile!, 0, tiles, 1, () => {
          const eights = Math.floor(depth / 8);
          if (eights > 0) {
            f.for(chunk, 0, eights, 1, () => {
              transform(2);
              advance(8);
            });
          }
          let done = 8 * eights;
          while (done < depth) {
            // a rest of fewer than four channels is done again with those before it, where there are any
            const start = depth >= 4 ? Math.min(done, depth - 4) : done;
            advance(start - done);
            transform(1);
            advance(done - start);
            const wide = start + 4 - done;
            advance(Math.min(wide, depth - done));
            done = Math.min(depth, done + wide);
          }
          f.increase(from, 4 * (matrices.outputs - 1) * depth);
        });
      },
      () => {
        for (let p = 0; p < matrices.points; p++) fill(scope, i32.add(target!.get, p * pointBytes), tiles * depth);
      },
    );
  });
}

/** products[point][tile][filter of the panel] of some rows of output pixels. */
function emitProducts(
  scope: PhaseScope,
  layout: Layout,
  place: { image: I32; block: I32; panel: I32; products: I32 },
  rows: number,
  filters: number,
): void {
  const { f, engine, packed } = scope;
  const { attributes, matrices, tiles, depth, fullDepth } = layout;
  const { plane, point: productPoint } = scratchLayout(layout);
  const strideY = attributes.strides[0];
  const columns = 4 * vectorsOf(filters);
  const count = rows * tiles;
  const tileRows = rowTile(count, columns, engine);
  const [a, b, target, tile, point] = Array.from({ length: 5 }, () => f.local("i32")) as Local<"i32">[];
  const [first, filter, products] = Array.from({ length: 3 }, () => f.local("i32")) as Local<"i32">[];
  const left = { pointer: a!, rowBytes: 4 * depth, stepBytes: 4 };
  const right = { pointer: b!, stepBytes: 4 * columns };
  const atPoint = (run: number) => {
    const one = (size: number) => {
      const accumulators = new Accumulators(f, engine, { rows: size, columns });
      f.set(b!, filter!.get);
      f.set(target!, i32.add(products!.get, i32.mul(tile!.get, 4 * columns)));
      accumulators.clear();
      const tap = f.local("i32");
      for (const { residue, count: taps } of filterRows(layout)) {
        f.set(a!, i32.add(i32.add(first!.get, residue * plane), i32.mul(tile!.get, 4 * depth)));
        f.for(tap, 0, taps, 1, () => {
          accumulators.accumulate(run, left, right, 16);
          f.increase(a!, 4 * (tiles * depth - run));
        });
      }
      accumulators.store((row) => ({ base: target!.get, offset: 4 * columns * row }));
    };
    const whole = count - (count % tileRows);
    f.for(tile!, 0, whole, tileRows, () => one(tileRows));
    if (whole === count) return;
    f.set(tile!, i32.constant(whole));
    one(count - whole);
  };
  const steps = stepsAt(layout, false);
  f.set(first!, i32.add(place.image, i32.mul(place.block, 4 * tiles * depth)));
  f.set(filter!, i32.add(packed, i32.mul(place.panel, 4 * steps)));
  f.set(products!, place.products);
  const same = depth === fullDepth;
  f.for(point!, 0, matrices.points - (same ? 0 : 1), 1, () => {
    atPoint(depth);
    f.increase(first!, strideY * plane);
    f.increase(filter!, 4 * steps * layout.filters);
    f.increase(products!, productPoint);
  });
  if (same) return;
  const start = 4 * (matrices.points - 1) * steps * layout.filters;
  f.set(filter!, i32.add(i32.add(packed, start), i32.mul(place.panel, 4 * stepsAt(layout, true))));
  atPoint(fullDepth);
}

/** Transforms the products of some rows back, finishes and stores them. */
function emitOutputs(
  scope: PhaseScope,
  node: NodeContext,
  layout: Layout,
  place: { products: I32; panel: I32; result: I32 },
  rows: number,
  filters: number,
): void {
  const { f, output } = scope;
  const { geometry: g, attributes, matrices, tiles } = layout;
  const { point: pointBytes } = scratchLayout(layout);
  const columns = 4 * vectorsOf(filters);
  const ending = new EpilogueEmitter(scope, attributes.epilogue, node);
  const matrix = transpose(matrices.a);
  const pixelBytes = 4 * g.outputChannels;
  const [y, tile] = [f.local("i32"), f.local("i32")];
  const from = f.local("i32", place.products);
  const result = f.local("i32", place.result);
  const channel = f.local("i32", i32.mul(place.panel, 4));
  const target = f.local("i32");
  const one = (pixels: number) => {
    f.set(target, i32.add(output, result.get));
    for (let column = 0; column < columns; column += 8) {
      const vectors = Math.min(2, (columns - column) / 4);
      const values = vectorLocals(f, matrices.points, vectors);
      values.forEach((value, p) =>
        value.forEach((local, v) => f.set(local, v128.load(from.get, p * pointBytes + 4 * column + 16 * v))),
      );
      const results = vectorLocals(f, pixels, vectors);
      emitMatrixProduct(scope, matrix.slice(0, pixels), values, (i, sums) =>
        sums.forEach((sum, v) => {
          const offset = 4 * column + 16 * v;
          const local = results[i]![v]!;
          f.set(local, sum);
          f.set(
            local,
            ending.apply(
              local.get,
              { base: result.get, offset: i * pixelBytes + offset },
              { base: channel.get, offset },
            ),
          );
        }),
      );
      results.forEach((value, i) =>
        value.forEach((local, v) => {
          const at = column + 4 * v;
          f.storeLanes(target.get, local.get, Math.min(4, filters - at), i * pixelBytes + 4 * at);
        }),
      );
    }
    f.increase(from, 4 * columns);
    f.increase(result, pixels * pixelBytes);
  };
  const last = g.outputWidth - (tiles - 1) * matrices.outputs;
  const whole = last === matrices.outputs ? tiles : tiles - 1;
  f.for(y, 0, rows, 1, () => {
    f.for(tile, 0, whole, 1, () => one(matrices.outputs));
    if (whole < tiles) one(last);
  });
}
