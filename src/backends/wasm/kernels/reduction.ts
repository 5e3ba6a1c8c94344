import { sizeOf } from "../../../core/shapes.js";
import { add, type Expression, maximum, minimum, multiply, operationCount, x } from "../../../ops/expression.js";
import { type ReduceAttributes, reducedShape } from "../../../ops/reduce.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { emitExpression } from "../elementwise.js";
import { attributesOf, type PhaseScope } from "../kernel.js";

/** Rows, or vectors, whose sum is rounded once before it joins the total. */
export const blockLength = 128;

/** Reductions of fewer elements are not cut: a second phase would cost more than it gains. */
const worthCutting = 32_768;
/** Most parts that one reduction is cut into: enough for any number of threads. */
const mostParts = 64;

/**
 * How one long reduction becomes several short ones, whose results a second phase reduces in order: a function of the
 * sizes alone, so that results do not depend on the number of threads.
 */
export interface Cut {
  readonly parts: number;
  /** Length of each part but the last. */
  readonly partLength: number;
}

/** `reductions` reductions of `length` steps, each over `width` elements at once. */
export function cutOf(reductions: number, length: number, width: number, multiple = 1): Cut {
  const tasks = reductions * Math.ceil(width / 32);
  const enough = tasks >= mostParts / 4 || tasks * length * Math.min(width, 32) < worthCutting;
  const parts = enough ? 1 : Math.min(mostParts, Math.ceil(length / (2 * multiple)), Math.ceil(length / 16));
  const partLength = multiple * Math.max(1, Math.ceil(length / Math.max(1, parts) / multiple));
  return { parts: Math.max(1, Math.ceil(length / partLength)), partLength };
}

/** Where an operand's elements lie: one for all, one per channel, or one for each element that is reduced. */
export type OperandKind = "scalar" | "channel" | "full";

export interface Operand {
  readonly address: I32;
  readonly kind: OperandKind;
}

/** What is reduced, and how. */
export interface Reduction {
  readonly kind: ReduceAttributes["kind"];
  /** Of the elements of the operands. */
  readonly term: Expression;
  readonly operands: readonly Operand[];
  /** What results are divided by at the end: 1 unless it is a mean and this its last phase. */
  readonly divisor: number;
}

export function operandKinds({ inputs }: Pick<NodeContext, "inputs">): OperandKind[] {
  const size = sizeOf(reducedShape(inputs));
  return inputs.map(({ shape }) => (sizeOf(shape) === size ? "full" : sizeOf(shape) === 1 ? "scalar" : "channel"));
}

/** Elements that one result is made of. */
export function countOf(node: NodeContext): number {
  const { axes } = attributesOf<ReduceAttributes>(node);
  const shape = reducedShape(node.inputs);
  return axes.reduce((count, axis) => count * shape[axis]!, 1);
}

/** The node's own reduction; `last` where no second phase follows. */
export function reductionOf(node: NodeContext, { inputs }: PhaseScope, last: boolean): Reduction {
  const { kind, prologue } = attributesOf<ReduceAttributes>(node);
  const kinds = operandKinds(node);
  return {
    kind,
    term: prologue ?? x(0),
    operands: inputs.map((address, i) => ({ address, kind: kinds[i]! })),
    divisor: last && kind === "mean" ? countOf(node) : 1,
  };
}

/** What the second phase does: reduces the results that the first left in scratch memory. */
export function finalReductionOf(node: NodeContext, { scratch }: PhaseScope): Reduction {
  const { kind } = attributesOf<ReduceAttributes>(node);
  const operands = [{ address: scratch, kind: "full" }] as const;
  return { kind, term: x(0), operands, divisor: kind === "mean" ? countOf(node) : 1 };
}

/** Estimated cycles for each element that is reduced. */
export function cyclesPerElement(node: NodeContext): number {
  const { prologue } = attributesOf<ReduceAttributes>(node);
  return (1 + node.inputs.length + (prologue === undefined ? 0 : operationCount(prologue))) / 4;
}

const summing = { neutral: 0, take: add, combine: f32x4.add };
/** What accumulators start from, how they take up a term, and how two of them become one. */
const ways = {
  sum: summing,
  mean: summing,
  max: { neutral: Number.NEGATIVE_INFINITY, take: maximum, combine: f32x4.max },
  min: { neutral: Number.POSITIVE_INFINITY, take: minimum, combine: f32x4.min },
  prod: { neutral: 1, take: multiply, combine: f32x4.mul },
} as const;

/** Reads the operands of a reduction and takes them up into accumulators. */
export class Terms {
  readonly #pointers: readonly { readonly kind: OperandKind; readonly at: Local<"i32"> }[];
  readonly #splats: readonly (Local<"v128"> | undefined)[];
  readonly #taking: Expression;

  constructor(
    readonly scope: PhaseScope,
    readonly reduction: Reduction,
  ) {
    const { f } = scope;
    const { kind, term, operands } = reduction;
    this.#pointers = operands.map(({ kind }) => ({ kind, at: f.local("i32") }));
    this.#splats = operands.map(({ kind, address }) =>
      kind === "scalar" ? f.local("v128", v128.load32Splat(address)) : undefined,
    );
    // the accumulator is one input more, so that a product is added in one fused operation
    const accumulator = x(operands.length);
    this.#taking = ways[kind].take(accumulator, term);
  }

  /** Neutral: what an accumulator starts with. */
  get start(): V128 {
    const { neutral } = ways[this.reduction.kind];
    return neutral === 0 ? f32x4.constant(0) : this.scope.constant(neutral);
  }

  /** Goes to the element at byte `full` of the full operands and at byte `channel` of those with one per channel. */
  seek(full: I32, channel: I32): void {
    const { f } = this.scope;
    this.#pointers.forEach(({ kind, at }, i) => {
      if (kind !== "scalar") f.set(at, i32.add(this.reduction.operands[i]!.address, kind === "full" ? full : channel));
    });
  }

  /** Goes on by so many bytes. */
  advance(full: number, channel: number): void {
    for (const { kind, at } of this.#pointers) {
      if (kind !== "scalar") this.scope.f.increase(at, kind === "full" ? full : channel);
    }
  }

  /** `accumulator` and the four elements at byte `offset` from here. */
  take(accumulator: V128, offset = 0): V128 {
    return this.#emit(this.#taking, accumulator, (at) => v128.load(at, offset));
  }

  /** `accumulator` and the one element at byte `offset` from here, in all lanes. */
  takeOne(accumulator: V128, offset = 0): V128 {
    return this.#emit(this.#taking, accumulator, (at) => v128.load32Splat(at, offset));
  }

  /** `accumulator` and the first `count` of the four elements at byte `offset` from here. */
  takeSome(accumulator: V128, count: number, offset = 0): V128 {
    if (count >= 4) return this.take(accumulator, offset);
    const { f } = this.scope;
    const kept = f.local("v128", accumulator);
    const taken = this.take(kept.get, offset);
    return v128.shuffle(
      taken,
      kept.get,
      Array.from({ length: 16 }, (_, byte) => (byte < 4 * count ? byte : 16 + byte)),
    );
  }

  combine(a: V128, b: V128): V128 {
    return ways[this.reduction.kind].combine(a, b);
  }

  /** A result, from the accumulator that has taken everything. */
  finish(value: V128): V128 {
    const { divisor } = this.reduction;
    return divisor === 1 ? value : f32x4.div(value, this.scope.constant(divisor));
  }

  #emit(expression: Expression, accumulator: V128, load: (at: I32) => V128): V128 {
    const { f, engine, constant } = this.scope;
    const value = (index: number): V128 => {
      if (index === this.#pointers.length) return accumulator;
      return this.#splats[index]?.get ?? load(this.#pointers[index]!.at.get);
    };
    return emitExpression(f, expression, { value, constant, fma: engine.multiplyAdd });
  }
}
