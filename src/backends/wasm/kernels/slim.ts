import { f32, f32x4, type I32, i32, type Local, v128 } from "../assembler/index.js";
import type { Engine, Phase, PhaseScope } from "../kernel.js";
import { align } from "../layout.js";
import type { EpilogueEmitter } from "./tile.js";

/**
 * Products of a few columns: too few to fill a vector's lanes, which hold stretches of the reduction here, or rows of
 * the result. Distances in bytes.
 */
export interface SlimProduct {
  /** Rows of A; those computed are given apart. */
  readonly m: number;
  readonly k: number;
  /** Columns of the whole result, and the first of those computed here, which are the last. */
  readonly n: number;
  readonly firstColumn: number;
}

/** Lanes of the vectors that the engine computes with. */
const lanesOf = ({ wide }: Engine): number => (wide ? 8 : 4);

/** Columns from which on a tile's vectors, though half empty, are no more work than this. */
const mostColumns = ({ wide }: Engine): number => (wide ? 4 : 2);

/** Shorter reductions do not pay for summing lanes at their end; longer ones would round more often than blocks do. */
const shortest = 64;
const longest = (engine: Engine): number => 512 * lanesOf(engine);

/** How many of the `rest` columns beside full tiles are computed by {@link emitDots}: all or none. */
export function dotColumns(rest: number, k: number, engine: Engine): number {
  return rest <= mostColumns(engine) && k >= shortest && k <= longest(engine) ? rest : 0;
}

/** Distance of columns that lie packed. */
const packedColumnBytes = (k: number): number => align(4 * k);

export const packedBytes = (k: number, columns: number): number => columns * packedColumnBytes(k);

/** Copies the last columns of B into rows of memory: scratch[column][k]. */
export function packingPhase(p: SlimProduct, place: (scope: PhaseScope) => { source: I32; target: I32 }): Phase {
  const columns = p.n - p.firstColumn;
  return {
    tasks: Math.ceil(p.k / 16),
    cycles: 4 * p.k * columns,
    emit(scope) {
      const { f, begin, end } = scope;
      const { source, target } = place(scope);
      const row = f.local("i32", i32.mul(begin, 16));
      const from = f.local("i32", i32.add(source, i32.add(i32.mul(row.get, 4 * p.n), 4 * p.firstColumn)));
      const to = f.local("i32", i32.add(target, i32.mul(row.get, 4)));
      f.for(row, row.get, i32.min(i32.mul(end, 16), p.k), 1, () => {
        for (let j = 0; j < columns; j++) {
          f.storeF32(to.get, f32.load(from.get, 4 * j), j * packedColumnBytes(p.k));
        }
        f.increase(from, 4 * p.n);
        f.increase(to, 4);
      });
    },
  };
}

/** Rows that are computed together, so that eight sums are on their way at once as far as registers go. */
function rowsTogether(columns: number, engine: Engine): number {
  const most = engine.sinks ? Math.floor((15 - columns) / (columns + 1)) : Math.floor((14 - columns) / columns);
  return Math.min(most, Math.max(1, Math.floor(8 / columns)));
}

/** Bytes in which each thread stores its sums before it adds their lanes. */
const sumBytes = 512;

export const slimSumBytes = ({ threads }: Engine): number => threads * sumBytes;

/**
 * Rows `from … to` of the last columns, A and the columns of B being rows of memory: lanes hold every fourth or eighth
 * term, and are added up at the end.
 */
export function emitDots(
  scope: PhaseScope,
  p: SlimProduct,
  place: { a: I32; columns: I32; columnBytes?: number; sums: I32; from: I32; to: I32 },
  ending: EpilogueEmitter,
): void {
  const { f, engine } = scope;
  const row = f.local("i32", place.from);
  const sums = f.local("i32", i32.add(place.sums, i32.mul(scope.thread, sumBytes)));
  const together = rowsTogether(p.n - p.firstColumn, engine);
  const block = (rows: number) => {
    emitDotRows(scope, p, { ...place, sums: sums.get, row: row.get, rows }, ending);
    f.increase(row, rows);
  };
  const whole = f.local("i32", i32.sub(place.to, together));
  f.while(
    () => i32.leS(row.get, whole.get),
    () => block(together),
  );
  if (together > 1) {
    f.while(
      () => i32.ltS(row.get, place.to),
      () => block(1),
    );
  }
}

function emitDotRows(
  scope: PhaseScope,
  p: SlimProduct,
  place: { a: I32; columns: I32; columnBytes?: number; sums: I32; row: I32; rows: number },
  ending: EpilogueEmitter,
): void {
  const { f, engine } = scope;
  const { columnBytes = packedColumnBytes(p.k), rows } = place;
  const columns = p.n - p.firstColumn;
  const lanes = lanesOf(engine);
  const halves = Array.from({ length: lanes / 4 }, (_, half) => 16 * half);
  const vector = () => halves.map(() => f.local("v128"));
  const sums = Array.from({ length: rows }, () => Array.from({ length: columns }, vector));
  const right = Array.from({ length: columns }, vector);
  const left = vector();
  const a = f.local("i32", i32.add(place.a, i32.mul(place.row, 4 * p.k)));
  const b = f.local("i32", place.columns);

  const load = (into: Local<"v128">[], base: I32, offset: number) =>
    into.forEach((local, i) => f.set(local, v128.load(base, offset + halves[i]!)));
  const step = () => {
    right.forEach((column, j) => load(column, b.get, j * columnBytes));
    sums.forEach((row, i) => {
      load(left, a.get, 4 * p.k * i);
      row.forEach((sum, j) =>
        sum.forEach((part, h) => f.set(part, engine.multiplyAdd(left[h]!.get, right[j]![h]!.get, part.get))),
      );
    });
    f.increase(a, 4 * lanes);
    f.increase(b, 4 * lanes);
  };
  for (const row of sums) for (const sum of row) for (const part of sum) f.set(part, f32x4.constant(0));
  const whole = p.k - (p.k % lanes);
  const end = f.local("i32", i32.add(a.get, 4 * whole));
  f.doWhile(step, () => i32.ne(a.get, end.get));
  const at = (i: number, j: number) => 4 * lanes * (i * columns + j);
  sums.forEach((row, i) =>
    row.forEach((sum, j) => sum.forEach((part, h) => f.storeV128(place.sums, part.get, at(i, j) + halves[h]!))),
  );

  const target = f.local("i32", i32.add(i32.mul(place.row, 4 * p.n), 4 * p.firstColumn));
  for (let i = 0; i < rows; i++) {
    const total = f.local("v128", f32x4.constant(0));
    for (let j = 0; j < columns; j++) {
      let sum = f32.load(place.sums, at(i, j));
      for (let lane = 1; lane < lanes; lane++) sum = f32.add(sum, f32.load(place.sums, at(i, j) + 4 * lane));
      for (let rest = 0; rest < p.k - whole; rest++) {
        const term = f32.mul(f32.load(a.get, 4 * (p.k * i + rest)), f32.load(b.get, j * columnBytes + 4 * rest));
        sum = f32.add(sum, term);
      }
      f.set(total, f32x4.replaceLane(total.get, j, sum));
    }
    const result = { base: target.get, offset: 4 * p.n * i };
    const value = ending.apply(total.get, result, { base: i32.constant(4 * p.firstColumn), offset: 0 });
    f.storeLanes(i32.add(scope.output, target.get), value, columns, 4 * p.n * i);
  }
}

/** Whether the `rest` columns beside full tiles are computed by {@link emitTurned}: all or none. */
export function turnedColumns(rest: number, engine: Engine): number {
  return rest <= 2 && rest <= mostColumns(engine) ? rest : 0;
}

/**
 * Rows `from … to` of the last columns of Aᵀ · B, with A as [k][m] in memory: lanes hold neighbouring rows. B's elements
 * are read where they lie. The last vector may read, but not write, three rows too many.
 */
export function emitTurned(
  scope: PhaseScope,
  p: SlimProduct,
  place: { a: I32; b: I32; sums: I32; from: I32; to: I32 },
): void {
  const { f } = scope;
  const row = f.local("i32", place.from);
  const sums = f.local("i32", i32.add(place.sums, i32.mul(scope.thread, sumBytes)));
  const vectors = scope.engine.sinks ? 4 : 8;
  const blocks = (size: number, until: () => I32) =>
    f.while(until, () => {
      emitTurnedRows(scope, p, { ...place, sums: sums.get, row: row.get, vectors: size });
      f.increase(row, 4 * size);
    });
  const whole = f.local("i32", i32.sub(place.to, 4 * vectors));
  blocks(vectors, () => i32.leS(row.get, whole.get));
  blocks(1, () => i32.ltS(row.get, place.to));
}

function emitTurnedRows(
  scope: PhaseScope,
  p: SlimProduct,
  place: { a: I32; b: I32; sums: I32; row: I32; to: I32; vectors: number },
): void {
  const { f, engine, output } = scope;
  const { vectors } = place;
  const columns = p.n - p.firstColumn;
  const sums = Array.from({ length: columns }, () => Array.from({ length: vectors }, () => f.local("v128")));
  const left = Array.from({ length: vectors }, () => f.local("v128"));
  const splat = f.local("v128");
  const a = f.local("i32", i32.add(place.a, i32.mul(place.row, 4)));
  const b = f.local("i32", i32.add(place.b, 4 * p.firstColumn));
  const end = f.local("i32", i32.add(b.get, 4 * p.n * p.k));
  for (const column of sums) for (const sum of column) f.set(sum, f32x4.constant(0));
  f.doWhile(
    () => {
      left.forEach((local, i) => f.set(local, v128.load(a.get, 16 * i)));
      sums.forEach((column, j) => {
        f.set(splat, v128.load32Splat(b.get, 4 * j));
        column.forEach((sum, i) => f.set(sum, engine.multiplyAdd(splat.get, left[i]!.get, sum.get)));
      });
      f.increase(a, 4 * p.m);
      f.increase(b, 4 * p.n);
    },
    () => i32.ne(b.get, end.get),
  );
  sums.forEach((column, j) => column.forEach((sum, i) => f.storeV128(place.sums, sum.get, 16 * (vectors * j + i))));
  const from = f.local("i32", place.sums);
  const to = f.local("i32", i32.add(output, i32.add(i32.mul(place.row, 4 * p.n), 4 * p.firstColumn)));
  const rows = f.local("i32", i32.min(i32.sub(place.to, place.row), 4 * vectors));
  f.doWhile(
    () => {
      for (let j = 0; j < columns; j++) f.storeF32(to.get, f32.load(from.get, 16 * vectors * j), 4 * j);
      f.increase(from, 4);
      f.increase(to, 4 * p.n);
      f.increase(rows, -1);
    },
    () => rows.get,
  );
}
