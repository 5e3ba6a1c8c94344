import { sizeOf, stridesOf } from "../../../core/shapes.js";
import { type ReduceAttributes, reducedShape } from "../../../ops/reduce.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32, type I32, i32, type Local, v128 } from "../assembler/index.js";
import { attributesOf, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import {
  blockLength,
  type Cut,
  countOf,
  cutOf,
  cyclesPerElement,
  finalReductionOf,
  operandKinds,
  type Reduction,
  reductionOf,
  Terms,
} from "./reduction.js";

/** A tensor as [outer, rows, columns]. */
interface Sizes {
  readonly outer: number;
  readonly rows: number;
  readonly columns: number;
}

/** The reduced axes are neighbours: the tensor with them joined, as `[before, reduced, after]`; undefined otherwise. */
function joined(node: NodeContext): { before: number; reduced: number; after: number; channels: boolean } | undefined {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const shape = reducedShape(node.inputs);
  const [first] = axes as [number];
  if (axes.some((axis, i) => axis !== first + i)) return undefined;
  const end = first + axes.length;
  const [before, reduced, after] = [shape.slice(0, first), shape.slice(first, end), shape.slice(end)].map(sizeOf);
  const channels = operandKinds(node).includes("channel");
  return { before: before!, reduced: reduced!, after: after!, channels };
}

/** Each column is reduced over its rows: all but the last axes remain. */
function columnwise(node: NodeContext): Sizes | undefined {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const shape = reducedShape(node.inputs);
  const sizes = joined(node);
  if (sizes === undefined || axes[axes.length - 1] === shape.length - 1) return undefined;
  // one value per channel must be one per column
  if (sizes.channels && sizes.after !== shape[shape.length - 1]) return undefined;
  return { outer: sizes.before, rows: sizes.reduced, columns: sizes.after };
}

/** Each row is reduced to one value: the last axes go. */
function rowwise(node: NodeContext): Sizes | undefined {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const shape = reducedShape(node.inputs);
  const sizes = joined(node);
  if (sizes === undefined || axes[axes.length - 1] !== shape.length - 1) return undefined;
  if (sizes.channels && sizes.reduced !== shape[shape.length - 1]) return undefined;
  return { outer: 1, rows: sizes.before, columns: sizes.reduced };
}

/** Columns that one task takes: eight vectors. */
const group = 32;

/**
 * Down the columns of a matrix, or of several, eight vectors at a time. Tasks are groups of columns; where these are
 * few and the rows many, the rows are cut into parts, and a second phase joins what each part gave.
 */
export const reduceLeading: WasmKernel = {
  name: "f32_reduce_leading_simd128",
  accepts: (node) => (columnwise(node) === undefined ? "the reduced axes are not the first" : true),
  scratchBytes(node) {
    const { outer, rows, columns } = columnwise(node)!;
    const { parts } = cutOf(outer, rows, columns);
    return parts === 1 ? 0 : 4 * outer * parts * columns;
  },
  phases(node) {
    const sizes = columnwise(node)!;
    const { outer, rows, columns } = sizes;
    const cut = cutOf(outer, rows, columns);
    const groups = Math.ceil(columns / group);
    const cycles = outer * rows * columns * cyclesPerElement(node);
    const single = cut.parts === 1;
    const first: Phase = {
      tasks: outer * cut.parts * groups,
      cycles,
      usesScratch: !single,
      emit: (scope) =>
        emitColumns(scope, reductionOf(node, scope, single), sizes, cut, single ? scope.output : scope.scratch),
    };
    if (single) return [first];
    const final = { outer, rows: cut.parts, columns };
    const second: Phase = {
      tasks: outer * groups,
      cycles: (outer * cut.parts * columns) / 4,
      emit: (scope) => emitColumns(scope, finalReductionOf(node, scope), final, uncut(cut.parts), scope.output),
    };
    return [first, second];
  },
};

const uncut = (length: number): Cut => ({ parts: 1, partLength: length });

/** Task t reduces columns of group t mod groups, over part (t / groups) mod parts, of matrix t / groups / parts. */
function emitColumns(scope: PhaseScope, reduction: Reduction, sizes: Sizes, cut: Cut, target: I32): void {
  const { f, begin, end } = scope;
  const { rows, columns } = sizes;
  const groups = Math.ceil(columns / group);
  const terms = new Terms(scope, reduction);
  const task = f.local("i32");
  const column = f.local("i32");
  const line = f.local("i32");
  const first = f.local("i32");
  const count = f.local("i32");
  const at = f.local("i32");
  f.for(task, begin, end, 1, () => {
    f.set(column, i32.mul(i32.remU(task.get, groups), group));
    f.set(line, i32.divU(task.get, groups));
    f.set(first, i32.mul(i32.remU(line.get, cut.parts), cut.partLength));
    f.set(count, i32.min(cut.partLength, i32.sub(rows, first.get)));
    const row = i32.add(i32.mul(i32.divU(line.get, cut.parts), rows), first.get);
    terms.seek(i32.mul(i32.add(i32.mul(row, columns), column.get), 4), i32.mul(column.get, 4));
    f.set(at, i32.add(target, i32.mul(i32.add(i32.mul(line.get, columns), column.get), 4)));
    const whole = Math.floor(columns / group);
    const rest = columns % group;
    if (whole === 0) emitGroup(terms, rest, columns, cut, count, at);
    else if (rest === 0) emitGroup(terms, group, columns, cut, count, at);
    else
      f.if(
        i32.ltS(column.get, whole * group),
        () => emitGroup(terms, group, columns, cut, count, at),
        () => emitGroup(terms, rest, columns, cut, count, at),
      );
  });
}

/** Sums in blocks of rows, so that rounding errors grow with the number of blocks and not with that of rows. */
function emitGroup(
  terms: Terms,
  width: number,
  columns: number,
  { partLength }: Cut,
  count: Local<"i32">,
  at: Local<"i32">,
): void {
  const { f } = terms.scope;
  const sums = Array.from({ length: Math.ceil(width / 4) }, () => f.local("v128"));
  const left = f.local("i32");
  const block = (rows: I32) => {
    for (const sum of sums) f.set(sum, terms.start);
    f.set(left, rows);
    f.doWhile(
      () => {
        sums.forEach((sum, i) => f.set(sum, terms.take(sum.get, 16 * i)));
        terms.advance(4 * columns, 0);
        f.increase(left, -1);
      },
      () => left.get,
    );
  };
  let results = sums;
  if (partLength <= blockLength) block(count.get);
  else {
    results = sums.map(() => f.local("v128"));
    for (const total of results) f.set(total, terms.start);
    const row = f.local("i32");
    f.for(row, 0, count.get, blockLength, () => {
      block(i32.min(blockLength, i32.sub(count.get, row.get)));
      results.forEach((total, i) => f.set(total, terms.combine(total.get, sums[i]!.get)));
    });
  }
  for (const result of results) f.set(result, terms.finish(result.get));
  results.forEach((result, i) => f.storeLanes(at.get, result.get, Math.min(4, width - 4 * i), 16 * i));
}

/** Vectors that one turn along a row takes, each into an accumulator of its own. */
const abreast = 4;

/**
 * Along rows, four vectors at a time; tasks are rows or, where these are few and long, parts of them, which a second
 * phase joins. The order of additions is fixed by the sizes alone.
 */
export const reduceTrailing: WasmKernel = {
  name: "f32_reduce_trailing_simd128",
  accepts: (node) => (rowwise(node) === undefined ? "the reduced axes are not the last" : true),
  scratchBytes(node) {
    const { rows, columns } = rowwise(node)!;
    const { parts } = cutOf(rows, columns, 1, 4 * abreast);
    return parts === 1 ? 0 : 4 * rows * parts;
  },
  phases(node) {
    const { rows, columns } = rowwise(node)!;
    const cut = cutOf(rows, columns, 1, 4 * abreast);
    const cycles = rows * (columns * cyclesPerElement(node) + 10);
    const single = cut.parts === 1;
    const first: Phase = {
      tasks: rows * cut.parts,
      cycles,
      usesScratch: !single,
      emit: (scope) =>
        emitRows(scope, reductionOf(node, scope, single), columns, cut, single ? scope.output : scope.scratch),
    };
    if (single) return [first];
    const second: Phase = {
      tasks: rows,
      cycles: rows * cut.parts,
      emit: (scope) => emitRows(scope, finalReductionOf(node, scope), cut.parts, uncut(cut.parts), scope.output),
    };
    return [first, second];
  },
};

/** Task t reduces part t mod parts of row t / parts. */
function emitRows(scope: PhaseScope, reduction: Reduction, columns: number, cut: Cut, target: I32): void {
  const { f, begin, end } = scope;
  const terms = new Terms(scope, reduction);
  const task = f.local("i32");
  const first = f.local("i32");
  const tail = columns - (cut.parts - 1) * cut.partLength;
  f.for(task, begin, end, 1, () => {
    const part = i32.remU(task.get, cut.parts);
    f.set(first, i32.mul(part, 4 * cut.partLength));
    const row = i32.mul(i32.divU(task.get, cut.parts), 4 * columns);
    terms.seek(i32.add(row, first.get), first.get);
    const at = i32.add(target, i32.mul(task.get, 4));
    if (cut.parts === 1 || tail === cut.partLength) emitRow(terms, tail, at);
    else
      f.if(
        i32.ltS(first.get, 4 * (columns - tail)),
        () => emitRow(terms, cut.partLength, at),
        () => emitRow(terms, tail, at),
      );
  });
}

/** Reduces the next `columns` elements to the float at `at`: accumulators in blocks, then the rest, then the lanes. */
function emitRow(terms: Terms, columns: number, at: I32): void {
  const { f } = terms.scope;
  const turn = 4 * abreast;
  const whole = columns - (columns % turn);
  const total = f.local("v128", terms.start);
  if (whole > 0) {
    const sums = Array.from({ length: abreast }, () => f.local("v128"));
    const start = f.local("i32");
    const left = f.local("i32");
    f.for(start, 0, whole, turn * blockLength, () => {
      for (const sum of sums) f.set(sum, terms.start);
      f.set(left, i32.min(turn * blockLength, i32.sub(whole, start.get)));
      f.doWhile(
        () => {
          sums.forEach((sum, i) => f.set(sum, terms.take(sum.get, 16 * i)));
          terms.advance(16 * abreast, 16 * abreast);
          f.increase(left, -turn);
        },
        () => left.get,
      );
      const [a, b, c, d] = sums.map(({ get }) => get) as [typeof total.get, ...(typeof total.get)[]];
      f.set(total, terms.combine(total.get, terms.combine(terms.combine(a, b!), terms.combine(c!, d!))));
    });
  }
  for (let column = whole; column < columns; column += 4) {
    f.set(total, terms.takeSome(total.get, columns - column, 4 * (column - whole)));
  }
  const swap = (bytes: number[]) => v128.shuffle(total.get, total.get, bytes);
  f.set(total, terms.combine(total.get, swap([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7])));
  f.set(total, terms.combine(total.get, swap([4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11])));
  f.storeF32(at, f32.lane(terms.finish(total.get), 0));
}

/** Any axes, one element of the result per task, one element of the input at a time. */
export const reduceGeneral: WasmKernel = {
  name: "f32_reduce_general_scalar",
  accepts: () => true,
  phases: (node) => [
    {
      tasks: sizeOf(node.output.shape),
      cycles: sizeOf(reducedShape(node.inputs)) * 4 * (1 + cyclesPerElement(node)),
      usesScratch: false,
      emit: (scope) => emitGeneral(scope, node),
    },
  ],
};

function emitGeneral(scope: PhaseScope, node: NodeContext): void {
  const { f, begin, end, output } = scope;
  const { axes } = attributesOf<ReduceAttributes>(node);
  const shape = reducedShape(node.inputs);
  const strides = stridesOf(shape);
  const channels = shape[shape.length - 1] ?? 1;
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const terms = new Terms(scope, reductionOf(node, scope, true));
  const task = f.local("i32");
  const total = f.local("v128");
  const sum = f.local("v128");
  const from = f.local("i32");
  const place = f.local("i32");
  const block = f.local("i32");
  const element = f.local("i32");
  /** Index in the tensor, from an index over some of its axes. */
  const decompose = (index: Local<"i32">, over: readonly number[]): I32 => {
    let rest: I32 = index.get;
    let offset: I32 = i32.constant(0);
    for (const axis of [...over].reverse()) {
      offset = i32.add(offset, i32.mul(i32.remU(rest, shape[axis]!), strides[axis]!));
      rest = i32.divU(rest, shape[axis]!);
    }
    return offset;
  };
  const size = countOf(node);
  f.for(task, begin, end, 1, () => {
    f.set(from, decompose(task, kept));
    f.set(total, terms.start);
    f.for(block, 0, size, blockLength, () => {
      f.set(sum, terms.start);
      f.for(element, block.get, i32.min(i32.add(block.get, blockLength), size), 1, () => {
        f.set(place, i32.add(from.get, decompose(element, axes)));
        terms.seek(i32.mul(place.get, 4), i32.mul(i32.remU(place.get, channels), 4));
        f.set(sum, terms.takeOne(sum.get));
      });
      f.set(total, terms.combine(total.get, sum.get));
    });
    f.storeF32(i32.add(output, i32.mul(task.get, 4)), f32.lane(terms.finish(total.get), 0));
  });
}
