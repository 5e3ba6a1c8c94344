import { FoveaError } from "../core/errors.js";
import type { Dataset } from "../data/index.js";
import { type Predictions, predictionsOf } from "../inspect/predictions.js";
import { predictedClasses } from "../train/metrics/index.js";
import { formatPercent, formatTable } from "./format.js";
import { type Io, printNote } from "./io.js";
import { writePicture } from "./viewPicture.js";

/** How many mistakes are told and drawn. */
const mostMistakes = 24;

/** How many of them stand in the terminal. */
const mostTold = 5;

/** What a model is most wrong about. */
export interface Mistakes {
  readonly view: Predictions;
  /** The worst first. */
  readonly list: readonly Mistake[];
}

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

/** The images that a model takes for a wrong class and is surest of; only these are read. */
export async function worstMistakes(
  data: Dataset,
  probabilities: Float64Array,
  names: readonly string[] | undefined,
): Promise<Mistakes> {
  const outputs = probabilities.length / data.length;
  const labels = data.targets as Int32Array;
  const classes = Array.from({ length: outputs }, (_, label) => data.classes[label] ?? String(label));
  const predicted = predictedClasses(probabilities, outputs);
  const view = await predictionsOf({ probabilities, predicted, labels, classes }, data, "mistakes", mostMistakes);
  const list = view.predictions.map(({ example, label, predicted: found, probability, ofLabel }) => ({
    index: example,
    ...(names === undefined ? {} : { file: names[example]! }),
    label: classes[label]!,
    predicted: classes[found]!,
    probability,
    labelProbability: ofLabel,
  }));
  return { view, list };
}

/** Draws mistakes into a file, if there are any; a machine may lack the packages for it. */
export async function drawMistakes({ view, list }: Mistakes, file: string | undefined, io: Io) {
  const channels = view.shape[2];
  if (file === undefined || list.length === 0 || view.shape.length !== 3 || (channels !== 1 && channels !== 3)) {
    return undefined;
  }
  try {
    await writePicture(file, view, "light");
    return file;
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    printNote(io, `the picture of mistakes is missing: ${error.message}`);
    return undefined;
  }
}

/** The first of them as a table, and where the picture is. */
export function formatMistakes(list: readonly Mistake[], picture: string | undefined): string[] {
  const rows = list.slice(0, mostTold).map(({ index, file, label, predicted, probability }) => {
    return [file ?? `test:${index}`, label, predicted, formatPercent(probability)];
  });
  return [
    "",
    "Worst mistakes",
    ...formatTable(["Image", "is", "taken for", ">with"], rows),
    ...(picture === undefined ? [] : ["", `picture ${picture}: the ${list.length} worst mistakes`]),
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
