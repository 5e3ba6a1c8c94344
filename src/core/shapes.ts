/** A tensor shape: sizes of the axes, outermost first. `[]` is a scalar. Layout is NHWC with the batch first. */
export type Shape = readonly number[];

/** Number of elements: the product of the sizes. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const extent of shape) size *= extent;
  return size;
}

/** Row-major strides in elements: `strides[i] = shape[i+1] · … · shape[n-1]`. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  return strides;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((extent, axis) => extent === b[axis]);
}

/**
 * NumPy broadcasting: shapes are aligned at the last axis, and an extent of 1 stretches.
 * Undefined where two extents differ and neither is 1.
 */
export function broadcastShapes(shapes: readonly Shape[]): number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result = new Array<number>(rank).fill(1);
  for (const shape of shapes) {
    for (let axis = 0; axis < shape.length; axis++) {
      const target = rank - shape.length + axis;
      const extent = shape[axis]!;
      if (result[target] === 1) result[target] = extent;
      else if (extent !== 1 && extent !== result[target]) return undefined;
    }
  }
  return result;
}

/** `[32, 28, 28, 1]` as users read it. */
export function formatShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}
