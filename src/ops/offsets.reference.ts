import { type Shape, sizeOf, stridesOf } from "../core/shapes.js";

/**
 * For every element of `shape`, in row-major order, its place in another tensor: `Σ_axis index[axis] · strides[axis]`.
 * A stride of 0 makes all elements along the axis share one place: broadcasting when reading, summing when writing.
 */
export function offsetsOf(shape: Shape, strides: readonly number[]): Int32Array {
  const offsets = new Int32Array(sizeOf(shape));
  const own = stridesOf(shape);
  for (let element = 0; element < offsets.length; element++) {
    let offset = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      const index = Math.floor(element / own[axis]!) % shape[axis]!;
      offset += index * strides[axis]!;
    }
    offsets[element] = offset;
  }
  return offsets;
}

/** Where each element of `shape` reads a tensor of shape `operand` that broadcasts to it (aligned at the last axis). */
export function broadcastOffsets(shape: Shape, operand: Shape): Int32Array {
  const strides = stridesOf(operand);
  const lead = shape.length - operand.length;
  return offsetsOf(
    shape,
    shape.map((_, axis) => (axis < lead || operand[axis - lead] === 1 ? 0 : strides[axis - lead]!)),
  );
}
