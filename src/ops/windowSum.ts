import { fail } from "../core/errors.js";
import { formatShape, sizeOf } from "../core/shapes.js";
import type { OpDefinition } from "../graph/types.js";
import { checkFloats } from "./floats.js";

export interface WindowSumAttributes {
  /** Elements before and after each one that are added to it. */
  readonly before: number;
  readonly after: number;
}

/** Sums of neighbours along the last axis: `y[…, c] = Σ_{j = c − before}^{c + after} x[…, j]`, with zeros outside. */
export const windowSum: OpDefinition<WindowSumAttributes> = {
  name: "windowSum",
  infer([input], { before, after }, where) {
    checkFloats([input!], where);
    const { shape } = input!;
    if (shape.length === 0) {
      fail({ code: "shape", where, problem: "needs a last axis", received: formatShape(shape) });
    }
    if (![before, after].every((count) => Number.isInteger(count) && count >= 0)) {
      const received = `${before} and ${after}`;
      fail({ code: "option", where, problem: "reach is out of range", expected: "whole numbers ≥ 0", received });
    }
    return { shape, dtype: "float32" };
  },
  // an element is a part of the sums that it stands before and after of
  gradient: ({ builder, node, gradient }) => {
    const { before, after } = node.attributes;
    return [builder.add(windowSum, [gradient], { before: after, after: before })];
  },
  cost: (_inputs, { before, after }, output) => ({ multiplyAdds: sizeOf(output.shape) * (before + after + 1) }),
};
