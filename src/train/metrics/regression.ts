import { checkLengths } from "./labels.js";

/**
 * Mean of |target − prediction|.
 *
 * Errors: code "shape" where there are not as many predictions as targets, or none.
 *
 * scikit-learn: mean_absolute_error
 *
 * @example meanAbsoluteError([1, 2, 3], [1, 2, 5]) // 2/3
 */
export function meanAbsoluteError(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return meanOf("meanAbsoluteError", targets, predictions, Math.abs);
}

/**
 * Mean of (target − prediction)².
 *
 * Errors: code "shape".
 *
 * scikit-learn: mean_squared_error
 *
 * @example meanSquaredError([1, 2, 3], [1, 2, 5]) // 4/3
 */
export function meanSquaredError(targets: ArrayLike<number>, predictions: ArrayLike<number>): number {
  return meanOf("meanSquaredError", targets, predictions, (error) => error * error);
}

function meanOf(
  where: string,
  targets: ArrayLike<number>,
  predictions: ArrayLike<number>,
  cost: (error: number) => number,
): number {
  checkLengths(where, targets, predictions);
  let sum = 0;
  for (let i = 0; i < targets.length; i++) sum += cost(targets[i]! - predictions[i]!);
  return sum / targets.length;
}
