import { fail } from "../../core/errors.js";
import { wholeNumber } from "../../model/check.js";
import { checkLabels, checkLengths, type Labels } from "./labels.js";

/** `matrix[true class][predicted class]`: how many examples, or pixels. */
export type ConfusionMatrix = readonly (readonly number[])[];

/**
 * The class of the highest score, the first of equals.
 *
 * @param scores examples × classes, as `predict` gives them
 * @param classes scores of an example
 * Errors: code "shape" where scores are not whole examples.
 * @example predictedClasses([0.1, 0.7, 0.2], 3) // Int32Array [1]
 */
export function predictedClasses(scores: ArrayLike<number>, classes: number): Int32Array {
  const length = scores.length / wholeNumber("predictedClasses", "classes", classes);
  if (!Number.isInteger(length)) {
    const expected = `a multiple of ${classes}`;
    const problem = "scores are not whole examples";
    fail({ code: "shape", where: "predictedClasses", problem, expected, received: String(scores.length) });
  }
  return Int32Array.from({ length }, (_, example) => {
    let best = 0;
    for (let k = 1; k < classes; k++) if (scores[example * classes + k]! > scores[example * classes + best]!) best = k;
    return best;
  });
}

/**
 * Part of the predictions that are right.
 *
 * Errors: code "shape" where there are not as many predictions as labels, or none.
 *
 * scikit-learn: accuracy_score
 *
 * @example accuracy([0, 1, 1, 2], [0, 1, 2, 2]) // 0.75
 */
export function accuracy(labels: Labels, predictions: Labels): number {
  checkLengths("accuracy", labels, predictions);
  let right = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] === predictions[i]) right += 1;
  return right / labels.length;
}

/**
 * Part of the examples whose class is among the k highest scores. Of equal scores, those of lower classes come first.
 *
 * Errors: codes "shape" and "label" for scores and labels that do not fit, code "option" for k < 1.
 *
 * scikit-learn: top_k_accuracy_score (where higher classes come first)
 *
 * @param scores examples × classes
 * @example topKAccuracy([2, 0], [0.5, 0.2, 0.3, 0.1, 0.6, 0.3], 3, 2) // 0.5
 */
export function topKAccuracy(labels: Labels, scores: ArrayLike<number>, classes: number, k: number): number {
  const where = "topKAccuracy";
  wholeNumber(where, "k", k);
  checkLengths(where, labels, scores, classes);
  checkLabels(where, labels, classes);
  let right = 0;
  for (let i = 0; i < labels.length; i++) {
    const own = scores[i * classes + labels[i]!]!;
    let before = 0;
    for (let c = 0; c < classes; c++) {
      const score = scores[i * classes + c]!;
      if (score > own || (score === own && c < labels[i]!)) before += 1;
    }
    if (before < k) right += 1;
  }
  return right / labels.length;
}

/**
 * How often each class is taken for each.
 *
 * Errors: codes "shape" and "label".
 *
 * scikit-learn: confusion_matrix
 *
 * @example confusionMatrix([0, 1, 1], [0, 1, 0], 2) // [[1, 0], [1, 1]]
 */
export function confusionMatrix(labels: Labels, predictions: Labels, classes: number): number[][] {
  const where = "confusionMatrix";
  checkLengths(where, labels, predictions);
  checkLabels(where, labels, classes);
  checkLabels(where, predictions, classes);
  const matrix = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  for (let i = 0; i < labels.length; i++) matrix[labels[i]!]![predictions[i]!]! += 1;
  return matrix;
}

/** How one class fares. What would be 0/0 is 0, as where a class is never predicted. */
export interface ClassMetrics {
  /** TP / (TP + FP): which part of what is called so is so. */
  readonly precision: number;
  /** TP / (TP + FN): which part of what is so is called so. */
  readonly recall: number;
  /** Their harmonic mean, 2·TP / (2·TP + FP + FN). */
  readonly f1: number;
  /** Examples of the class. */
  readonly support: number;
}

export interface ClassificationMetrics {
  readonly accuracy: number;
  readonly classes: readonly ClassMetrics[];
  /** Means over the classes. */
  readonly macro: Omit<ClassMetrics, "support">;
  /** Means over the classes, each as often as it has examples. */
  readonly weighted: Omit<ClassMetrics, "support">;
}

/**
 * Precision, recall and F1 of every class, and their means.
 *
 * scikit-learn: precision_recall_fscore_support, classification_report
 *
 * @example classificationMetrics([[8, 2], [1, 9]]).classes[0]!.recall // 0.8
 */
export function classificationMetrics(matrix: ConfusionMatrix): ClassificationMetrics {
  const counts = countsOf(matrix, "classificationMetrics");
  const classes = counts.map(({ hits, misses, alarms }) => ({
    precision: ratio(hits, hits + alarms),
    recall: ratio(hits, hits + misses),
    f1: ratio(2 * hits, 2 * hits + alarms + misses),
    support: hits + misses,
  }));
  const total = classes.reduce((sum, { support }) => sum + support, 0);
  const mean = (weight: (each: ClassMetrics) => number) => {
    const of = (name: "precision" | "recall" | "f1") =>
      classes.reduce((sum, each) => sum + weight(each) * each[name], 0);
    return { precision: of("precision"), recall: of("recall"), f1: of("f1") };
  };
  return {
    accuracy: ratio(
      counts.reduce((sum, { hits }) => sum + hits, 0),
      total,
    ),
    classes,
    macro: mean(() => 1 / classes.length),
    weighted: mean(({ support }) => ratio(support, total)),
  };
}

/**
 * Overlap of each class's prediction with the truth, TP / (TP + FP + FN): the Jaccard index, mostly of pixels. 0/0 is 0.
 *
 * scikit-learn: jaccard_score with average=None
 *
 * @example intersectionOverUnion([[8, 2], [1, 9]]) // [8/11, 9/12]
 */
export function intersectionOverUnion(matrix: ConfusionMatrix): number[] {
  const counts = countsOf(matrix, "intersectionOverUnion");
  return counts.map(({ hits, misses, alarms }) => ratio(hits, hits + misses + alarms));
}

/**
 * Dice's coefficient of each class, 2·TP / (2·TP + FP + FN): the same number as its F1, mostly of pixels. 0/0 is 0.
 *
 * @example diceCoefficient([[8, 2], [1, 9]]) // [16/19, 18/21]
 */
export function diceCoefficient(matrix: ConfusionMatrix): number[] {
  const counts = countsOf(matrix, "diceCoefficient");
  return counts.map(({ hits, misses, alarms }) => ratio(2 * hits, 2 * hits + misses + alarms));
}

/** A pair of classes, one taken for the other. */
export interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
  /** Part of the label's examples. */
  readonly part: number;
}

/**
 * What is most often taken for what, the most frequent first; never none.
 *
 * @param most pairs. Default: 10
 * @example mostConfused([[8, 2], [1, 9]], 1) // [{ label: 0, predicted: 1, count: 2, part: 0.2 }]
 */
export function mostConfused(matrix: ConfusionMatrix, most = 10): Confusion[] {
  const counts = countsOf(matrix, "mostConfused");
  const pairs = matrix.flatMap((row, label) =>
    row.map((count, predicted) => {
      const { hits, misses } = counts[label]!;
      return { label, predicted, count, part: ratio(count, hits + misses) };
    }),
  );
  return pairs
    .filter(({ label, predicted, count }) => label !== predicted && count > 0)
    .sort((a, b) => b.count - a.count || b.part - a.part)
    .slice(0, most);
}

/** True positives, false negatives and false positives of each class. */
function countsOf(matrix: ConfusionMatrix, where: string) {
  if (matrix.length === 0 || matrix.some((row) => row.length !== matrix.length)) {
    const received = `${matrix.length} rows of ${matrix[0]?.length ?? 0}`;
    fail({ code: "shape", where, problem: "the confusion matrix is not square", expected: "n × n", received });
  }
  return matrix.map((row, i) => {
    const hits = row[i]!;
    const examples = row.reduce((sum, count) => sum + count, 0);
    const predicted = matrix.reduce((sum, other) => sum + other[i]!, 0);
    return { hits, misses: examples - hits, alarms: predicted - hits };
  });
}

const ratio = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
