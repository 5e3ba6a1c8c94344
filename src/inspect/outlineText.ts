import { loadPackage, readPackageFile } from "./packages.js";

/** What is used of opentype.js. */
interface Font {
  readonly unitsPerEm: number;
  charToGlyph(character: string): Glyph;
  getKerningValue(left: Glyph, right: Glyph): number;
}
interface Glyph {
  readonly advanceWidth: number;
  getPath(x: number, y: number, size: number): { readonly commands: readonly Command[] };
}
/** A piece of an outline; x1 … y2 are control points. */
interface Command {
  readonly type: "M" | "L" | "Q" | "C" | "Z";
  readonly x?: number;
  readonly y?: number;
  readonly x1?: number;
  readonly y1?: number;
  readonly x2?: number;
  readonly y2?: number;
}
/** A CommonJS package: everything is in its default export. */
type OpenType = { readonly default: { parse(bytes: ArrayBuffer): Font } };

const family = "@fontsource/source-sans-3";
const file = (weight: number) => `files/source-sans-3-latin-${weight}-normal.woff`;

const fonts = new Map<number, Promise<Font>>();

function loadFont(weight: number, where: string): Promise<Font> {
  const known = fonts.get(weight);
  if (known !== undefined) return known;
  const loading = parseFont(weight, where);
  fonts.set(weight, loading);
  loading.catch(() => fonts.delete(weight));
  return loading;
}

async function parseFont(weight: number, where: string): Promise<Font> {
  const { default: opentype } = await loadPackage<OpenType>("opentype.js", where);
  return opentype.parse(await readPackageFile(family, file(weight), where));
}

/**
 * Replaces each `<text>` of an SVG drawing by the outlines of its letters, in place. Programs that turn SVG into pixels
 * take fonts from the system, and a server or a container may have none: then they draw boxes, or nothing.
 *
 * Understands what our figures use: one line per element, `x`, `y`, `dy` in em, `transform`, and the inherited
 * `font-size`, `font-weight` and `text-anchor`.
 */
export async function outlineText(svg: Element, where: string): Promise<void> {
  const [regular, bold] = await Promise.all([loadFont(400, where), loadFont(600, where)]);
  for (const node of [...svg.querySelectorAll("text")]) {
    const font = Number(inherited(node, "font-weight") ?? 400) >= 600 ? bold : regular;
    const size = Number.parseFloat(inherited(node, "font-size") ?? "13");
    const content = node.textContent ?? "";
    const { width, draw } = layOut(font, content, size);
    const anchor = inherited(node, "text-anchor");
    const x = length(node, "x", size) - (anchor === "end" ? width : anchor === "middle" ? width / 2 : 0);
    const y = length(node, "y", size) + length(node, "dy", size);
    const path = node.ownerDocument.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const name of ["transform", "fill"]) {
      const value = node.getAttribute(name);
      if (value !== null) path.setAttribute(name, value);
    }
    path.setAttribute("stroke", "none");
    path.setAttribute("d", draw(x, y));
    node.replaceWith(path);
  }
}

/** Letters side by side, kerned. The font's own layout rules are left out: opentype.js knows only a part of them. */
function layOut(font: Font, content: string, size: number) {
  const scale = size / font.unitsPerEm;
  const glyphs = [...content].map((character) => font.charToGlyph(character));
  const starts: number[] = [];
  let width = 0;
  glyphs.forEach((glyph, i) => {
    if (i > 0) width += font.getKerningValue(glyphs[i - 1]!, glyph) * scale;
    starts.push(width);
    width += glyph.advanceWidth * scale;
  });
  const draw = (x: number, y: number) =>
    glyphs.map((glyph, i) => pathData(glyph.getPath(x + starts[i]!, y, size).commands)).join("");
  return { width, draw };
}

/** Our own, for opentype.js writes NaN for some coordinates close to 0. */
function pathData(commands: readonly Command[]): string {
  return commands
    .map(({ type, x1, y1, x2, y2, x, y }) => {
      const numbers = [x1, y1, x2, y2, x, y].filter((value) => value !== undefined);
      return type + numbers.map((value) => Number(value.toFixed(2))).join(" ");
    })
    .join("");
}

function inherited(node: Element, name: string): string | undefined {
  for (let at: Element | null = node; at !== null; at = at.parentElement) {
    const value = at.getAttribute(name);
    if (value !== null) return value;
  }
  return undefined;
}

/** An attribute in pixels; `0.32em` is a part of the font's size. */
function length(node: Element, name: string, size: number): number {
  const value = node.getAttribute(name) ?? "0";
  return Number.parseFloat(value) * (value.endsWith("em") ? size : 1);
}
