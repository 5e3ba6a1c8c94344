import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";

export interface ReshapeAttributes {
  readonly shape: Shape;
  /** Whether the result counts as constant when gradients are taken. Default: false. */
  readonly stopsGradient?: boolean;
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
  gradient: ({ builder, node, inputs, gradient }) => [
    node.attributes.stopsGradient ? undefined : reshapeNode(builder, gradient, inputs[0]!.shape),
  ],
  cost: () => ({ multiplyAdds: 0 }),
};

export function reshapeNode(builder: GraphBuilder, input: Node, shape: Shape, name?: string): Node {
  return sameShape(input.shape, shape) ? input : builder.add(reshape, [input], { shape }, name);
}

/** The same tensor as a constant for gradients: what is computed from it does not lead back to `input`. */
export function stopGradient(builder: GraphBuilder, input: Node): Node {
  return builder.add(reshape, [input], { shape: input.shape, stopsGradient: true });
}
