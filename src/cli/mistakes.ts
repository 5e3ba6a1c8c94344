import { platform } from "#platform";
import { FoveaError } from "../core/errors.js";
import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/index.js";
import { predictedClasses } from "../train/metrics/index.js";
import { drawCaptioned, pictureOf } from "./contactSheet.js";
import { formatCount, formatPercent, formatTable } from "./format.js";
import { type Io, printNote } from "./io.js";
import { inMemory } from "./reading.js";

/** An example that a model is wrong about. */
export interface Mistake {
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
export function worstMistakes(
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
export async function drawnMistakes(
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

export function formatMistakes(mistakes: readonly Mistake[], picture: string | undefined): string[] {
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

/** In float64, so that what differs stays different: scores of different images are compared. */
export function softmax(logits: Float32Array, classes: number): Float64Array {
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
