import { fail } from "../core/errors.js";
import { type FrequencyPoint, filterCharts, type NamedFilter, type TimePoint } from "../signal/charts.js";
import { bottomAxis, margin, panel, panelFrame, sideAxis } from "./figure.js";
import { type Canvas, compose, element, newCanvas, standAlone, text, themes, toPng, toSvgText } from "./svg.js";

export interface FilterFigureOptions {
  /** Above the panels. Default: "Filters in time and frequency". */
  readonly title?: string;
  /** Below the title. Default: none. */
  readonly subtitle?: string;
}

/** Okabe and Ito's colours, the darker ones; lines differ in their dashes too. */
const styles = [
  { color: "#0072B2", dash: undefined },
  { color: "#D55E00", dash: "6 3" },
  { color: "#007A5A", dash: "2 3" },
  { color: "#8A4A7D", dash: "9 3 2 3" },
] as const;

/** Shorter than other panels: there is less to read. */
const panelHeight = 280;
const theme = themes.light;
const where = "filter figure";

/**
 * Filters in time (their taps) and in frequency (their magnitudes) as an SVG picture, side by side. Self-contained:
 * inline styles, no scripts. Needs Node with the packages @observablehq/plot and linkedom.
 *
 * Errors: those of `filterCharts`; code "data" for more than four filters; code "unsupported" where a package is missing.
 *
 * @param filters up to four, whose names stand in the legend
 * @example const svg = await filterFigureSvg([{ name: "3 taps", taps: [1 / 3, 1 / 3, 1 / 3] }]);
 */
export async function filterFigureSvg(
  filters: readonly NamedFilter[],
  options: FilterFigureOptions = {},
): Promise<string> {
  return toSvgText(await draw(filters, options));
}

/**
 * The picture of {@link filterFigureSvg} as a PNG of twice its size in pixels; needs sharp and opentype.js as well.
 *
 * @example const png = await filterFigurePng([{ name: "difference", taps: [1, 0, -1] }], { title: "An edge" });
 */
export async function filterFigurePng(
  filters: readonly NamedFilter[],
  options: FilterFigureOptions = {},
): Promise<Uint8Array> {
  const { svg } = await draw(filters, options);
  return toPng(svg, where);
}

async function draw(filters: readonly NamedFilter[], options: FilterFigureOptions) {
  const { title = "Filters in time and frequency", subtitle = "" } = options;
  const charts = filterCharts(filters);
  if (filters.length > styles.length) {
    const problem = "too many filters to tell apart";
    fail({ code: "data", where, problem, expected: `up to ${styles.length}`, received: String(filters.length) });
  }
  const canvas = await newCanvas(theme, where);
  const names = filters.map(({ name }) => name);
  const figures = [timePanel(canvas, charts.time, names), frequencyPanel(canvas, charts.frequency, names)];
  figures.forEach((figure, i) => {
    figure.setAttribute("x", String(margin + i * panel.width));
  });
  const width = 2 * (panel.width + margin);
  const parts = [...legend(canvas, names, width), ...figures];
  return compose(canvas, { title, subtitle, width, height: panelHeight + margin, parts });
}

/** Names beside their lines, at the height of the title. */
function legend({ document }: Canvas, names: readonly string[], width: number): Element[] {
  let right = width - margin - 12;
  return names
    .map((name, i) => ({ name, ...styles[i]! }))
    .reverse()
    .flatMap(({ name, color, dash }) => {
      const left = right - 46 - 6.8 * name.length;
      right = left - 10;
      const line = { x1: left, x2: left + 32, y1: -40, y2: -40, stroke: color, "stroke-width": 2 };
      return [
        element(document, "line", dash === undefined ? line : { ...line, "stroke-dasharray": dash }),
        text(document, "text", { x: left + 39, y: -35.5 }, name),
      ];
    });
}

const frame = { ...panelFrame, height: panelHeight } as const;

/** Taps as stems; a little apart, so that filters of the same length do not hide each other. */
function timePanel({ plot, document }: Canvas, points: readonly TimePoint[], names: readonly string[]): Element {
  const values = points.map(({ value }) => value);
  const reach = Math.max(...points.map(({ time }) => time), 1) + 1;
  const figure = plot.plot({
    ...frame,
    document,
    x: { domain: [-reach, reach] },
    y: { domain: [Math.min(0, ...values) * 1.08, Math.max(0, ...values) * 1.08] },
    marks: [
      plot.gridY({ stroke: theme.grid, strokeOpacity: 1 }),
      plot.axisX({ ...bottomAxis, ticks: 8, label: "Time from the centre (samples)" }),
      plot.axisY({ ...sideAxis, label: "Tap" }),
      plot.ruleY([0], { stroke: theme.quiet }),
      ...names.flatMap((name, i) => {
        const { color } = styles[i]!;
        const own = points.filter(({ filter }) => filter === name);
        const dx = 3 * (i - (names.length - 1) / 2);
        return [
          plot.ruleX(own, { x: "time", y1: 0, y2: "value", stroke: color, strokeWidth: 1.5, dx }),
          plot.dot(own, { x: "time", y: "value", r: 2.4, fill: color, dx }),
        ];
      }),
    ],
  });
  return standAlone(figure, theme);
}

function frequencyPanel(
  { plot, document }: Canvas,
  points: readonly FrequencyPoint[],
  names: readonly string[],
): Element {
  const figure = plot.plot({
    ...frame,
    document,
    x: { domain: [0, 0.5] },
    y: { domain: [0, Math.max(...points.map(({ magnitude }) => magnitude)) * 1.08] },
    marks: [
      plot.gridY({ stroke: theme.grid, strokeOpacity: 1 }),
      plot.axisX({ ...bottomAxis, ticks: 5, label: "Frequency (cycles per sample)" }),
      plot.axisY({ ...sideAxis, label: "Magnitude" }),
      ...names.map((name, i) => {
        const { color, dash } = styles[i]!;
        return plot.lineY(
          points.filter(({ filter }) => filter === name),
          {
            x: "frequency",
            y: "magnitude",
            stroke: color,
            strokeWidth: 2,
            ...(dash === undefined ? {} : { strokeDasharray: dash }),
          },
        );
      }),
    ],
  });
  return standAlone(figure, theme);
}
