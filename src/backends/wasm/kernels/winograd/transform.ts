import { type FunctionBuilder, f32x4, type Local, type V128 } from "../../assembler/index.js";
import type { PhaseScope } from "../../kernel.js";

type Matrix = readonly (readonly number[])[];

/**
 * Emits `matrix · inputs` for a constant matrix: each input is `width` neighbouring vectors of channels, and so is each
 * output, given to `put` with its place among the `wanted` rows of the matrix; the others are not computed. Rows that
 * differ only in signs (points ±p) share their two halves: `even + odd` and `even − odd`. These are computed also where
 * only one of the two is wanted: results do not depend on which others are.
 */
export function emitMatrixProduct(
  scope: PhaseScope,
  matrix: Matrix,
  inputs: readonly (readonly Local<"v128">[])[],
  put: (place: number, vectors: readonly V128[]) => void,
  wanted: readonly number[] = matrix.map((_, i) => i),
): void {
  const { f } = scope;
  const width = inputs[0]!.length;
  const done = new Set<number>();
  matrix.forEach((row, i) => {
    if (done.has(i)) return;
    done.add(i);
    const mirror = matrix.findIndex((other, j) => !done.has(j) && isMirror(row, other));
    done.add(mirror);
    const [place, mirrored] = [wanted.indexOf(i), wanted.indexOf(mirror)];
    if (place < 0 && mirrored < 0) return;
    if (mirror < 0) {
      put(
        place,
        vectors(width, (v) => combination(scope, row, inputs, v)),
      );
      return;
    }
    const other = matrix[mirror]!;
    const even = row.map((value, k) => (value === other[k] ? value : 0));
    const odd = row.map((value, k) => (value === other[k] ? 0 : value));
    const evens = vectors(width, (v) => f.local("v128", combination(scope, even, inputs, v)));
    const odds = vectors(width, (v) => f.local("v128", combination(scope, odd, inputs, v)));
    const sums = () => vectors(width, (v) => f32x4.add(evens[v]!.get, odds[v]!.get));
    const differences = () => vectors(width, (v) => f32x4.sub(evens[v]!.get, odds[v]!.get));
    if (place >= 0) put(place, sums());
    if (mirrored >= 0) put(mirrored, differences());
  });
}

/** Equal up to signs, with something in either half: otherwise nothing is shared. */
function isMirror(a: readonly number[], b: readonly number[]): boolean {
  if (a.some((value, k) => Math.abs(value) !== Math.abs(b[k]!))) return false;
  const used = a.flatMap((value, k) => (value === 0 ? [] : [value === b[k]]));
  return used.includes(true) && used.includes(false);
}

/** Σ row[k] · inputs[k] for vector v of each. Entries of the same size share one multiplication. */
function combination(
  { engine, constant }: PhaseScope,
  row: readonly number[],
  inputs: readonly (readonly Local<"v128">[])[],
  v: number,
): V128 {
  const bySize = new Map<number, { plus: V128[]; minus: V128[] }>();
  row.forEach((value, k) => {
    if (value === 0) return;
    const size = Math.abs(value);
    const group = bySize.get(size) ?? { plus: [], minus: [] };
    bySize.set(size, group);
    (value > 0 ? group.plus : group.minus).push(inputs[k]![v]!.get);
  });
  let sum: V128 | undefined;
  // units first: they start the sum without a multiplication
  for (const [size, { plus, minus }] of [...bySize].sort(([a], [b]) => Number(b === 1) - Number(a === 1))) {
    if (size === 1) {
      for (const term of plus) sum = sum === undefined ? term : f32x4.add(sum, term);
      for (const term of minus) sum = sum === undefined ? f32x4.neg(term) : f32x4.sub(sum, term);
      continue;
    }
    const [positive, negative] = [plus, minus].map((terms) =>
      terms.reduce<V128 | undefined>((total, term) => (total === undefined ? term : f32x4.add(total, term)), undefined),
    );
    const flipped = positive === undefined;
    const terms =
      positive !== undefined && negative !== undefined ? f32x4.sub(positive, negative) : (positive ?? negative!);
    const factor = constant(flipped ? -size : size);
    sum = sum === undefined ? f32x4.mul(terms, factor) : engine.multiplyAdd(terms, factor, sum);
  }
  return sum ?? f32x4.constant(0);
}

function vectors<T>(width: number, make: (v: number) => T): T[] {
  return Array.from({ length: width }, (_, v) => make(v));
}

/** Locals for `count` groups of `width` vectors. */
export function vectorLocals(f: FunctionBuilder, count: number, width: number): Local<"v128">[][] {
  return Array.from({ length: count }, () => vectors(width, () => f.local("v128")));
}
