import type { Node } from "../graph/types.js";
import { absolute, divide, lessEqual, maximum, multiply, select, sqrt, subtract, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { numberThat } from "./check.js";
import { alongLast, constant, elementwise, type Loss, makeLoss, meanPerExample, optionsOf } from "./loss.js";

/**
 * Mean of squares: the mean over all elements of `(y − t)²`.
 *
 * Targets: float32 of the output's shape.
 *
 * Keras: MeanSquaredError · PyTorch: MSELoss
 *
 * @example meanSquaredError()
 */
export function meanSquaredError(): Loss {
  const difference = subtract(x(0), x(1));
  // the difference as a node of its own: its square's gradient reads it
  return makeLoss(
    "meanSquaredError",
    {},
    {
      emit({ builder, output, target }) {
        const node = mapNode(builder, [output, target], difference);
        return { sums: meanPerExample(builder, mapNode(builder, [node], multiply(x(0), x(0)))) };
      },
    },
  );
}

/**
 * Mean of distances: the mean over all elements of `|y − t|`; the derivative at 0 is 0.
 *
 * Targets: float32 of the output's shape.
 *
 * Keras: MeanAbsoluteError · PyTorch: L1Loss
 *
 * @example meanAbsoluteError()
 */
export function meanAbsoluteError(): Loss {
  return elementwise("meanAbsoluteError", {}, absolute(subtract(x(0), x(1))));
}

export interface HuberOptions {
  /** δ, the distance from which on the loss grows linearly. Default: 1. */
  readonly delta?: number;
}

/**
 * Squares near the target, distances far from it: the mean over all elements of `½·d²` for `d = |y − t| ≤ δ` and
 * `δ·(d − ½·δ)` elsewhere.
 *
 * Targets: float32 of the output's shape.
 *
 * Keras: Huber · PyTorch: HuberLoss (SmoothL1Loss is this divided by δ)
 *
 * Errors: code "option" for a δ that is not above 0.
 *
 * Source: Huber, "Robust estimation of a location parameter", 1964.
 *
 * @example huber({ delta: 0.5 })
 */
export function huber(options: HuberOptions = {}): Loss {
  const given = optionsOf("huber", options, ["delta"]);
  const delta = numberThat("huber", "delta", given.delta ?? 1, "a number > 0", (number) => number > 0);
  const difference = subtract(x(0), x(1));
  const distance = absolute(difference);
  const near = multiply(0.5, multiply(difference, difference));
  const far = multiply(delta, subtract(distance, 0.5 * delta));
  return elementwise("huber", given, select(lessEqual(distance, delta), near, far));
}

/** `1 − t·y` with targets of 0 taken as −1. */
const margin = subtract(1, multiply(select(lessEqual(x(1), 0), constant(-1), x(1)), x(0)));

/**
 * Hinge: the mean over all elements of `max(0, 1 − t·y)`.
 *
 * Targets: float32 of the output's shape, −1 (or 0, which is taken as −1) and 1.
 *
 * Keras: Hinge · PyTorch: none
 *
 * Source: Cortes and Vapnik, "Support-vector networks", 1995.
 *
 * @example hinge()
 */
export function hinge(): Loss {
  return elementwise("hinge", {}, maximum(margin, 0));
}

/**
 * Squared hinge: the mean over all elements of `max(0, 1 − t·y)²`.
 *
 * Targets: float32 of the output's shape, −1 (or 0, which is taken as −1) and 1.
 *
 * Keras: SquaredHinge · PyTorch: none
 *
 * @example squaredHinge()
 */
export function squaredHinge(): Loss {
  return elementwise("squaredHinge", {}, multiply(maximum(margin, 0), maximum(margin, 0)));
}

/**
 * What is missing to the same direction: `1 − y·t / (‖y‖·‖t‖)` for each row along the last axis, averaged over rows.
 * Norms count at least 10⁻⁸.
 *
 * Targets: float32 of the output's shape.
 *
 * Keras: CosineSimilarity (without the 1) · PyTorch: CosineEmbeddingLoss with labels of 1
 *
 * @example cosineSimilarity()
 */
export function cosineSimilarity(): Loss {
  return makeLoss(
    "cosineSimilarity",
    {},
    {
      emit({ builder, output, target }) {
        const norm = (node: Node) => {
          const squares = alongLast(builder, mapNode(builder, [node], multiply(x(0), x(0))), "sum");
          return mapNode(builder, [squares], sqrt(maximum(x(0), 1e-16)));
        };
        const product = alongLast(builder, mapNode(builder, [output, target], multiply(x(0), x(1))), "sum");
        const cosine = divide(divide(x(0), x(1)), x(2));
        const rows = mapNode(builder, [product, norm(output), norm(target)], subtract(1, cosine));
        return { sums: meanPerExample(builder, rows) };
      },
    },
  );
}
