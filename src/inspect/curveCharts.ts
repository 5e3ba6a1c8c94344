import type { CalibrationDiagram, Rejection } from "./confidence.js";
import { type Line, legendOf, lineChart } from "./lineChart.js";
import type { Change, Robustness, RobustnessCurve } from "./robustness.js";
import { type Canvas, dataUrl, element, headingWidth, margin, type Sketch, type Theme, text } from "./svg.js";
import { pictureTile, short } from "./tiles.js";

const cell = { width: 300, height: 244 };
const gap = 26;

const titles: Readonly<Record<Change, string>> = {
  noise: "Noise",
  rotation: "Rotation",
  shift: "Shift",
  scale: "Scale",
  fgsm: "FGSM",
  pgd: "PGD",
};

const axes: Readonly<Record<Change, string>> = {
  noise: "Standard deviation (1: the range of pixels)",
  rotation: "Angle (degrees)",
  shift: "Distance (pixels)",
  scale: "Factor",
  fgsm: "Largest change (1: the range of pixels)",
  pgd: "Largest change (1: the range of pixels)",
};

export function titleOfCurve({ change, target }: Pick<RobustnessCurve, "change" | "target">): string {
  return `${titles[change]}${target === undefined ? "" : ` towards “${target}”`}`;
}

export const axisOfChange = (change: Change): string => axes[change];

/** The lines of a robustness curve, in per cent. */
export function robustnessLines(theme: Theme, curve: RobustnessCurve): Line[] {
  const of = (values: readonly number[]) => curve.levels.map((x, i) => ({ x, y: 100 * values[i]! }));
  return [
    { name: "accuracy", color: theme.first, points: of(curve.accuracy), markers: true },
    { name: "mean confidence", color: theme.second, dash: "6 3", points: of(curve.confidence), markers: true },
    ...(curve.success === undefined
      ? []
      : [{ name: "attacks that succeed", color: theme.third, dash: "2 3", points: of(curve.success), markers: true }]),
  ];
}

/** One of the panels of {@link sketchRobustness}: the lines, and below them the first image at the levels. */
export function robustnessPanel(canvas: Canvas, curve: RobustnessCurve, size = cell): Element {
  return lineChart(canvas, {
    title: `${titleOfCurve(curve)} (${curve.examples.toLocaleString("en")} images)`,
    ...size,
    x: { label: axes[curve.change] },
    y: { label: "Images (%)", domain: [0, 100] },
    lines: robustnessLines(canvas.theme, curve),
  });
}

/** How accuracy falls, a panel for each change. */
export async function sketchRobustness(canvas: Canvas, { curves }: Pick<Robustness, "curves">): Promise<Sketch> {
  const { theme } = canvas;
  const columns = Math.min(3, curves.length);
  const pictures = curves.some(({ shape }) => shape.length === 3);
  const pitch = cell.height + (pictures ? 66 : 12);
  const lines = robustnessLines(theme, curves.find(({ success }) => success !== undefined) ?? curves[0]!);
  const parts: Element[] = legendOf(canvas, lines, margin, 14);
  for (const [i, curve] of curves.entries()) {
    const [x, y] = [margin + (i % columns) * (cell.width + gap), 32 + Math.floor(i / columns) * pitch];
    const panel = robustnessPanel(canvas, curve);
    panel.setAttribute("x", String(x));
    panel.setAttribute("y", String(y));
    parts.push(panel, ...(await strip(canvas, curve, x + 48, y + cell.height + 2, cell.width - 64)));
  }
  const title = curves.length === 1 ? `Robustness: ${titleOfCurve(curves[0]!).toLowerCase()}` : "Robustness";
  const subtitle = pictures ? "small pictures: the first image, at the levels below it" : "";
  return {
    title,
    subtitle,
    width: Math.max(2 * margin + columns * (cell.width + gap) - gap, headingWidth(title, subtitle), 520),
    height: 32 + Math.ceil(curves.length / columns) * pitch,
    parts,
  };
}

/** The first image at up to six levels, from the least to the largest. */
async function strip(canvas: Canvas, curve: RobustnessCurve, x: number, y: number, width: number): Promise<Element[]> {
  if (curve.shape.length !== 3) return [];
  const shown = evenly(curve.levels.length, 6);
  const side = Math.min(36, Math.floor(width / shown.length) - 6);
  const parts: Element[] = [];
  for (const [i, level] of shown.entries()) {
    const tile = pictureTile({ shape: curve.shape, values: curve.samples[level]! }, "", true);
    const left = x + (i * (width - side)) / Math.max(1, shown.length - 1);
    const href = await dataUrl(tile.rgb, tile.width, tile.height, Math.ceil((2 * side) / tile.width), canvas.where);
    const label = { x: left + side / 2, y: y + side + 12, "text-anchor": "middle", "font-size": 10 };
    parts.push(
      element(canvas.document, "image", { x: left, y, width: side, height: side, href, preserveAspectRatio: "none" }),
      text(canvas.document, "text", { ...label, fill: canvas.theme.quiet }, short(curve.levels[level]!)),
    );
  }
  return parts;
}

/** At most `most` of the numbers 0 … count − 1, the first and the last among them. */
export function evenly(count: number, most: number): number[] {
  const shown = Math.min(count, most);
  return Array.from({ length: shown }, (_, i) => Math.round((i * (count - 1)) / Math.max(1, shown - 1)));
}

/** Accuracy over confidence. */
export function calibrationPanel(
  canvas: Canvas,
  { bins }: CalibrationDiagram,
  size = { width: 330, height: 300 },
): Element {
  const { plot, theme } = canvas;
  const rows = bins
    .filter(({ count }) => count > 0)
    .map(({ low, high, confidence, accuracy }) => {
      return { low: 100 * low, high: 100 * high, x: 100 * confidence, y: 100 * accuracy };
    });
  const diagonal = { name: "", color: theme.quiet, dash: "4 3", points: [0, 100].map((at) => ({ x: at, y: at })) };
  return lineChart(canvas, {
    title: "Accuracy by confidence (dots: means)",
    ...size,
    x: { label: "Confidence (%)", domain: [0, 100] },
    y: { label: "Accuracy (%)", domain: [0, 100] },
    under: [plot.rectY(rows, { x1: "low", x2: "high", y: "y", fill: theme.first, fillOpacity: 0.45, inset: 0.5 })],
    lines: [diagonal],
    over: [plot.dot(rows, { x: "x", y: "y", r: 3.5, fill: theme.second, stroke: theme.background })],
  });
}

/** How many images there are of each confidence. */
export function confidencePanel(
  canvas: Canvas,
  diagram: CalibrationDiagram,
  size = { width: 330, height: 300 },
): Element {
  const { plot, theme } = canvas;
  const { bins, examples } = diagram;
  const rows = bins.map(({ low, high, count }) => ({ low: 100 * low, high: 100 * high, y: (100 * count) / examples }));
  const marks = [
    { at: 100 * diagram.confidence, color: theme.second, dash: "6 3" },
    { at: 100 * diagram.accuracy, color: theme.text, dash: "2 3" },
  ];
  return lineChart(canvas, {
    title: "How many images are how sure",
    ...size,
    x: { label: "Confidence (%)", domain: [0, 100] },
    y: { label: "Images (%)", domain: [0, 100] },
    under: [plot.rectY(rows, { x1: "low", x2: "high", y: "y", fill: theme.first, fillOpacity: 0.45, inset: 0.5 })],
    lines: [],
    over: marks.map(({ at, color, dash }) =>
      plot.ruleX([at], { stroke: color, strokeWidth: 1.8, strokeDasharray: dash }),
    ),
  });
}

export function calibrationSentence({ expectedError, largestError, examples }: CalibrationDiagram): string {
  return `expected calibration error ${short(100 * expectedError)} %, largest ${short(100 * largestError)} %, over ${examples.toLocaleString("en")} images`;
}

export function calibrationLegend(theme: Theme): Pick<Line, "name" | "color" | "dash" | "markers">[] {
  return [
    { name: "as sure as right", color: theme.quiet, dash: "4 3" },
    { name: "mean confidence", color: theme.second, dash: "6 3" },
    { name: "accuracy", color: theme.text, dash: "2 3" },
  ];
}

export function sketchCalibration(canvas: Canvas, diagram: CalibrationDiagram): Sketch {
  const panels = [calibrationPanel(canvas, diagram), confidencePanel(canvas, diagram)];
  panels.forEach((panel, i) => {
    panel.setAttribute("x", String(margin + i * 350));
    panel.setAttribute("y", "34");
  });
  const [title, subtitle] = ["Calibration", calibrationSentence(diagram)];
  const parts = [...legendOf(canvas, calibrationLegend(canvas.theme), margin, 14), ...panels];
  return { title, subtitle, width: Math.max(2 * margin + 690, headingWidth(title, subtitle)), height: 344, parts };
}

/** What the wanted error costs, as a sentence. */
export function rejectionSentence({ curves, wanted, examples }: Rejection): string {
  const percent = (value: number) => `${short(100 * value)} %`;
  const [best] = curves
    .flatMap(({ by, chosen }) => (chosen === undefined ? [] : [{ by, ...chosen }]))
    .sort((a, b) => a.rejected - b.rejected);
  const total = examples.toLocaleString("en");
  const now = percent(curves[0]!.points[0]!.error);
  if (best === undefined)
    return `error ${now} of ${total} images; nothing that is rejected brings it to ${percent(wanted)}`;
  if (best.rejected === 0) return `error ${now} of ${total} images: at most ${percent(wanted)} without any rejection`;
  return `error ${now} of ${total} images; at most ${percent(wanted)} of the rest when ${percent(best.rejected)} are rejected, by ${best.by}`;
}

export function rejectionLines(theme: Theme, { curves }: Rejection): Line[] {
  return curves.map(({ by, points }, i) => ({
    name: by === "confidence" ? "least confidence first" : "least margin first",
    color: i === 0 ? theme.first : theme.second,
    ...(i === 0 ? {} : { dash: "6 3" }),
    // more than a drawing has pixels would only make its file larger
    points: evenly(points.length, 400).map((at) => ({ x: 100 * points[at]!.rejected, y: 100 * points[at]!.error })),
  }));
}

/** Error of the rest over what is rejected; what lies far beyond the last mistake is cut off. */
export function rejectionPanel(canvas: Canvas, rejection: Rejection, size = { width: 480, height: 300 }): Element {
  const { plot, theme } = canvas;
  const lines = rejectionLines(theme, rejection);
  const error = 100 * rejection.wanted;
  const clean = Math.max(...lines.map(({ points }) => points.findLast(({ y }) => y > 0)?.x ?? 0));
  const end = Math.min(100, Math.max(5, Math.ceil((1.1 * clean) / 5) * 5));
  const chosen = rejection.curves.flatMap(({ chosen: point }, i) =>
    point === undefined ? [] : [{ x: 100 * point.rejected, y: 100 * point.error, color: lines[i]!.color }],
  );
  const top = Math.max(error, ...lines.flatMap(({ points }) => points.map(({ x, y }) => (x <= end ? y : 0))));
  return lineChart(canvas, {
    ...size,
    x: { label: "Rejected (% of images)", domain: [0, end] },
    y: { label: "Error of the rest (%)", domain: [0, 1.08 * top || 1] },
    under: [plot.ruleY([error], { stroke: theme.quiet, strokeDasharray: "2 3" })],
    lines: lines.map((line) => ({ ...line, points: line.points.filter(({ x }) => x <= end) })),
    over: [
      plot.dot(chosen, { x: "x", y: "y", r: 4.5, fill: "color", stroke: theme.background, strokeWidth: 1.5 }),
      plot.text([{ x: end, y: error }], {
        x: "x",
        y: "y",
        text: () => `${short(error)} %`,
        textAnchor: "end",
        dy: -7,
        fontSize: 11,
        fill: theme.quiet,
      }),
    ],
  });
}

export function sketchRejection(canvas: Canvas, rejection: Rejection): Sketch {
  const panel = rejectionPanel(canvas, rejection);
  panel.setAttribute("x", String(margin));
  panel.setAttribute("y", "28");
  const [title, subtitle] = ["Rejection", rejectionSentence(rejection)];
  const parts = [...legendOf(canvas, rejectionLines(canvas.theme, rejection), margin, 14), panel];
  return { title, subtitle, width: Math.max(2 * margin + 480, headingWidth(title, subtitle)), height: 336, parts };
}
