import { platform } from "#platform";
import { axisOfChange, calibrationSentence, rejectionSentence, titleOfCurve } from "../inspect/curveCharts.js";
import { arithmeticLines, shownChannels } from "../inspect/gridCharts.js";
import { type PictureView, type RobustnessCurve, type View, viewText } from "../inspect/index.js";
import { type ChartView, isPicture } from "../inspect/picture.js";
import { channelOf, channelsOf } from "../inspect/pixel.js";
import { planeSentence } from "../inspect/scatter.js";
import { windowsSentence } from "../inspect/windows.js";
import { usesUtf8 } from "../train/progress.js";
import { formatConfusion } from "./commands/evaluate.js";
import { formatCount, formatPercent, formatTable } from "./format.js";
import { type Io, printLine } from "./io.js";

/** Shows a view in a terminal: pictures as half blocks where it has colours, reports as tables. */
export function showView(view: View, { stdout }: Io): void {
  if (isPicture(view)) {
    if (stdout.isTTY === true) stdout.write(inTerminal(view, stdout.columns ?? 80));
    else printLine(stdout, oneLine(view));
    return;
  }
  for (const line of linesOf(view)) printLine(stdout, line);
}

function linesOf(view: ChartView): string[] {
  switch (view.view) {
    case "unitReport":
      return reportLines(view);
    case "gradientNorms":
      return normLines(view);
    case "histograms":
      return histogramLines(view);
    case "confusion":
      return confusionLines(view);
    case "calibration":
      return calibrationLines(view);
    case "rejection":
      return rejectionLines(view);
    case "robustnessCurve":
      return curveLines(view);
    case "pixelArithmetic":
      return pixelLines(view);
    case "slidingWindows":
      return [`Sliding window: ${windowsSentence(view)}`];
    case "featurePlane":
      return [`${view.method === "pca" ? "Principal components" : "t-SNE"}: ${planeSentence(view)}`];
    case "robustness":
      return view.curves.flatMap((curve, i) => (i === 0 ? curveLines(curve) : ["", ...curveLines(curve)]));
  }
}

function inTerminal(view: PictureView, columns: number): string {
  const color = platform.env("NO_COLOR") === undefined && platform.env("TERM") !== "dumb" && usesUtf8();
  return viewText(view, { columns, color });
}

/** Title and sentence, where there is no terminal to draw in. */
function oneLine(view: PictureView): string {
  const [title, subtitle] = viewText(view, { columns: 1, color: false }).split("\n");
  return `${title}: ${subtitle}`;
}

function reportLines({ layers, examples }: Extract<View, { view: "unitReport" }>): string[] {
  const part = (value: number | undefined) => (value === undefined ? "" : formatPercent(value));
  const list = (units: readonly number[]) => `${units.slice(0, 8).join(", ")}${units.length > 8 ? ", …" : ""}`;
  const columns = [
    { title: "Layer", cells: layers.map(({ layer }) => layer) },
    { title: "Activation", cells: layers.map(({ activation }) => activation) },
    { title: ">Units", cells: layers.map(({ units }) => String(units)) },
    { title: ">Dead", cells: layers.map(({ dead }) => String(dead.length)) },
    { title: ">Zeros", cells: layers.map(({ zeros }) => part(zeros)) },
    { title: ">Saturated", cells: layers.map(({ saturated }) => part(saturated)) },
    { title: "Dead are", cells: layers.map(({ dead }) => list(dead)) },
  ].filter(({ cells }) => cells.some((cell) => cell !== ""));
  const rows = layers.map((_, i) => columns.map(({ cells }) => cells[i]!));
  const titles = columns.map(({ title }) => title);
  return [`Dead and saturated units, over ${examples} images`, "", ...formatTable(titles, rows)];
}

function normLines({ weights, loss, examples }: Extract<View, { view: "gradientNorms" }>): string[] {
  const rows = weights.map(({ weight, gradient, norm }) => [weight, gradient.toExponential(2), norm.toExponential(2)]);
  return [
    `Norms of gradients: one batch of ${examples} images, loss ${loss.toFixed(4)}`,
    "",
    ...formatTable(["Weight", ">Gradient", ">Weight's norm"], rows),
  ];
}

function histogramLines({ weights, activations, examples }: Extract<View, { view: "histograms" }>): string[] {
  const row = (kind: string) => (each: (typeof weights)[number]) => [
    kind,
    each.name,
    ...[each.mean, each.deviation, each.low, each.high].map((value) => value.toPrecision(3)),
  ];
  return [
    `Weights, and activations over ${examples} images`,
    "",
    ...formatTable(
      ["What", "Name", ">Mean", ">Deviation", ">Least", ">Largest"],
      [...weights.map(row("weight")), ...activations.map(row("activation"))],
    ),
  ];
}

function confusionLines({
  matrix,
  classes,
  examples,
  accuracy,
  pairs,
}: Extract<View, { view: "confusion" }>): string[] {
  const rows = pairs.map(({ label, predicted, count, part }) => {
    return [classes[label]!, classes[predicted]!, formatCount(count), formatPercent(part)];
  });
  return [
    `Accuracy ${formatPercent(accuracy)} over ${formatCount(examples)} images`,
    "",
    ...formatConfusion(matrix, classes),
    ...(rows.length === 0 ? [] : ["", ...formatTable(["Class", "taken for", ">Images", ">of the class"], rows)]),
  ];
}

function calibrationLines(view: Extract<View, { view: "calibration" }>): string[] {
  const rows = view.bins
    .filter(({ count }) => count > 0)
    .map(({ low, high, count, confidence, accuracy }) => [
      `${formatPercent(low)} to ${formatPercent(high)}`,
      formatCount(count),
      formatPercent(confidence),
      formatPercent(accuracy),
    ]);
  const titles = [">Confidence", ">Images", ">Mean confidence", ">Accuracy"];
  return [`Calibration: ${calibrationSentence(view)}`, "", ...formatTable(titles, rows)];
}

const rejectedParts = [0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];

function rejectionLines(view: Extract<View, { view: "rejection" }>): string[] {
  const { curves } = view;
  const rows = rejectedParts.map((part) => [
    formatPercent(part),
    ...curves.map(({ points }) => {
      const at = points.findLast(({ rejected }) => rejected <= part + 1e-12)!;
      return formatPercent(at.error);
    }),
  ]);
  const titles = [">Rejected", ...curves.map(({ by }) => `>Error, by ${by}`)];
  return [`Rejection: ${rejectionSentence(view)}`, "", ...formatTable(titles, rows)];
}

function curveLines(curve: RobustnessCurve): string[] {
  const { change, levels, accuracy, confidence, success, examples } = curve;
  const rows = levels.map((level, i) => [
    String(level),
    formatPercent(accuracy[i]!),
    formatPercent(confidence[i]!),
    ...(success === undefined ? [] : [formatPercent(success[i]!)]),
  ]);
  const titles = [
    `>${axisOfChange(change)}`,
    ">Accuracy",
    ">Confidence",
    ...(success === undefined ? [] : [">Succeed"]),
  ];
  return [`${titleOfCurve(curve)}, over ${formatCount(examples)} images`, ...formatTable(titles, rows)];
}

/** Patch, kernel and products side by side, channel by channel, and what becomes of them. */
function pixelLines(view: Extract<View, { view: "pixelArithmetic" }>): string[] {
  const { layer, at, shape, firstChannel } = view;
  const [rows, columns, reads] = shape;
  const block = (values: Float32Array, channel: number) => {
    const cells = channelOf(values, view, channel).map((value) => value.toFixed(2).padStart(6));
    return Array.from({ length: rows }, (_, row) => cells.slice(row * columns, (row + 1) * columns).join(""));
  };
  const width = 6 * columns;
  const signs = (row: number) => (row === rows >> 1 ? ["   ×", "   ="] : ["    ", "    "]);
  const head = `${"patch".padStart(width)}    ${"kernel".padStart(width)}    ${"product".padStart(width)}`;
  const blocks = channelsOf(view)
    .slice(0, shownChannels)
    .flatMap(({ channel, sum }) => {
      const [patch, kernel, products] = [view.patch, view.kernel, view.products].map((values) =>
        block(values, channel),
      );
      const lines = patch!.map(
        (line, row) => `${line}${signs(row)[0]}${kernel![row]}${signs(row)[1]}${products![row]}`,
      );
      const name = reads === 1 ? [] : [`channel ${firstChannel + channel}`];
      return [...name, ...lines, `${" ".repeat(3 * width)}sum ${sum.toFixed(4)}`.slice(-(3 * width + 8)), ""];
    });
  const place = `row ${at[0]}, column ${at[1]}, channel ${at[2]}`;
  return [`Arithmetic of ${layer} at ${place}`, "", head, ...blocks, ...arithmeticLines(view)];
}

/** A view as plain JSON: typed arrays as lists; images that only pictures need are left out. */
export function plain(value: object): object {
  const text = JSON.stringify(value, (key, each: unknown) => {
    if (each instanceof Map || ["image", "samples", "frames"].includes(key)) return undefined;
    return ArrayBuffer.isView(each) ? Array.from(each as Float32Array) : each;
  });
  return JSON.parse(text);
}
