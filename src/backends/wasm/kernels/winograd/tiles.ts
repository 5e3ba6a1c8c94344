import { f32x4, type I32, i32, type Local, type V128, v128 } from "../../assembler/index.js";
import type { PhaseScope } from "../../kernel.js";
import { fill } from "../padded.js";
import { emitMatrixProduct, vectorLocals } from "./transform.js";

type Matrix = readonly (readonly number[])[];

/** An image cut into squares of `size` pixels, `step` apart, the first one hanging `top` and `left` over the edge. */
export interface Tiling {
  readonly batch: number;
  /** The image that is read, NHWC; channels in whole vectors. */
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly top: number;
  readonly left: number;
  /** Squares down and across. */
  readonly rows: number;
  readonly columns: number;
  readonly size: number;
  readonly step: number;
}

export const tileCount = ({ batch, rows, columns }: Tiling): number => batch * rows * columns;

/** Floats of a copied square, with room to read past its end. */
export const patchFloats = ({ size, channels }: Tiling): number => size * size * channels + 16;

/** Floats of the square between the two halves of a transform: eight channels of each entry. */
export const temporaryFloats = (points: number): number => 8 * points * points;

/** Where tile `index` lies: number of its image, and its row and column among the squares. */
export function locateTile({ f }: PhaseScope, { rows, columns }: Tiling, index: I32) {
  const inImage = f.local("i32", i32.remU(index, rows * columns));
  return {
    image: f.local("i32", i32.divU(index, rows * columns)),
    row: f.local("i32", i32.divU(inImage.get, columns)),
    column: f.local("i32", i32.remU(inImage.get, columns)),
  };
}

/**
 * Emits `matrix · square · matrixᵀ` of tile `index`, for every channel, stored as target[point][…][channel] with
 * `pointBytes` from one point to the next. A square that hangs over the edge is first copied with its zeros.
 */
export function emitTileTransform(
  scope: PhaseScope,
  tiling: Tiling,
  matrix: Matrix,
  place: {
    image: I32;
    index: I32;
    target: I32;
    pointBytes: number;
    temporary: I32;
    patch: I32;
    lines?: readonly number[];
  },
): void {
  const { f } = scope;
  const { size, channels, height, width, step, top, left } = tiling;
  const { image, row, column } = locateTile(scope, tiling, place.index);
  const y = f.local("i32", i32.sub(i32.mul(row.get, step), top));
  const x = f.local("i32", i32.sub(i32.mul(column.get, step), left));
  const source = f.local("i32");
  const rowBytes = f.local("i32");
  const address = (py: I32, px: I32) => {
    const imageRow = i32.add(i32.mul(image.get, height), py);
    return i32.add(place.image, i32.mul(i32.add(i32.mul(imageRow, width), px), 4 * channels));
  };
  const inside = (at: I32, extent: number) => i32.ltU(at, Math.max(0, extent - size + 1));
  f.if(
    i32.and(inside(y.get, height), inside(x.get, width)),
    () => {
      f.set(source, address(y.get, x.get));
      f.set(rowBytes, i32.constant(4 * width * channels));
    },
    () => {
      f.set(source, place.patch);
      f.set(rowBytes, i32.constant(4 * size * channels));
      copyPatch(scope, tiling, address, y, x, source);
    },
  );
  const points = matrix.length;
  emitTwoSided(scope, matrix, {
    source: source.get,
    rowBytes: rowBytes.get,
    pixelBytes: 4 * channels,
    channels,
    ...(place.lines && { lines: place.lines }),
    temporary: place.temporary,
    store(results, line, chunk) {
      const offset = i32.add(i32.mul(line, place.pointBytes * points), chunk);
      const to = f.local("i32", i32.add(place.target, offset));
      storeEntries(scope, results, to.get, place.pointBytes);
    },
  });
}

/** Copies what of a square lies inside the image, zeros elsewhere. */
function copyPatch(
  scope: PhaseScope,
  { size, channels, height, width }: Tiling,
  address: (y: I32, x: I32) => I32,
  y: Local<"i32">,
  x: Local<"i32">,
  patch: Local<"i32">,
): void {
  const { f } = scope;
  fill(scope, patch.get, size * size * channels);
  const line = f.local("i32");
  const from = f.local("i32");
  const to = f.local("i32");
  const left = f.local("i32");
  const first = f.local("i32", i32.select(i32.ltS(x.get, 0), i32.sub(0, x.get), i32.constant(0)));
  const last = f.local("i32", i32.min(size, i32.sub(width, x.get)));
  f.for(line, 0, size, 1, () => {
    f.if(i32.ltU(i32.add(y.get, line.get), height), () => {
      f.set(from, address(i32.add(y.get, line.get), i32.add(x.get, first.get)));
      f.set(to, i32.add(patch.get, i32.mul(i32.add(i32.mul(line.get, size), first.get), 4 * channels)));
      f.set(left, i32.mul(i32.sub(last.get, first.get), channels / 4));
      f.while(
        () => i32.gtS(left.get, 0),
        () => {
          f.storeV128(to.get, v128.load(from.get));
          f.increase(from, 16);
          f.increase(to, 16);
          f.increase(left, -1);
        },
      );
    });
  });
}

/** Stores one row of a transformed square: entry j at `to + j · bytes`. */
export function storeEntries(
  { f }: PhaseScope,
  results: readonly (readonly Local<"v128">[])[],
  to: I32,
  bytes: number,
): void {
  results.forEach((vectors, j) => vectors.forEach((vector, v) => f.storeV128(to, vector.get, bytes * j + 16 * v)));
}

/** A square of channels in memory, and what becomes of its transform. */
export interface TwoSided {
  /** Entry [row][pixel] lies at source + row · rowBytes + pixel · pixelBytes. */
  readonly source: I32;
  readonly rowBytes: I32;
  readonly pixelBytes: number;
  readonly channels: number;
  /** Rows of the result that are wanted: all by default. */
  readonly lines?: readonly number[];
  readonly temporary: I32;
  /** Squares that are added up while they are read, and the bytes between them; one by default. */
  readonly terms?: { readonly count: number; readonly bytes: number };
  /** Takes row `line` of those wanted: vectors of each entry, for the channels from byte offset `chunk`. */
  store(results: readonly (readonly Local<"v128">[])[], line: I32, chunk: I32): void;
}

/**
 * Emits `matrix · square · matrixᵀ` for every channel: columns first, into a temporary square, then rows; eight
 * channels at a time, four for a rest. Every value of a row is computed before `store` writes the first, so that
 * engines can pair neighbouring vectors.
 */
export function emitTwoSided(scope: PhaseScope, matrix: Matrix, square: TwoSided): void {
  const { f } = scope;
  const whole = square.channels - (square.channels % 8);
  const chunk = f.local("i32");
  f.for(chunk, 0, 4 * whole, 32, () => emitChunk(scope, matrix, square, chunk, 2));
  if (whole === square.channels) return;
  f.set(chunk, i32.constant(4 * whole));
  emitChunk(scope, matrix, square, chunk, 1);
}

/** Rows of the result that are wanted: as many rows of the matrix on the left make them. */
const linesOf = (matrix: Matrix, { lines }: TwoSided): readonly number[] => lines ?? matrix.map((_, line) => line);

/** Entries of the half-transformed square up to which it is held in locals, with both halves unrolled. */
const unrolledEntries = 40;

function emitChunk(scope: PhaseScope, matrix: Matrix, square: TwoSided, chunk: Local<"i32">, width: number): void {
  const entries = matrix.length * matrix[0]!.length;
  if (entries <= unrolledEntries) emitUnrolledChunk(scope, matrix, square, chunk, width);
  else emitLoopedChunk(scope, matrix, square, chunk, width);
}

/** Entry at `at`, of all terms. */
function loadEntry(at: I32, offset: number, { terms = { count: 1, bytes: 0 } }: TwoSided): V128 {
  const all = Array.from({ length: terms.count }, (_, i) => v128.load(at, offset + i * terms.bytes));
  return all.reduce((sum, term) => f32x4.add(sum, term));
}

function emitUnrolledChunk(
  scope: PhaseScope,
  matrix: Matrix,
  square: TwoSided,
  chunk: Local<"i32">,
  width: number,
): void {
  const { f } = scope;
  const size = matrix[0]!.length;
  const at = f.local("i32", i32.add(square.source, chunk.get));
  const inputs = Array.from({ length: size }, () => vectorLocals(f, size, width));
  inputs.forEach((row, k) => {
    row.forEach((vectors, x) =>
      vectors.forEach((local, v) => f.set(local, loadEntry(at.get, square.pixelBytes * x + 16 * v, square))),
    );
    if (k + 1 < size) f.set(at, i32.add(at.get, square.rowBytes));
  });
  // half[row][column] = matrix · columns
  const lines = linesOf(matrix, square);
  const half = lines.map(() => vectorLocals(f, size, width));
  for (let column = 0; column < size; column++) {
    emitMatrixProduct(
      scope,
      matrix,
      inputs.map((row) => row[column]!),
      (place, values) => values.forEach((value, v) => f.set(half[place]![column]![v]!, value)),
      lines,
    );
  }
  half.forEach((row, line) => {
    const results = vectorLocals(f, matrix.length, width);
    emitMatrixProduct(scope, matrix, row, (j, values) => values.forEach((value, v) => f.set(results[j]![v]!, value)));
    square.store(results, i32.constant(line), chunk.get);
  });
}

function emitLoopedChunk(
  scope: PhaseScope,
  matrix: Matrix,
  square: TwoSided,
  chunk: Local<"i32">,
  width: number,
): void {
  const { f } = scope;
  const size = matrix[0]!.length;
  const inputs = vectorLocals(f, size, width);
  const temporary = f.local("i32", square.temporary);
  const at = f.local("i32");
  const line = f.local("i32");
  const product = (rows: readonly number[]) => {
    const results = vectorLocals(f, rows.length, width);
    const put = (place: number, values: readonly V128[]) =>
      values.forEach((value, v) => f.set(results[place]![v]!, value));
    emitMatrixProduct(scope, matrix, inputs, put, rows);
    return results;
  };
  const lines = linesOf(matrix, square);
  const all = matrix.map((_, row) => row);
  f.for(line, 0, size, 1, () => {
    f.set(at, i32.add(i32.add(square.source, chunk.get), i32.mul(line.get, square.pixelBytes)));
    for (const vectors of inputs) {
      vectors.forEach((local, v) => f.set(local, loadEntry(at.get, 16 * v, square)));
      f.set(at, i32.add(at.get, square.rowBytes));
    }
    const columns = product(lines);
    const to = f.local("i32", i32.add(temporary.get, i32.mul(line.get, 32)));
    columns.forEach((vectors, row) =>
      vectors.forEach((vector, v) => f.storeV128(to.get, vector.get, 32 * size * row + 16 * v)),
    );
  });
  f.set(at, temporary.get);
  f.for(line, 0, lines.length, 1, () => {
    inputs.forEach((vectors, k) => vectors.forEach((local, v) => f.set(local, v128.load(at.get, 32 * k + 16 * v))));
    square.store(product(all), line.get, chunk.get);
    f.increase(at, 32 * size);
  });
}
