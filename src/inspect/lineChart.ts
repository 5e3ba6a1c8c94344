import type { PlotOptions } from "./figure.js";
import { type Canvas, element, standAlone, text } from "./svg.js";
import { short } from "./tiles.js";

export interface LinePoint {
  readonly x: number;
  readonly y: number;
}

/** A line, told from others by its dashes as well as by its colour. */
export interface Line {
  readonly name: string;
  readonly color: string;
  readonly dash?: string;
  readonly points: readonly LinePoint[];
  /** Whether points are drawn. */
  readonly markers?: boolean;
}

export interface LineChart {
  readonly title?: string;
  readonly width: number;
  readonly height: number;
  readonly x: {
    readonly label: string;
    readonly domain?: readonly [number, number];
    readonly ticks?: number | number[];
  };
  readonly y: { readonly label: string; readonly domain?: readonly [number, number] };
  readonly lines: readonly Line[];
  /** Below the lines, and above them. */
  readonly under?: PlotOptions["marks"];
  readonly over?: PlotOptions["marks"];
}

/** A chart of lines with labelled axes, standing alone. */
export function lineChart(canvas: Canvas, chart: LineChart): Element {
  const { plot, document, theme } = canvas;
  const { title, width, height, x, y, lines, under = [], over = [] } = chart;
  const marginTop = title === undefined ? 26 : 46;
  const axis = { fontSize: 11, tickSize: 4, color: theme.text, labelArrow: "none" } as const;
  const figure = plot.plot({
    document,
    width,
    height,
    marginLeft: 48,
    marginRight: 16,
    marginTop,
    marginBottom: 44,
    style: { background: "none", overflow: "visible" },
    x: x.domain === undefined ? {} : { domain: [...x.domain] },
    y: y.domain === undefined ? { zero: true, nice: true } : { domain: [...y.domain] },
    marks: [
      plot.gridY({ ticks: 5, stroke: theme.grid, strokeOpacity: 1 }),
      ...under,
      ...lines.map(({ points, color, dash }) =>
        plot.lineY([...points], {
          x: "x",
          y: "y",
          stroke: color,
          strokeWidth: 2,
          ...(dash === undefined ? {} : { strokeDasharray: dash }),
        }),
      ),
      ...lines
        .filter(({ markers }) => markers === true)
        .map(({ points, color, dash }) =>
          plot.dot([...points], {
            x: "x",
            y: "y",
            r: 2.8,
            stroke: color,
            strokeWidth: 1.5,
            fill: dash === undefined ? color : theme.background,
          }),
        ),
      ...over,
      plot.axisX({
        ...axis,
        ticks: x.ticks ?? 6,
        tickFormat: short,
        label: x.label,
        labelAnchor: "center",
        labelOffset: 36,
      }),
      plot.axisY({ ...axis, ticks: 5, tickFormat: short, label: null }),
    ],
  });
  const placed = standAlone(figure, theme);
  const start = { x: 4, "text-anchor": "start" };
  if (title !== undefined) {
    placed.append(text(document, "text", { ...start, y: 13, "font-size": 13, "font-weight": 600 }, title));
  }
  placed.append(text(document, "text", { ...start, y: marginTop - 11, "font-size": 11 }, y.label));
  return placed;
}

/** Names beside pieces of their lines, one after the other from `x` on. */
export function legendOf(
  { document, theme }: Canvas,
  lines: readonly Pick<Line, "name" | "color" | "dash" | "markers">[],
  x: number,
  y: number,
): Element[] {
  let left = x;
  return lines.flatMap(({ name, color, dash, markers }) => {
    const line = { x1: left, x2: left + 30, y1: y - 4, y2: y - 4, stroke: color, "stroke-width": 2 };
    const dot = { cx: left + 15, cy: y - 4, r: 2.8, stroke: color, "stroke-width": 1.5 };
    const parts = [
      element(document, "line", dash === undefined ? line : { ...line, "stroke-dasharray": dash }),
      ...(markers === true
        ? [element(document, "circle", { ...dot, fill: dash === undefined ? color : theme.background })]
        : []),
      text(document, "text", { x: left + 36, y }, name),
    ];
    left += 36 + name.length * 6.6 + 22;
    return parts;
  });
}
