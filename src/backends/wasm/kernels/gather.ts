import { bytesOf } from "../../../core/dtypes.js";
import { sizeOf } from "../../../core/shapes.js";
import type { TensorType } from "../../../graph/types.js";
import type { Epilogue } from "../../../ops/epilogue.js";
import { type Expression, operationCount } from "../../../ops/expression.js";
import type { GatherAttributes, ScatterAddAttributes } from "../../../ops/gather.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32, f32x4, type I32, i32, i32x4, type Local, type V128, v128 } from "../assembler/index.js";
import { emitExpression } from "../elementwise.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";

/** Elements that loops take at once: two neighbouring vectors, which engines join into one. */
const turn = 8;

/** Inputs before the epilogue's: table and indices. */
const own = 2;

/** Tasks are rows of the result: copied as bytes, or converted by the epilogue on the way. */
export const gather: WasmKernel = {
  name: "any_gather_simd128",
  accepts: () => true,
  phases(node) {
    const { epilogue } = attributesOf<GatherAttributes>(node);
    const { count, size, bytes } = rowsOf(node);
    const work = epilogue === undefined ? bytes / 16 : (size * (2 + operationCount(epilogue))) / 4;
    return [
      {
        tasks: count,
        cycles: count * (10 + work),
        usesScratch: false,
        emit: (scope) => (epilogue === undefined ? emitCopies(scope, node) : emitConversions(scope, node, epilogue)),
      },
    ];
  },
};

function rowsOf({ inputs }: NodeContext) {
  const [table, indices] = inputs as [NodeContext["output"], NodeContext["output"]];
  const [rows, ...row] = table.shape as [number, ...number[]];
  const size = sizeOf(row);
  return { rows, size, bytes: size * bytesOf(table.dtype), count: sizeOf(indices.shape), dtype: table.dtype };
}

function emitCopies({ f, begin, end, inputs, output }: PhaseScope, node: NodeContext): void {
  const { rows, bytes } = rowsOf(node);
  const task = f.local("i32");
  const index = f.local("i32");
  f.for(task, begin, end, 1, () => {
    f.set(index, indexOf(inputs[1]!, node.inputs[1]!, task));
    const from = i32.add(inputs[0]!, i32.mul(index.get, bytes));
    const to = i32.add(output, i32.mul(task.get, bytes));
    f.if(
      i32.ltU(index.get, rows),
      // labels: one word each
      () => (bytes === 4 ? f.storeI32(to, i32.load(from)) : f.copyBytes(to, from, bytes)),
      () => f.fillBytes(to, 0, bytes),
    );
  });
}

function indexOf(indices: I32, { dtype }: TensorType, task: Local<"i32">): I32 {
  return dtype === "uint8" ? i32.load8U(i32.add(indices, task.get)) : i32.load(i32.add(indices, i32.mul(task.get, 4)));
}

function emitConversions(scope: PhaseScope, node: NodeContext, epilogue: Epilogue): void {
  const { f, begin, end, inputs, output } = scope;
  const { rows, size, bytes, dtype } = rowsOf(node);
  const task = f.local("i32");
  const index = f.local("i32");
  const present = f.local("v128");
  const source = f.local("i32");
  const target = f.local("i32");
  /** Elements of the row that are done. */
  const at = f.local("i32");
  const element = i32.add(i32.mul(task.get, size), at.get);
  const operands = new Operands(scope, node);
  const step = operands.period;
  const vector = (ahead: number): Local<"v128"> => {
    const value = (input: number): V128 => {
      if (input > 0) return operands.read(input - 1, element, ahead);
      const from = i32.add(source.get, i32.mul(at.get, bytesOf(dtype)));
      const bits = dtype === "uint8" ? v128.loadU8x4(from, ahead) : v128.load(from, 4 * ahead);
      const kept = v128.and(bits, present.get);
      return dtype === "float32" ? kept : f32x4.fromI32x4(kept);
    };
    return f.local("v128", emitElement(scope, epilogue, value));
  };
  const offsets = (elements: number) => Array.from({ length: Math.ceil(elements / 4) }, (_, i) => 4 * i);
  f.for(task, begin, end, 1, () => {
    f.set(index, indexOf(inputs[1]!, node.inputs[1]!, task));
    f.set(present, i32x4.splat(i32.select(i32.ltU(index.get, rows), -1, 0)));
    f.set(source, i32.add(inputs[0]!, i32.mul(i32.select(i32.ltU(index.get, rows), index.get, 0), bytes)));
    f.set(target, i32.add(output, i32.mul(task.get, 4 * size)));
    const place = i32.add(target.get, i32.mul(at.get, 4));
    const whole = size - (size % step);
    f.for(at, 0, whole, step, () => {
      const values = offsets(step).map(vector);
      values.forEach((value, i) => f.storeV128(place, value.get, 16 * i));
    });
    if (whole === 0) f.set(at, i32.constant(0));
    const rest = size - whole;
    const values = offsets(rest).map(vector);
    values.forEach((value, i) => f.storeLanes(place, value.get, Math.min(4, rest - 4 * i), 16 * i));
  });
}

function emitElement({ f, engine, constant }: PhaseScope, e: Expression, value: (input: number) => V128): V128 {
  return emitExpression(f, e, { value, constant, fma: engine.multiplyAdd });
}

/** Channels whose vectors are kept in locals: a turn is as long as their pattern. */
const longestPeriod = 48;

/** What the epilogue reads beside the row: scalars, one value per channel, or tensors of the result's shape. */
class Operands {
  /** Elements after which loops are back at the first channel, a multiple of {@link turn}. */
  readonly period: number;
  readonly #channels: number;
  /** Vectors that are the same for every turn, by operand. */
  readonly #kept = new Map<number, readonly Local<"v128">[]>();
  readonly #shapes: readonly { readonly address: I32; readonly size: number }[];
  readonly #total: number;

  constructor(
    readonly scope: PhaseScope,
    node: NodeContext,
  ) {
    const { f } = scope;
    const { size } = rowsOf(node);
    const { shape } = node.output;
    this.#total = sizeOf(shape);
    this.#channels = shape[shape.length - 1] ?? 1;
    this.#shapes = node.inputs
      .slice(own)
      .map((input, i) => ({ address: scope.inputs[own + i]!, size: sizeOf(input.shape) }));
    const perChannel = this.#shapes.some(({ size }) => size === this.#channels && size !== this.#total && size > 1);
    const pattern = leastCommonMultiple(this.#channels, turn);
    const keeps = perChannel && size % this.#channels === 0 && pattern <= longestPeriod;
    this.period = keeps ? pattern : turn;
    this.#shapes.forEach(({ address, size }, operand) => {
      if (size === 1) this.#kept.set(operand, [f.local("v128", v128.load32Splat(address))]);
      else if (size !== this.#total && keeps) {
        const vectors = Array.from({ length: pattern / 4 }, (_, i) =>
          f.local("v128", this.#lanes(address, i32.constant(4 * i))),
        );
        this.#kept.set(operand, vectors);
      }
    });
  }

  /** Four elements of an operand, `ahead` of an element of the result. */
  read(operand: number, element: I32, ahead: number): V128 {
    const kept = this.#kept.get(operand);
    if (kept !== undefined) return kept[(ahead / 4) % kept.length]!.get;
    const { address, size } = this.#shapes[operand]!;
    if (size === this.#total) return v128.load(i32.add(address, i32.mul(element, 4)), 4 * ahead);
    return this.#lanes(address, i32.add(element, ahead));
  }

  /** The values of four channels, from that of `element` on. */
  #lanes(address: I32, element: I32): V128 {
    const { f } = this.scope;
    const channel = (lane: number): I32 =>
      i32.add(address, i32.mul(i32.remU(i32.add(element, lane), this.#channels), 4));
    if (this.#channels % 4 === 0) return v128.load(channel(0));
    const values = f.local("v128", v128.load32Splat(channel(0)));
    for (const lane of [1, 2, 3]) f.set(values, f32x4.replaceLane(values.get, lane, f32.load(channel(lane))));
    return values.get;
  }
}

function leastCommonMultiple(a: number, b: number): number {
  let multiple = a;
  while (multiple % b !== 0) multiple += a;
  return multiple;
}

/** Parts that the result's rows are cut into: enough for any number of threads that gains from them. */
const mostParts = 16;

/**
 * Tasks are stretches of the result's rows. Each goes through all indices and takes up those of its own rows, so that
 * every row is summed in the order of the indices, by one thread.
 */
export const scatterAdd: WasmKernel = {
  name: "f32_scatter_add_simd128",
  accepts: () => true,
  phases(node) {
    const { rows } = attributesOf<ScatterAddAttributes>(node);
    const count = sizeOf(node.inputs[1]!.shape);
    const size = sizeOf(node.output.shape.slice(1));
    const part = Math.ceil(rows / mostParts);
    const tasks = Math.ceil(rows / part);
    return [
      {
        tasks,
        cycles: (rows * size) / 8 + count * size + 4 * count * tasks,
        usesScratch: false,
        emit: (scope) => emitSums(scope, { rows, count, size, part, indexType: node.inputs[1]! }),
      },
    ];
  },
};

interface Sums {
  readonly rows: number;
  readonly count: number;
  readonly size: number;
  /** Rows of one task. */
  readonly part: number;
  readonly indexType: TensorType;
}

function emitSums({ f, begin, end, inputs, output }: PhaseScope, { rows, count, size, part, indexType }: Sums): void {
  const [values, indices] = inputs as [I32, I32];
  const first = f.local("i32", i32.mul(begin, part));
  const mine = f.local("i32", i32.sub(i32.min(i32.mul(end, part), rows), first.get));
  const i = f.local("i32");
  const row = f.local("i32");
  const source = f.local("i32");
  const target = f.local("i32");
  const at = f.local("i32");
  const base = f.local("i32", i32.add(output, i32.mul(first.get, 4 * size)));
  f.fillBytes(base.get, 0, i32.mul(mine.get, 4 * size));
  f.for(i, 0, count, 1, () => {
    f.set(row, i32.sub(indexOf(indices, indexType, i), first.get));
    f.if(i32.ltU(row.get, mine.get), () => {
      f.set(source, i32.add(values, i32.mul(i.get, 4 * size)));
      f.set(target, i32.add(base.get, i32.mul(row.get, 4 * size)));
      const sum = (offset: number) => {
        const [place, term] = [i32.add(target.get, at.get), i32.add(source.get, at.get)];
        return f.local("v128", f32x4.add(v128.load(place, offset), v128.load(term, offset)));
      };
      const whole = size - (size % turn);
      f.for(at, 0, 4 * whole, 4 * turn, () => {
        const sums = [0, 16].map(sum);
        sums.forEach((value, v) => f.storeV128(i32.add(target.get, at.get), value.get, 16 * v));
      });
      if (whole === 0) f.set(at, i32.constant(0));
      for (let column = whole; column < size; column += 4) {
        const offset = 4 * (column - whole);
        f.storeLanes(i32.add(target.get, at.get), sum(offset).get, Math.min(4, size - column), offset);
      }
    });
  });
}
