import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  accuracy,
  areasUnderRoc,
  areaUnderRoc,
  classificationMetrics,
  confusionMatrix,
  diceCoefficient,
  intersectionOverUnion,
  meanAbsoluteError,
  meanSquaredError,
  mostConfused,
  predictedClasses,
  rocCurve,
  topKAccuracy,
} from "../../src/train/metrics/index.js";

interface Classification {
  readonly name: string;
  readonly classes: number;
  readonly labels: readonly number[];
  readonly scores: readonly number[];
  readonly accuracy: number;
  readonly topK: readonly number[];
  readonly confusion: readonly (readonly number[])[];
  readonly precision: readonly number[];
  readonly recall: readonly number[];
  readonly f1: readonly number[];
  readonly support: readonly number[];
  readonly macro: readonly [number, number, number];
  readonly weighted: readonly [number, number, number];
  readonly jaccard: readonly number[];
  readonly areas: readonly (number | null)[];
}

interface Roc {
  readonly name: string;
  readonly labels: readonly number[];
  readonly scores: readonly number[];
  readonly falsePositiveRates: readonly number[];
  readonly truePositiveRates: readonly number[];
  readonly thresholds: readonly (number | null)[];
  readonly area: number;
}

/** Written by test/fixtures/generateMetrics.py, which asks scikit-learn. */
const fixture: {
  readonly classification: readonly Classification[];
  readonly roc: readonly Roc[];
  readonly regression: {
    readonly targets: readonly number[];
    readonly predictions: readonly number[];
    readonly meanAbsoluteError: number;
    readonly meanSquaredError: number;
  };
} = JSON.parse(readFileSync(new URL("../fixtures/metrics.json", import.meta.url), "utf8"));

/** All is float64 on both sides; sums may run in another order. */
function expectClose(received: readonly (number | undefined)[], expected: readonly (number | null)[]): void {
  expect(received).toHaveLength(expected.length);
  received.forEach((value, i) => {
    if (expected[i] === null) expect(value).toBeUndefined();
    else expect(value).toBeCloseTo(expected[i]!, 12);
  });
}

describe.each(fixture.classification)("as scikit-learn's, $name", (entry) => {
  const { labels, scores, classes } = entry;
  const predictions = predictedClasses(scores, classes);
  const matrix = confusionMatrix(labels, predictions, classes);
  const metrics = classificationMetrics(matrix);

  test("accuracy and top-k accuracy", () => {
    expectClose([accuracy(labels, predictions), metrics.accuracy], [entry.accuracy, entry.accuracy]);
    expectClose(
      entry.topK.map((_, i) => topKAccuracy(labels, scores, classes, i + 1)),
      entry.topK,
    );
  });

  test("confusion matrix", () => {
    expect(matrix).toEqual(entry.confusion);
  });

  test("precision, recall and F1", () => {
    for (const name of ["precision", "recall", "f1", "support"] as const) {
      expectClose(
        metrics.classes.map((each) => each[name]),
        entry[name],
      );
    }
    for (const mean of ["macro", "weighted"] as const) {
      expectClose([metrics[mean].precision, metrics[mean].recall, metrics[mean].f1], entry[mean]);
    }
  });

  test("overlap", () => {
    expectClose(intersectionOverUnion(matrix), entry.jaccard);
    expectClose(diceCoefficient(matrix), entry.f1);
  });

  test("areas under the curves of classes against the rest", () => {
    expectClose(areasUnderRoc(labels, scores, classes), entry.areas);
  });
});

test.each(fixture.roc)("ROC curve as scikit-learn's, $name", (entry) => {
  const { labels, scores } = entry;
  const curve = rocCurve(labels, scores);
  expectClose(curve.falsePositiveRates, entry.falsePositiveRates);
  expectClose(curve.truePositiveRates, entry.truePositiveRates);
  expect(curve.thresholds[0]).toBe(Number.POSITIVE_INFINITY);
  expectClose(curve.thresholds.slice(1), entry.thresholds.slice(1));
  expect(areaUnderRoc(labels, scores)).toBeCloseTo(entry.area, 12);
});

test("errors of numbers as scikit-learn's", () => {
  const { targets, predictions, ...expected } = fixture.regression;
  expect(meanAbsoluteError(targets, predictions)).toBeCloseTo(expected.meanAbsoluteError, 12);
  expect(meanSquaredError(targets, predictions)).toBeCloseTo(expected.meanSquaredError, 12);
});

test("confused pairs come by number, then by part", () => {
  const matrix = [
    [5, 2, 0],
    [2, 90, 8],
    [0, 1, 1],
  ];
  expect(mostConfused(matrix, 3)).toEqual([
    { label: 1, predicted: 2, count: 8, part: 0.08 },
    { label: 0, predicted: 1, count: 2, part: 2 / 7 },
    { label: 1, predicted: 0, count: 2, part: 0.02 },
  ]);
  expect(
    mostConfused([
      [4, 0],
      [0, 4],
    ]),
  ).toEqual([]);
});

test("what does not fit is refused", () => {
  expect(() => accuracy([1], [1, 2])).toThrow(
    "accuracy: labels and predictions differ in number (expected 1 values, received 2).",
  );
  expect(() => accuracy([], [])).toThrow("accuracy: there are no examples (expected one at least, received 0).");
  expect(() => confusionMatrix([0, 3], [0, 1], 3)).toThrow(
    "confusionMatrix: example 1 is of no class (expected whole numbers from 0 to 2, received 3).",
  );
  expect(() => rocCurve([1, 1], [0.2, 0.3])).toThrow(
    "rocCurve: there are no negatives (expected labels 0 and 1, both of them).",
  );
  expect(() => classificationMetrics([[1, 2]])).toThrow(
    "classificationMetrics: the confusion matrix is not square (expected n × n, received 1 rows of 2).",
  );
  expect(() => topKAccuracy([0], [1, 2], 2, 0)).toThrow("wrong k (expected a whole number ≥ 1, received 0)");
});
