import { loadPackage } from "./packages.js";
import { element, type Plot, standAlone, text, themes, toPng } from "./svg.js";

export { element, text } from "./svg.js";
export type PlotOptions = import("@observablehq/plot").PlotOptions;
type Linkedom = { parseHTML(html: string): { document: Document } };

/** Okabe and Ito's colours: they differ in lightness too, for those who see no colours and for printers. */
export const colors = {
  blue: "#0072B2",
  vermilion: "#D55E00",
  green: "#009E73",
  purple: "#CC79A7",
  orange: "#E69F00",
  sky: "#56B4E9",
  text: "#222222",
  quiet: "#666666",
  grid: "#e4e4e4",
} as const;

export const panel = { width: 460, height: 296 };
export const header = 66;
export const margin = 12;

/** A drawing in the making. */
export interface Figure {
  readonly plot: Plot;
  readonly document: Document;
  readonly svg: Element;
  readonly width: number;
}

/**
 * An empty white drawing. Needs the packages @observablehq/plot and linkedom.
 *
 * @param where for errors: what is drawn
 * @param extraHeight below the panels
 */
export async function newFigure(where: string, title: string, panels: number, extraHeight = 0): Promise<Figure> {
  const plot = await loadPackage<Plot>("@observablehq/plot", where);
  const { parseHTML } = await loadPackage<Linkedom>("linkedom", where);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const width = panels * panel.width + 2 * margin;
  const height = header + panel.height + margin + extraHeight;
  const svg = element(document, "svg", {
    xmlns: "http://www.w3.org/2000/svg",
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": "'Source Sans 3', system-ui, 'DejaVu Sans', sans-serif",
    "font-size": 13,
    fill: colors.text,
    role: "img",
  });
  svg.append(text(document, "title", {}, title), element(document, "rect", { width, height, fill: "#ffffff" }));
  return { plot, document, svg, width };
}

/** Title, and the sentence below it. */
export function titleOf(document: Document, title: string, sentence: string): Element[] {
  return [
    text(document, "text", { x: margin + 8, y: 27, "font-size": 17, "font-weight": 600 }, title),
    text(document, "text", { x: margin + 8, y: 48, fill: colors.quiet }, sentence),
  ];
}

/** Sizes and margins of what Plot draws into a panel. */
export const panelFrame = {
  ...panel,
  marginLeft: 52,
  marginRight: 18,
  marginTop: 26,
  marginBottom: 46,
  style: { background: "none", overflow: "visible" },
} as const;

/** What Plot draws into a panel of its own, the i-th from the left. */
export function addPanel({ plot, document, svg }: Figure, i: number, options: PlotOptions): void {
  const drawn = plot.plot({ document, ...panelFrame, ...options });
  const figure = standAlone(drawn, themes.light);
  figure.setAttribute("x", String(margin + i * panel.width));
  figure.setAttribute("y", String(header));
  svg.append(figure);
}

/** The horizontal scale of panels over epochs. */
export function epochScale(first: number, last: number) {
  return { domain: first === last ? [first - 1, last + 1] : [first, last], inset: 8 };
}

/** Its axis, with a tick at whole epochs alone. */
export function epochAxis(plot: Plot, first: number, last: number) {
  return plot.axisX({
    ...bottomAxis,
    ticks: wholeTicks(first, last),
    tickFormat: (value: number) => String(value),
    label: "Epoch",
  });
}

export const axis = { fontSize: 12, tickSize: 4, color: colors.text } as const;
/** Of panels below one another's titles: named in the middle, and above. */
export const bottomAxis = { ...axis, labelAnchor: "center", labelArrow: "none", labelOffset: 38 } as const;
export const sideAxis = { ...axis, ticks: 6, labelArrow: "none", labelOffset: 44 } as const;

/** The text of an SVG file. */
export function svgOf({ document, svg }: Figure): string {
  document.body.append(svg);
  return `${svg.outerHTML}\n`;
}

/** A PNG of twice the size in pixels, letters as outlines. Needs sharp, opentype.js and @fontsource/source-sans-3. */
export async function pngOf({ svg }: Figure, where: string): Promise<Uint8Array> {
  return toPng(svg, where);
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
