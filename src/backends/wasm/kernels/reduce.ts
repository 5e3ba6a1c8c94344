import { sizeOf, stridesOf } from "../../../core/shapes.js";
import type { ReduceAttributes } from "../../../ops/reduce.js";
import type { NodeContext } from "../../../plan/types.js";
import { type F32, f32, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";

/** Rows whose sum is rounded once before it joins the total. */
const rowBlock = 128;

/** The reduced axes are the first ones: what is left is a row of columns, each reduced over all rows. */
function leading(node: NodeContext): { rows: number; columns: number } | undefined {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const { shape } = node.inputs[0]!;
  if (axes.some((axis, i) => axis !== i) || axes.length === shape.length) return undefined;
  return { rows: sizeOf(shape.slice(0, axes.length)), columns: sizeOf(shape.slice(axes.length)) };
}

/** The reduced axes are the last ones: each row is reduced to one value. */
function trailing(node: NodeContext): { rows: number; columns: number } | undefined {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const { shape } = node.inputs[0]!;
  const kept = shape.length - axes.length;
  if (axes.some((axis, i) => axis !== kept + i)) return undefined;
  return { rows: sizeOf(shape.slice(0, kept)), columns: sizeOf(shape.slice(kept)) };
}

function count(node: NodeContext): number {
  return sizeOf(node.inputs[0]!.shape) / Math.max(1, sizeOf(node.output.shape));
}

const start = (node: NodeContext): number =>
  attributesOf<ReduceAttributes>(node).kind === "max" ? Number.NEGATIVE_INFINITY : 0;

const combine = (node: NodeContext, a: V128, b: V128): V128 =>
  attributesOf<ReduceAttributes>(node).kind === "max" ? f32x4.max(a, b) : f32x4.add(a, b);

const finish = (node: NodeContext, value: V128): V128 =>
  attributesOf<ReduceAttributes>(node).kind === "mean" ? f32x4.div(value, f32x4.constant(count(node))) : value;

/** Sum down the rows of a matrix, four vectors of columns at a time; tasks are groups of columns. */
export const reduceLeading: WasmKernel = {
  name: "f32_reduce_leading_simd128",
  accepts: (node) => (leading(node) === undefined ? "the reduced axes are not the first" : true),
  phases(node) {
    const { rows, columns } = leading(node)!;
    const tasks = Math.ceil(columns / 16);
    return [
      { tasks, cycles: tasks * rows * 4, usesScratch: false, emit: (scope) => emitLeading(scope, node, rows, columns) },
    ];
  },
};

function emitLeading(scope: PhaseScope, node: NodeContext, rows: number, columns: number): void {
  const { f, begin, end, inputs, output } = scope;
  const task = f.local("i32");
  const group = (width: number) => {
    const vectors = Math.ceil(width / 4);
    const totals = Array.from({ length: vectors }, () => f.local("v128", f32x4.constant(start(node))));
    const sums = totals.map(() => f.local("v128"));
    const from = f.local("i32", i32.add(inputs[0]!, i32.mul(task.get, 64)));
    const row = f.local("i32");
    const left = f.local("i32");
    f.for(row, 0, rows, rowBlock, () => {
      for (const sum of sums) f.set(sum, f32x4.constant(start(node)));
      f.set(left, i32.min(rowBlock, i32.sub(rows, row.get)));
      f.doWhile(
        () => {
          sums.forEach((sum, i) => f.set(sum, combine(node, sum.get, v128.load(from.get, 16 * i))));
          f.increase(from, 4 * columns);
          f.increase(left, -1);
        },
        () => left.get,
      );
      totals.forEach((total, i) => f.set(total, combine(node, total.get, sums[i]!.get)));
    });
    totals.forEach((total, i) =>
      f.storeLanes(i32.add(output, i32.mul(task.get, 64)), finish(node, total.get), Math.min(4, width - 4 * i), 16 * i),
    );
  };
  const rest = columns % 16;
  f.for(task, begin, end, 1, () => {
    if (rest === 0) group(16);
    else if (columns < 16) group(rest);
    else
      f.if(
        i32.ltS(task.get, Math.floor(columns / 16)),
        () => group(16),
        () => group(rest),
      );
  });
}

/** Sum along rows; tasks are rows. The order of additions is fixed by the row's length alone. */
export const reduceTrailing: WasmKernel = {
  name: "f32_reduce_trailing_simd128",
  accepts: (node) => (trailing(node) === undefined ? "the reduced axes are not the last" : true),
  phases(node) {
    const { rows, columns } = trailing(node)!;
    return [
      {
        tasks: rows,
        cycles: rows * (columns + 10),
        usesScratch: false,
        emit: (scope) => emitTrailing(scope, node, columns),
      },
    ];
  },
};

function emitTrailing(scope: PhaseScope, node: NodeContext, columns: number): void {
  const { f, begin, end, inputs, output } = scope;
  const row = f.local("i32");
  const result = f.local("f32");
  f.for(row, begin, end, 1, () => {
    const from = f.local("i32", i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
    f.set(result, emitRowReduction(scope, node, from, columns));
    f.storeF32(i32.add(output, i32.mul(row.get, 4)), f32.lane(finish(node, f32x4.splat(result.get)), 0));
  });
}

/** Reduces `columns` floats from `from`: four lanes in blocks, then the tail, then the lanes. */
function emitRowReduction({ f }: PhaseScope, node: NodeContext, from: Local<"i32">, columns: number): F32 {
  const whole = columns - (columns % 4);
  const blockLength = 4 * rowBlock;
  const total = f.local("v128", f32x4.constant(start(node)));
  const sum = f.local("v128");
  const at = f.local("i32");
  const left = f.local("i32");
  f.for(at, 0, whole, blockLength, () => {
    f.set(sum, f32x4.constant(start(node)));
    f.set(left, i32.min(blockLength, i32.sub(whole, at.get)));
    f.doWhile(
      () => {
        f.set(sum, combine(node, sum.get, v128.load(from.get)));
        f.increase(from, 16);
        f.increase(left, -4);
      },
      () => left.get,
    );
    f.set(total, combine(node, total.get, sum.get));
  });
  for (let i = whole; i < columns; i++) {
    const lane = f32x4.replaceLane(f32x4.constant(start(node)), 0, f32.load(from.get, 4 * (i - whole)));
    f.set(total, combine(node, total.get, lane));
  }
  const swap = (bytes: number[]) => v128.shuffle(total.get, total.get, bytes);
  f.set(total, combine(node, total.get, swap([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7])));
  f.set(total, combine(node, total.get, swap([4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11])));
  return f32.lane(total.get, 0);
}

/** Any axes, one element of the result per task, one element of the input at a time. */
export const reduceGeneral: WasmKernel = {
  name: "f32_reduce_general_scalar",
  accepts: () => true,
  phases(node) {
    const size = sizeOf(node.output.shape);
    return [
      {
        tasks: size,
        cycles: sizeOf(node.inputs[0]!.shape) * 4,
        usesScratch: false,
        emit: (scope) => emitGeneral(scope, node),
      },
    ];
  },
};

function emitGeneral({ f, begin, end, inputs, output }: PhaseScope, node: NodeContext): void {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const { shape } = node.inputs[0]!;
  const strides = stridesOf(shape);
  const kept = shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const task = f.local("i32");
  const total = f.local("v128");
  const sum = f.local("v128");
  const decompose = (index: Local<"i32">, over: readonly number[]): I32 => {
    let rest: I32 = index.get;
    let offset: I32 = i32.constant(0);
    for (const axis of [...over].reverse()) {
      offset = i32.add(offset, i32.mul(i32.remU(rest, shape[axis]!), 4 * strides[axis]!));
      rest = i32.divU(rest, shape[axis]!);
    }
    return offset;
  };
  const size = count(node);
  f.for(task, begin, end, 1, () => {
    const from = f.local("i32", i32.add(inputs[0]!, decompose(task, kept)));
    const block = f.local("i32");
    const element = f.local("i32");
    f.set(total, f32x4.constant(start(node)));
    f.for(block, 0, size, rowBlock, () => {
      f.set(sum, f32x4.constant(start(node)));
      f.for(element, block.get, i32.min(i32.add(block.get, rowBlock), size), 1, () =>
        f.set(sum, combine(node, sum.get, v128.load32Splat(i32.add(from.get, decompose(element, axes))))),
      );
      f.set(total, combine(node, total.get, sum.get));
    });
    f.storeF32(i32.add(output, i32.mul(task.get, 4)), f32.lane(finish(node, total.get), 0));
  });
}
