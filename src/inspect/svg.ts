import { outlineText } from "./outlineText.js";
import { loadPackage } from "./packages.js";

/** What drawings share: elements, themes, Plot's figures made to stand alone, pixels. */

export type Plot = typeof import("@observablehq/plot");
type Linkedom = { parseHTML(html: string): { document: Document } };
type Attributes = Readonly<Record<string, string | number>>;

export type ThemeName = "light" | "dark";

export interface Theme {
  readonly name: ThemeName;
  readonly background: string;
  readonly text: string;
  readonly quiet: string;
  readonly grid: string;
  /** Two series: Okabe and Ito's blue and vermilion, lighter on dark; they differ in lightness too. */
  readonly first: string;
  readonly second: string;
  /** A third, green. */
  readonly third: string;
}

export const themes: Readonly<Record<ThemeName, Theme>> = {
  light: {
    name: "light",
    background: "#ffffff",
    text: "#222222",
    quiet: "#666666",
    grid: "#e4e4e4",
    first: "#0072B2",
    second: "#D55E00",
    third: "#007A5A",
  },
  dark: {
    name: "dark",
    background: "#161616",
    text: "#eeeeee",
    quiet: "#a8a8a8",
    grid: "#3a3a3a",
    first: "#56B4E9",
    second: "#E69F00",
    third: "#63C7A2",
  },
};

export interface Canvas {
  readonly document: Document;
  readonly plot: Plot;
  readonly theme: Theme;
  readonly where: string;
}

export async function newCanvas(theme: Theme, where: string): Promise<Canvas> {
  const plot = await loadPackage<Plot>("@observablehq/plot", where);
  const { parseHTML } = await loadPackage<Linkedom>("linkedom", where);
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  return { document, plot, theme, where };
}

export interface Sketch {
  readonly title: string;
  readonly subtitle: string;
  readonly width: number;
  /** Of what is below the heading. */
  readonly height: number;
  /** What is below the heading, placed within it. */
  readonly parts: readonly Element[];
}

const headingHeight = 62;
export const margin = 14;

/** The whole drawing: background, title, a sentence, and the parts. */
export function compose(
  { document, theme }: Canvas,
  { title, subtitle, width, height, parts }: Sketch,
): { readonly document: Document; readonly svg: Element } {
  const size = { width: Math.ceil(width), height: Math.ceil(headingHeight + height) };
  const svg = element(document, "svg", {
    xmlns: "http://www.w3.org/2000/svg",
    ...size,
    viewBox: `0 0 ${size.width} ${size.height}`,
    "font-family": "'Source Sans 3', system-ui, 'DejaVu Sans', sans-serif",
    "font-size": 13,
    fill: theme.text,
    role: "img",
  });
  const body = element(document, "g", { transform: `translate(0 ${headingHeight})` });
  body.append(...parts);
  svg.append(
    text(document, "title", {}, title),
    element(document, "rect", { ...size, fill: theme.background }),
    text(document, "text", { x: margin, y: 26, "font-size": 17, "font-weight": 600 }, title),
    text(document, "text", { x: margin, y: 46, fill: theme.quiet }, subtitle),
    body,
  );
  return { document, svg };
}

/** Widths that a title and a sentence need, about. */
export function headingWidth(title: string, subtitle: string): number {
  return Math.ceil(2 * margin + Math.max(title.length * 8.6, subtitle.length * 5.9));
}

export function toSvgText({ document, svg }: { readonly document: Document; readonly svg: Element }): string {
  document.body.append(svg);
  return `${svg.outerHTML}\n`;
}

/** Pixels of `zoom` times the drawing's size; letters become outlines, so that no fonts are needed. */
export async function toPng(svg: Element, where: string, zoom = 2): Promise<Uint8Array> {
  await outlineText(svg, where);
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", where);
  const drawing = new TextEncoder().encode(svg.outerHTML);
  return sharp(drawing, { density: 72 * zoom, limitInputPixels: false, unlimited: true })
    .png({ palette: false, compressionLevel: 9 })
    .toBuffer();
}

/** An image of RGB bytes as a data URL, each pixel repeated so that renderers do not blur it. */
export async function dataUrl(
  rgb: Uint8Array,
  width: number,
  height: number,
  zoom: number,
  where: string,
): Promise<string> {
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", where);
  const bytes = await sharp(rgb, { raw: { width, height, channels: 3 } })
    .resize(width * zoom, height * zoom, { kernel: "nearest" })
    .png({ compressionLevel: 9 })
    .toBuffer();
  return `data:image/png;base64,${bytes.toString("base64")}`;
}

/** Makes Plot's drawing stand alone: colours in place of CSS variables and `currentColor`, no style sheet. */
export function standAlone(figure: Element, theme: Theme): Element {
  for (const style of [...figure.querySelectorAll("style")]) style.remove();
  for (const name of ["class", "font-family", "style", "xmlns", "xmlns:xlink"]) figure.removeAttribute(name);
  figure.setAttribute("overflow", "visible");
  figure.setAttribute("fill", theme.text);
  for (const node of [figure, ...figure.querySelectorAll("*")]) {
    for (const { name, value } of [...node.attributes]) {
      if (value === "currentColor") node.setAttribute(name, theme.text);
      if (value === "var(--plot-background)") node.setAttribute(name, theme.background);
      if (name === "class" || name.startsWith("aria-")) node.removeAttribute(name);
    }
  }
  return figure;
}

export function element(document: Document, name: string, attributes: Attributes): Element {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  return node;
}

export function text(document: Document, name: "text" | "title", attributes: Attributes, content: string): Element {
  const node = element(document, name, attributes);
  node.textContent = content;
  return node;
}
