import type { NumericArray } from "../core/dtypes.js";
import type { ReferenceKernel } from "./reference.js";
import type { LastAxisAttributes } from "./softmax.js";

/** `y_i = e^(x_i − max) / Σ_j e^(x_j − max)` for each row. */
export const softmax: ReferenceKernel<LastAxisAttributes> = ({ inputs, output }) => {
  const logits = inputs[0]!;
  forEachRow(logits.data, logits.shape, (row, _, first) => {
    output.data.set(probabilities(row), first);
  });
};

/**
 * `loss = log Σ_j e^(x_j − max) − (x_label − max)` for each row. A label outside [0, classes) gives NaN; labels are
 * checked where data enter, so that a user sees an error and not this NaN.
 */
export const softmaxCrossEntropy: ReferenceKernel<LastAxisAttributes> = ({ inputs, output }) => {
  const [logits, labels] = [inputs[0]!, inputs[1]!];
  forEachRow(logits.data, logits.shape, (row, n) => {
    const label = labels.data[n]!;
    const max = largest(row);
    let sum = 0;
    for (const value of row) sum += Math.exp(value - max);
    output.data[n] = isClass(label, row.length) ? Math.log(sum) - (row[label]! - max) : NaN;
  });
};

/** `(softmax(x)_j − [j = label]) · gradient` for each row; all zeros where the label is outside [0, classes). */
export const softmaxCrossEntropyGradient: ReferenceKernel<LastAxisAttributes> = ({ inputs, output }) => {
  const [logits, labels, gradient] = [inputs[0]!, inputs[1]!, inputs[2]!];
  forEachRow(logits.data, logits.shape, (row, n, first) => {
    const label = labels.data[n]!;
    probabilities(row).forEach((probability, j) => {
      const target = j === label ? 1 : 0;
      output.data[first + j] = isClass(label, row.length) ? (probability - target) * gradient.data[n]! : 0;
    });
  });
};

/** The first position of the largest value of each row. NaN is larger than nothing. */
export const argmax: ReferenceKernel<LastAxisAttributes> = ({ inputs, output }) => {
  const values = inputs[0]!;
  forEachRow(values.data, values.shape, (row, n) => {
    let best = 0;
    for (let j = 1; j < row.length; j++) if (row[j]! > row[best]!) best = j;
    output.data[n] = best;
  });
};

/** Visits the rows along the last axis: the row, its number, and the index of its first element. */
function forEachRow(
  data: NumericArray,
  shape: readonly number[],
  visit: (row: NumericArray, n: number, first: number) => void,
): void {
  const columns = shape[shape.length - 1]!;
  for (let first = 0; first < data.length; first += columns) {
    visit(data.subarray(first, first + columns), first / columns, first);
  }
}

function probabilities(row: NumericArray): Float64Array {
  const max = largest(row);
  const powers = Float64Array.from(row, (value) => Math.exp(value - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function largest(row: NumericArray): number {
  let max = -Infinity;
  for (const value of row) max = Math.max(max, value);
  return max;
}

function isClass(label: number, classes: number): boolean {
  return label >= 0 && label < classes;
}
