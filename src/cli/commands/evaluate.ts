import { join, resolve } from "node:path";
import { closest, fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { Dataset } from "../../data/dataset.js";
import { lastPart } from "../../data/files.js";
import type { LossName } from "../../model/losses.js";
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
import { loadModel, type Model } from "../../train/model.js";
import { usesUtf8 } from "../../train/progress.js";
import { formatCount, formatPercent, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { measure } from "../measure.js";
import { drawMistakes, formatMistakes, softmax, worstMistakes } from "../mistakes.js";
import { listOwnData, type OwnData, readOwnData, someOf } from "../ownData.js";
import { pictureSize } from "../picture.js";
import { noteSkipped, readingProgress } from "../reading.js";
import { modelFile, readResult } from "../run.js";
import { type Reading, type TestData, taskOfRun } from "../task.js";
import { checkPictureName } from "../viewPicture.js";

export interface EvaluateCommandOptions {
  /** What happens to images that cannot be decoded. Default: as the run has it, otherwise "refuse". */
  readonly corrupt?: "refuse" | "skip";
  /** Where the worst mistakes are drawn. Default: in the run's directory. */
  readonly mistakes?: string;
  readonly threads?: number;
  readonly json?: boolean;
}

/**
 * Measures a run's model on its test set, or any model on a folder of images: as a whole, per class, what is taken for
 * what, and which images it gets most wrong.
 */
export async function evaluate(
  path: string,
  folder: string | undefined,
  options: EvaluateCommandOptions,
  io: Io,
): Promise<number> {
  const { threads, json } = options;
  const model = await loadModel(await modelFile(path));
  const quiet = json === true;
  const reading = { io, quiet, ...(options.corrupt === undefined ? {} : { corrupt: options.corrupt }) };
  const { data: test, names, loss: objective } = await testOf(path, folder, model, reading);
  const before = folder === undefined ? await readResult(path) : undefined;
  if (before !== undefined && before.data !== test.source) {
    printNote(io, `the run was measured on other data (${before.data})`);
  }
  const progress = quiet || test.reader === undefined ? {} : { onProgress: readingProgress(io, test.source) };
  const { evaluation: measured, scores } = await measure(model, test, { loss: objective, threads, ...progress });
  const outputs = sizeOf(model.network.outputs[0]!.shape);
  const isLogits = objective === "crossEntropy";
  const chances = isLogits ? softmax(scores, outputs) : Float64Array.from(scores);
  const report = test.classes.length > 1 ? classify(test, scores, chances) : undefined;
  const error = report === undefined ? meanAbsoluteError(test.targets, scores) : undefined;
  const mistakes = report === undefined ? undefined : await worstMistakes(test, chances, names);
  const out =
    options.mistakes === undefined ? usualFile(path, folder) : checkPictureName(options.mistakes, "--mistakes");
  const file = mistakes && (await drawMistakes(mistakes, out, io));
  if (json === true) {
    printJson(io, {
      event: "evaluation",
      run: path,
      data: test.source,
      ...measured,
      ...report,
      ...(error === undefined ? {} : { meanAbsoluteError: error }),
      ...(mistakes === undefined ? {} : { mistakes: mistakes.list }),
      ...(file === undefined ? {} : { picture: file }),
    });
    return exitCodes.ok;
  }
  const { loss, accuracy, examples } = measured;
  const whole = `loss ${loss.toFixed(4)}${error === undefined ? "" : `, mean absolute error ${error.toFixed(4)}`}`;
  const title = accuracy === undefined ? `test ${whole}` : `test accuracy ${accuracy.toFixed(4)}, ${whole}`;
  printLine(io.stdout, `${title} (${formatCount(examples)} images, ${test.source})`);
  if (report !== undefined) for (const line of formatReport(report, test.classes)) printLine(io.stdout, line);
  if (mistakes !== undefined && mistakes.list.length > 0) {
    for (const line of formatMistakes(mistakes.list, file)) printLine(io.stdout, line);
  }
  return exitCodes.ok;
}

/** The run's own test set, or what a folder, a list or arrays hold for the classes of the model. */
async function testOf(path: string, folder: string | undefined, model: Model, reading: Reading) {
  if (folder !== undefined)
    return { ...(await folderTest(folder, model, path, reading)), loss: "crossEntropy" as LossName };
  if (path.endsWith(".safetensors")) {
    const fix = "Give a run directory, or the images to measure on behind it";
    fail({ code: "usage", where: path, problem: "a model file does not say what it is measured on", fix });
  }
  const task = await taskOfRun(path);
  return { ...(await task.test(reading)), loss: task.loss };
}

async function folderTest(folder: string, model: Model, path: string, reading: Reading): Promise<TestData> {
  const own = await listOwnData(folder);
  const { classes } = model;
  const strange = own.classes.filter((name) => !classes.includes(name));
  if (strange.length > 0) {
    const near = closest(strange[0]!, classes);
    fail({
      code: "data",
      where: folder,
      problem: `has ${strange.length === 1 ? "a class" : `${strange.length} classes`} that ${path} does not know`,
      expected: `folders among ${someOf(classes)}`,
      received: someOf(strange),
      fix: `${near === undefined ? "Rename it as the model has it" : `Rename "${strange[0]}" to "${near}"`}, or take it out`,
    });
  }
  const missing = classes.filter((name) => !own.classes.includes(name));
  for (const note of own.notes) printNote(reading.io, note);
  if (missing.length > 0) printNote(reading.io, `${folder} has no images of ${someOf(missing)}`);
  // of a set with parts, the one that nothing was decided by
  const hasTest = own.examples.some(({ part }) => part === "test");
  const chosen = own.examples.filter(({ part }) => !hasTest || part === "test");
  if (!path.endsWith(".safetensors")) await noteTrainedOn(path, { ...own, examples: chosen }, reading.io);
  const { io, quiet, corrupt = "refuse" } = reading;
  const size = pictureSize(model, path);
  const read = { ...size, corrupt, ...(quiet ? {} : { onProgress: readingProgress(io, folder) }) };
  const examples = chosen.map((example) => ({ ...example, part: "test" as const }));
  const { data, names, skipped } = await readOwnData({ ...own, classes }, examples, ["test"], read);
  if (!quiet) noteSkipped(skipped, io);
  return { data: data.test, names: names.test };
}

/** Measuring on what was trained on says little, and is done easily. */
async function noteTrainedOn(path: string, own: OwnData, io: Io): Promise<void> {
  const { config, examples = [] } = await taskOfRun(path);
  if (config.data === undefined || resolve(config.data) !== resolve(own.path)) return;
  const trained = new Set(examples.flatMap(({ part, file }) => (part === "train" ? [file] : [])));
  const count = own.examples.filter(({ file }) => trained.has(file)).length;
  if (count === 0) return;
  const advice = `fovea evaluate ${path} measures on those that were held back`;
  printNote(io, `the run was trained on ${formatCount(count)} of these images; ${advice}`);
}

/** `mistakes.png` in the run's directory, of other images under their name; a model file has no place for it. */
function usualFile(path: string, folder: string | undefined): string | undefined {
  if (path.endsWith(".safetensors")) return undefined;
  const of = folder === undefined ? "" : `-${lastPart(folder).replace(/[^\p{L}\p{N}._-]+/gu, "-")}`;
  return join(path, `mistakes${of}.png`);
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

function classify({ targets, classes }: Dataset, scores: Float32Array, probabilities: Float64Array): Report {
  const outputs = scores.length / targets.length;
  const confusion = confusionMatrix(targets, predictedClasses(scores, outputs), outputs);
  const metrics = classificationMetrics(confusion);
  const areas = areasUnderRoc(targets, probabilities, outputs);
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
