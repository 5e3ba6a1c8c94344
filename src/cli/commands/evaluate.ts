import { sizeOf } from "../../core/shapes.js";
import type { Dataset } from "../../data/dataset.js";
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
  const confusion = confusionMatrix(test, scores, sizeOf(model.network.outputs[0]!.shape));
  const classes = test.classes.map((name, i) => {
    const images = confusion[i]!.reduce((sum, count) => sum + count, 0);
    return { name, images, accuracy: images === 0 ? undefined : confusion[i]![i]! / images };
  });
  if (json === true) {
    printJson(io, { event: "evaluation", run: path, data: test.source, ...measured, classes, confusion });
    return exitCodes.ok;
  }
  const { loss, accuracy, examples } = measured;
  const lines = [
    `test accuracy ${accuracy?.toFixed(4)}, loss ${loss.toFixed(4)} (${formatCount(examples)} images, ${test.source})`,
    "",
    ...formatTable(
      ["Class", ">Accuracy", ">Images"],
      classes.map(({ name, images, accuracy: part }) => [
        name,
        part === undefined ? "-" : formatPercent(part),
        formatCount(images),
      ]),
    ),
    "",
    "Confusion matrix: a row for each true class, a column for each prediction",
    ...formatConfusion(confusion, test.classes),
  ];
  for (const line of lines) printLine(io.stdout, line);
  return exitCodes.ok;
}

/** `matrix[true][predicted]`: how many images. */
function confusionMatrix({ targets, length, classes }: Dataset, scores: Float32Array, outputs: number): number[][] {
  const matrix = Array.from({ length: classes.length }, () => new Array<number>(outputs).fill(0));
  for (let i = 0; i < length; i++) {
    let best = i * outputs;
    for (let k = best + 1; k < (i + 1) * outputs; k++) if (scores[k]! > scores[best]!) best = k;
    matrix[targets[i]!]![best - i * outputs]! += 1;
  }
  return matrix;
}

/** Columns have the class's name where names are short, its number otherwise. */
function formatConfusion(matrix: readonly (readonly number[])[], classes: readonly string[]): string[] {
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
