import { rowsOf } from "../../../ops/matmul.js";
import type { NodeContext } from "../../../plan/types.js";
import {
  type F32,
  type FunctionBuilder,
  f32,
  f32x4,
  type I32,
  i32,
  i32x4,
  type Local,
  type V128,
  v128,
} from "../assembler/index.js";
import type { Engine, Phase, PhaseScope, WasmKernel } from "../kernel.js";
import { vectorExp, vectorLog } from "../math.js";

/** Kernels along the last axis: one task per row. */
function rowKernel(name: string, emit: (scope: PhaseScope, node: NodeContext, columns: number) => void): WasmKernel {
  return {
    name,
    accepts: () => true,
    phases(node): readonly Phase[] {
      const { rows, columns } = rowsOf(node.inputs[0]!);
      return [
        { tasks: rows, cycles: rows * columns * 12, usesScratch: false, emit: (scope) => emit(scope, node, columns) },
      ];
    },
  };
}

/** The vectors of a row of `columns` floats; lanes beyond the row read as `filler`. */
class Row {
  readonly #at: Local<"i32">;

  constructor(
    readonly f: FunctionBuilder,
    readonly columns: number,
  ) {
    this.#at = f.local("i32");
  }

  /** Runs `body(vector, store)` for each vector of the row at `address`. */
  each(address: I32, filler: number, body: (vector: V128, byteOffset: I32, lanes: number) => void): void {
    const { f, columns } = this;
    const whole = columns - (columns % 4);
    f.for(this.#at, 0, 4 * whole, 16, () => body(v128.load(i32.add(address, this.#at.get)), this.#at.get, 4));
    const rest = columns - whole;
    if (rest === 0) return;
    const mask = i32x4.lanes([0, 1, 2, 3].map((lane) => (lane < rest ? -1 : 0)) as [number, number, number, number]);
    const tail = f.local("i32", i32.constant(4 * whole));
    body(v128.bitselect(mask, v128.load(i32.add(address, tail.get)), f32x4.constant(filler)), tail.get, rest);
  }

  /** All lanes take the combination of the four. */
  spread(value: Local<"v128">, combine: (a: V128, b: V128) => V128): void {
    const turn = (bytes: number[]) => v128.shuffle(value.get, value.get, bytes);
    this.f.set(value, combine(value.get, turn([8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7])));
    this.f.set(value, combine(value.get, turn([4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11])));
  }

  /** The largest value of the row in all lanes. */
  maximum(address: I32): Local<"v128"> {
    const largest = this.f.local("v128", f32x4.constant(Number.NEGATIVE_INFINITY));
    this.each(address, Number.NEGATIVE_INFINITY, (vector) => this.f.set(largest, f32x4.max(largest.get, vector)));
    this.spread(largest, f32x4.max);
    return largest;
  }

  /** Σ exp(x − shift) in all lanes; `keep`, if given, takes each vector of exponentials. */
  sumOfExponentials(
    address: I32,
    shift: Local<"v128">,
    engine: Engine,
    keep?: (exponentials: V128, byteOffset: I32, lanes: number) => void,
  ): Local<"v128"> {
    const sum = this.f.local("v128", f32x4.constant(0));
    this.each(address, Number.NEGATIVE_INFINITY, (vector, byteOffset, lanes) => {
      const power = this.f.local("v128", vectorExp(this.f, f32x4.sub(vector, shift.get), engine.multiplyAdd));
      keep?.(power.get, byteOffset, lanes);
      this.f.set(sum, f32x4.add(sum.get, power.get));
    });
    this.spread(sum, f32x4.add);
    return sum;
  }
}

export const softmax = rowKernel("f32_softmax_simd128", ({ f, engine, begin, end, inputs, output }, _node, columns) => {
  const row = f.local("i32");
  const helper = new Row(f, columns);
  f.for(row, begin, end, 1, () => {
    const from = f.local("i32", i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
    const to = f.local("i32", i32.add(output, i32.mul(row.get, 4 * columns)));
    const largest = helper.maximum(from.get);
    const sum = helper.sumOfExponentials(from.get, largest, engine, (power, offset, lanes) =>
      f.storeLanes(i32.add(to.get, offset), power, lanes),
    );
    helper.each(to.get, 0, (power, offset, lanes) =>
      f.storeLanes(i32.add(to.get, offset), f32x4.div(power, sum.get), lanes),
    );
  });
});

const notANumber = (): F32 => f32.constant(Number.NaN);

export const softmaxCrossEntropy = rowKernel("f32_softmax_cross_entropy_simd128", (scope, _node, columns) => {
  const { f, engine, begin, end, inputs, output } = scope;
  const row = f.local("i32");
  const label = f.local("i32");
  const helper = new Row(f, columns);
  f.for(row, begin, end, 1, () => {
    const from = f.local("i32", i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
    const to = f.local("i32", i32.add(output, i32.mul(row.get, 4)));
    f.set(label, i32.load(i32.add(inputs[1]!, i32.mul(row.get, 4))));
    const largest = helper.maximum(from.get);
    const sum = helper.sumOfExponentials(from.get, largest, engine);
    const logarithm = f.local("v128", vectorLog(f, sum.get, engine.multiplyAdd));
    // (max − x[label]) first: exact when the label wins, and no cancellation with the logarithm
    const chosen = f32.load(i32.add(from.get, i32.mul(label.get, 4)));
    f.if(
      i32.ltU(label.get, columns),
      () => f.storeF32(to.get, f32.add(f32.lane(logarithm.get, 0), f32.sub(f32.lane(largest.get, 0), chosen))),
      () => f.storeF32(to.get, notANumber()),
    );
  });
});

export const softmaxCrossEntropyGradient = rowKernel(
  "f32_softmax_cross_entropy_gradient_simd128",
  ({ f, engine, begin, end, inputs, output }, _node, columns) => {
    const row = f.local("i32");
    const label = f.local("i32");
    const helper = new Row(f, columns);
    f.for(row, begin, end, 1, () => {
      const from = f.local("i32", i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
      const to = f.local("i32", i32.add(output, i32.mul(row.get, 4 * columns)));
      const scale = f.local("v128", v128.load32Splat(i32.add(inputs[2]!, i32.mul(row.get, 4))));
      f.set(label, i32.load(i32.add(inputs[1]!, i32.mul(row.get, 4))));
      f.if(i32.geU(label.get, columns), () => f.set(scale, f32x4.constant(0)));
      const largest = helper.maximum(from.get);
      const sum = helper.sumOfExponentials(from.get, largest, engine, (power, offset, lanes) =>
        f.storeLanes(i32.add(to.get, offset), power, lanes),
      );
      const lanes = i32x4.lanes([0, 1, 2, 3]);
      helper.each(to.get, 0, (power, offset, width) => {
        const columnsHere = i32x4.add(i32x4.splat(i32.shrU(offset, 2)), lanes);
        const one = v128.and(i32x4.eq(columnsHere, i32x4.splat(label.get)), f32x4.constant(1));
        const value = f32x4.mul(f32x4.sub(f32x4.div(power, sum.get), one), scale.get);
        f.storeLanes(i32.add(to.get, offset), value, width);
      });
    });
  },
);

export const argmax = rowKernel("f32_argmax_scalar", ({ f, begin, end, inputs, output }, _node, columns) => {
  const row = f.local("i32");
  const column = f.local("i32");
  const best = f.local("i32");
  const largest = f.local("f32");
  f.for(row, begin, end, 1, () => {
    const from = f.local("i32", i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
    const value = f.local("f32");
    f.set(best, i32.constant(0));
    f.set(largest, f32.load(from.get));
    f.for(column, 1, columns, 1, () => {
      f.set(value, f32.load(i32.add(from.get, i32.mul(column.get, 4))));
      f.if(f32.gt(value.get, largest.get), () => {
        f.set(largest, value.get);
        f.set(best, column.get);
      });
    });
    f.storeI32(i32.add(output, i32.mul(row.get, 4)), best.get);
  });
});
