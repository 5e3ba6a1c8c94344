import { fail } from "../core/errors.js";
import { broadcastShapes, formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition } from "../graph/types.js";
import { derivative, type Expression, multiply, operationCount, substitute, usedInputs, x } from "./expression.js";
import { sumTo } from "./reduce.js";

export interface MapAttributes {
  /** Applied to every element; `$i` is the element of input i after broadcasting. */
  readonly expression: Expression;
  /** Shape to broadcast to; by default the common shape of the inputs. */
  readonly shape?: Shape;
}

/**
 * Elementwise: `out[i] = expression(inputs[i]…)`, float32. Inputs broadcast as in NumPy; uint8 and int32 inputs are
 * converted. Inputs that only serve `random` as keys (int32[2]) take no part in the shape.
 */
export const map: OpDefinition<MapAttributes> = {
  name: "map",
  infer(inputs, { expression, shape }, where) {
    const { values, keys } = usedInputs(expression);
    for (const index of [...values, ...keys]) {
      if (index >= inputs.length)
        fail({ code: "graph", where, problem: `its expression reads missing input ${index}` });
    }
    for (const index of keys) {
      const key = inputs[index]!;
      if (key.dtype !== "int32" || !sameShape(key.shape, [2])) {
        fail({ code: "graph", where, problem: `input ${index} is no random key`, expected: "int32 [2]" });
      }
    }
    const shapes = inputs.filter((_, index) => !keys.includes(index)).map((type) => type.shape);
    const common = broadcastShapes(shape === undefined ? shapes : [...shapes, shape]);
    if (common === undefined || (shape !== undefined && !sameShape(common, shape))) {
      const received = shapes.map(formatShape).join(" and ");
      const expected = shape === undefined ? "shapes that broadcast" : `shapes that broadcast to ${formatShape(shape)}`;
      return fail({ code: "shape", where, problem: "shapes do not fit together", expected, received });
    }
    return { shape: common, dtype: "float32" };
  },
  gradient({ builder, node, inputs, gradient, needed }) {
    const { expression } = node.attributes;
    const count = inputs.length;
    return inputs.map((operand, index) => {
      if (!needed[index]) return undefined;
      const slope = derivative(expression, index, x(count));
      if (slope.kind === "constant" && slope.value === 0) return undefined;
      const product = multiply(x(count + 1), slope);
      const full = mapNode(builder, [...inputs, node, gradient], product, node.shape);
      return sumTo(builder, full, operand.shape);
    });
  },
  cost: (_inputs, { expression }, output) => ({ multiplyAdds: sizeOf(output.shape) * operationCount(expression) }),
};

/** Adds a map whose inputs are only those that the expression reads; what would only copy a tensor is that tensor. */
export function mapNode(
  builder: GraphBuilder,
  inputs: readonly Node[],
  expression: Expression,
  shape?: Shape,
  name?: string,
): Node {
  const used = usedInputs(expression);
  const kept = inputs.map((_, i) => i).filter((i) => used.values.includes(i) || used.keys.includes(i));
  const position = (index: number) => kept.indexOf(index);
  const renumbered = substitute(expression, (index) => x(position(index)), position);
  const operands = kept.map((i) => inputs[i]!);
  const [only] = operands;
  if (renumbered.kind === "input" && only!.dtype === "float32" && sameShape(only!.shape, shape ?? only!.shape)) {
    return only!;
  }
  const natural = broadcastShapes(
    operands.filter((_, i) => !used.keys.includes(kept[i]!)).map((operand) => operand.shape),
  );
  const attributes: MapAttributes =
    shape === undefined || (natural !== undefined && sameShape(natural, shape))
      ? { expression: renumbered }
      : { expression: renumbered, shape };
  return builder.add(map, operands, attributes, name);
}
