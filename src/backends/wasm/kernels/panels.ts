import { type I32, i32, v128 } from "../assembler/index.js";
import type { Engine, Phase, PhaseScope } from "../kernel.js";
import { columnTile } from "./tile.js";

/** Matrices from this size on are put into panels: smaller ones stay in a core's second-level cache as they lie. */
const panelsFrom = 192 * 1024;

/** Whether a right-hand matrix of `rows × columns` is better put into panels. */
export function wantsPanels(rows: number, columns: number, engine: Engine): boolean {
  return columns > columnTile(columns, engine) && 4 * rows * columns >= panelsFrom;
}

/** Floats that the panels take, with room to read past their end. */
export function panelFloats(rows: number, columns: number, engine: Engine): number {
  const width = columnTile(columns, engine);
  return rows * width * Math.ceil(columns / width) + 16;
}

/** Rows of the matrix that one task copies. */
const rowsPerTask = 32;

/**
 * Copies a matrix into panels: target[column tile][row][column of the tile]. A tile then reads memory in order,
 * where rows a power of two apart would all fall into the same few sets of the cache.
 */
export function panelPhase(
  rows: number,
  columns: number,
  rowBytes: number,
  engine: Engine,
  place: (scope: PhaseScope) => { source: I32; target: I32 },
): Phase {
  const width = columnTile(columns, engine);
  return {
    tasks: Math.ceil(rows / rowsPerTask),
    cycles: rows * columns,
    emit(scope) {
      const { f, begin, end } = scope;
      const { source, target } = place(scope);
      const row = f.local("i32");
      const column = f.local("i32");
      const from = f.local("i32");
      const to = f.local("i32");
      const copy = (count: number) => {
        for (let i = 0; i < count; i += 4) f.storeV128(to.get, v128.load(from.get, 4 * i), 4 * i);
        f.increase(from, 4 * width);
        f.increase(to, 4 * width * rows);
      };
      const whole = columns - (columns % width);
      f.for(row, i32.mul(begin, rowsPerTask), i32.min(i32.mul(end, rowsPerTask), rows), 1, () => {
        f.set(from, i32.add(source, i32.mul(row.get, rowBytes)));
        f.set(to, i32.add(target, i32.mul(row.get, 4 * width)));
        f.for(column, 0, whole, width, () => copy(width));
        if (whole < columns) copy(columns - whole);
      });
    },
  };
}
