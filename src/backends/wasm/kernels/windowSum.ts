import { rowsOf } from "../../../ops/matmul.js";
import type { WindowSumAttributes } from "../../../ops/windowSum.js";
import { type F32, f32, f32x4, i32, type V128, v128 } from "../assembler/index.js";
import { attributesOf, type WasmKernel } from "../kernel.js";

/** Rows one by one: four sums at a time wherever all their terms lie in the row, single ones near its ends. */
export const windowSum: WasmKernel = {
  name: "f32_window_sum_simd128",
  accepts: () => true,
  phases(node) {
    const { rows, columns } = rowsOf(node.output);
    const { before, after } = attributesOf<WindowSumAttributes>(node);
    const offsets = Array.from({ length: before + after + 1 }, (_, i) => i - before);
    // the columns from which, and up to which, no term is missing
    const first = Math.min(before, columns);
    const whole = Math.max(0, Math.floor((columns - after - first) / 4)) * 4;
    return [
      {
        tasks: rows,
        cycles: rows * (columns * offsets.length + 10),
        usesScratch: false,
        emit({ f, begin, end, inputs, output }) {
          const [row, at, from, to] = [f.local("i32"), f.local("i32"), f.local("i32"), f.local("i32")];
          const single = (column: number) => {
            const terms = offsets.map((offset) => column + offset).filter((j) => j >= 0 && j < columns);
            const sum = terms.map((j): F32 => f32.load(from.get, 4 * j)).reduce((a, b) => f32.add(a, b));
            f.storeF32(to.get, sum, 4 * column);
          };
          f.for(row, begin, end, 1, () => {
            f.set(from, i32.add(inputs[0]!, i32.mul(row.get, 4 * columns)));
            f.set(to, i32.add(output, i32.mul(row.get, 4 * columns)));
            for (let column = 0; column < first; column++) single(column);
            f.for(at, 0, 4 * whole, 16, () => {
              const place = i32.add(from.get, at.get);
              const terms = offsets.map((offset): V128 => v128.load(place, 4 * (first + offset)));
              f.storeV128(
                i32.add(to.get, at.get),
                terms.reduce((a, b) => f32x4.add(a, b)),
                4 * first,
              );
            });
            for (let column = first + whole; column < columns; column++) single(column);
          });
        },
      },
    ];
  },
};
