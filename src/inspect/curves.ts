import { fail } from "../core/errors.js";
import type { LossName } from "../model/losses.js";
import type { History } from "../train/fit.js";
import { outlineText } from "./outlineText.js";
import { loadPackage } from "./packages.js";

export interface CurvesOptions {
  /** Above the panels. Default: "Learning curves". */
  readonly title?: string;
  /** What the loss axis is called. Default: "crossEntropy". */
  readonly loss?: LossName;
}

type Plot = typeof import("@observablehq/plot");
type PlotOptions = import("@observablehq/plot").PlotOptions;
type Linkedom = { parseHTML(html: string): { document: Document } };

/** Okabe and Ito's blue and vermilion: they differ in lightness too, for those who see no colours and for printers. */
const trainingColor = "#0072B2";
const validationColor = "#D55E00";
const textColor = "#222222";
const quietColor = "#666666";
const gridColor = "#e4e4e4";

const panel = { width: 460, height: 296 };
const header = 66;
const margin = 12;
/** Epochs up to which each one gets a marker. */
const mostMarkers = 30;

const lossLabels: Readonly<Record<LossName, string>> = {
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
  const { document, svg } = await draw(history, options);
  document.body.append(svg);
  return `${svg.outerHTML}\n`;
}

/**
 * The picture of {@link learningCurvesSvg} as a PNG of twice its size in pixels. The letters are drawn as outlines of
 * a font that comes along, so the picture is the same on machines without any fonts. Needs the packages sharp,
 * opentype.js and @fontsource/source-sans-3 as well.
 */
export async function learningCurvesPng(history: History, options: CurvesOptions = {}): Promise<Uint8Array> {
  const { svg } = await draw(history, options);
  await outlineText(svg, where);
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", where);
  return sharp(new TextEncoder().encode(svg.outerHTML), { density: 144 }).png().toBuffer();
}

const where = "learning curves";

async function draw(history: History, { title = "Learning curves", loss = "crossEntropy" }: CurvesOptions) {
  if (history.epochs.length === 0) {
    fail({ code: "data", where, problem: "the history has no epochs", fix: "Train for one epoch at least" });
  }
  const plot = await loadPackage<Plot>("@observablehq/plot", where);
  const { parseHTML } = await loadPackage<Linkedom>("linkedom", where);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const panels = panelsOf(history, loss);
  const width = panels.length * panel.width + 2 * margin;
  const height = header + panel.height + margin;
  const svg = element(document, "svg", {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": "'Source Sans 3', system-ui, 'DejaVu Sans', sans-serif",
    "font-size": 13,
    fill: textColor,
    role: "img",
  });
  svg.append(text(document, "title", {}, title), element(document, "rect", { width, height, fill: "#ffffff" }));
  const hasValidation = panels.some(({ validation }) => validation.length > 0);
  svg.append(...heading(document, title, history, hasValidation, width));
  panels.forEach((part, i) => {
    const figure = drawPanel(plot, document, part, history);
    figure.setAttribute("x", String(margin + i * panel.width));
    figure.setAttribute("y", String(header));
    svg.append(figure);
  });
  return { document, svg };
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
function heading(
  document: Document,
  title: string,
  history: History,
  hasValidation: boolean,
  width: number,
): Element[] {
  const baseline = { x: margin + 8, y: 27 };
  const parts: Element[] = [
    text(document, "text", { ...baseline, "font-size": 17, "font-weight": 600 }, title),
    text(document, "text", { x: baseline.x, y: 48, fill: quietColor }, sentence(history)),
  ];
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

function drawPanel(plot: Plot, document: Document, part: Panel, { epochs, end }: History): Element {
  const last = epochs[epochs.length - 1]!.epoch;
  const first = epochs[0]!.epoch;
  const markers = epochs.length <= mostMarkers;
  const kept = end.weightsOfEpoch;
  const best = (part.validation.length > 0 ? part.validation : part.training).find(({ epoch }) => epoch === kept);
  const leftOfRule = kept > first + 0.6 * (last - first);
  const axis = { fontSize: 12, tickSize: 4, color: textColor };
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
  const options: PlotOptions = {
    document,
    width: panel.width,
    height: panel.height,
    marginLeft: 52,
    marginRight: 18,
    marginTop: 26,
    marginBottom: 46,
    style: { background: "none", overflow: "visible" },
    x: { domain: first === last ? [first - 1, last + 1] : [first, last], inset: 8 },
    y: { domain: [...part.domain], nice: false },
    marks: [
      plot.gridY({ stroke: gridColor, strokeOpacity: 1 }),
      plot.axisX({
        ...axis,
        ticks: wholeTicks(first, last),
        tickFormat: (value: number) => String(value),
        label: "Epoch",
        labelAnchor: "center",
        labelArrow: "none",
        labelOffset: 38,
      }),
      plot.axisY({ ...axis, ticks: 6, label: part.label, labelArrow: "none", labelOffset: 44 }),
      plot.ruleX(best === undefined ? [] : [kept], { stroke: quietColor, strokeWidth: 1, strokeDasharray: "2 3" }),
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
        fill: textColor,
      }),
    ],
  };
  const figure = plot.plot(options);
  return inline(figure);
}

/** Makes Plot's drawing stand alone: colours in place of CSS variables and `currentColor`, no style sheet. */
function inline(figure: Element): Element {
  for (const style of [...figure.querySelectorAll("style")]) style.remove();
  for (const name of ["class", "font-family", "style", "xmlns", "xmlns:xlink"]) figure.removeAttribute(name);
  figure.setAttribute("overflow", "visible");
  figure.setAttribute("fill", textColor);
  for (const node of [figure, ...figure.querySelectorAll("*")]) {
    for (const { name, value } of [...node.attributes]) {
      if (value === "currentColor") node.setAttribute(name, textColor);
      if (value === "var(--plot-background)") node.setAttribute(name, "#ffffff");
      if (name === "class" || name.startsWith("aria-")) node.removeAttribute(name);
    }
  }
  return figure;
}

/** About six whole numbers, round ones, within the epochs. */
function wholeTicks(first: number, last: number): number[] {
  const steps = [1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 5000, 10000];
  const step = steps.find((candidate) => (last - first) / candidate <= 8) ?? Math.ceil((last - first) / 8);
  const ticks: number[] = [];
  for (let tick = Math.ceil(first / step) * step; tick <= last; tick += step) ticks.push(tick);
  // The first epoch is named too, where it does not touch its neighbour.
  return first < ticks[0]! && ticks[0]! - first >= step / 2 ? [first, ...ticks] : ticks;
}

function element(document: Document, name: string, attributes: Readonly<Record<string, string | number>>): Element {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

function text(
  document: Document,
  name: "text" | "title",
  attributes: Readonly<Record<string, string | number>>,
  content: string,
): Element {
  const node = element(document, name, attributes);
  node.textContent = content;
  return node;
}
