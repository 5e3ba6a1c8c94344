import { type FunctionBuilder, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import type { PhaseScope } from "../kernel.js";
import { emitTurn } from "./turn.js";

/**
 * Moving numbers of four bytes: slices, borders, joins and transpositions are all lists of blocks, each a box of the
 * output that is copied from a box of an input, with any steps, or filled.
 */
export interface Block {
  /** Position of the input; undefined fills with `value`. */
  readonly input: number | undefined;
  readonly value?: number;
  /** The box: extents, and for each axis the steps in elements in the input and in the output. */
  readonly axes: readonly BlockAxis[];
  /** First element in the input and in the output. */
  readonly from: number;
  readonly to: number;
}

export interface BlockAxis {
  readonly extent: number;
  readonly from: number;
  readonly to: number;
}

/** Elements of one task, about: small enough to share, large enough that finding the place costs nothing. */
const chunk = 4096;

/** A block as kernels walk it. */
interface Walk {
  /** All axes but the two below. */
  readonly outer: readonly BlockAxis[];
  readonly middle: BlockAxis;
  readonly inner: BlockAxis;
  /** Rows along `middle` that one task takes. */
  readonly rows: number;
  readonly tasks: number;
  /** Whether the rows are chunks of one line, of which the last may be shorter. */
  readonly line: boolean;
}

const still: BlockAxis = { extent: 1, from: 0, to: 0 };

/** Axes of one element left out, neighbours joined where both sides step evenly. */
function joined(axes: readonly BlockAxis[]): BlockAxis[] {
  const result: BlockAxis[] = [];
  for (const axis of axes) {
    if (axis.extent === 1) continue;
    const before = result[result.length - 1];
    if (before !== undefined && before.from === axis.from * axis.extent && before.to === axis.to * axis.extent) {
      result[result.length - 1] = { ...axis, extent: before.extent * axis.extent };
    } else result.push(axis);
  }
  return result;
}

/** Innermost is the axis along which the output is written; the next the one along which the input lies, if another. */
function walkOf(block: Block): Walk {
  const axes = joined(block.axes);
  const inner = axes.pop() ?? still;
  const near = axes.findIndex(({ from }) => from === 1);
  const middle = (near >= 0 && inner.from !== 1 ? axes.splice(near, 1)[0] : axes.pop()) ?? still;
  if (middle.extent === 1 && axes.length === 0 && inner.extent > chunk) return cut(inner);
  // transposition takes four rows at a time; elsewhere a row may be a task of its own
  const least = isTurned(middle, inner) ? 4 : 1;
  const rows = Math.min(middle.extent, least * Math.ceil(chunk / inner.extent / least));
  const outer = axes.reduce((product, { extent }) => product * extent, 1);
  return { outer: axes, middle, inner, rows, tasks: outer * Math.ceil(middle.extent / rows), line: false };
}

/** Whether rows of the output are columns of the input. */
function isTurned(middle: BlockAxis, inner: BlockAxis): boolean {
  return middle.from === 1 && inner.from > 1 && inner.to === 1;
}

/** One long line as rows of a chunk. */
function cut(line: BlockAxis): Walk {
  const middle = { extent: Math.ceil(line.extent / chunk), from: chunk * line.from, to: chunk * line.to };
  return { outer: [], middle, inner: line, rows: 1, tasks: middle.extent, line: true };
}

/** Tasks of all blocks together: those of the first come first. */
export function blockTasks(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => sum + walkOf(block).tasks, 0);
}

/** Estimated cycles: elements that lie in a row on both sides move four at a time. */
export function blockCycles(blocks: readonly Block[]): number {
  return blocks.reduce((sum, block) => {
    const { inner } = walkOf(block);
    const elements = block.axes.reduce((product, { extent }) => product * extent, 1);
    const wide = block.input === undefined || inner.from === 1 || inner.from === 0;
    return sum + (3 * elements) / inner.extent + (elements * (wide ? 1 : 3)) / 2;
  }, 0);
}

/** Emits the tasks begin … end of all blocks. */
export function emitBlocks(scope: PhaseScope, blocks: readonly Block[]): void {
  let first = 0;
  for (const block of blocks) {
    const walk = walkOf(block);
    emitBlock(scope, block, walk, first, blocks.length === 1);
    first += walk.tasks;
  }
}

function emitBlock(scope: PhaseScope, block: Block, walk: Walk, first: number, only: boolean): void {
  const { f } = scope;
  const { outer, middle, inner, rows } = walk;
  const parts = Math.ceil(middle.extent / rows);
  const task = f.local("i32");
  const rest = f.local("i32");
  const index = f.local("i32");
  const from = f.local("i32");
  const to = f.local("i32");
  const count = f.local("i32");
  const source = block.input === undefined ? undefined : scope.inputs[block.input]!;
  const begin = f.local("i32", i32.sub(scope.begin, first));
  if (!only) f.if(i32.ltS(begin.get, 0), () => f.set(begin, i32.constant(0)));
  const end = only ? scope.end : i32.min(i32.sub(scope.end, first), walk.tasks);
  f.for(task, begin.get, end, 1, () => {
    f.set(rest, task.get);
    f.set(to, i32.add(scope.output, 4 * block.to));
    if (source !== undefined) f.set(from, i32.add(source, 4 * block.from));
    const go = (by: I32, axis: BlockAxis) => {
      f.increase(to, i32.mul(by, 4 * axis.to));
      if (source !== undefined) f.increase(from, i32.mul(by, 4 * axis.from));
    };
    f.set(index, i32.mul(parts === 1 ? i32.constant(0) : i32.remU(rest.get, parts), rows));
    if (parts > 1) f.set(rest, i32.divU(rest.get, parts));
    f.set(count, i32.min(rows, i32.sub(middle.extent, index.get)));
    go(index.get, middle);
    [...outer].reverse().forEach((axis, i) => {
      const last = i === outer.length - 1;
      f.set(index, last ? rest.get : i32.remU(rest.get, axis.extent));
      if (!last) f.set(rest, i32.divU(rest.get, axis.extent));
      go(index.get, axis);
    });
    const row = new Row(f, block, inner, source === undefined ? undefined : from, to);
    if (walk.line) row.some(i32.min(chunk, i32.sub(inner.extent, i32.mul(task.get, chunk))));
    else if (source !== undefined && isTurned(middle, inner)) {
      emitTransposed(f, row, walk, from, to, count);
    } else {
      f.while(
        () => count.get,
        () => {
          row.all();
          go(i32.constant(1), middle);
          f.increase(count, -1);
        },
      );
    }
  });
}

/** Four rows of the output at a time, each from a column of the input, in squares of sixteen. */
function emitTransposed(
  f: FunctionBuilder,
  row: Row,
  { middle, inner }: Walk,
  from: Local<"i32">,
  to: Local<"i32">,
  count: Local<"i32">,
): void {
  const column = f.local("i32");
  const [a, b] = [f.local("i32"), f.local("i32")];
  const whole = inner.extent - (inner.extent % 4);
  if (whole > 0) {
    f.while(
      () => i32.geS(count.get, 4),
      () => {
        f.set(a, from.get);
        f.set(b, to.get);
        f.for(column, 0, whole, 4, () => {
          emitTurn(f, { from: a.get, rowBytes: 4 * inner.from }, { to: b.get, rowBytes: 4 * middle.to });
          f.increase(a, 16 * inner.from);
          f.increase(b, 16);
        });
        for (let i = 0; i < 4; i++) row.rest(whole, 4 * i, 4 * i * middle.to);
        f.increase(from, 16);
        f.increase(to, 16 * middle.to);
        f.increase(count, -4);
      },
    );
  }
  f.while(
    () => count.get,
    () => {
      row.all();
      f.increase(from, 4);
      f.increase(to, 4 * middle.to);
      f.increase(count, -1);
    },
  );
}

/** One row of a block, at the addresses in `from` and `to`. */
class Row {
  readonly #at: Local<"i32">;
  readonly #source: Local<"i32">;
  readonly #filler: V128 | undefined;

  constructor(
    readonly f: FunctionBuilder,
    readonly block: Block,
    readonly inner: BlockAxis,
    readonly from: Local<"i32"> | undefined,
    readonly to: Local<"i32">,
  ) {
    this.#at = f.local("i32");
    this.#source = f.local("i32");
    this.#filler = from === undefined ? f32x4.constant(block.value ?? 0) : undefined;
  }

  /** Vectors come from memory as they lie, or are one number throughout; otherwise undefined. */
  #vector(address: I32 | undefined, offset: number): V128 | undefined {
    if (this.#filler !== undefined) return this.#filler;
    if (this.inner.from === 1) return v128.load(address!, offset);
    return this.inner.from === 0 ? v128.load32Splat(this.from!.get) : undefined;
  }

  /** The whole row. */
  all(): void {
    const { f, inner } = this;
    const { extent } = inner;
    if (inner.to !== 1 || this.#vector(this.from?.get, 0) === undefined) {
      this.#single(i32.constant(extent));
      return;
    }
    const whole = extent - (extent % 8);
    const step = inner.from === 1 ? 1 : 0;
    f.set(this.#at, this.to.get);
    if (this.from !== undefined) f.set(this.#source, this.from.get);
    if (whole > 0) {
      const end = f.local("i32", i32.add(this.to.get, 4 * whole));
      f.doWhile(
        () => {
          const values = [0, 16].map((offset) => f.local("v128", this.#vector(this.#source.get, offset)!));
          values.forEach((value, i) => f.storeV128(this.#at.get, value.get, 16 * i));
          f.increase(this.#at, 32);
          f.increase(this.#source, 32 * step);
        },
        () => i32.ltU(this.#at.get, end.get),
      );
    }
    for (let i = whole; i < extent; i += 4) {
      const offset = 4 * (i - whole);
      f.storeLanes(this.#at.get, this.#vector(this.#source.get, offset)!, Math.min(4, extent - i), offset);
    }
  }

  /** The elements from `first` on, one by one, of the row that lies so many bytes further on either side. */
  rest(first: number, fromBytes: number, toBytes: number): void {
    const { f, inner } = this;
    for (let i = first; i < inner.extent; i++) {
      const value = i32.load(i32.add(this.from!.get, fromBytes + 4 * i * inner.from));
      f.storeI32(i32.add(this.to.get, toBytes + 4 * i * inner.to), value);
    }
  }

  /** The first `count` elements of the row. */
  some(count: I32): void {
    const { f, inner } = this;
    if (inner.to !== 1 || this.#vector(this.from?.get, 0) === undefined) {
      this.#single(count);
      return;
    }
    const left = f.local("i32", count);
    const step = inner.from === 1 ? 1 : 0;
    f.set(this.#at, this.to.get);
    if (this.from !== undefined) f.set(this.#source, this.from.get);
    f.while(
      () => i32.geS(left.get, 4),
      () => {
        f.storeV128(this.#at.get, this.#vector(this.#source.get, 0)!);
        f.increase(this.#at, 16);
        f.increase(this.#source, 16 * step);
        f.increase(left, -4);
      },
    );
    f.while(
      () => left.get,
      () => {
        f.storeLanes(this.#at.get, this.#vector(this.#source.get, 0)!, 1);
        f.increase(this.#at, 4);
        f.increase(this.#source, 4 * step);
        f.increase(left, -1);
      },
    );
  }

  /** Element by element, with any steps. */
  #single(count: I32): void {
    const { f, inner } = this;
    const left = f.local("i32", count);
    f.set(this.#at, this.to.get);
    if (this.from !== undefined) f.set(this.#source, this.from.get);
    f.while(
      () => left.get,
      () => {
        if (this.#filler !== undefined) f.storeLanes(this.#at.get, this.#filler, 1);
        else f.storeI32(this.#at.get, i32.load(this.#source.get));
        f.increase(this.#at, 4 * inner.to);
        f.increase(this.#source, 4 * inner.from);
        f.increase(left, -1);
      },
    );
  }
}
