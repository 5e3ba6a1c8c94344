import { type Shape, sizeOf, stridesOf } from "../../../core/shapes.js";
import type { ConcatenateAttributes } from "../../../ops/concatenate.js";
import type { PadAttributes } from "../../../ops/pad.js";
import type { SliceAttributes, SliceGradientAttributes } from "../../../ops/slice.js";
import type { TransposeAttributes } from "../../../ops/transpose.js";
import type { NodeContext } from "../../../plan/types.js";
import { attributesOf, type Phase, type WasmKernel } from "../kernel.js";
import { type Block, blockCycles, blockTasks, emitBlocks } from "./blocks.js";

/** A kernel that only moves numbers: each phase is a list of blocks. */
function moving(name: string, phasesOf: (node: NodeContext) => readonly (readonly Block[])[]): WasmKernel {
  return {
    name,
    accepts: () => true,
    phases: (node) =>
      phasesOf(node).map(
        (blocks): Phase => ({
          tasks: blockTasks(blocks),
          cycles: blockCycles(blocks),
          usesScratch: false,
          emit: (scope) => emitBlocks(scope, blocks),
        }),
      ),
  };
}

const dot = (indices: readonly number[], strides: readonly number[]) =>
  indices.reduce((sum, index, axis) => sum + index * strides[axis]!, 0);

/** Where a slice's elements lie in the tensor that it is a part of. */
function placesOf(shape: Shape, { start, step }: SliceAttributes) {
  const strides = stridesOf(shape);
  return { first: dot(start, strides), steps: strides.map((stride, axis) => stride * step[axis]!) };
}

export const slice = moving("f32_slice_simd128", (node) => {
  const attributes = attributesOf<SliceAttributes>(node);
  const { first, steps } = placesOf(node.inputs[0]!.shape, attributes);
  const own = stridesOf(attributes.size);
  const axes = attributes.size.map((extent, axis) => ({ extent, from: steps[axis]!, to: own[axis]! }));
  return [[{ input: 0, axes, from: first, to: 0 }]];
});

export const sliceGradient = moving("f32_slice_gradient_simd128", (node) => {
  const attributes = attributesOf<SliceGradientAttributes>(node);
  const { size, start, step, inputShape } = attributes;
  const { first, steps } = placesOf(inputShape, attributes);
  const own = stridesOf(size);
  const axes = size.map((extent, axis) => ({ extent, from: own[axis]!, to: steps[axis]! }));
  const copy: Block = { input: 0, axes, from: 0, to: first };
  if (sizeOf(size) === sizeOf(inputShape)) return [[copy]];
  const dense = step.every((by, axis) => Math.abs(by) === 1 || size[axis] === 1);
  if (!dense) return [[frame(inputShape, [], 0)[0]!], [copy]];
  // the slice is a box without gaps, whichever way it runs
  const box = size.map((extent, axis): readonly [number, number] => {
    const low = Math.min(start[axis]!, start[axis]! + (extent - 1) * step[axis]!);
    return [low, inputShape[axis]! - low - extent];
  });
  return [[copy, ...frame(inputShape, box, 0)]];
});

/**
 * Blocks that fill a tensor but for the box that lies `margins` from its sides. Those of one axis reach over the whole
 * of the axes after it, and over the box alone of those before. Without margins, the whole tensor.
 */
function frame(shape: Shape, margins: readonly (readonly [number, number])[], value: number): Block[] {
  const strides = stridesOf(shape);
  const fill = (low: readonly number[], extents: readonly number[]): Block => ({
    input: undefined,
    value,
    axes: extents.map((extent, axis) => ({ extent, from: 0, to: strides[axis]! })),
    from: 0,
    to: dot(low, strides),
  });
  if (margins.length === 0) return [fill([], shape)];
  return margins.flatMap(([before, after], axis) => {
    const low = margins.map(([margin], i) => (i < axis ? margin : 0));
    const within = shape.map((extent, i) => (i < axis ? extent - margins[i]![0] - margins[i]![1] : extent));
    const part = (start: number, extent: number) =>
      extent === 0
        ? []
        : [
            fill(
              low.map((index, i) => (i === axis ? start : index)),
              within.map((whole, i) => (i === axis ? extent : whole)),
            ),
          ];
    return [...part(0, before), ...part(shape[axis]! - after, after)];
  });
}

export const concatenate = moving("f32_concatenate_simd128", (node) => {
  const { axis } = attributesOf<ConcatenateAttributes>(node);
  const whole = stridesOf(node.output.shape);
  let to = 0;
  const blocks = node.inputs.map(({ shape }, input): Block => {
    const own = stridesOf(shape);
    const axes = shape.map((extent, i) => ({ extent, from: own[i]!, to: whole[i]! }));
    const block = { input, axes, from: 0, to };
    to += shape[axis]! * whole[axis]!;
    return block;
  });
  return [blocks];
});

export const transpose = moving("f32_transpose_simd128", (node) => {
  const { permutation } = attributesOf<TransposeAttributes>(node);
  const [own, whole] = [stridesOf(node.inputs[0]!.shape), stridesOf(node.output.shape)];
  const axes = node.output.shape.map((extent, i) => ({ extent, from: own[permutation[i]!]!, to: whole[i]! }));
  return [[{ input: 0, axes, from: 0, to: 0 }]];
});

export const pad = moving("f32_pad_simd128", (node) => {
  const { padding, mode, value } = attributesOf<PadAttributes>(node);
  const { shape } = node.inputs[0]!;
  const [own, whole] = [stridesOf(shape), stridesOf(node.output.shape)];
  if (mode === "constant") {
    const axes = shape.map((extent, i) => ({ extent, from: own[i]!, to: whole[i]! }));
    const to = dot(
      padding.map(([before]) => before),
      whole,
    );
    return [[{ input: 0, axes, from: 0, to }, ...frame(node.output.shape, padding, value)]];
  }
  // every axis falls into what comes before, the tensor, and what comes after; blocks are all combinations
  const partsOf = (axis: number) => {
    const extent = shape[axis]!;
    const [before, after] = padding[axis]!;
    const end = before + extent;
    const middle = { from: 0, step: 1, to: before, extent };
    const borders = {
      reflect: [
        { from: before, step: -1, to: 0, extent: before },
        { from: extent - 2, step: -1, to: end, extent: after },
      ],
      replicate: [
        { from: 0, step: 0, to: 0, extent: before },
        { from: extent - 1, step: 0, to: end, extent: after },
      ],
      circular: [
        { from: extent - before, step: 1, to: 0, extent: before },
        { from: 0, step: 1, to: end, extent: after },
      ],
    }[mode];
    return [middle, ...borders].filter((part) => part.extent > 0);
  };
  let blocks: Block[] = [{ input: 0, axes: [], from: 0, to: 0 }];
  shape.forEach((_, axis) => {
    const [from, to] = [own[axis]!, whole[axis]!];
    blocks = blocks.flatMap((block) =>
      partsOf(axis).map((part) => ({
        ...block,
        axes: [...block.axes, { extent: part.extent, from: part.step * from, to }],
        from: block.from + part.from * from,
        to: block.to + part.to * to,
      })),
    );
  });
  return [blocks];
});
