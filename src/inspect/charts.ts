import type { GradientNorms, Histogram, Histograms, UnitReport } from "./statistics.js";
import { type Canvas, element, headingWidth, margin, type Sketch, standAlone, text } from "./svg.js";
import { short } from "./tiles.js";

const cell = { width: 224, height: 128 };
const columns = 4;

/** A small chart for each weight and each layer. */
export function sketchHistograms(canvas: Canvas, { weights, activations, examples }: Histograms): Sketch {
  const parts: Element[] = [];
  let y = 0;
  let used = 1;
  const section = (name: string, list: readonly Histogram[], color: string) => {
    if (list.length === 0) return;
    parts.push(text(canvas.document, "text", { x: margin, y: y + 14, "font-weight": 600 }, name));
    y += 22;
    list.forEach((histogram, i) => {
      const figure = drawHistogram(canvas, histogram, color);
      figure.setAttribute("x", String(margin + (i % columns) * cell.width));
      figure.setAttribute("y", String(y + Math.floor(i / columns) * cell.height));
      parts.push(figure);
    });
    y += Math.ceil(list.length / columns) * cell.height + 8;
    used = Math.max(used, Math.min(columns, list.length));
  };
  section("Weights", weights, canvas.theme.first);
  section(`Activations, over ${examples} images`, activations, canvas.theme.second);
  const [title, subtitle] = [
    "Weights and activations",
    "which part of the values (upwards) lies where (to the right); the numbers are mean and deviation",
  ];
  return {
    title,
    subtitle,
    width: Math.max(2 * margin + used * cell.width, headingWidth(title, subtitle)),
    height: y,
    parts,
  };
}

function drawHistogram({ document, theme, plot }: Canvas, histogram: Histogram, color: string): Element {
  const { name, low, high, counts, mean, deviation, values } = histogram;
  const width = (high - low) / counts.length || 1;
  const bars = counts.map((count, i) => ({
    from: low + i * width,
    to: low + (i + 1) * width,
    part: (100 * count) / values,
  }));
  const figure = plot.plot({
    document,
    ...cell,
    marginLeft: 34,
    marginRight: 14,
    marginTop: 34,
    marginBottom: 22,
    style: { background: "none", overflow: "visible" },
    x: { domain: [low, low + counts.length * width] },
    y: { domain: [0, Math.max(...bars.map(({ part }) => part))] },
    marks: [
      plot.gridY({ ticks: 3, stroke: theme.grid, strokeOpacity: 1 }),
      plot.rectY(bars, { x1: "from", x2: "to", y: "part", fill: color, inset: 0 }),
      plot.axisX({ fontSize: 10, tickSize: 3, ticks: 4, tickFormat: short, label: null, color: theme.text }),
      plot.axisY({
        fontSize: 10,
        tickSize: 3,
        ticks: 3,
        tickFormat: (value: number) => `${value} %`,
        label: null,
        color: theme.text,
      }),
    ],
  });
  const placed = standAlone(figure, theme);
  const title = name.length > 34 ? `${name.slice(0, 33)}…` : name;
  const start = { x: 34, "text-anchor": "start" };
  placed.append(
    text(document, "text", { ...start, y: 13, "font-size": 12, "font-weight": 600 }, title),
    text(
      document,
      "text",
      { ...start, y: 27, "font-size": 11, fill: theme.quiet },
      `${short(mean)} ± ${short(deviation)}`,
    ),
  );
  return placed;
}

const rowHeight = 24;

/** Dead units, zeros and saturation, layer by layer. */
export function sketchReport(canvas: Canvas, { layers, examples }: UnitReport): Sketch {
  const { theme } = canvas;
  const names = layers.map(({ layer }) => layer);
  const part = (value: number | undefined) => (value === undefined ? undefined : 100 * value);
  const panels = [
    {
      label: "Dead units (%)",
      color: theme.second,
      values: layers.map(({ dead, units }) => (100 * dead.length) / units),
    },
    { label: "Values that are 0 (%)", color: theme.first, values: layers.map(({ zeros }) => part(zeros)) },
    {
      label: "Values at an end of the range (%)",
      color: theme.quiet,
      values: layers.map(({ saturated }) => part(saturated)),
    },
  ].filter(({ values }) => values.some((value) => value !== undefined));
  const left = Math.max(...names.map((name) => name.length)) * 7 + 16;
  const height = layers.length * rowHeight + 50;
  const bars = 230;
  const parts = panels.map(({ label, color, values }, i) => {
    const rows = names.map((name, k) => ({ name, value: values[k] })).filter(({ value }) => value !== undefined);
    const figure = canvas.plot.plot({
      document: canvas.document,
      width: (i === 0 ? left : 12) + bars + 50,
      height,
      marginLeft: i === 0 ? left : 12,
      marginRight: 50,
      marginTop: 4,
      marginBottom: 46,
      style: { background: "none", overflow: "visible" },
      x: { domain: [0, 100] },
      y: { domain: names, padding: 0.3, axis: null },
      marks: [
        canvas.plot.gridX({ ticks: 5, stroke: theme.grid, strokeOpacity: 1 }),
        canvas.plot.barX(rows, { x: "value", y: "name", fill: color }),
        canvas.plot.text(rows, {
          x: "value",
          y: "name",
          text: ({ value }: { value?: number }) => `${short(value!)} %`,
          textAnchor: "start",
          dx: 4,
          fontSize: 11,
          fill: theme.text,
        }),
        canvas.plot.axisX({
          fontSize: 11,
          ticks: 5,
          tickSize: 4,
          color: theme.text,
          label,
          labelAnchor: "center",
          labelArrow: "none",
          labelOffset: 36,
        }),
        i === 0 ? canvas.plot.axisY({ fontSize: 12, tickSize: 0, color: theme.text, label: null }) : undefined,
      ],
    });
    const placed = standAlone(figure, theme);
    placed.setAttribute("x", String(margin + (i === 0 ? 0 : left + i * (bars + 62) - 12)));
    placed.setAttribute("y", "0");
    return placed;
  });
  const deadCount = layers.reduce((sum, { dead }) => sum + dead.length, 0);
  const units = layers.reduce((sum, each) => sum + each.units, 0);
  const [title, subtitle] = [
    "Dead and saturated units",
    `${deadCount} of ${units} units are dead over ${examples} images`,
  ];
  const width = 2 * margin + left + panels.length * (bars + 62);
  return { title, subtitle, width: Math.max(width, headingWidth(title, subtitle)), height, parts };
}

/** Norms of gradients and weights on one logarithmic axis. */
export function sketchNorms(canvas: Canvas, { weights, loss, examples }: GradientNorms): Sketch {
  const { document, theme, plot } = canvas;
  const names = weights.map(({ weight }) => weight);
  const left = Math.max(...names.map((name) => name.length)) * 7 + 16;
  const height = weights.length * 19 + 74;
  const width = left + 480;
  const rows = weights.flatMap(({ weight, gradient, norm }) => [
    { weight, value: gradient, what: "gradient" },
    { weight, value: norm, what: "weight" },
  ]);
  const shown = rows.filter(({ value }) => value > 0);
  const of = (what: string) => shown.filter((row) => row.what === what);
  const powers = decades(shown.map(({ value }) => value));
  const figure = plot.plot({
    document,
    width,
    height,
    marginLeft: left,
    marginRight: 24,
    marginTop: 24,
    marginBottom: 46,
    style: { background: "none", overflow: "visible" },
    x: { type: "log", domain: [powers[0]!, powers.at(-1)!] },
    y: { type: "point", domain: names },
    marks: [
      plot.gridX({ ticks: powers, stroke: theme.grid, strokeOpacity: 1 }),
      plot.gridY({ stroke: theme.grid, strokeOpacity: 0.6 }),
      plot.dot(of("weight"), {
        x: "value",
        y: "weight",
        r: 4.2,
        stroke: theme.second,
        strokeWidth: 1.6,
        fill: theme.background,
      }),
      plot.dot(of("gradient"), { x: "value", y: "weight", r: 4.2, fill: theme.first }),
      plot.axisX({
        fontSize: 11,
        ticks: powers,
        tickSize: 4,
        color: theme.text,
        tickFormat: short,
        label: "Euclidean norm",
        labelAnchor: "center",
        labelArrow: "none",
        labelOffset: 36,
      }),
      plot.axisY({ fontSize: 12, tickSize: 0, color: theme.text, label: null }),
    ],
  });
  const placed = standAlone(figure, theme);
  placed.setAttribute("x", String(margin));
  placed.setAttribute("y", "10");
  const legend = [
    { x: margin + left, label: "gradient of the loss", fill: theme.first, stroke: theme.first },
    { x: margin + left + 160, label: "weight", fill: theme.background, stroke: theme.second },
  ].flatMap(({ x, label, ...color }) => [
    element(document, "circle", { cx: x + 6, cy: 12, r: 4.2, "stroke-width": 1.6, ...color }),
    text(document, "text", { x: x + 16, y: 16.5 }, label),
  ]);
  const [title, subtitle] = [
    "Gradients on their way back",
    `one batch of ${examples} images, loss ${short(loss)}; the last layer is at the bottom`,
  ];
  return {
    title,
    subtitle,
    width: Math.max(width + 2 * margin, headingWidth(title, subtitle)),
    height: height + 10,
    parts: [placed, ...legend],
  };
}

/** Whole powers of ten around the values. */
function decades(values: readonly number[]): number[] {
  const logarithms = values.length === 0 ? [0] : values.map(Math.log10);
  const low = Math.floor(Math.min(...logarithms));
  const high = Math.max(low + 1, Math.ceil(Math.max(...logarithms)));
  return Array.from({ length: high - low + 1 }, (_, i) => 10 ** (low + i));
}
