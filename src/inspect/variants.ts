import { fail } from "../core/errors.js";
import { addPanel, axis, colors, type Figure, newFigure, panel, pngOf, svgOf, titleOf } from "./figure.js";

const where = "comparison of variants";

/** One row of the picture. */
export interface VariantRow {
  readonly name: string;
  /** One for each seed. */
  readonly values: readonly number[];
  readonly mean: number;
  readonly deviation: number | undefined;
  /** Against another row: what is said beside the mean, and whether it is for the better. */
  readonly change?: { readonly text: string; readonly better: boolean };
}

export interface VariantsOptions {
  readonly title: string;
  /** Below the title. */
  readonly sentence: string;
  /** What is measured, with its unit. */
  readonly label: string;
  readonly format: (value: number) => string;
  /** Whether each row goes on from the one above it: then a line joins their means. */
  readonly isSeries: boolean;
}

/**
 * What variants of a training reached, row by row, as an SVG picture: a dot for each seed, the mean with its deviation, the
 * change. Self-contained. Needs the packages @observablehq/plot and linkedom.
 *
 * Errors: code "data" without rows, code "unsupported" where a package is missing.
 */
export async function variantsSvg(rows: readonly VariantRow[], options: VariantsOptions): Promise<string> {
  return svgOf(await draw(rows, options));
}

/** The picture of {@link variantsSvg} as a PNG; see `learningCurvesPng` for what it needs. */
export async function variantsPng(rows: readonly VariantRow[], options: VariantsOptions): Promise<Uint8Array> {
  return pngOf(await draw(rows, options), where);
}

const rowHeight = 34;
/** Above and below the rows. */
const [top, bottom] = [6, 46];
/** Room at the right for numbers. */
const numbersWidth = 200;

async function draw(rows: readonly VariantRow[], options: VariantsOptions): Promise<Figure> {
  if (rows.length === 0) fail({ code: "data", where, problem: "there are no variants" });
  const { title, sentence, label, format, isSeries } = options;
  const height = top + rows.length * rowHeight + bottom;
  const panels = 2;
  const figure = await newFigure(where, title, panels, height - panel.height);
  figure.svg.append(...titleOf(figure.document, title, sentence));
  const { plot } = figure;
  const names = rows.map(({ name }) => name);
  const dots = rows.flatMap(({ name, values }) => values.map((value) => ({ name, value })));
  const spans = rows.flatMap(({ name, mean, deviation }) =>
    deviation === undefined ? [] : [{ name, from: mean - deviation, to: mean + deviation }],
  );
  const reached = [...dots.map(({ value }) => value), ...spans.flatMap(({ from, to }) => [from, to])];
  const [low, high] = [Math.min(...reached), Math.max(...reached)];
  const room = (high - low || Math.abs(high) || 1) * 0.04;
  const beside = { frameAnchor: "right", textAnchor: "start", y: "name", fontSize: 12.5 } as const;
  addPanel(figure, 0, {
    width: panels * panel.width,
    height,
    marginTop: top,
    marginBottom: bottom,
    marginLeft: 24 + 7.2 * Math.max(...names.map(({ length }) => length)),
    marginRight: numbersWidth,
    x: { domain: [low - room, high + room], nice: false },
    y: { type: "band", domain: names, label: null },
    marks: [
      plot.gridX({ stroke: colors.grid, strokeOpacity: 1 }),
      plot.axisX({ ...axis, ticks: 8, label, labelAnchor: "center", labelArrow: "none", labelOffset: 38 }),
      plot.axisY({ fontSize: 12.5, tickSize: 0, color: colors.text, label: null }),
      isSeries ? plot.line(rows, { x: "mean", y: "name", stroke: colors.grid, strokeWidth: 2.5 }) : undefined,
      plot.dot(dots, { x: "value", y: "name", r: 3.2, fill: colors.sky, fillOpacity: 0.75, dy: 9 }),
      plot.ruleY(spans, { y: "name", x1: "from", x2: "to", stroke: colors.blue, strokeWidth: 2 }),
      plot.dot(rows, { x: "mean", y: "name", r: 4.8, fill: colors.blue, stroke: "#ffffff", strokeWidth: 1.5 }),
      plot.text(rows, {
        ...beside,
        dx: 14,
        text: ({ mean, deviation }: VariantRow) =>
          deviation === undefined ? format(mean) : `${format(mean)} ± ${format(deviation)}`,
        fill: colors.text,
      }),
      plot.text(
        rows.filter(({ change }) => change !== undefined),
        {
          ...beside,
          dx: 118,
          text: ({ change }: VariantRow) => change!.text,
          fill: ({ change }: VariantRow) => (change!.better ? colors.green : colors.vermilion),
        },
      ),
    ],
  });
  return figure;
}
