import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";

export interface ReshapeAttributes {
  readonly shape: Shape;
}

/** The same elements in row-major order under another shape. Costs nothing: backends alias the memory. */
export const reshape: OpDefinition<ReshapeAttributes> = {
  name: "reshape",
  infer([input], { shape }, where) {
    if (sizeOf(input!.shape) !== sizeOf(shape)) {
      fail({
        code: "shape",
        where,
        problem: "the number of elements must stay the same",
        expected: `${sizeOf(input!.shape)} elements of ${formatShape(input!.shape)}`,
        received: `${sizeOf(shape)} of ${formatShape(shape)}`,
      });
    }
    return { shape, dtype: input!.dtype };
  },
  gradient: ({ builder, inputs, gradient }) => [reshapeNode(builder, gradient, inputs[0]!.shape)],
  cost: () => ({ multiplyAdds: 0 }),
};

export function reshapeNode(builder: GraphBuilder, input: Node, shape: Shape, name?: string): Node {
  return sameShape(input.shape, shape) ? input : builder.add(reshape, [input], { shape }, name);
}
