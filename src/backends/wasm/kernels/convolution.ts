import type { Expression } from "../../../ops/expression.js";
import type { NodeContext } from "../../../plan/types.js";
import { type I32, i32 } from "../assembler/index.js";
import type { Engine, PhaseScope } from "../kernel.js";
import { Accumulators, columnTile, EpilogueEmitter, type Place, rowTile } from "./tile.js";

/**
 * One pass of an implicit matrix product over an image: for every output pixel, Σ over taps and channels of
 * image · filter. The forward convolution is one such pass, the gradient for the image one per residue of the stride.
 * Distances are in pixels of the walked image unless they say bytes.
 */
export interface ConvolutionPass {
  readonly batch: number;
  readonly groups: number;
  /** Image that is walked: planes (one, but for volumes), rows, pixels per row, channels per pixel. */
  readonly imageDepth: number;
  readonly imageHeight: number;
  readonly imageWidth: number;
  readonly imageChannels: number;
  /** Pixel that the first tap of the first output reads. */
  readonly originZ: number;
  readonly originY: number;
  readonly originX: number;
  /** Steps of the window per output plane, output row and output pixel. */
  readonly stepZ: number;
  readonly stepY: number;
  readonly stepX: number;
  /** Taps and the distance between them. */
  readonly tapsZ: number;
  readonly tapsY: number;
  readonly tapsX: number;
  readonly tapStepZ: number;
  readonly tapStepY: number;
  readonly tapStepX: number;
  /** Channels that are summed, per group. */
  readonly sumChannels: number;
  /** Filter matrix [tapsZ][tapsY][tapsX][sumChannels][columns]: bytes from one row to the next, and of one group to the next. */
  readonly filterRowBytes: number;
  readonly filterGroupBytes: number;
  /** The filter lies in panels, one column tile after the other (see `panelPhase`), and is walked panel by panel. */
  readonly panels: boolean;
  /** Output: pixels computed, and where they go. `columns` per group. */
  readonly outputDepth: number;
  readonly outputHeight: number;
  readonly outputWidth: number;
  readonly columns: number;
  readonly outputOrigin: number;
  readonly outputImageBytes: number;
  readonly outputPlaneBytes: number;
  readonly outputRowBytes: number;
  readonly outputPixelBytes: number;
}

/** Pixels of a stretch at most, and at least. */
const longestStretch = 512;
const shortestStretch = 64;

/**
 * The pass with the long rows of sequences cut into equal stretches, as if they were rows of an image of width 1, so
 * that there are tasks for all threads. Results stay the same, bit by bit.
 */
export function inStretches(pass: ConvolutionPass): ConvolutionPass {
  const { outputWidth, imageWidth } = pass;
  const isSequence = pass.imageDepth * pass.imageHeight * pass.outputDepth * pass.outputHeight * pass.tapsY === 1;
  if (!isSequence || pass.panels) return pass;
  let length = Math.min(longestStretch, Math.floor(outputWidth / 2));
  while (length >= shortestStretch && outputWidth % length !== 0) length--;
  if (length < shortestStretch) return pass;
  return {
    ...pass,
    imageHeight: imageWidth,
    imageWidth: 1,
    originY: pass.originX + pass.originY * imageWidth,
    originX: 0,
    stepY: length * pass.stepX,
    outputHeight: outputWidth / length,
    outputWidth: length,
    outputRowBytes: length * pass.outputPixelBytes,
  };
}

/** Tasks of a pass: rows of output pixels, or panels of the filter. */
export function tasksOfPass(pass: ConvolutionPass, engine: Engine): number {
  return pass.panels ? Math.ceil(pass.columns / columnTile(pass.columns, engine)) : rowsOfPass(pass);
}

/** Rows of output pixels of all images. */
export const rowsOfPass = (pass: ConvolutionPass): number => pass.batch * pass.outputDepth * pass.outputHeight;

export function multiplyAddsOfPass(p: ConvolutionPass): number {
  return rowsOfPass(p) * p.outputWidth * p.groups * p.columns * filterRows(p);
}

/**
 * Emits the tasks `begin … end` of a pass. A register tile takes neighbouring pixels of one output row and a few
 * output channels; taps that lie side by side in memory (NHWC) make one long reduction.
 */
export function emitPass(
  scope: PhaseScope,
  pass: ConvolutionPass,
  image: I32,
  filter: I32,
  node: NodeContext,
  epilogue: Expression | undefined,
): void {
  const { f, engine, begin, end } = scope;
  const pixelBytes = 4 * pass.imageChannels;
  const columns = columnTile(pass.columns, engine);
  const rows = rowTile(pass.outputWidth, pass.columns, engine);
  const task = f.local("i32");
  const group = f.local("i32");
  const x = f.local("i32");
  const columnBytes = f.local("i32");
  const imageRow = f.local("i32");
  const resultRow = f.local("i32");

  const filterOffset = () =>
    pass.panels
      ? i32.mul(columnBytes.get, filterRows(pass))
      : i32.add(columnBytes.get, i32.mul(group.get, pass.filterGroupBytes));
  const tile = (tileRows: number, tileColumns: number) =>
    emitTile(scope, pass, {
      image: i32.add(imageRow.get, i32.mul(x.get, pass.stepX * pixelBytes)),
      filter: i32.add(filter, filterOffset()),
      filterRowBytes: pass.panels ? 4 * columns : pass.filterRowBytes,
      result: i32.add(resultRow.get, i32.add(i32.mul(x.get, pass.outputPixelBytes), columnBytes.get)),
      channel: i32.add(columnBytes.get, i32.mul(group.get, 4 * pass.columns)),
      rows: tileRows,
      columns: tileColumns,
      node,
      epilogue,
    });
  const overPixels = (tileColumns: number) => {
    const full = Math.floor(pass.outputWidth / rows) * rows;
    f.for(x, 0, full, rows, () => tile(rows, tileColumns));
    if (full < pass.outputWidth) {
      f.set(x, i32.constant(full));
      tile(pass.outputWidth - full, tileColumns);
    }
  };
  const groupOffset = (bytes: number): I32 => i32.mul(group.get, bytes);

  const locateRow = () => {
    const planes = f.local("i32", i32.divU(task.get, pass.outputHeight));
    const y = f.local("i32", i32.remU(task.get, pass.outputHeight));
    const n = f.local("i32", pass.outputDepth === 1 ? planes.get : i32.divU(planes.get, pass.outputDepth));
    const z = f.local("i32", pass.outputDepth === 1 ? i32.constant(0) : i32.remU(planes.get, pass.outputDepth));
    const plane = i32.add(i32.mul(n.get, pass.imageDepth), i32.add(i32.mul(z.get, pass.stepZ), pass.originZ));
    const firstRow = i32.add(i32.mul(plane, pass.imageHeight), i32.add(i32.mul(y.get, pass.stepY), pass.originY));
    const firstPixel = i32.add(i32.mul(firstRow, pass.imageWidth), pass.originX);
    f.set(imageRow, i32.add(i32.add(image, i32.mul(firstPixel, pixelBytes)), groupOffset(4 * pass.sumChannels)));
    const resultPlane = i32.add(i32.mul(n.get, pass.outputImageBytes), i32.mul(z.get, pass.outputPlaneBytes));
    const row = i32.add(resultPlane, i32.mul(y.get, pass.outputRowBytes));
    f.set(resultRow, i32.add(i32.add(row, pass.outputOrigin), groupOffset(4 * pass.columns)));
  };
  const fullColumns = Math.floor(pass.columns / columns) * columns;
  const overColumns = (body: (tileColumns: number) => void) => {
    f.for(columnBytes, 0, 4 * fullColumns, 4 * columns, () => body(columns));
    if (fullColumns === pass.columns) return;
    f.set(columnBytes, i32.constant(4 * fullColumns));
    body(pass.columns - fullColumns);
  };
  const overRows = (from: I32 | number, to: I32 | number, body: () => void) =>
    f.for(task, from, to, 1, () => {
      locateRow();
      body();
    });
  if (!pass.panels) {
    // a small filter stays in cache while the image passes
    f.for(group, 0, pass.groups, 1, () => overRows(begin, end, () => overColumns(overPixels)));
    return;
  }
  // a large filter passes through the cache once, panel by panel
  const panel = f.local("i32");
  const over = (tileColumns: number) => overRows(0, rowsOfPass(pass), () => overPixels(tileColumns));
  f.for(panel, begin, end, 1, () => {
    f.set(columnBytes, i32.mul(panel.get, 4 * columns));
    if (fullColumns === pass.columns) over(columns);
    else
      f.if(
        i32.ltS(columnBytes.get, 4 * fullColumns),
        () => over(columns),
        () => over(pass.columns - fullColumns),
      );
  });
}

/** Rows of the filter matrix of one group: taps times channels. */
const filterRows = ({ tapsZ, tapsY, tapsX, sumChannels }: ConvolutionPass): number =>
  tapsZ * tapsY * tapsX * sumChannels;

interface TilePlace {
  readonly image: I32;
  readonly filter: I32;
  readonly filterRowBytes: number;
  /** Bytes from the output's start. */
  readonly result: I32;
  /** Byte offset of the first column among the output's channels. */
  readonly channel: I32;
  readonly rows: number;
  readonly columns: number;
  readonly node: NodeContext;
  readonly epilogue: Expression | undefined;
}

function emitTile(scope: PhaseScope, pass: ConvolutionPass, place: TilePlace): void {
  const { f, engine, output } = scope;
  const pixelBytes = 4 * pass.imageChannels;
  const a = f.local("i32", place.image);
  const b = f.local("i32", place.filter);
  const result = f.local("i32", place.result);
  const target = f.local("i32", i32.add(output, result.get));
  const channel = f.local("i32", place.channel);
  const accumulators = new Accumulators(f, engine, { rows: place.rows, columns: place.columns });
  const distance = pass.stepX * pixelBytes;

  // taps side by side read one run of memory; otherwise each tap is a run of its own
  const joined = pass.tapStepX === 1 && pass.groups === 1;
  const run = joined ? pass.tapsX * pass.sumChannels : pass.sumChannels;
  const runs = joined ? 1 : pass.tapsX;
  const planeAdvance = pass.tapStepZ * pass.imageHeight * pass.imageWidth * pixelBytes;
  const rowAdvance = pass.tapStepY * pass.imageWidth * pixelBytes;
  const runAdvance = joined ? 0 : pass.tapStepX * pixelBytes;

  accumulators.clear();
  const left = { pointer: a, rowBytes: distance, stepBytes: 4 };
  const oneRun = () => accumulators.accumulate(run, left, { pointer: b, stepBytes: place.filterRowBytes }, 16);
  const tapX = f.local("i32");
  const tapY = f.local("i32");
  const tapZ = f.local("i32");
  f.for(tapZ, 0, pass.tapsZ, 1, () => {
    f.for(tapY, 0, pass.tapsY, 1, () => {
      f.for(tapX, 0, runs, 1, () => {
        oneRun();
        f.increase(a, runAdvance - (joined ? 0 : 4 * run));
      });
      f.increase(a, rowAdvance - (joined ? 4 * run : runs * runAdvance));
    });
    if (pass.tapsZ > 1) f.increase(a, planeAdvance - pass.tapsY * rowAdvance);
  });

  const ending = new EpilogueEmitter(scope, place.epilogue, place.node);
  const at = (row: number): Place => ({ base: target.get, offset: row * pass.outputPixelBytes });
  accumulators.store(at, (value, row, column) =>
    ending.apply(
      value,
      { base: result.get, offset: row * pass.outputPixelBytes + 4 * column },
      { base: channel.get, offset: 4 * column },
    ),
  );
}
