import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape, sizeOf } from "../core/shapes.js";
import type { TensorType } from "../graph/types.js";
import type { Expression } from "./expression.js";

/**
 * An elementwise expression that a kernel applies to its result before storing it: bias, activation, residual add.
 * `$0` is the result; `$1…` are the node's inputs after its own: scalars, one value per channel, or of the result's shape.
 * Only the fusing pass makes these, after differentiation.
 */
export type Epilogue = Expression;

/** The inputs that belong to the epilogue: those after the op's own `count`. */
export function epilogueInputs<T>(inputs: readonly T[], count: number): readonly T[] {
  return inputs.slice(count);
}

/** The type after the epilogue: the result's own, once its operands are seen to fit. */
export function inferEpilogue(
  result: TensorType,
  operands: readonly TensorType[],
  epilogue: Epilogue | undefined,
  where: string,
): TensorType {
  if (epilogue === undefined && operands.length > 0) fail({ code: "graph", where, problem: "has too many inputs" });
  for (const { shape } of operands) {
    if (!fitsEpilogue(shape, result.shape)) {
      fail({
        code: "graph",
        where,
        problem: "an operand of the epilogue does not fit the result",
        expected: `one value, one per channel, or ${formatShape(result.shape)}`,
        received: formatShape(shape),
      });
    }
  }
  return result;
}

/** What kernels can read beside their result: one value, one value per channel (last axis), or the result's own shape. */
export function fitsEpilogue(operand: Shape, result: Shape): boolean {
  if (operand.length > result.length) return false;
  const channels = result[result.length - 1];
  const perChannel = operand[operand.length - 1] === channels && sizeOf(operand) === channels;
  return sizeOf(operand) === 1 || perChannel || sameShape(operand, result);
}
