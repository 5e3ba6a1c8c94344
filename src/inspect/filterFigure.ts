import { fail } from "../core/errors.js";
import { type FrequencyPoint, filterCharts, type NamedFilter, type TimePoint } from "../signal/charts.js";
import { element, gridColor, inline, type Linkedom, type Plot, quietColor, text, textColor } from "./curves.js";
import { outlineText } from "./outlineText.js";
import { loadPackage } from "./packages.js";

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

const panel = { width: 460, height: 280 };
const header = 66;
const margin = 12;
const where = "filter figure";

/**
 * Filters in time (their taps) and in frequency (their magnitudes) as an SVG picture, side by side. Self-contained:
 * inline styles, no scripts. Needs Node with the packages @observablehq/plot and linkedom.
 *
 * Errors: those of `filterCharts`; code "data" for more than four filters; code "unsupported" where a package is missing.
 *
 * @param filters up to four, whose names stand in the legend
 * @example await writeFile("filters.svg", await filterFigureSvg([{ name: "3 taps", taps: movingAverage(3) }]));
 */
export async function filterFigureSvg(
  filters: readonly NamedFilter[],
  options: FilterFigureOptions = {},
): Promise<string> {
  const { document, svg } = await draw(filters, options);
  document.body.append(svg);
  return `${svg.outerHTML}\n`;
}

/** The picture of {@link filterFigureSvg} as a PNG of twice its size in pixels; needs sharp and opentype.js as well. */
export async function filterFigurePng(
  filters: readonly NamedFilter[],
  options: FilterFigureOptions = {},
): Promise<Uint8Array> {
  const { svg } = await draw(filters, options);
  await outlineText(svg, where);
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", where);
  return sharp(new TextEncoder().encode(svg.outerHTML), { density: 144 }).png().toBuffer();
}

async function draw(filters: readonly NamedFilter[], options: FilterFigureOptions) {
  const { title = "Filters in time and frequency", subtitle = "" } = options;
  const charts = filterCharts(filters);
  if (filters.length > styles.length) {
    const problem = "too many filters to tell apart";
    fail({ code: "data", where, problem, expected: `up to ${styles.length}`, received: String(filters.length) });
  }
  const plot = await loadPackage<Plot>("@observablehq/plot", where);
  const { parseHTML } = await loadPackage<Linkedom>("linkedom", where);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const [width, height] = [2 * panel.width + 2 * margin, header + panel.height + margin];
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
  svg.append(
    text(document, "text", { x: margin + 8, y: 27, "font-size": 17, "font-weight": 600 }, title),
    text(document, "text", { x: margin + 8, y: 48, fill: quietColor }, subtitle),
    ...legend(document, filters, width),
  );
  const names = filters.map(({ name }) => name);
  [timePanel(plot, document, charts.time, names), frequencyPanel(plot, document, charts.frequency, names)].forEach(
    (figure, i) => {
      figure.setAttribute("x", String(margin + i * panel.width));
      figure.setAttribute("y", String(header));
      svg.append(figure);
    },
  );
  return { document, svg };
}

function legend(document: Document, filters: readonly NamedFilter[], width: number): Element[] {
  let right = width - margin - 12;
  return filters
    .map(({ name }, i) => ({ name, ...styles[i]! }))
    .reverse()
    .flatMap(({ name, color, dash }) => {
      const left = right - 46 - 6.8 * name.length;
      right = left - 10;
      const line = { x1: left, x2: left + 32, y1: 23, y2: 23, stroke: color, "stroke-width": 2 };
      return [
        element(document, "line", dash === undefined ? line : { ...line, "stroke-dasharray": dash }),
        text(document, "text", { x: left + 39, y: 27.5 }, name),
      ];
    });
}

const axis = { fontSize: 12, tickSize: 4, color: textColor };
const bottom = { ...axis, labelAnchor: "center", labelArrow: "none", labelOffset: 38 } as const;
const side = { ...axis, ticks: 6, labelArrow: "none", labelOffset: 44 } as const;
const frame = {
  width: panel.width,
  height: panel.height,
  marginLeft: 52,
  marginRight: 18,
  marginTop: 26,
  marginBottom: 46,
  style: { background: "none", overflow: "visible" },
} as const;

/** Taps as stems; a little apart, so that filters of the same length do not hide each other. */
function timePanel(plot: Plot, document: Document, points: readonly TimePoint[], names: readonly string[]): Element {
  const values = points.map(({ value }) => value);
  const reach = Math.max(...points.map(({ time }) => time), 1) + 1;
  const figure = plot.plot({
    ...frame,
    document,
    x: { domain: [-reach, reach] },
    y: { domain: [Math.min(0, ...values) * 1.08, Math.max(0, ...values) * 1.08] },
    marks: [
      plot.gridY({ stroke: gridColor, strokeOpacity: 1 }),
      plot.axisX({ ...bottom, ticks: 8, label: "Time from the centre (samples)" }),
      plot.axisY({ ...side, label: "Tap" }),
      plot.ruleY([0], { stroke: quietColor }),
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
  return inline(figure);
}

function frequencyPanel(
  plot: Plot,
  document: Document,
  points: readonly FrequencyPoint[],
  names: readonly string[],
): Element {
  const figure = plot.plot({
    ...frame,
    document,
    x: { domain: [0, 0.5] },
    y: { domain: [0, Math.max(...points.map(({ magnitude }) => magnitude)) * 1.08] },
    marks: [
      plot.gridY({ stroke: gridColor, strokeOpacity: 1 }),
      plot.axisX({ ...bottom, ticks: 5, label: "Frequency (cycles per sample)" }),
      plot.axisY({ ...side, label: "Magnitude" }),
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
  return inline(figure);
}
