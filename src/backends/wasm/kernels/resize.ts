import { type Shape, sizeOf } from "../../../core/shapes.js";
import { positionsOf, type ResizeAttributes, type ResizeGradientAttributes } from "../../../ops/resize.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { attributesOf, type PhaseScope, type WasmKernel } from "../kernel.js";

/** A tensor as [before, the resized axis, after]. */
interface Sizes {
  readonly before: number;
  readonly after: number;
}

function sizesOf(shape: Shape, axis: number): Sizes {
  return { before: sizeOf(shape.slice(0, axis)), after: sizeOf(shape.slice(axis + 1)) };
}

/** `part / unit` in all lanes. Both are below 2²⁴ for the sizes that images have, so only the division rounds. */
function fraction({ constant }: PhaseScope, part: I32, unit: number): V128 {
  return f32x4.div(f32x4.splat(f32.fromI32(part)), constant(unit));
}

/** Vectors that are worked on together, each in a register of its own. */
const abreast = 4;

/** Emits `body` for the columns of a row, in groups of up to four vectors: their byte offset, and the lanes of each. */
function eachGroup({ f }: PhaseScope, columns: number, body: (offset: I32, lanes: readonly number[]) => void): void {
  const width = 4 * abreast;
  const at = f.local("i32");
  const whole = columns - (columns % width);
  const full = new Array<number>(abreast).fill(4);
  f.for(at, 0, 4 * whole, 4 * width, () => body(at.get, full));
  if (whole === columns) return;
  f.set(at, i32.constant(4 * whole));
  const rest = columns - whole;
  body(
    at.get,
    Array.from({ length: Math.ceil(rest / 4) }, (_, i) => Math.min(4, rest - 4 * i)),
  );
}

/** Tasks are rows: one index of the axes before, and one of the resized axis. */
function rowKernel(
  name: string,
  emit: (scope: PhaseScope, node: NodeContext, sizes: Sizes, outer: Local<"i32">, index: Local<"i32">) => void,
): WasmKernel {
  return {
    name,
    accepts: () => true,
    phases(node) {
      const { axis } = attributesOf<ResizeAttributes>(node);
      const extent = node.output.shape[axis]!;
      const sizes = sizesOf(node.output.shape, axis);
      const reads = Math.ceil((2 * node.inputs[0]!.shape[axis]!) / extent) + 1;
      return [
        {
          tasks: sizes.before * extent,
          cycles: sizes.before * extent * (20 + (reads * sizes.after) / 2),
          usesScratch: false,
          emit(scope) {
            const { f, begin, end } = scope;
            const [task, outer, index] = [f.local("i32"), f.local("i32"), f.local("i32")];
            f.for(task, begin, end, 1, () => {
              f.set(outer, i32.divU(task.get, extent));
              f.set(index, i32.remU(task.get, extent));
              emit(scope, node, sizes, outer, index);
            });
          },
        },
      ];
    },
  };
}

/** The position of output element `index` as a whole number of `unit`s' parts, kept within the input. */
function position(node: NodeContext, inputSize: number, { f }: PhaseScope, index: I32): Local<"i32"> {
  const { slope, offset, unit } = positionsOf(attributesOf<ResizeAttributes>(node), inputSize);
  const place = f.local("i32", i32.add(i32.mul(index, slope), offset));
  if (offset < 0) f.if(i32.ltS(place.get, 0), () => f.set(place, i32.constant(0)));
  f.set(place, i32.min(place.get, (inputSize - 1) * unit + (isNearest(node) ? unit - 1 : 0)));
  return place;
}

const isNearest = (node: NodeContext) => attributesOf<ResizeAttributes>(node).method === "nearest";

export const resize = rowKernel("f32_resize_simd128", (scope, node, { after }, outer, index) => {
  const { f, inputs, output, engine } = scope;
  const { axis, size } = attributesOf<ResizeAttributes>(node);
  const extent = node.inputs[0]!.shape[axis]!;
  const { unit } = positionsOf(attributesOf<ResizeAttributes>(node), extent);
  const place = position(node, extent, scope, index.get);
  const row = f.local("i32", i32.divU(place.get, unit));
  const address = (at: I32) =>
    f.local("i32", i32.add(inputs[0]!, i32.mul(i32.add(i32.mul(outer.get, extent), at), 4 * after)));
  const to = f.local("i32", i32.add(output, i32.mul(i32.add(i32.mul(outer.get, size), index.get), 4 * after)));
  const low = address(row.get);
  const copy = () =>
    eachGroup(scope, after, (offset, lanes) => {
      const values = lanes.map((_, i) => f.local("v128", v128.load(i32.add(low.get, offset), 16 * i)));
      values.forEach((value, i) => f.storeLanes(i32.add(to.get, offset), value.get, lanes[i]!, 16 * i));
    });
  const part = f.local("i32", i32.remU(place.get, unit));
  const blend = () => {
    const high = address(i32.add(row.get, 1));
    // both as fractions: 1 − t would lose accuracy where t is near 1
    const lowWeight = f.local("v128", fraction(scope, i32.sub(unit, part.get), unit));
    const highWeight = f.local("v128", fraction(scope, part.get, unit));
    eachGroup(scope, after, (offset, lanes) => {
      const values = lanes.map((_, i) => {
        const first = f32x4.mul(v128.load(i32.add(low.get, offset), 16 * i), lowWeight.get);
        return f.local("v128", engine.multiplyAdd(v128.load(i32.add(high.get, offset), 16 * i), highWeight.get, first));
      });
      values.forEach((value, i) => f.storeLanes(i32.add(to.get, offset), value.get, lanes[i]!, 16 * i));
    });
  };
  if (isNearest(node)) copy();
  else f.if(part.get, blend, copy);
});

export const resizeGradient = rowKernel("f32_resize_gradient_simd128", (scope, node, { after }, outer, index) => {
  const { f, inputs, output, engine } = scope;
  const attributes = attributesOf<ResizeGradientAttributes>(node);
  const { size, inputSize } = attributes;
  const { slope, offset, unit } = positionsOf(attributes, inputSize);
  const nearest = isNearest(node);
  // the elements whose position lies within one of `index`, and perhaps one more on either side
  const [first, last] = [f.local("i32", i32.constant(0)), f.local("i32", i32.constant(size))];
  if (slope > 0) {
    const reached = (steps: number) => i32.sub(i32.mul(i32.add(index.get, steps), unit), offset);
    const from = f.local("i32", reached(nearest ? 0 : -1));
    f.if(i32.gtS(from.get, 0), () => f.set(first, i32.divU(from.get, slope)));
    f.set(last, i32.min(size, i32.add(i32.divU(reached(1), slope), 1)));
  }
  const [i, part] = [f.local("i32"), f.local("i32")];
  const source = f.local("i32");
  const weight = f.local("v128");
  const sums = Array.from({ length: abreast }, () => f.local("v128"));
  const start = f.local("i32", i32.add(inputs[0]!, i32.mul(outer.get, 4 * size * after)));
  const to = f.local("i32", i32.add(output, i32.mul(i32.add(i32.mul(outer.get, inputSize), index.get), 4 * after)));
  eachGroup(scope, after, (column, lanes) => {
    lanes.forEach((_, k) => f.set(sums[k]!, f32x4.constant(0)));
    f.for(i, first.get, last.get, 1, () => {
      const place = position(node, inputSize, scope, i.get);
      const taking = () => {
        f.set(source, i32.add(i32.add(start.get, column), i32.mul(i.get, 4 * after)));
        lanes.forEach((_, k) => {
          const value = v128.load(source.get, 16 * k);
          const sum = sums[k]!;
          f.set(sum, nearest ? f32x4.add(sum.get, value) : engine.multiplyAdd(value, weight.get, sum.get));
        });
      };
      if (nearest) {
        f.if(i32.eq(i32.divU(place.get, unit), index.get), taking);
        return;
      }
      const distance = f.local("i32", i32.sub(place.get, i32.mul(index.get, unit)));
      f.if(i32.ltS(distance.get, 0), () => f.set(distance, i32.sub(0, distance.get)));
      f.set(part, i32.sub(unit, distance.get));
      f.if(i32.gtS(part.get, 0), () => {
        f.set(weight, fraction(scope, part.get, unit));
        taking();
      });
    });
    lanes.forEach((count, k) => f.storeLanes(i32.add(to.get, column), sums[k]!.get, count, 16 * k));
  });
});
