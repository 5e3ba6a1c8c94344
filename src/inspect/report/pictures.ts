import type { Line } from "../lineChart.js";
import { type Canvas, dataUrl, text } from "../svg.js";
import { type ColorScale, short, type Tile } from "../tiles.js";
import { Html, html } from "./html.js";

/** A drawing within the page; `title` is what those hear who do not see it. */
export function drawing({ document }: Canvas, svg: Element, title: string): Html {
  svg.setAttribute("role", "img");
  svg.prepend(text(document, "title", {}, title));
  return html`<div>${new Html(svg.outerHTML)}</div>`;
}

/** What lines of charts mean. */
export function key(lines: readonly Pick<Line, "name" | "color" | "dash" | "markers">[]): Html {
  const items = lines.map(({ name, color, dash, markers }) => {
    const dashes = dash === undefined ? undefined : html` stroke-dasharray="${dash}"`;
    const fill = dash === undefined ? color : "var(--background)";
    const dot =
      markers === true
        ? html`<circle cx="15" cy="6" r="2.8" stroke="${color}" stroke-width="1.5" fill="${fill}"/>`
        : undefined;
    const line = html`<line x1="0" y1="6" x2="30" y2="6" stroke="${color}" stroke-width="2"${dashes}/>`;
    return html`<li><svg width="30" height="12" aria-hidden="true">${line}${dot}</svg>${name}</li>`;
  });
  return html`<ul class="key">${items}</ul>`;
}

export interface TilesOptions {
  /** What the pictures are. */
  readonly caption: string;
  /** Width of each in pixels of the page. */
  readonly size: number;
  /** Text for those who do not see a picture. Default: the caption and the picture's label. */
  readonly alt?: (tile: Tile, i: number) => string;
  /** The same pictures as they are on a dark page, where their colours depend on it. */
  readonly dark?: readonly Tile[];
}

/** Small pictures that flow over as many lines as they need, pixels as they are. */
export async function tiles(
  canvas: Canvas,
  list: readonly Tile[],
  { caption, size, alt = ({ label }) => `${caption}: ${label}`, dark }: TilesOptions,
): Promise<Html> {
  const items: Html[] = [];
  for (const [i, tile] of list.entries()) {
    const words = alt(tile, i);
    const light = await image(canvas, tile, size, words);
    const other = dark?.[i];
    const pictures =
      other === undefined
        ? light
        : html`<span class="on-light">${light}</span><span class="on-dark">${await image(canvas, other, size, words)}</span>`;
    const note = tile.note === undefined || tile.note === "" ? undefined : html`<b>${tile.note}</b>`;
    const width = html` style="width:${Math.max(size, 6.4 * longestWord(tile)).toFixed(0)}px"`;
    const marked = tile.marked === true ? html` class="marked"` : undefined;
    items.push(html`<li${marked}${width}>${pictures}${tile.label}${note}</li>`);
  }
  return html`<figure><figcaption>${caption}</figcaption><ul class="tiles">${items}</ul></figure>`;
}

/** Labels may break between words, not within. */
function longestWord({ label, note = "" }: Tile): number {
  return Math.min(16, Math.max(0, ...`${label} ${note}`.split(" ").map((word) => word.length)));
}

async function image({ where }: Canvas, tile: Tile, size: number, alt: string): Promise<Html> {
  const { rgb, width, height } = tile;
  const src = await dataUrl(rgb, width, height, 1, where);
  return html`<img src="${src}" alt="${alt}" width="${size}" height="${Math.round((size * height) / width)}">`;
}

/** What colours of pictures mean. */
export async function scale(
  { where }: Canvas,
  { map, low, high, label }: ColorScale,
  dark?: ColorScale,
): Promise<Html> {
  const strip = async (colors: ColorScale["map"]) => {
    const rgb = new Uint8Array(64 * 3);
    for (let i = 0; i < 64; i++) rgb.set(colors(i / 63), 3 * i);
    return html`<img src="${await dataUrl(rgb, 64, 1, 1, where)}" alt="colours from low to high">`;
  };
  const both =
    dark === undefined
      ? await strip(map)
      : html`<span class="on-light">${await strip(map)}</span><span class="on-dark">${await strip(dark.map)}</span>`;
  return html`<p class="scale">${label}: ${short(low)} ${both} ${short(high)}</p>`;
}
