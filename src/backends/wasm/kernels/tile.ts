import { sizeOf } from "../../../core/shapes.js";
import { epilogueInputs } from "../../../ops/epilogue.js";
import type { Expression } from "../../../ops/expression.js";
import type { NodeContext } from "../../../plan/types.js";
import { type FunctionBuilder, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { emitExpression } from "../elementwise.js";
import type { Engine, PhaseScope } from "../kernel.js";

/**
 * The register tile that matrix products and convolutions share: `rows` × 4·`vectors` sums held in vector registers,
 * fed by one splat load per row and `vectors` vector loads per step of the reduction.
 */
export interface Tile {
  readonly rows: number;
  /** Columns, in floats; the last vector may be partial. */
  readonly columns: number;
  /**
   * For a few rows of many columns: splats of A are held while one vector of B after the other passes, which lies so many
   * bytes behind the step's first.
   */
  readonly flat?: (vector: number) => number;
}

/** Estimated cycles of tiled multiply-adds: two vector instructions of four lanes each. */
export const tiledCycles = (multiplyAdds: number): number => multiplyAdds / 8;

export const vectorsOf = (columns: number): number => Math.ceil(columns / 4);

/** An address as a base and a constant byte offset, which becomes the instruction's immediate. */
export interface Place {
  readonly base: I32;
  readonly offset: number;
}

/**
 * Vector registers that V8 gives out on x64 (it keeps one to itself): the sums, one row of B, one splat of A, and where
 * multiplication and addition are two instructions the product between them.
 */
const registers = 15;

/** Registers that a row of `columns` floats takes. */
const registersFor = (columns: number, { wide }: Engine): number => Math.ceil(vectorsOf(columns) / (wide ? 2 : 1));

/**
 * Columns of a tile: two registers wide, so that one splat of A feeds two multiply-adds; three where that covers all
 * columns at once. An engine that sinks arithmetic loads all splats of a step first: fewer rows, and more columns.
 */
export function columnTile(columns: number, engine: Engine): number {
  if (engine.sinks) return columns <= 16 ? columns : ([16, 12, 8].find((width) => columns % width === 0) ?? 16);
  const lanes = engine.wide ? 8 : 4;
  return columns > 2 * lanes && columns <= 3 * lanes ? columns : Math.min(columns, 2 * lanes);
}

/** Rows of a tile of `columns` whose sums fit into the registers. */
export function mostRows(columns: number, engine: Engine): number {
  const perRow = registersFor(columns, engine);
  const free = registers - perRow - (engine.relaxedSimd ? 0 : 1);
  return Math.min(12, engine.sinks ? Math.floor(free / (perRow + 1)) : Math.floor((free - 1) / perRow));
}

/**
 * Rows of a tile so that `count` rows are covered with the least work. Multiply-adds take four cycles and two start in
 * each, so a tile of fewer than eight sums takes as long as one of eight.
 */
export function rowTile(count: number, columns: number, engine: Engine): number {
  const perRow = registersFor(columnTile(columns, engine), engine);
  const most = mostRows(columnTile(columns, engine), engine);
  const cost = (rows: number) => (rows === 0 ? 0 : Math.max(8, rows * perRow) + perRow);
  let best = 1;
  let bestCost = Number.POSITIVE_INFINITY;
  for (let rows = most; rows >= 1; rows--) {
    const total = Math.floor(count / rows) * cost(rows) + cost(count % rows);
    if (total < bestCost) [best, bestCost] = [rows, total];
  }
  return best;
}

/** Where a tile's rows of A lie; distances in bytes. */
export interface LeftOperand {
  readonly pointer: Local<"i32">;
  readonly rowBytes: number;
  readonly stepBytes: number;
}

/** Where the steps of B lie, one row of the tile's columns each. */
export interface RightOperand {
  readonly pointer: Local<"i32">;
  readonly stepBytes: number;
}

/** The sums of one tile. */
export class Accumulators {
  readonly sums: readonly (readonly Local<"v128">[])[];
  readonly #b: readonly Local<"v128">[];
  readonly #splats: readonly Local<"v128">[];

  constructor(
    readonly f: FunctionBuilder,
    readonly engine: Engine,
    readonly tile: Tile,
  ) {
    const vectors = vectorsOf(tile.columns);
    this.sums = Array.from({ length: tile.rows }, () => Array.from({ length: vectors }, () => f.local("v128")));
    this.#b = Array.from({ length: vectors }, () => f.local("v128"));
    this.#splats = Array.from({ length: tile.flat ? tile.rows : 1 }, () => f.local("v128"));
  }

  clear(): void {
    for (const row of this.sums) for (const sum of row) this.f.set(sum, f32x4.constant(0));
  }

  /** sums[row] += a(row) · b */
  step(a: (row: number) => Place, b: Place): void {
    const { f, engine, sums } = this;
    const { flat } = this.tile;
    const splat = (row: number) => this.#splats[flat ? row : 0]!;
    const loadSplat = (row: number) => {
      const { base, offset } = a(row);
      f.set(splat(row), v128.load32Splat(base, offset));
    };
    const loadVectors = (from: number, to: number) => {
      for (let j = from; j < to; j++) f.set(this.#b[j]!, v128.load(b.base, b.offset + (flat?.(j) ?? 16 * j)));
    };
    const add = (row: number, from: number, to: number) => {
      for (let j = from; j < to; j++) {
        const sum = sums[row]![j]!;
        f.set(sum, engine.multiplyAdd(splat(row).get, this.#b[j]!.get, sum.get));
      }
    };
    const vectors = this.#b.length;
    if (flat === undefined) {
      loadVectors(0, vectors);
      sums.forEach((_, row) => {
        loadSplat(row);
        add(row, 0, vectors);
      });
      return;
    }
    sums.forEach((_, row) => loadSplat(row));
    // two at a time, which wide engines join
    for (let j = 0; j < vectors; j += 2) {
      const end = Math.min(j + 2, vectors);
      loadVectors(j, end);
      sums.forEach((_, row) => add(row, j, end));
    }
  }

  /** sums = Σ over `length` steps of a · b: see {@link accumulate}. */
  reduce(length: number, a: LeftOperand, b: RightOperand): void {
    this.clear();
    this.accumulate(length, a, b);
  }

  /**
   * sums += Σ over `length` steps of a · b; the pointers are left behind the last step. The loop is unrolled, wholly up
   * to `whole` steps, unless the engine would sink the arithmetic of all steps behind their loads.
   */
  accumulate(length: number, a: LeftOperand, b: RightOperand, whole = 4): void {
    const { f } = this;
    const unroll = this.engine.sinks ? 1 : length <= whole ? length : 4;
    const round = (steps: number) => {
      for (let step = 0; step < steps; step++) {
        this.step((row) => ({ base: a.pointer.get, offset: row * a.rowBytes + step * a.stepBytes }), {
          base: b.pointer.get,
          offset: step * b.stepBytes,
        });
      }
      f.increase(a.pointer, steps * a.stepBytes);
      f.increase(b.pointer, steps * b.stepBytes);
    };
    const looped = length - (length % unroll);
    if (looped > unroll) {
      const end = f.local("i32", i32.add(b.pointer.get, looped * b.stepBytes));
      f.doWhile(
        () => round(unroll),
        () => i32.ne(b.pointer.get, end.get),
      );
    } else if (looped > 0) round(looped);
    if (looped < length) round(length - looped);
  }

  /** sums += what lies at `place(row)` */
  addFrom(place: (row: number) => Place): void {
    this.sums.forEach((row, i) => {
      const { base, offset } = place(i);
      row.forEach((sum, j) => this.f.set(sum, f32x4.add(v128.load(base, offset + 16 * j), sum.get)));
    });
  }

  /**
   * Stores the sums at `place(row)`, after `finish` if given; lanes beyond the tile's columns are not written. All are
   * finished before the first is stored: engines pair neighbouring vectors only where no store stands between them.
   */
  store(place: (row: number) => Place, finish?: (value: V128, row: number, column: number) => V128): void {
    if (finish !== undefined) {
      this.sums.forEach((row, i) => row.forEach((sum, j) => this.f.set(sum, finish(sum.get, i, 4 * j))));
    }
    this.sums.forEach((row, i) => {
      const { base, offset } = place(i);
      row.forEach((sum, j) =>
        this.f.storeLanes(base, sum.get, Math.min(4, this.tile.columns - 4 * j), offset + 16 * j),
      );
    });
  }
}

interface Operand {
  readonly address: I32;
  readonly kind: "scalar" | "channel" | "full";
}

/**
 * Inputs that a kernel may write its result over, if it reads each element of its epilogue's operands just before it
 * stores the result there: the operands of the result's shape.
 */
export function overwritableOperands({ inputs, output }: NodeContext): number[] {
  const size = sizeOf(output.shape);
  return epilogueInputs(inputs, 2).flatMap(({ shape }, i) => (size > 1 && sizeOf(shape) === size ? [2 + i] : []));
}

/** The elementwise end of a kernel: knows where each operand lies for a row of the result and a column. */
export class EpilogueEmitter {
  readonly #operands: readonly Operand[];

  constructor(
    readonly scope: PhaseScope,
    readonly expression: Expression | undefined,
    node: NodeContext,
  ) {
    const channels = node.output.shape[node.output.shape.length - 1]!;
    this.#operands = epilogueInputs(node.inputs, 2).map(({ shape }, i) => {
      const size = sizeOf(shape);
      const kind = size === 1 ? "scalar" : size === sizeOf(node.output.shape) ? "full" : "channel";
      if (kind === "channel" && size !== channels) throw new RangeError("epilogue operand is no channel vector");
      return { address: scope.inputs[2 + i]!, kind } as const;
    });
  }

  /**
   * The finished value. `result` is where it will be stored, as an offset from the output's start (base is relative);
   * `column` is the byte offset of its first channel.
   */
  apply(value: V128, result: Place, column: Place): V128 {
    return this.#apply(value, ({ address, kind }) => {
      if (kind === "scalar") return v128.load32Splat(address);
      const { base, offset } = kind === "full" ? result : column;
      return v128.load(i32.add(address, base), offset);
    });
  }

  /** The same for a value whose lanes are pixels of one channel, at byte offset `column`. No operand may be full. */
  applyToPixels(value: V128, column: number): V128 {
    return this.#apply(value, ({ address, kind }) => v128.load32Splat(address, kind === "scalar" ? 0 : column));
  }

  #apply(value: V128, load: (operand: Operand) => V128): V128 {
    if (this.expression === undefined) return value;
    const { f, engine, constant } = this.scope;
    return emitExpression(f, this.expression, {
      value: (index) => (index === 0 ? value : load(this.#operands[index - 1]!)),
      constant,
      fma: engine.multiplyAdd,
    });
  }
}

/** A product of matrices in memory, of which tiles are computed; distances in bytes. */
export interface Product {
  readonly a: I32;
  readonly rowBytesOfA: number;
  readonly stepBytesOfA: number;
  readonly b: I32;
  readonly rowBytesOfB: number;
  readonly target: I32;
  readonly rowBytesOfTarget: number;
  readonly m: number;
  readonly n: number;
  /** Length of the reduction. */
  readonly k: number;
  /** Whether the product is added to what the target holds. */
  readonly add: boolean;
}

/** Emits a whole product, column tile by column tile, for sizes that stay in cache. */
export function emitProduct(scope: PhaseScope, product: Product): void {
  const { f, engine } = scope;
  const { m, n } = product;
  const columns = columnTile(n, engine);
  const rows = rowTile(m, n, engine);
  const row = f.local("i32");
  const column = f.local("i32");
  const overRows = (tileColumns: number) => {
    const whole = m - (m % rows);
    f.for(row, 0, whole, rows, () => emitProductTile(scope, product, row.get, column.get, rows, tileColumns));
    if (whole === m) return;
    f.set(row, i32.constant(whole));
    emitProductTile(scope, product, row.get, column.get, m - whole, tileColumns);
  };
  const whole = n - (n % columns);
  f.for(column, 0, whole, columns, () => overRows(columns));
  if (whole === n) return;
  f.set(column, i32.constant(whole));
  overRows(n - whole);
}

function emitProductTile(scope: PhaseScope, p: Product, row: I32, column: I32, rows: number, columns: number): void {
  const { f, engine } = scope;
  const columnBytes = f.local("i32", i32.mul(column, 4));
  const a = f.local("i32", i32.add(p.a, i32.mul(row, p.rowBytesOfA)));
  const b = f.local("i32", i32.add(p.b, columnBytes.get));
  const target = f.local("i32", i32.add(i32.add(p.target, columnBytes.get), i32.mul(row, p.rowBytesOfTarget)));
  const accumulators = new Accumulators(f, engine, { rows, columns });
  const left = { pointer: a, rowBytes: p.rowBytesOfA, stepBytes: p.stepBytesOfA };
  accumulators.reduce(p.k, left, { pointer: b, stepBytes: p.rowBytesOfB });
  const place = (i: number): Place => ({ base: target.get, offset: i * p.rowBytesOfTarget });
  if (p.add) accumulators.addFrom(place);
  accumulators.store(place);
}
