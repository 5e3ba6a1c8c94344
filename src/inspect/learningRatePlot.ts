import type { LearningRateSearch } from "../train/learningRateFinder.js";
import { addPanel, axis, colors, type Figure, newFigure, pngOf, svgOf, titleOf } from "./figure.js";

const where = "learning-rate plot";

/**
 * The loss over the learning rate as an SVG picture, with the rate that the search suggests. Self-contained. Needs Node
 * with the packages @observablehq/plot and linkedom.
 *
 * Errors: code "unsupported" where a package is missing.
 *
 * @example
 * const search = await net.findLearningRate(digits.train, { loss: "crossEntropy", optimizer: sgd(0.1) });
 * const svg = await learningRateSvg(search);
 */
export async function learningRateSvg(search: LearningRateSearch): Promise<string> {
  return svgOf(await draw(search));
}

/** The picture of {@link learningRateSvg} as a PNG; see `learningCurvesPng` for what it needs. */
export async function learningRatePng(search: LearningRateSearch): Promise<Uint8Array> {
  return pngOf(await draw(search), where);
}

async function draw({ points, suggestion, lowest }: LearningRateSearch): Promise<Figure> {
  const figure = await newFigure(where, "Learning-rate search", 1);
  const { plot, document, svg } = figure;
  const at = `steepest at ${formatRate(suggestion)}, lowest at ${formatRate(lowest)}`;
  svg.append(...titleOf(document, "Loss over the learning rate", at));
  const smoothed = points.map((point) => point.smoothed);
  const [least, first] = [Math.min(...smoothed), smoothed[0]!];
  // what lies far above the start is of no interest, and would flatten the rest
  const top = Math.min(Math.max(...smoothed), first + 0.5 * (first - least) + 0.1 * Math.abs(first));
  const bottom = Math.max(0, least - 0.15 * (top - least));
  const chosen = points.filter(({ rate }) => rate === suggestion);
  const inside = points.filter(({ loss }) => loss >= bottom && loss <= top);
  const until = points.findIndex((point) => point.smoothed > top);
  addPanel(figure, 0, {
    x: { type: "log", domain: [points[0]!.rate, points.at(-1)!.rate] },
    y: { domain: [bottom, top], nice: false },
    marks: [
      plot.gridY({ ticks: 6, stroke: colors.grid, strokeOpacity: 1 }),
      plot.axisX({
        ...axis,
        ticks: decades(points[0]!.rate, points.at(-1)!.rate),
        tickFormat: formatRate,
        label: "Learning rate",
        labelAnchor: "center",
        labelArrow: "none",
        labelOffset: 38,
      }),
      plot.axisY({ ...axis, ticks: 6, label: "Loss", labelArrow: "none", labelOffset: 44 }),
      plot.ruleX(chosen, { x: "rate", stroke: colors.quiet, strokeWidth: 1, strokeDasharray: "2 3" }),
      plot.dot(inside, { x: "rate", y: "loss", r: 1.6, fill: colors.sky, fillOpacity: 0.6 }),
      plot.lineY(until < 0 ? points : points.slice(0, until), {
        x: "rate",
        y: "smoothed",
        stroke: colors.blue,
        strokeWidth: 2,
      }),
      plot.dot(chosen, { x: "rate", y: "smoothed", r: 5, fill: colors.vermilion, stroke: "#ffffff", strokeWidth: 1.5 }),
      plot.text(chosen, {
        x: "rate",
        y: "smoothed",
        text: ({ rate }: { readonly rate: number }) => formatRate(rate),
        textAnchor: "start",
        dx: 9,
        dy: -9,
        fontSize: 12,
        fill: colors.text,
      }),
    ],
  });
  return figure;
}

/** `0.0031`, `2e-6` */
function formatRate(rate: number): string {
  const rounded = Number(rate.toPrecision(2));
  return rounded < 0.001 ? rounded.toExponential().replace("e+", "e") : String(rounded);
}

function decades(from: number, to: number): number[] {
  const powers: number[] = [];
  for (let power = Math.ceil(Math.log10(from) - 1e-9); power <= Math.log10(to) + 1e-9; power++) powers.push(power);
  return powers.map((power) => Number(`1e${power}`));
}
