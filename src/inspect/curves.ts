import { fail } from "../core/errors.js";
import type { LossName } from "../model/losses.js";
import type { History } from "../train/fit.js";
import {
  addPanel,
  axis,
  colors,
  element,
  epochAxis,
  epochScale,
  type Figure,
  margin,
  newFigure,
  pngOf,
  svgOf,
  text,
  titleOf,
} from "./figure.js";

export interface CurvesOptions {
  /** Above the panels. Default: "Learning curves". */
  readonly title?: string;
  /** What the loss axis is called. Default: "crossEntropy". */
  readonly loss?: LossName;
}

const trainingColor = colors.blue;
const validationColor = colors.vermilion;

/** Epochs up to which each one gets a marker. */
const mostMarkers = 30;

export const lossLabels: Readonly<Record<LossName, string>> = {
  crossEntropy: "Cross-entropy loss (nats)",
  binaryCrossEntropy: "Binary cross-entropy loss (nats)",
  meanSquaredError: "Mean squared error",
  meanAbsoluteError: "Mean absolute error",
  huber: "Huber loss",
  hinge: "Hinge loss",
  squaredHinge: "Squared hinge loss",
  categoricalHinge: "Categorical hinge loss",
  dice: "Dice loss",
  klDivergence: "Kullback–Leibler divergence (nats)",
  cosineSimilarity: "Cosine loss",
};

interface Point {
  readonly epoch: number;
  readonly value: number;
}

interface Panel {
  readonly label: string;
  readonly training: readonly Point[];
  readonly validation: readonly Point[];
  readonly format: (value: number) => string;
  /** Lower and upper end of the vertical axis. */
  readonly domain: readonly [number, number];
  /** Where curves of this kind leave room for a note. */
  readonly empty: "top" | "bottom";
}

/**
 * Loss and accuracy over the epochs as an SVG picture, training against validation, with the epoch whose weights were
 * kept. Self-contained: inline styles, no scripts. Needs Node with the packages @observablehq/plot and linkedom.
 *
 * Errors: code "data" for a history without epochs, code "unsupported" where a package is missing.
 *
 * @example await writeFile("curves.svg", await learningCurvesSvg(history, { title: "mnist-shallow" }));
 */
export async function learningCurvesSvg(history: History, options: CurvesOptions = {}): Promise<string> {
  return svgOf(await draw(history, options));
}

/**
 * The picture of {@link learningCurvesSvg} as a PNG of twice its size in pixels. The letters are drawn as outlines of
 * a font that comes along, so the picture is the same on machines without any fonts. Needs the packages sharp,
 * opentype.js and @fontsource/source-sans-3 as well.
 */
export async function learningCurvesPng(history: History, options: CurvesOptions = {}): Promise<Uint8Array> {
  return pngOf(await draw(history, options), where);
}

const where = "learning curves";

async function draw(history: History, { title = "Learning curves", loss = "crossEntropy" }: CurvesOptions) {
  if (history.epochs.length === 0) {
    fail({ code: "data", where, problem: "the history has no epochs", fix: "Train for one epoch at least" });
  }
  const panels = panelsOf(history, loss);
  const figure = await newFigure(where, title, panels.length);
  const hasValidation = panels.some(({ validation }) => validation.length > 0);
  figure.svg.append(...heading(figure, title, history, hasValidation));
  panels.forEach((part, i) => {
    drawPanel(figure, i, part, history);
  });
  return figure;
}

function panelsOf({ epochs }: History, loss: LossName): Panel[] {
  const series = (key: "loss" | "accuracy" | "validationLoss" | "validationAccuracy", scale = 1): Point[] =>
    epochs.flatMap(({ epoch, [key]: value }) =>
      value === undefined || !Number.isFinite(value) ? [] : [{ epoch, value: scale * value }],
    );
  const [training, validation] = [series("loss"), series("validationLoss")];
  const highest = Math.max(0, ...training.map(({ value }) => value), ...validation.map(({ value }) => value));
  const losses: Panel = {
    label: lossLabels[loss],
    training,
    validation,
    format: (value) => value.toPrecision(3),
    domain: [0, highest > 0 ? highest * 1.08 : 1],
    empty: "top",
  };
  const accuracies = { training: series("accuracy", 100), validation: series("validationAccuracy", 100) };
  if (accuracies.training.length === 0) return [losses];
  const values = [...accuracies.training, ...accuracies.validation].map(({ value }) => value);
  const lowest = Math.min(...values);
  // Some room above: curves close to the top edge are hard to read.
  const room = Math.max(0.5, (Math.max(...values) - lowest) * 0.08);
  return [
    losses,
    {
      label: "Accuracy (%)",
      ...accuracies,
      format: (value) => `${value.toFixed(1)} %`,
      domain: [Math.max(0, lowest - room), Math.min(100.5, Math.max(...values) + room)],
      empty: "bottom",
    },
  ];
}

/** Title, the sentence below it, and the legend on the right. */
function heading({ document, width }: Figure, title: string, history: History, hasValidation: boolean): Element[] {
  const parts = titleOf(document, title, sentence(history));
  const entries = [
    { label: "training", color: trainingColor, dash: undefined },
    ...(hasValidation ? [{ label: "validation", color: validationColor, dash: "6 3" }] : []),
  ];
  let right = width - margin - 12;
  for (const { label, color, dash } of entries.reverse()) {
    const left = right - (label === "training" ? 90 : 102);
    const line = { x1: left, x2: left + 32, y1: 23, y2: 23, stroke: color, "stroke-width": 2 };
    parts.push(
      element(document, "line", dash === undefined ? line : { ...line, "stroke-dasharray": dash }),
      ...(history.epochs.length <= mostMarkers ? [marker(document, left + 16, 23, color, dash === undefined)] : []),
      text(document, "text", { x: left + 39, y: 27.5 }, label),
    );
    right = left - 10;
  }
  return parts;
}

function marker(document: Document, cx: number, cy: number, color: string, filled: boolean): Element {
  return element(document, "circle", {
    cx,
    cy,
    r: 3,
    fill: filled ? color : "#ffffff",
    stroke: color,
    "stroke-width": 1.5,
  });
}

function sentence({ epochs, end }: History): string {
  const kept = epochs.find(({ epoch }) => epoch === end.weightsOfEpoch);
  const count = `${epochs.length} ${epochs.length === 1 ? "epoch" : "epochs"}`;
  if (kept === undefined) return count;
  const values = [
    kept.validationLoss === undefined ? undefined : `validation loss ${kept.validationLoss.toPrecision(3)}`,
    kept.validationAccuracy === undefined ? undefined : `accuracy ${(100 * kept.validationAccuracy).toFixed(1)} %`,
  ].filter((value) => value !== undefined);
  const measured = values.length === 0 ? "" : `: ${values.join(", ")}`;
  return `${count}; weights of epoch ${kept.epoch} kept${measured}`;
}

function drawPanel(figure: Figure, i: number, part: Panel, { epochs, end }: History): void {
  const { plot } = figure;
  const last = epochs[epochs.length - 1]!.epoch;
  const first = epochs[0]!.epoch;
  const markers = epochs.length <= mostMarkers;
  const kept = end.weightsOfEpoch;
  const best = (part.validation.length > 0 ? part.validation : part.training).find(({ epoch }) => epoch === kept);
  const leftOfRule = kept > first + 0.6 * (last - first);
  const line = (points: readonly Point[], color: string, dash?: string) =>
    plot.lineY(points, {
      x: "epoch",
      y: "value",
      stroke: color,
      strokeWidth: 2,
      ...(dash === undefined ? {} : { strokeDasharray: dash }),
      clip: false,
    });
  const dots = (points: readonly Point[], color: string, fill: string) =>
    plot.dot(points, { x: "epoch", y: "value", r: 2.6, stroke: color, strokeWidth: 1.5, fill });
  addPanel(figure, i, {
    x: epochScale(first, last),
    y: { domain: [...part.domain], nice: false },
    marks: [
      plot.gridY({ stroke: colors.grid, strokeOpacity: 1 }),
      epochAxis(plot, first, last),
      plot.axisY({ ...axis, ticks: 6, label: part.label, labelArrow: "none", labelOffset: 44 }),
      plot.ruleX(best === undefined ? [] : [kept], { stroke: colors.quiet, strokeWidth: 1, strokeDasharray: "2 3" }),
      line(part.training, trainingColor),
      line(part.validation, validationColor, "6 3"),
      markers ? dots(part.training, trainingColor, trainingColor) : undefined,
      markers ? dots(part.validation, validationColor, "#ffffff") : undefined,
      plot.dot(best === undefined ? [] : [best], {
        x: "epoch",
        y: "value",
        r: 5,
        fill: best !== undefined && part.validation.includes(best) ? validationColor : trainingColor,
        stroke: "#ffffff",
        strokeWidth: 1.5,
      }),
      plot.text(best === undefined ? [] : [best], {
        x: "epoch",
        frameAnchor: part.empty,
        lineAnchor: part.empty,
        text: ({ epoch, value }: Point) => `epoch ${epoch}: ${part.format(value)}`,
        textAnchor: leftOfRule ? "end" : "start",
        dx: leftOfRule ? -6 : 6,
        dy: part.empty === "top" ? 2 : -6,
        fontSize: 12,
        fill: colors.text,
      }),
    ],
  });
}
