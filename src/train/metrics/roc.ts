import { fail } from "../../core/errors.js";
import { checkLabels, checkLengths, type Labels } from "./labels.js";

/** A receiver operating characteristic: what is found, against what is alarmed at wrongly, for every threshold. */
export interface RocCurve {
  /** Part of the negatives with a score of at least the threshold. */
  readonly falsePositiveRates: readonly number[];
  /** Part of the positives with a score of at least the threshold. */
  readonly truePositiveRates: readonly number[];
  /** Falling, the first one infinite. */
  readonly thresholds: readonly number[];
}

/**
 * The curve of a score that tells positives (label 1) from negatives (label 0): a point for each different score.
 *
 * Errors: code "shape" for different numbers, code "label" for other labels, code "data" where one of the two is missing.
 *
 * scikit-learn: roc_curve with drop_intermediate=False
 *
 * @example rocCurve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]).truePositiveRates // [0, 0.5, 0.5, 1, 1]
 */
export function rocCurve(labels: Labels, scores: ArrayLike<number>): RocCurve {
  const where = "rocCurve";
  checkLengths(where, labels, scores);
  checkLabels(where, labels, 2);
  const order = Array.from({ length: labels.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  const positives = order.filter((i) => labels[i] === 1).length;
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) {
    const problem = `there are no ${positives === 0 ? "positives" : "negatives"}`;
    fail({ code: "data", where, problem, expected: "labels 0 and 1, both of them" });
  }
  const falsePositiveRates = [0];
  const truePositiveRates = [0];
  const thresholds = [Number.POSITIVE_INFINITY];
  let found = 0;
  order.forEach((example, rank) => {
    if (labels[example] === 1) found += 1;
    const score = scores[example]!;
    if (rank + 1 < order.length && scores[order[rank + 1]!] === score) return;
    truePositiveRates.push(found / positives);
    falsePositiveRates.push((rank + 1 - found) / negatives);
    thresholds.push(score);
  });
  return { falsePositiveRates, truePositiveRates, thresholds };
}

/**
 * Area under the curve of {@link rocCurve}, by trapezoids: how probably a positive scores higher than a negative.
 *
 * scikit-learn: roc_auc_score
 *
 * @example areaUnderRoc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]) // 0.75
 */
export function areaUnderRoc(labels: Labels, scores: ArrayLike<number>): number {
  const { falsePositiveRates: x, truePositiveRates: y } = rocCurve(labels, scores);
  return x.reduce((sum, at, i) => (i === 0 ? 0 : sum + ((at - x[i - 1]!) * (y[i]! + y[i - 1]!)) / 2), 0);
}

/**
 * The area of each class's score against all other classes; undefined for a class that has no examples, or all of them.
 *
 * Errors: codes "shape" and "label".
 *
 * scikit-learn: roc_auc_score with multi_class="ovr" and average=None
 *
 * @param scores examples × classes
 * @example areasUnderRoc([0, 1], [0.8, 0.2, 0.3, 0.7], 2) // [1, 1]
 */
export function areasUnderRoc(labels: Labels, scores: ArrayLike<number>, classes: number): (number | undefined)[] {
  const where = "areasUnderRoc";
  checkLengths(where, labels, scores, classes);
  checkLabels(where, labels, classes);
  return Array.from({ length: classes }, (_, c) => {
    const own = Array.from({ length: labels.length }, (_, i) => (labels[i] === c ? 1 : 0));
    if (!own.includes(1) || !own.includes(0)) return undefined;
    return areaUnderRoc(
      own,
      own.map((_, i) => scores[i * classes + c]!),
    );
  });
}
