import { join } from "node:path";
import { platform } from "#platform";
import { closest, FoveaError, fail } from "../../core/errors.js";
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
import { drawCaptioned, pictureOf } from "../contactSheet.js";
import { formatCount, formatPercent, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { measure } from "../measure.js";
import { listOwnData, readOwnData, someOf } from "../ownData.js";
import { pictureSize } from "../picture.js";
import { inMemory, noteSkipped, readingProgress } from "../reading.js";
import { modelFile, readResult } from "../run.js";
import { type Reading, type TestData, taskOfRun } from "../task.js";

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
  const report = test.classes.length > 1 ? classify(test, scores, { outputs, isLogits }) : undefined;
  const error = report === undefined ? meanAbsoluteError(test.targets, scores) : undefined;
  const mistakes = report === undefined ? [] : worstMistakes(test, scores, names);
  const file = await drawnMistakes(test, mistakes, options.mistakes ?? usualFile(path, folder), io);
  if (json === true) {
    printJson(io, {
      event: "evaluation",
      run: path,
      data: test.source,
      ...measured,
      ...report,
      ...(error === undefined ? {} : { meanAbsoluteError: error }),
      ...(report === undefined ? {} : { mistakes }),
      ...(file === undefined ? {} : { picture: file }),
    });
    return exitCodes.ok;
  }
  const { loss, accuracy, examples } = measured;
  const whole = `loss ${loss.toFixed(4)}${error === undefined ? "" : `, mean absolute error ${error.toFixed(4)}`}`;
  const title = accuracy === undefined ? `test ${whole}` : `test accuracy ${accuracy.toFixed(4)}, ${whole}`;
  printLine(io.stdout, `${title} (${formatCount(examples)} images, ${test.source})`);
  if (report !== undefined) for (const line of formatReport(report, test.classes)) printLine(io.stdout, line);
  if (mistakes.length > 0) for (const line of formatMistakes(mistakes, file)) printLine(io.stdout, line);
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
  const { io, quiet, corrupt = "refuse", inMemory = false } = reading;
  const size = pictureSize(model, path);
  const read = { ...size, corrupt, inMemory, ...(quiet ? {} : { onProgress: readingProgress(io, folder) }) };
  const examples = chosen.map((example) => ({ ...example, part: "test" as const }));
  const { data, names, skipped } = await readOwnData({ ...own, classes }, examples, ["test"], read);
  if (!quiet) noteSkipped(skipped, io);
  return { data: data.test, names: names.test };
}

/** `mistakes.png` in the run's directory, of other images under their name; a model file has no place for it. */
function usualFile(path: string, folder: string | undefined): string | undefined {
  if (path.endsWith(".safetensors")) return undefined;
  const of = folder === undefined ? "" : `-${lastPart(folder).replace(/[^\p{L}\p{N}._-]+/gu, "-")}`;
  return join(path, `mistakes${of}.png`);
}

/** An example that a model is wrong about. */
interface Mistake {
  /** Its place in the test set. */
  readonly index: number;
  readonly file?: string;
  readonly label: string;
  readonly predicted: string;
  /** Of what it was taken for. */
  readonly probability: number;
  /** Of what it is. */
  readonly labelProbability: number;
}

/** How many mistakes are drawn and told. */
const mostMistakes = 24;

/** The examples whose class was the least probable to the model, the worst first. */
function worstMistakes(
  { targets, classes }: Dataset,
  scores: Float32Array,
  names: readonly string[] | undefined,
): Mistake[] {
  const outputs = scores.length / targets.length;
  const probabilities = softmax(scores, outputs);
  const predicted = predictedClasses(scores, outputs);
  const wrong = Array.from(targets, (_, i) => i).filter((i) => predicted[i] !== targets[i]);
  const chance = (i: number) => probabilities[i * outputs + targets[i]!]!;
  wrong.sort((a, b) => chance(a) - chance(b) || a - b);
  return wrong.slice(0, mostMistakes).map((index) => ({
    index,
    ...(names === undefined ? {} : { file: names[index]! }),
    label: classes[targets[index]!] ?? String(targets[index]),
    predicted: classes[predicted[index]!] ?? String(predicted[index]),
    probability: probabilities[index * outputs + predicted[index]!]!,
    labelProbability: chance(index),
  }));
}

/** Draws mistakes into a file, where they are pictures and there is a place; a machine may lack the packages for it. */
async function drawnMistakes(
  test: Dataset,
  mistakes: readonly Mistake[],
  file: string | undefined,
  io: Io,
): Promise<string | undefined> {
  const channels = test.shape[2];
  const arePictures =
    test.inputs instanceof Uint8Array && test.shape.length === 3 && (channels === 1 || channels === 3);
  if (file === undefined || mistakes.length === 0 || !arePictures) return undefined;
  const shown = await inMemory(
    test,
    mistakes.map(({ index }) => index),
  );
  const size = sizeOf(test.shape);
  const pictures = mistakes.map(({ label, predicted, probability }, i) => ({
    picture: pictureOf(shown, shown.inputs.subarray(i * size, (i + 1) * size), []),
    first: `${predicted} ${Math.round(100 * probability)} %`,
    second: `is ${label}`,
  }));
  try {
    const title = `The worst mistakes over ${formatCount(test.length)} images`;
    const subtitle = "in bold what the model took each for and how sure it was, below what it is";
    await platform.files.writeAtomic(file, await drawCaptioned({ title, subtitle, pictures }, "evaluate"));
    return file;
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    printNote(io, `the picture of mistakes is missing: ${error.message}`);
    return undefined;
  }
}

function formatMistakes(mistakes: readonly Mistake[], picture: string | undefined): string[] {
  const rows = mistakes.slice(0, 5).map(({ index, file, label, predicted, probability }) => {
    return [file ?? `test:${index}`, label, predicted, formatPercent(probability)];
  });
  return [
    "",
    "Worst mistakes",
    ...formatTable(["Image", "is", "taken for", ">with"], rows),
    ...(picture === undefined ? [] : ["", `picture ${picture}: the ${mistakes.length} worst mistakes`]),
  ];
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
