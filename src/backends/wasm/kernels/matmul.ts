import { type MatmulAttributes, matmulSizes } from "../../../ops/matmul.js";
import type { NodeContext } from "../../../plan/types.js";
import { type I32, type I32Like, i32 } from "../assembler/index.js";
import { attributesOf, type Engine, isKept, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import { align } from "../layout.js";
import { panelFloats, panelPhase, wantsPanels } from "./panels.js";
import { dotColumns, emitDots, emitTurned, packedBytes, packingPhase, slimSumBytes, turnedColumns } from "./slim.js";
import {
  Accumulators,
  columnTile,
  EpilogueEmitter,
  mostRows,
  type Place,
  rowTile,
  tiledCycles,
  vectorsOf,
} from "./tile.js";
import { emitTransposition } from "./turn.js";

/** Length of one stretch of the reduction: its sum is rounded once when it is added to the others. */
const reductionBlock = 512;

interface Sizes {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Distance of B's rows in bytes. */
  readonly rowBytesOfB: number;
  /** Whether what is packed of B stays from run to run. */
  readonly kept: boolean;
}

function sizesOf(node: NodeContext): Sizes {
  const attributes = attributesOf<MatmulAttributes>(node);
  const { m, n, k } = matmulSizes(node.inputs[0]!, node.inputs[1]!, attributes);
  const rowBytesOfB = 4 * (attributes.transposeB ? paddedColumns(n) : n);
  return { m, n, k, rowBytesOfB, kept: isKept(node, { input: 1 }) };
}

const paddedColumns = (n: number): number => 4 * vectorsOf(n);

/** Products of fewer rows do not read B often enough to pay for its panels. */
const rowsForPanels = 48;

/** A B of this size is left as it lies if its rows spread over the cache: half of a core's second level. */
const bytesLeft = 512 * 1024;

/**
 * Whether B is better put into panels: it is large, or its rows lie so that they fall into few sets of the cache, or that
 * is done once for all runs.
 */
function usesPanels({ m, n, k, rowBytesOfB, kept }: Sizes, engine: Engine): boolean {
  const spread = !kept && rowBytesOfB % 1024 !== 0 && 4 * k * n < bytesLeft;
  return m >= rowsForPanels && !spread && wantsPanels(k, n, engine);
}

/**
 * Whether a transposed A is first turned into rows: it is large, its rows all fall into few sets of the cache, and there
 * are columns enough to pay for it.
 */
function turnsA(node: NodeContext): boolean {
  const { m, n, k } = sizesOf(node);
  return attributesOf<MatmulAttributes>(node).transposeA && (4 * m) % 1024 === 0 && 4 * m * k > bytesLeft && n >= 128;
}

/** Bytes of the turned A, at the start of the scratch memory. */
function turnedBytesOfA(node: NodeContext): number {
  const { m, k } = sizesOf(node);
  return turnsA(node) ? align(4 * m * paddedColumns(k)) : 0;
}

/** Bytes of B in panels, or turned, if it is either. */
function packedBytesOfB(node: NodeContext, engine: Engine): number {
  const sizes = sizesOf(node);
  const { n, k } = sizes;
  if (usesPanels(sizes, engine)) return align(4 * panelFloats(k, n, engine));
  return attributesOf<MatmulAttributes>(node).transposeB ? align(4 * k * paddedColumns(n)) : 0;
}

/**
 * The columns beside full tiles that are computed apart, where they are few: see slim.ts. The last columns of B are rows
 * of memory already if B is transposed, and are packed into such if not.
 */
function slimPart(node: NodeContext, engine: Engine) {
  const { transposeA, transposeB, epilogue } = attributesOf<MatmulAttributes>(node);
  const { m, n, k } = sizesOf(node);
  const width = columnTile(n, engine);
  const rest = n > width ? n % width : n;
  const turned = transposeA && !transposeB && epilogue === undefined && !turnsA(node);
  const columns = turned ? turnedColumns(rest, engine) : transposeA ? 0 : dotColumns(rest, k, engine);
  const packed = columns > 0 && !transposeA && !transposeB ? packedBytes(k, columns) : 0;
  return { m, n, k, firstColumn: n - columns, columns, turned, packed };
}

/**
 * Matrix product with a register tile over rows of A and columns of B, both read where they lie; a transposed B is
 * first turned into rows, and a large one put into panels. Long reductions are cut into blocks, each summed from zero.
 */
export const matmul: WasmKernel = {
  name: "f32_matmul_tiled_simd128",
  accepts: () => true,
  scratchBytes(node, engine) {
    return turnedBytesOfA(node) + (slimPart(node, engine).columns > 0 ? slimSumBytes(engine) : 0);
  },
  packs(node, engine) {
    const bytes = packedBytesOfB(node, engine) + slimPart(node, engine).packed;
    return bytes > 0 ? { input: 1, bytes } : undefined;
  },
  phases(node, engine) {
    const sizes = sizesOf(node);
    const { m, n, k, rowBytesOfB } = sizes;
    const { transposeB } = attributesOf<MatmulAttributes>(node);
    const panels = usesPanels(sizes, engine);
    const slim = slimPart(node, engine);
    const product: Phase = {
      tasks: tasksOf(m, n, engine).tasks,
      cycles: tiledCycles(m * n * k) + m * n,
      usesScratch: slim.columns > 0 || turnsA(node),
      emit: (scope) => emitProduct(scope, node),
    };
    const phases: Phase[] = [];
    if (turnsA(node)) {
      phases.push(turnPhase(k, m, ({ inputs, scratch }) => ({ source: inputs[0]!, target: scratch })));
    }
    const place = ({ inputs, packed }: PhaseScope) => ({ source: inputs[1]!, target: packed });
    if (transposeB && slim.firstColumn > 0) {
      phases.push({ packs: true, ...turnPhase(n, k, place, panels ? columnTile(n, engine) : undefined) });
    } else if (panels) {
      phases.push({ packs: true, ...panelPhase(k, n, rowBytesOfB, engine, place) });
    }
    if (slim.packed > 0) {
      phases.push({
        packs: true,
        ...packingPhase(slim, ({ inputs, packed }) => ({
          source: inputs[1]!,
          target: i32.add(packed, packedBytesOfB(node, engine)),
        })),
      });
    }
    return [...phases, product];
  },
};

/** Columns of a matrix that one task turns: what a cache line holds. */
const columnsPerTask = 16;

/** target[column][row] = source[row][column], if asked for in panels of so many rows. */
function turnPhase(
  rows: number,
  columns: number,
  place: (scope: PhaseScope) => { readonly source: I32; readonly target: I32 },
  panelWidth?: number,
): Phase {
  const targetBytes = 4 * (panelWidth ?? paddedColumns(rows));
  return {
    tasks: Math.ceil(columns / columnsPerTask),
    cycles: rows * columns,
    emit(scope) {
      const { f, begin, end } = scope;
      const { source, target } = place(scope);
      const task = f.local("i32");
      const turn = (count: number) =>
        emitTransposition(
          f,
          { from: i32.add(source, i32.mul(task.get, 4 * columnsPerTask)), rowBytes: 4 * columns, rows, columns: count },
          {
            to: i32.add(target, i32.mul(task.get, columnsPerTask * targetBytes)),
            rowBytes: targetBytes,
            ...(panelWidth && { panels: { width: panelWidth, bytes: columns * targetBytes } }),
          },
        );
      const rest = columns % columnsPerTask;
      f.for(task, begin, end, 1, () => {
        if (rest === 0) turn(columnsPerTask);
        else
          f.if(
            i32.ltS(task.get, Math.floor(columns / columnsPerTask)),
            () => turn(columnsPerTask),
            () => turn(rest),
          );
      });
    },
  };
}

/** Tasks are row tiles or column tiles, whichever are more. */
function tasksOf(m: number, n: number, engine: Engine) {
  const columns = columnTile(n, engine);
  const columnTiles = Math.ceil(n / columns);
  const tiles = (rows: number) => {
    const rowTiles = Math.ceil(m / rows);
    const byRows = rowTiles >= columnTiles;
    return { rows, columns, rowTiles, columnTiles, byRows, tasks: byRows ? rowTiles : columnTiles };
  };
  // with rows to spare for a flat tile, all others may be as large as registers allow
  const largest = tiles(mostRows(columns, engine));
  if (largest.byRows && flatTiles(m, n, engine) > 0) return { ...largest, flat: flatTiles(m, n, engine) };
  return { ...tiles(rowTile(m, n, engine)), flat: 0 };
}

/**
 * Column tiles that the last rows take side by side, where these are so few that the sums of one tile would wait for
 * each other: as many as make as many sums as a full tile has. 0 where they are taken like the others: of narrow vectors,
 * whose tiles are small enough anyway, two threads took half as long again.
 */
function flatTiles(m: number, n: number, engine: Engine): number {
  const most = mostRows(columnTile(n, engine), engine);
  const rest = m % most;
  const tiles = Math.floor(most / Math.max(1, rest));
  return !engine.wide || m < most || rest === 0 || tiles < 2 || n < tiles * columnTile(n, engine) ? 0 : tiles;
}

function emitProduct(scope: PhaseScope, node: NodeContext): void {
  const { f, engine, begin, end } = scope;
  const { m, n, k } = sizesOf(node);
  const { rows, columns, rowTiles, byRows, flat } = tasksOf(m, n, engine);
  const slim = slimPart(node, engine).columns > 0;
  const rowIndex = f.local("i32");
  const columnIndex = f.local("i32");
  const block = f.local("i32");
  const tile = (tileRows: number, tileColumns: number, blocks: Blocks) => () => {
    const place = { row: i32.mul(rowIndex.get, rows), column: i32.mul(columnIndex.get, columns) };
    emitTile(scope, node, tileRows, tileColumns, place, blocks);
  };
  /** Chooses the code for a full or for the last, smaller tile. */
  const overRows = (tileColumns: number, blocks: Blocks = "all") => {
    const rest = m % rows;
    if (rest === 0) return tile(rows, tileColumns, blocks)();
    if (m < rows) return tile(rest, tileColumns, blocks)();
    f.if(i32.ltS(rowIndex.get, Math.floor(m / rows)), tile(rows, tileColumns, blocks), tile(rest, tileColumns, blocks));
  };
  /**
   * Row tiles of one column tile. A long reduction goes block by block: one of B stays in the nearest cache while all
   * row tiles pass. Two blocks nearly stay there together, and A is read in longer runs.
   */
  const overTiles = (from: I32Like, to: I32Like, tileColumns: number) => {
    const before = Math.ceil(k / reductionBlock) - 1;
    const over = (blocks: Blocks) => (flat > 0 ? tile(rows, tileColumns, blocks)() : overRows(tileColumns, blocks));
    const walk = (blocks: Blocks) => f.for(rowIndex, from, to, 1, () => over(blocks));
    if (before < 2) return walk("all");
    f.for(block, 0, before, 1, () => walk(block.get));
    walk("last");
  };
  const rest = n < columns ? n : n % columns;
  const fullColumns = n < columns ? 0 : Math.floor(n / columns);
  if (byRows) {
    const last = flat > 0 ? i32.min(end, Math.floor(m / rows)) : end;
    f.for(columnIndex, 0, fullColumns, 1, () => overTiles(begin, last, columns));
    if (flat > 0) f.if(i32.eq(end, rowTiles), lastRows);
    f.set(columnIndex, i32.constant(fullColumns));
    if (slim) emitSlim(scope, node, i32.mul(begin, rows), i32.min(i32.mul(end, rows), m));
    else if (rest > 0) overGroups();
    return;
  }
  const last = () => (slim ? emitSlim(scope, node, i32.constant(0), i32.constant(m)) : overAllRows(rest));
  const overAllRows = (tileColumns: number) => overTiles(0, rowTiles, tileColumns);
  f.for(columnIndex, begin, end, 1, () => {
    if (rest === 0) overAllRows(columns);
    else if (fullColumns === 0) last();
    else f.if(i32.ltS(columnIndex.get, fullColumns), () => overAllRows(columns), last);
  });

  /** The last rows, several column tiles at a time. */
  function lastRows(): void {
    const apart = fullColumns % flat;
    f.set(rowIndex, i32.constant(rowTiles - 1));
    f.for(columnIndex, 0, fullColumns - apart, flat, tile(m % rows, flat * columns, "all"));
    if (apart > 0) {
      f.set(columnIndex, i32.constant(fullColumns - apart));
      tile(m % rows, apart * columns, "all")();
    }
  }

  /** The narrow tile at the end has room for more rows, and needs them: its sums would wait for each other. */
  function overGroups(): void {
    const grouped = Math.max(1, Math.floor(mostRows(rest, engine) / rows));
    f.set(rowIndex, begin);
    if (grouped > 1) {
      const whole = f.local("i32", i32.sub(i32.min(end, Math.floor(m / rows)), grouped));
      f.while(
        () => i32.leS(rowIndex.get, whole.get),
        () => {
          tile(rows * grouped, rest, "all")();
          f.increase(rowIndex, grouped);
        },
      );
    }
    f.while(
      () => i32.ltS(rowIndex.get, end),
      () => {
        overRows(rest);
        f.increase(rowIndex, 1);
      },
    );
  }
}

/** The few columns beside full tiles, of rows `from … to`. */
function emitSlim(scope: PhaseScope, node: NodeContext, from: I32, to: I32): void {
  const { inputs, scratch, packed, engine } = scope;
  const { transposeB, epilogue } = attributesOf<MatmulAttributes>(node);
  const slim = slimPart(node, engine);
  const rows = { a: inputs[0]!, sums: i32.add(scratch, turnedBytesOfA(node)), from, to };
  if (slim.turned) {
    emitTurned(scope, slim, { ...rows, b: inputs[1]! });
    return;
  }
  const columns = transposeB
    ? { columns: i32.add(inputs[1]!, 4 * slim.k * slim.firstColumn), columnBytes: 4 * slim.k }
    : { columns: i32.add(packed, packedBytesOfB(node, engine)) };
  emitDots(scope, slim, { ...rows, ...columns }, new EpilogueEmitter(scope, epilogue, node));
}

/** Blocks of the reduction that are summed: all of them, one that is not the last, or the last, which finishes the sums. */
type Blocks = "all" | "last" | I32;

function emitTile(
  scope: PhaseScope,
  node: NodeContext,
  rows: number,
  columns: number,
  { row: firstRow, column: firstColumn }: { row: I32; column: I32 },
  blocks: Blocks,
): void {
  const { f, engine, inputs, output } = scope;
  const { transposeA, transposeB, epilogue } = attributesOf<MatmulAttributes>(node);
  const sizes = sizesOf(node);
  const { m, n, k } = sizes;
  const panels = usesPanels(sizes, engine);
  const rowBytesOfB = panels ? 4 * columnTile(n, engine) : sizes.rowBytesOfB;
  const turned = turnsA(node);
  const [rowBytesOfA, stepBytesOfA] = transposeA && !turned ? [4, 4 * m] : [4 * (turned ? paddedColumns(k) : k), 4];

  const a = f.local("i32", i32.add(turned ? scope.scratch : inputs[0]!, i32.mul(firstRow, rowBytesOfA)));
  const columnBytes = f.local("i32", i32.mul(firstColumn, 4));
  const matrix = panels || transposeB ? scope.packed : inputs[1]!;
  const b = f.local("i32", i32.add(matrix, panels ? i32.mul(columnBytes.get, k) : columnBytes.get));
  const result = f.local("i32", i32.add(i32.mul(firstRow, 4 * n), columnBytes.get));
  const target = f.local("i32", i32.add(output, result.get));
  const tileBytes = 4 * columnTile(n, engine);
  const flat = (vector: number) => {
    const at = 16 * vector;
    return panels ? Math.floor(at / tileBytes) * tileBytes * k + (at % tileBytes) : at;
  };
  const isFlat = columns > columnTile(n, engine);
  const accumulators = new Accumulators(f, engine, { rows, columns, ...(isFlat && { flat }) });
  const place = (row: number): Place => ({ base: target.get, offset: 4 * n * row });

  const left = { pointer: a, rowBytes: rowBytesOfA, stepBytes: stepBytesOfA };
  const reduceOver = (length: number) => accumulators.reduce(length, left, { pointer: b, stepBytes: rowBytesOfB });
  const ending = new EpilogueEmitter(scope, epilogue, node);
  const finish = (value: Parameters<EpilogueEmitter["apply"]>[0], row: number, column: number) =>
    ending.apply(
      value,
      { base: result.get, offset: 4 * (n * row + column) },
      { base: columnBytes.get, offset: 4 * column },
    );

  // all blocks but the last are of one length; their sums gather in the output
  const before = Math.ceil(k / reductionBlock) - 1;
  const skip = (number: I32Like) => {
    f.increase(a, i32.mul(number, reductionBlock * stepBytesOfA));
    f.increase(b, i32.mul(number, reductionBlock * rowBytesOfB));
  };
  const one = (number: I32) => {
    reduceOver(reductionBlock);
    f.if(number, () => accumulators.addFrom(place));
    accumulators.store(place);
  };
  if (typeof blocks !== "string") {
    skip(blocks);
    one(blocks);
    return;
  }
  const block = f.local("i32");
  if (blocks === "all") f.for(block, 0, before, 1, () => one(block.get));
  else skip(before);
  reduceOver(k - before * reductionBlock);
  if (before > 0) accumulators.addFrom(place);
  accumulators.store(place, finish);
}
