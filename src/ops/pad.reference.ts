import { sizeOf, stridesOf } from "../core/shapes.js";
import type { PadAttributes, PadMode } from "./pad.js";
import type { ReferenceKernel } from "./reference.js";

/** Every element of the output reads the one that its index stands for along each axis, or is `value`. */
export const pad: ReferenceKernel<PadAttributes> = ({ inputs, output, attributes: { padding, mode, value } }) => {
  const x = inputs[0]!;
  const [own, strides] = [stridesOf(output.shape), stridesOf(x.shape)];
  for (let element = 0; element < sizeOf(output.shape); element++) {
    const places = x.shape.map((extent, axis) => {
      const index = Math.floor(element / own[axis]!) % output.shape[axis]!;
      return source(index - padding[axis]![0], extent, mode);
    });
    const outside = places.includes(undefined);
    const place = places.reduce<number>((sum, index, axis) => sum + (index ?? 0) * strides[axis]!, 0);
    output.data[element] = outside ? value : x.data[place]!;
  }
};

/** The index that `index`, which may lie outside, stands for; undefined where a constant does. */
function source(index: number, extent: number, mode: PadMode): number | undefined {
  if (index >= 0 && index < extent) return index;
  switch (mode) {
    case "constant":
      return undefined;
    case "reflect":
      return index < 0 ? -index : 2 * (extent - 1) - index;
    case "replicate":
      return index < 0 ? 0 : extent - 1;
    case "circular":
      return index < 0 ? index + extent : index - extent;
  }
}
