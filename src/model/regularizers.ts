import { checkOptions } from "../core/errors.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node } from "../graph/types.js";
import { absolute, add, multiply, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { namedParts, numberThat } from "./check.js";
import { checkPatterns, matches } from "./patterns.js";

/** What a weight adds to the loss: `l1·Σ|w| + l2·Σw²`. */
export interface Regularizer {
  /** Default: 0. */
  readonly l1?: number;
  /** Default: 0. */
  readonly l2?: number;
}

/**
 * Penalties by patterns of weights' names, e.g. `{ "*.kernel": { l2: 1e-4 } }`; `*` stands for any characters. A weight
 * that several match pays all of them.
 */
export type Regularizers = Readonly<Record<string, Regularizer>>;

/** Checks penalties; every pattern must be that of a weight. */
export function checkRegularizers(where: string, value: unknown, weights: readonly string[]): Regularizers {
  const parts = Object.entries(namedParts(where, "regularizers", value));
  checkPatterns(
    `${where}: regularizers`,
    parts.map(([pattern]) => pattern),
    weights,
  );
  return Object.fromEntries(
    parts.map(([pattern, given]) => {
      const place = `${where}: regularizers["${pattern}"]`;
      const regularizer = namedParts(place, "penalty", given);
      checkOptions(place, regularizer, ["l1", "l2"]);
      const factor = (name: "l1" | "l2") =>
        numberThat(place, name, regularizer[name] ?? 0, "a number ≥ 0", (number) => number >= 0);
      return [pattern, { l1: factor("l1"), l2: factor("l2") }];
    }),
  );
}

/** `loss` and the penalties of all weights: []. */
export function emitPenalties(
  builder: GraphBuilder,
  regularizers: Regularizers,
  weights: readonly Node[],
  loss: Node,
): Node {
  return builder.scope("regularizers", () => {
    const penalties = weights.flatMap((weight) => {
      const own = Object.entries(regularizers).filter(([pattern]) => matches(pattern, weight.name));
      const total = (name: "l1" | "l2") => own.reduce((sum, [, regularizer]) => sum + (regularizer[name] ?? 0), 0);
      const [l1, l2] = [total("l1"), total("l2")];
      if (l1 === 0 && l2 === 0) return [];
      const each = add(multiply(l1, absolute(x(0))), multiply(l2, multiply(x(0), x(0))));
      const axes = weight.shape.map((_, axis) => axis);
      return [reduceNode(builder, mapNode(builder, [weight], each), "sum", axes)];
    });
    const sum = penalties.map((_, i) => x(i + 1)).reduce((total, term) => add(total, term), x(0));
    return mapNode(builder, [loss, ...penalties], sum);
  });
}
