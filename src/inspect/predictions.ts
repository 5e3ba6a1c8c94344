import { checkOptions } from "../core/errors.js";
import type { Shape } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { wholeNumber } from "../model/check.js";
import { type Confusion, type ConfusionMatrix, confusionMatrix, mostConfused } from "../train/metrics/index.js";
import type { Model } from "../train/model.js";
import { type Scored, score } from "./classes.js";
import { examplesOf } from "./examples.js";
import { type ViewOptions, viewOptionNames } from "./probe.js";

/** What a model says of an example. */
export interface Prediction {
  /** Position in the data. */
  readonly example: number;
  readonly label: number;
  readonly predicted: number;
  /** Of the predicted class. */
  readonly probability: number;
  /** Of the example's own class. */
  readonly ofLabel: number;
}

/** Images with what a model says of them. */
export interface Predictions {
  readonly view: "predictions";
  /** `"all"`: as they come. `"mistakes"`: wrong ones, the surest first. */
  readonly which: "all" | "mistakes";
  readonly shape: Shape;
  readonly classes: readonly string[];
  readonly predictions: readonly Prediction[];
  /** The images of these, by their positions. */
  readonly images: ReadonlyMap<number, Float32Array>;
  /** Examples looked at, and how many of them are wrong. */
  readonly examples: number;
  readonly wrong: number;
}

export interface PredictionsOptions extends ViewOptions {
  /** Images to show. Default: 40. */
  readonly count?: number;
}

/**
 * The first images of a data set with what a model says of them, and how sure it is.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit.
 *
 * @example const { predictions: list } = await predictions(net, digits.test, { count: 12 });
 */
export async function predictions(model: Model, data: Dataset, options: PredictionsOptions = {}): Promise<Predictions> {
  return select(model, data, options, "predictions", "all");
}

/**
 * The worst mistakes: images that a model takes for a wrong class, those first where it is surest.
 *
 * Errors: those of {@link predictions}.
 *
 * @example const { predictions: worst } = await mistakes(net, digits.test, { count: 12 });
 */
export async function mistakes(model: Model, data: Dataset, options: PredictionsOptions = {}): Promise<Predictions> {
  return select(model, data, options, "mistakes", "mistakes");
}

async function select(
  model: Model,
  data: Dataset,
  options: PredictionsOptions,
  where: string,
  which: Predictions["which"],
): Promise<Predictions> {
  checkOptions(where, options, ["count", ...viewOptionNames]);
  const count = wholeNumber(where, "count", options.count ?? 40);
  return predictionsOf(await score(model, data, where, options), data, which, count);
}

export async function predictionsOf(
  { labels, predicted, probabilities, classes }: Scored,
  data: Dataset,
  which: Predictions["which"],
  count: number,
): Promise<Predictions> {
  const all = Array.from(labels, (label, example): Prediction => {
    const at = example * classes.length;
    const found = predicted[example]!;
    return {
      example,
      label,
      predicted: found,
      probability: probabilities[at + found]!,
      ofLabel: probabilities[at + label]!,
    };
  });
  const wrong = all.filter(({ label, predicted: found }) => label !== found);
  const surest = (a: Prediction, b: Prediction) => b.probability - a.probability || a.example - b.example;
  const shown = (which === "all" ? all : wrong.sort(surest)).slice(0, count);
  return {
    view: "predictions",
    which,
    shape: data.shape,
    classes,
    predictions: shown,
    images: await examplesOf(
      data,
      shown.map(({ example }) => example),
    ),
    examples: all.length,
    wrong: wrong.length,
  };
}

/** What is taken for what. */
export interface ConfusionView {
  readonly view: "confusion";
  /** `matrix[true class][predicted class]` */
  readonly matrix: ConfusionMatrix;
  readonly classes: readonly string[];
  readonly examples: number;
  readonly accuracy: number;
  /** Pairs that are confused most, the most frequent first. */
  readonly pairs: readonly Confusion[];
}

/**
 * The confusion matrix of a model over a data set.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit.
 *
 * @example const { matrix, pairs } = await confusion(net, digits.test);
 */
export async function confusion(model: Model, data: Dataset, options: ViewOptions = {}): Promise<ConfusionView> {
  const where = "confusion";
  checkOptions(where, options, viewOptionNames);
  return confusionOf(await score(model, data, where, options));
}

export function confusionOf({ labels, predicted, classes }: Scored): ConfusionView {
  const matrix = confusionMatrix(labels, predicted, classes.length);
  const right = matrix.reduce((sum, row, i) => sum + row[i]!, 0);
  const pairs = mostConfused(matrix, 8);
  return { view: "confusion", matrix, classes, examples: labels.length, accuracy: right / labels.length, pairs };
}
