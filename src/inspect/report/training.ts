import { fail } from "../../core/errors.js";
import type { EpochLog } from "../../train/callbacks.js";
import { lossLabels } from "../curves.js";
import { type Line, lineChart } from "../lineChart.js";
import type { NetworkSummary } from "../summary.js";
import { count, type Html, html, table } from "./html.js";
import { drawing, key } from "./pictures.js";
import type { ReportSubject } from "./subject.js";

const orDash = (value: number) => (value === 0 ? "–" : count(value));

export function networkTable({ layers, parameters, multiplyAdds, weightBytes }: NetworkSummary): Html {
  const rows = layers.map(({ name, kind, outputShape, parameters: own, multiplyAdds: cost, receptiveField }) => [
    name.startsWith(kind) ? name : `${name} (${kind})`,
    outputShape.join(" × "),
    orDash(own),
    orDash(cost),
    receptiveField.length === 0 ? "–" : receptiveField.map(({ size }) => Math.round(size)).join(" × "),
  ]);
  return table({
    caption: `Layers; the weights take ${(weightBytes / 1e6).toFixed(2)} MB`,
    titles: ["Layer", "Output", ">Parameters", ">Multiply-adds", ">Sees (pixels)"],
    rows,
    total: ["Total", "", count(parameters), count(multiplyAdds), ""],
  });
}

export function learningCurves({ canvas, options }: ReportSubject): Html {
  const { epochs = [], loss = "crossEntropy", weightsOfEpoch } = options;
  if (epochs.length === 0) {
    fail({ code: "data", where: "learning curves", problem: "nothing is known of how training went" });
  }
  const { theme, plot } = canvas;
  const series = (name: keyof EpochLog, factor: number) =>
    epochs.flatMap((log) => {
      const value = log[name];
      return typeof value === "number" && Number.isFinite(value) ? [{ x: log.epoch, y: factor * value }] : [];
    });
  const [first, last] = [epochs[0]!.epoch, epochs.at(-1)!.epoch];
  const markers = epochs.length <= 30;
  const lines = (training: keyof EpochLog, validation: keyof EpochLog, factor: number): Line[] =>
    [
      { name: "training", color: theme.first, points: series(training, factor), markers },
      { name: "validation", color: theme.second, dash: "6 3", points: series(validation, factor), markers },
    ].filter(({ points }) => points.length > 0);
  const kept = weightsOfEpoch === undefined ? [] : [weightsOfEpoch];
  const chart = (label: string, own: readonly Line[], domain?: readonly [number, number]) => {
    const svg = lineChart(canvas, {
      width: 440,
      height: 280,
      x: {
        label: "Epoch",
        domain: first === last ? [first - 1, last + 1] : [first, last],
        ticks: wholeTicks(first, last),
      },
      y: { label, ...(domain === undefined ? {} : { domain }) },
      under: [plot.ruleX(kept, { stroke: theme.quiet, strokeDasharray: "2 3" })],
      lines: own,
    });
    const ends = own.map(({ name, points }) => `${name} ${points.at(-1)!.y.toPrecision(3)}`).join(", ");
    return drawing(canvas, svg, `${label} over the epochs; at the end: ${ends}`);
  };
  const losses = lines("loss", "validationLoss", 1);
  const accuracies = lines("accuracy", "validationAccuracy", 100);
  const lowest = Math.min(...accuracies.flatMap(({ points }) => points.map(({ y }) => y)));
  const both = [
    chart(lossLabels[loss], losses),
    ...(accuracies.length === 0 ? [] : [chart("Accuracy (%)", accuracies, [Math.floor(lowest / 5) * 5, 100])]),
  ];
  const note =
    weightsOfEpoch === undefined ? "" : `; the weights of epoch ${weightsOfEpoch}, the dotted line, were kept`;
  return html`<p>${epochs.length} ${epochs.length === 1 ? "epoch" : "epochs"}${note}.</p>${key(losses)}<div class="charts">${both}</div>`;
}

/** Some six whole numbers. */
function wholeTicks(first: number, last: number): number[] {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((each) => (last - first) / each <= 7) ?? 2000;
  const start = Math.ceil(first / step) * step;
  return Array.from({ length: Math.floor((last - start) / step) + 1 }, (_, i) => start + i * step);
}
