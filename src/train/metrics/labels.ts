import { fail } from "../../core/errors.js";

/** Class labels: numbers from 0. */
export type Labels = ArrayLike<number>;

/** Refuses labels and predictions of different lengths, or of none. */
export function checkLengths(where: string, labels: Labels, others: ArrayLike<number>, each = 1): void {
  if (labels.length > 0 && others.length === labels.length * each) return;
  fail({
    code: "shape",
    where,
    problem: labels.length === 0 ? "there are no examples" : "labels and predictions differ in number",
    expected: labels.length === 0 ? "one at least" : `${labels.length * each} values`,
    received: String(others.length),
  });
}

export function checkLabels(where: string, labels: Labels, classes: number): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    const expected = `whole numbers from 0 to ${classes - 1}`;
    fail({ code: "label", where, problem: `example ${i} is of no class`, expected, received: String(label) });
  }
}
