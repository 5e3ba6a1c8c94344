import { sizeOf } from "../../core/shapes.js";
import type { Dataset } from "../../data/dataset.js";
import {
  areasUnderRoc,
  type ClassificationMetrics,
  type ConfusionMatrix,
  classificationMetrics,
  confusionMatrix,
  meanAbsoluteError,
  mostConfused,
  predictedClasses,
  topKAccuracy,
} from "../../train/metrics/index.js";
import { loadModel } from "../../train/model.js";
import { usesUtf8 } from "../../train/progress.js";
import { findRecipe } from "../../zoo/recipes.js";
import { downloadProgress } from "../download.js";
import { formatCount, formatPercent, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { modelFile, readConfig, readResult } from "../run.js";

export interface EvaluateCommandOptions {
  readonly threads?: number;
  readonly json?: boolean;
}

/** Measures a run's model on the test set of its recipe: as a whole, per class, and what is taken for what. */
export async function evaluate(path: string, { threads, json }: EvaluateCommandOptions, io: Io): Promise<number> {
  const config = await readConfig(path);
  const recipe = findRecipe(config.recipe);
  const model = await loadModel(await modelFile(path));
  const onProgress = json === true ? undefined : downloadProgress(io);
  // Only the test set is wanted, and data sets come in pairs.
  const { test } = await recipe.data({ seed: config.settings.seed, train: 1, onProgress });
  const before = await readResult(path);
  if (before !== undefined && before.data !== test.source) {
    printNote(io, `the run was measured on other data (${before.data})`);
  }
  const measured = await model.evaluate(test, { threads });
  const scores = await model.predict(test.inputs, { threads });
  const outputs = sizeOf(model.network.outputs[0]!.shape);
  const isLogits = recipe.loss === "crossEntropy";
  const report = test.classes.length > 1 ? classify(test, scores, { outputs, isLogits }) : undefined;
  const error = report === undefined ? meanAbsoluteError(test.targets, scores) : undefined;
  if (json === true) {
    printJson(io, {
      event: "evaluation",
      run: path,
      data: test.source,
      ...measured,
      ...report,
      ...(error === undefined ? {} : { meanAbsoluteError: error }),
    });
    return exitCodes.ok;
  }
  const { loss, accuracy, examples } = measured;
  const whole = `loss ${loss.toFixed(4)}${error === undefined ? "" : `, mean absolute error ${error.toFixed(4)}`}`;
  const title = accuracy === undefined ? `test ${whole}` : `test accuracy ${accuracy.toFixed(4)}, ${whole}`;
  printLine(io.stdout, `${title} (${formatCount(examples)} images, ${test.source})`);
  if (report !== undefined) for (const line of formatReport(report, test.classes)) printLine(io.stdout, line);
  return exitCodes.ok;
}

interface Report extends Pick<ClassificationMetrics, "macro"> {
  readonly classes: readonly {
    readonly name: string;
    readonly images: number;
    readonly precision: number;
    readonly recall: number;
    readonly f1: number;
    /** Under the ROC curve of the class against all others; undefined where there are no images of either. */
    readonly auc: number | undefined;
  }[];
  /** Part of the images whose class is among the k most probable. */
  readonly topK: { readonly k: number; readonly accuracy: number } | undefined;
  readonly confused: readonly {
    readonly label: string;
    readonly predicted: string;
    readonly count: number;
    readonly part: number;
  }[];
  readonly confusion: ConfusionMatrix;
}

function classify(
  { targets, classes }: Dataset,
  scores: Float32Array,
  { outputs, isLogits }: { readonly outputs: number; readonly isLogits: boolean },
): Report {
  const confusion = confusionMatrix(targets, predictedClasses(scores, outputs), outputs);
  const metrics = classificationMetrics(confusion);
  const areas = areasUnderRoc(targets, isLogits ? softmax(scores, outputs) : scores, outputs);
  const k = outputs > 5 ? 3 : 0;
  return {
    classes: metrics.classes.map(({ support, ...rates }, i) => ({
      name: classes[i] ?? String(i),
      images: support,
      ...rates,
      auc: areas[i],
    })),
    macro: metrics.macro,
    topK: k === 0 ? undefined : { k, accuracy: topKAccuracy(targets, scores, outputs, k) },
    confused: mostConfused(confusion, 8).map(({ label, predicted, count, part }) => ({
      label: classes[label] ?? String(label),
      predicted: classes[predicted] ?? String(predicted),
      count,
      part,
    })),
    confusion,
  };
}

/** In float64, so that what differs stays different: scores of different images are compared. */
function softmax(logits: Float32Array, classes: number): Float64Array {
  const result = new Float64Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const row = logits.subarray(start, start + classes);
    const highest = row.reduce((a, b) => Math.max(a, b));
    const powers = Array.from(row, (logit) => Math.exp(logit - highest));
    const sum = powers.reduce((a, b) => a + b, 0);
    powers.forEach((power, k) => {
      result[start + k] = power / sum;
    });
  }
  return result;
}

function formatReport({ classes, macro, topK, confused, confusion }: Report, names: readonly string[]): string[] {
  const area = (value: number | undefined) => (value === undefined ? "-" : value.toFixed(4));
  const known = classes.flatMap(({ auc }) => (auc === undefined ? [] : [auc]));
  const mean = known.length === 0 ? undefined : known.reduce((sum, value) => sum + value, 0) / known.length;
  const rates = ({ precision, recall, f1 }: Report["macro"]) => [precision, recall, f1].map(formatPercent);
  return [
    ...(topK === undefined ? [] : [`the right class is among the first ${topK.k} for ${formatPercent(topK.accuracy)}`]),
    "",
    ...formatTable(
      ["Class", ">Precision", ">Recall", ">F1", ">AUC", ">Images"],
      [
        ...classes.map((each) => [
          each.name,
          // of a class without images nothing is known
          ...(each.images === 0 ? ["-", "-", "-"] : rates(each)),
          area(each.auc),
          formatCount(each.images),
        ]),
        ["mean", ...rates(macro), area(mean), ""],
      ],
    ),
    "",
    ...(confused.length === 0
      ? []
      : [
          "Most often confused",
          ...formatTable(
            ["Class", "taken for", ">Images", ">of the class"],
            confused.map(({ label, predicted, count, part }) => [
              label,
              predicted,
              formatCount(count),
              formatPercent(part),
            ]),
          ),
          "",
        ]),
    "Confusion matrix: a row for each true class, a column for each prediction",
    ...formatConfusion(confusion, names),
  ];
}

/** Columns have the class's name where names are short, its number otherwise. */
export function formatConfusion(matrix: ConfusionMatrix, classes: readonly string[]): string[] {
  const short = classes.every((name) => name.length <= 4);
  const zero = usesUtf8() ? "·" : ".";
  return formatTable(
    ["", ...classes.map((name, i) => `>${short ? name : i}`)],
    matrix.map((row, i) => [
      short ? classes[i]! : `${i} ${classes[i]}`,
      ...row.map((count) => (count === 0 ? zero : String(count))),
    ]),
  );
}
