import type { GradientContext, OpDefinition, OpTable } from "../graph/types.js";
import { derivative, type Expression, maximum, multiply, x } from "../ops/expression.js";
import { ops } from "../ops/index.js";
import { type MapAttributes, mapNode } from "../ops/map.js";
import { sumTo } from "../ops/reduce.js";

/**
 * What a gradient becomes on its way back through a rectifier `max(a, 0)`:
 * - `gradient`: `(a > 0) · g`, the derivative;
 * - `guided`: `(a > 0) · max(g, 0)` (Springenberg et al., "Striving for simplicity", 2015);
 * - `deconvnet`: `max(g, 0)` (Zeiler and Fergus, "Visualizing and understanding convolutional networks", 2014).
 */
export type RectifierRule = "gradient" | "guided" | "deconvnet";

/**
 * The ops to differentiate with under a rule. Rectifiers are elementwise nodes whose outermost function is `max(·, 0)`,
 * or `min(max(·, 0), limit)` as in ReLU6; what layers emit for `relu` and `relu6`, as layers and as activations.
 */
export function opsUnder(rule: RectifierRule): OpTable {
  if (rule === "gradient") return ops;
  const definition: OpDefinition<MapAttributes> = {
    ...ops.map,
    gradient: (context) => gradientOfMap(context, rule),
  };
  return { ...ops, map: definition };
}

function gradientOfMap(context: GradientContext<MapAttributes>, rule: "guided" | "deconvnet") {
  const { builder, node, inputs, gradient, needed } = context;
  const { expression } = node.attributes;
  const argument = argumentOfRectifier(expression);
  const positive = maximum(x(inputs.length + 1), 0);
  return inputs.map((operand, index) => {
    if (!needed[index]) return undefined;
    const signal = argument === undefined ? x(inputs.length + 1) : positive;
    // the saved result is that of the whole expression, not that of the rectifier's argument
    const slope =
      argument === undefined || rule === "guided"
        ? derivative(expression, index, x(inputs.length))
        : derivative(argument, index);
    if (slope.kind === "constant" && slope.value === 0) return undefined;
    const product = multiply(signal, slope);
    return sumTo(builder, mapNode(builder, [...inputs, node, gradient], product, node.shape), operand.shape);
  });
}

/** `a` of `max(a, 0)` and of `min(max(a, 0), limit)`; undefined for anything else. */
function argumentOfRectifier(e: Expression): Expression | undefined {
  if (e.kind !== "binary") return undefined;
  if (e.fn === "minimum" && e.b.kind === "constant") return argumentOfRectifier(e.a);
  if (e.fn !== "maximum") return undefined;
  if (isZero(e.b)) return e.a;
  return isZero(e.a) ? e.b : undefined;
}

const isZero = (e: Expression) => e.kind === "constant" && e.value === 0;
