import { fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { checkFourBytes, sliceAxis } from "./slice.js";

export interface ConcatenateAttributes {
  readonly axis: number;
}

/** Tensors one after the other along an axis: the output's extent there is the sum of theirs; the others agree. */
export const concatenate: OpDefinition<ConcatenateAttributes> = {
  name: "concatenate",
  infer(inputs, { axis }, where) {
    checkFourBytes(inputs, where);
    const first = inputs[0]!;
    if (!(Number.isInteger(axis) && axis >= 0 && axis < first.shape.length)) {
      fail({
        code: "option",
        where,
        problem: "there is no such axis",
        expected: `0 to ${first.shape.length - 1}`,
        received: String(axis),
      });
    }
    for (const { shape, dtype } of inputs) {
      const fits =
        shape.length === first.shape.length && shape.every((extent, i) => i === axis || extent === first.shape[i]);
      if (fits && dtype === first.dtype) continue;
      fail({
        code: "shape",
        where,
        problem: `inputs differ elsewhere than along axis ${axis}`,
        expected: `${first.dtype} ${formatShape(first.shape)} but for axis ${axis}`,
        received: `${dtype} ${formatShape(shape)}`,
      });
    }
    const total = inputs.reduce((sum, { shape }) => sum + shape[axis]!, 0);
    return { shape: first.shape.map((extent, i) => (i === axis ? total : extent)), dtype: first.dtype };
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const { axis } = node.attributes;
    let start = 0;
    return inputs.map((input, position) => {
      const from = start;
      start += input.shape[axis]!;
      return needed[position] ? sliceAxis(builder, gradient, axis, from, input.shape[axis]!) : undefined;
    });
  },
  cost: () => ({ multiplyAdds: 0 }),
};

/** Joins tensors along `axis`; one alone is itself. */
export function concatenateNode(builder: GraphBuilder, inputs: readonly Node[], axis: number, name?: string): Node {
  return inputs.length === 1 ? inputs[0]! : builder.add(concatenate, inputs, { axis }, name);
}
