import { fail } from "../core/errors.js";
import type { EpochLog } from "../train/callbacks.js";
import {
  addPanel,
  axis,
  colors,
  element,
  epochAxis,
  epochScale,
  type Figure,
  header,
  margin,
  newFigure,
  panel,
  pngOf,
  svgOf,
  text,
  titleOf,
} from "./figure.js";

const where = "comparison of runs";

/** One of the runs to compare. */
export interface ComparedRun {
  readonly name: string;
  readonly epochs: readonly EpochLog[];
}

const palette = [colors.blue, colors.vermilion, colors.green, colors.purple, colors.orange, colors.sky];
/** Beside colours, for those who see none and for more runs than there are colours. */
const dashes = [undefined, "7 3", "2 2.5"];

const styleOf = (i: number) => ({
  color: palette[i % palette.length]!,
  dash: dashes[Math.floor(i / palette.length) % dashes.length],
});

/**
 * Losses and accuracies of several runs over one another as an SVG picture: of the validation data where all runs have
 * measured them, otherwise of the training data. Self-contained. Needs the packages @observablehq/plot and linkedom.
 *
 * Errors: code "data" where no run has finished an epoch, code "unsupported" where a package is missing.
 */
export async function comparisonSvg(runs: readonly ComparedRun[]): Promise<string> {
  return svgOf(await draw(runs));
}

/** The picture of {@link comparisonSvg} as a PNG; see `learningCurvesPng` for what it needs. */
export async function comparisonPng(runs: readonly ComparedRun[]): Promise<Uint8Array> {
  return pngOf(await draw(runs), where);
}

interface Point {
  readonly epoch: number;
  readonly value: number;
}

async function draw(given: readonly ComparedRun[]): Promise<Figure> {
  const runs = given.filter(({ epochs }) => epochs.length > 0);
  if (runs.length === 0) {
    fail({ code: "data", where, problem: "no run has finished an epoch", fix: "Train for one epoch at least" });
  }
  const has = (name: keyof EpochLog) => runs.every(({ epochs }) => epochs.some((log) => log[name] !== undefined));
  const validated = has("validationLoss");
  const panels: { label: string; key: keyof EpochLog; scale: number; format: (value: number) => string }[] = [
    {
      label: validated ? "Validation loss" : "Training loss",
      key: validated ? "validationLoss" : "loss",
      scale: 1,
      format: (value) => value.toPrecision(3),
    },
  ];
  const accuracy = validated ? "validationAccuracy" : "accuracy";
  if (has(accuracy)) {
    const label = validated ? "Validation accuracy (%)" : "Training accuracy (%)";
    panels.push({ label, key: accuracy, scale: 100, format: (value) => `${value.toFixed(1)} %` });
  }
  const rows = Math.ceil(runs.length / panels.length);
  const figure = await newFigure(where, "Comparison of runs", panels.length, 14 + 21 * rows);
  const { document, svg } = figure;
  const what = validated ? "validation data" : "training data";
  const count = `${runs.length} ${runs.length === 1 ? "run" : "runs"} on the ${what}; dots mark the best epochs`;
  svg.append(...titleOf(document, "Comparison of runs", count));
  const bests = panels.map(({ label, key, scale }, i) => {
    const series = runs.map(({ epochs }) =>
      epochs.flatMap((log): Point[] => {
        const value = log[key];
        return value === undefined || !Number.isFinite(value) ? [] : [{ epoch: log.epoch, value: scale * value }];
      }),
    );
    const best = series.map((points) =>
      points.reduce<Point | undefined>((a, b) => {
        if (a === undefined) return b;
        return (scale === 1 ? b.value < a.value : b.value > a.value) ? b : a;
      }, undefined),
    );
    drawCurves(figure, i, label, series, best);
    return best;
  });
  const quiet = { fill: colors.quiet, "text-anchor": "end" };
  runs.forEach(({ name }, i) => {
    const { color, dash } = styleOf(i);
    const x = margin + 52 + (i % panels.length) * panel.width;
    const y = header + panel.height + 12 + 21 * Math.floor(i / panels.length);
    const line = { x1: x, x2: x + 32, y1: y, y2: y, stroke: color, "stroke-width": 2 };
    const values = panels.flatMap(({ format }, p) => {
      const best = bests[p]![i];
      return best === undefined ? [] : [format(best.value)];
    });
    svg.append(
      element(document, "line", dash === undefined ? line : { ...line, "stroke-dasharray": dash }),
      text(document, "text", { x: x + 40, y: y + 4.5 }, name),
      text(document, "text", { x: x + panel.width - 70, y: y + 4.5, ...quiet }, values.join(", ")),
    );
  });
  return figure;
}

function drawCurves(
  figure: Figure,
  i: number,
  label: string,
  series: readonly (readonly Point[])[],
  best: readonly (Point | undefined)[],
): void {
  const { plot } = figure;
  const all = series.flat();
  const epochs = all.map(({ epoch }) => epoch);
  const values = all.map(({ value }) => value);
  const [first, last] = [Math.min(...epochs), Math.max(...epochs)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  const isAccuracy = label.includes("%");
  // losses of runs that go well and of those that do not differ by orders of magnitude
  const isLog = !isAccuracy && low > 0 && high > 10 * low;
  const ends = isAccuracy
    ? [Math.max(0, low - room), Math.min(100.5, high + room)]
    : [Math.max(0, low - room), high + room];
  const ticks = isLog ? roundNumbers(low / 1.15, high * 1.15) : 6;
  // Plot would write 0.2 as 200m there
  const logFormat = isLog ? { tickFormat: (value: number) => String(value) } : {};
  addPanel(figure, i, {
    x: epochScale(first, last),
    y: isLog ? { type: "log", domain: [low / 1.15, high * 1.15] } : { domain: ends, nice: false },
    marks: [
      plot.gridY({ ticks, stroke: colors.grid, strokeOpacity: 1 }),
      epochAxis(plot, first, last),
      plot.axisY({ ...axis, ticks, ...logFormat, label, labelArrow: "none", labelOffset: 44 }),
      ...series.map((points, run) => {
        const { color, dash } = styleOf(run);
        return plot.lineY(points, {
          x: "epoch",
          y: "value",
          stroke: color,
          strokeWidth: 2,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        });
      }),
      ...best.map((point, run) =>
        plot.dot(point === undefined ? [] : [point], {
          x: "epoch",
          y: "value",
          r: 4.5,
          fill: styleOf(run).color,
          stroke: "#ffffff",
          strokeWidth: 1.5,
        }),
      ),
    ],
  });
}

/** 1, 2 and 5 times powers of ten. */
function roundNumbers(low: number, high: number): number[] {
  const numbers: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    numbers.push(...[1, 2, 5].map((digit) => Number(`${digit}e${power}`)));
  }
  return numbers.filter((value) => value >= low && value <= high);
}
