import { fail } from "../../core/errors.js";
import { choice, numberThat, wholeNumber } from "../../model/check.js";
import { checkLabels, checkLengths, type Labels } from "./labels.js";

/** Examples whose confidence lies in one interval. */
export interface CalibrationBin {
  /** The interval (low, high]; the first holds 0 as well. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean of the highest probability; 0 without examples. */
  readonly confidence: number;
  /** Part that is right; 0 without examples. */
  readonly accuracy: number;
}

/** Whether what is said with 90 % confidence is right nine times in ten. */
export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /** `Σ_b n_b / n · |accuracy_b − confidence_b|`: the expected calibration error. */
  readonly expectedError: number;
  /** The largest |accuracy_b − confidence_b| of a bin with examples. */
  readonly largestError: number;
  readonly accuracy: number;
  /** Mean of the highest probability. */
  readonly confidence: number;
  readonly examples: number;
}

/**
 * Confidence, the highest of an example's probabilities, against accuracy, in intervals of equal width.
 *
 * Errors: codes "shape" and "label" for probabilities and labels that do not fit; code "option" for no bins.
 *
 * Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
 *
 * @param probabilities examples × classes
 * @param options.bins intervals. Default: 15
 * @example calibration([0, 1], [0.9, 0.1, 0.6, 0.4], 2, { bins: 10 }).expectedError // (0.1 + 0.6) / 2
 */
export function calibration(
  labels: Labels,
  probabilities: ArrayLike<number>,
  classes: number,
  { bins = 15 }: { readonly bins?: number } = {},
): Calibration {
  const where = "calibration";
  wholeNumber(where, "bins", bins);
  const judged = judge(where, labels, probabilities, classes);
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, right: 0 }));
  for (const { confidence, isRight } of judged) {
    const sum = sums[Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1))]!;
    sum.count += 1;
    sum.confidence += confidence;
    sum.right += isRight ? 1 : 0;
  }
  const found = sums.map(({ count, confidence, right }, i): CalibrationBin => {
    const mean = (sum: number) => (count === 0 ? 0 : sum / count);
    return { low: i / bins, high: (i + 1) / bins, count, confidence: mean(confidence), accuracy: mean(right) };
  });
  const gap = ({ accuracy, confidence }: CalibrationBin) => Math.abs(accuracy - confidence);
  const examples = judged.length;
  return {
    bins: found,
    expectedError: found.reduce((sum, bin) => sum + (bin.count / examples) * gap(bin), 0),
    largestError: Math.max(...found.map(gap)),
    accuracy: judged.filter(({ isRight }) => isRight).length / examples,
    confidence: judged.reduce((sum, { confidence }) => sum + confidence, 0) / examples,
    examples,
  };
}

/** How sure a prediction is: its probability, or how far it is ahead of the second. */
export type RejectionRule = "confidence" | "margin";

export interface RejectionPoint {
  /** Part of the examples that is rejected. */
  readonly rejected: number;
  /** Part of the others that is wrong. */
  readonly error: number;
  /** Examples below it are rejected. */
  readonly threshold: number;
}

/**
 * What is left of the error when the examples that a classifier is least sure of are rejected: a point for each
 * different score, the first rejecting none. Examples of one score are rejected together.
 *
 * Errors: codes "shape" and "label" for probabilities and labels that do not fit; code "option" for another rule.
 *
 * @param probabilities examples × classes
 * @param options.by `"confidence"`, the highest probability, or `"margin"`, what it is ahead of the second.
 * Default: "confidence"
 * @example rejectionCurve([0, 1], [0.9, 0.1, 0.6, 0.4], 2)[1] // { rejected: 0.5, error: 0, threshold: 0.9 }
 */
export function rejectionCurve(
  labels: Labels,
  probabilities: ArrayLike<number>,
  classes: number,
  { by = "confidence" }: { readonly by?: RejectionRule } = {},
): RejectionPoint[] {
  const where = "rejectionCurve";
  choice(where, "by", by, ["confidence", "margin"]);
  const judged = judge(where, labels, probabilities, classes).sort((a, b) => a[by] - b[by]);
  const total = judged.length;
  let wrong = judged.filter(({ isRight }) => !isRight).length;
  return judged.flatMap((each, i) => {
    const isFirst = i === 0 || judged[i - 1]![by] !== each[by];
    const point = { rejected: i / total, error: wrong / (total - i), threshold: each[by] };
    if (!each.isRight) wrong -= 1;
    return isFirst ? [point] : [];
  });
}

/**
 * The first point of a curve whose error is at most `error`: how much has to be rejected to be that good. Undefined where
 * no point is.
 *
 * Errors: code "option" for what is no part.
 *
 * @param curve of {@link rejectionCurve}
 * @param error 0 … 1
 * @example rejectionFor(rejectionCurve([0, 1], [0.9, 0.1, 0.6, 0.4], 2), 0.01)?.rejected // 0.5
 */
export function rejectionFor(curve: readonly RejectionPoint[], error: number): RejectionPoint | undefined {
  numberThat("rejectionFor", "error", error, "a number from 0 to 1", (value) => value >= 0 && value <= 1);
  return curve.find((point) => point.error <= error);
}

interface Judged {
  readonly confidence: number;
  readonly margin: number;
  readonly isRight: boolean;
}

function judge(where: string, labels: Labels, probabilities: ArrayLike<number>, classes: number): Judged[] {
  wholeNumber(where, "classes", classes, 2);
  checkLengths(where, labels, probabilities, classes);
  checkLabels(where, labels, classes);
  return Array.from({ length: labels.length }, (_, example) => {
    const at = (c: number) => probabilities[example * classes + c]!;
    let best = 0;
    for (let c = 1; c < classes; c++) if (at(c) > at(best)) best = c;
    let second = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) if (c !== best) second = Math.max(second, at(c));
    const confidence = at(best);
    if (!(confidence >= 0 && confidence <= 1 + 1e-6)) {
      const problem = `scores of example ${example} are no probabilities`;
      fail({ code: "data", where, problem, expected: "numbers from 0 to 1", received: String(confidence) });
    }
    return { confidence, margin: confidence - second, isRight: best === labels[example] };
  });
}
