import { type Canvas, dataUrl, element, headingWidth, margin, type Sketch, standAlone, text } from "./svg.js";
import { type ColorScale, short, type Tile, type TileSheet } from "./tiles.js";

const widest = 900;
const gap = 6;
const labelHeight = 16;
const barHeight = 66;

/** Draws small pictures: flowing, in labelled rows, or as few large panels with axes; and what colours mean. */
export async function sketchTiles(canvas: Canvas, sheet: TileSheet): Promise<Sketch> {
  const { title, subtitle, scale } = sheet;
  const { parts, width, height } = sheet.panels ? await drawPanels(canvas, sheet) : await drawGrid(canvas, sheet);
  const bar = scale === undefined ? [] : [await drawBar(canvas, scale, height)];
  return {
    title,
    subtitle,
    width: Math.max(width, headingWidth(title, subtitle), scale === undefined ? 0 : 380),
    height: height + (scale === undefined ? margin : barHeight),
    parts: [...parts, ...bar],
  };
}

interface Drawn {
  readonly parts: readonly Element[];
  readonly width: number;
  readonly height: number;
}

/** An `<image>` of a tile; enough pixels for drawings of twice their size. */
async function imageOf({ document, where }: Canvas, tile: Tile, x: number, y: number, width: number, height: number) {
  const zoom = Math.max(1, Math.ceil((2 * width) / tile.width));
  const href = await dataUrl(tile.rgb, tile.width, tile.height, zoom, where);
  return element(document, "image", { x, y, width, height, href, preserveAspectRatio: "none" });
}

async function drawGrid(canvas: Canvas, { rows }: TileSheet): Promise<Drawn> {
  const { document, theme } = canvas;
  const all = rows.flatMap(({ tiles }) => tiles);
  const names = Math.max(0, ...rows.map(({ label = "" }) => label.length));
  const left = margin + (names === 0 ? 0 : names * 6.6 + 8);
  const flows = rows.length === 1 && rows[0]!.label === undefined;
  const longest = Math.max(1, ...rows.map(({ tiles }) => tiles.length));
  const words = 5.7 * Math.max(0, ...all.flatMap(({ label, note = "" }) => [label.length, note.length]));
  const wanted = Math.max(all.length <= 20 ? 92 : all.length <= 70 ? 64 : 46, Math.min(130, words));
  const side = flows ? wanted : Math.max(30, Math.min(wanted, Math.floor((widest - left) / longest) - gap));
  const ratio = Math.max(0, ...all.map((tile) => tile.height / tile.width));
  const [tileWidth, tileHeight] = [side, Math.round(side * ratio)];
  const columns = flows
    ? Math.max(1, Math.min(longest, evenly(longest, Math.floor((widest - left) / (tileWidth + gap)))))
    : longest;
  const parts: Element[] = [];
  let y = 0;
  for (const { label, tiles } of rows) {
    const baseline = y + tileHeight / 2 + 4;
    const below = labelHeight * linesBelow(tiles);
    if (label !== undefined) parts.push(text(document, "text", { x: margin, y: baseline }, label));
    for (const [i, tile] of tiles.entries()) {
      const x = left + (i % columns) * (tileWidth + gap);
      const top = y + Math.floor(i / columns) * (tileHeight + below + gap);
      const frame = { x: x - 0.5, y: top - 0.5, width: tileWidth + 1, height: tileHeight + 1 };
      parts.push(
        await imageOf(canvas, tile, x, top, tileWidth, tileHeight),
        element(document, "rect", { ...frame, fill: "none", stroke: theme.grid }),
      );
      if (tile.marked === true) {
        const thick = { fill: "none", stroke: theme.second, "stroke-width": 3 };
        parts.push(element(document, "rect", { ...frame, ...thick }));
      }
      [tile.label, tile.note ?? ""].forEach((words, line) => {
        if (words === "") return;
        const place = { x: x + tileWidth / 2, y: top + tileHeight + 13 + 14 * line, "text-anchor": "middle" };
        const fill = line === 0 ? theme.quiet : theme.text;
        parts.push(text(document, "text", { ...place, "font-size": 11, fill }, words));
      });
    }
    y += Math.ceil(Math.max(1, tiles.length) / columns) * (tileHeight + below + gap);
  }
  return { parts, width: left + columns * (tileWidth + gap) + margin, height: y };
}

/** Lines of text below tiles. */
function linesBelow(tiles: readonly Tile[]): number {
  if (tiles.some(({ note = "" }) => note !== "")) return 2;
  return tiles.some(({ label }) => label !== "") ? 1 : 0;
}

/** The number of columns, at most `most`, that fills lines best. */
function evenly(count: number, most: number): number {
  return Math.ceil(count / Math.ceil(count / most));
}

const panelSide = 248;
const panelMargin = { left: 46, right: 12, top: 22, bottom: 36 };

async function drawPanels(canvas: Canvas, { rows }: TileSheet): Promise<Drawn> {
  const { document, theme, plot, where } = canvas;
  const { tiles } = rows[0]!;
  const { left, right, top, bottom } = panelMargin;
  const [first] = tiles;
  const longer = Math.max(first!.width, first!.height);
  const [width, height] = [(panelSide * first!.width) / longer, (panelSide * first!.height) / longer];
  const parts: Element[] = [];
  for (const [i, tile] of tiles.entries()) {
    const src = await dataUrl(
      tile.rgb,
      tile.width,
      tile.height,
      Math.max(1, Math.ceil((2 * width) / tile.width)),
      where,
    );
    const axis = { fontSize: 11, tickSize: 4, color: theme.text, tickFormat: (value: number) => String(value) };
    const figure = plot.plot({
      document,
      width: width + left + right,
      height: height + top + bottom,
      marginLeft: left,
      marginRight: right,
      marginTop: top,
      marginBottom: bottom,
      style: { background: "none", overflow: "visible" },
      x: { domain: [0, tile.width] },
      y: { domain: [0, tile.height], reverse: true },
      marks: [
        plot.image([0], {
          src: () => src,
          x: () => tile.width / 2,
          y: () => tile.height / 2,
          width,
          height,
          preserveAspectRatio: "none",
        }),
        plot.axisX({
          ...axis,
          ticks: pixelTicks(tile.width),
          label: "Column (pixels)",
          labelAnchor: "center",
          labelArrow: "none",
        }),
        plot.axisY({
          ...axis,
          ticks: pixelTicks(tile.height),
          label: i === 0 ? "Row (pixels)" : null,
          labelArrow: "none",
          labelAnchor: "center",
          labelOffset: 40,
        }),
        plot.frame({ stroke: theme.grid }),
      ],
    });
    const placed = standAlone(figure, theme);
    const x = margin + i * (width + left + right);
    placed.setAttribute("x", String(x));
    placed.setAttribute("y", "0");
    parts.push(placed, text(document, "text", { x: x + left, y: 14, "font-weight": 600 }, tile.label));
  }
  return { parts, width: 2 * margin + tiles.length * (width + left + right), height: height + top + bottom + 4 };
}

/** Ends of equal parts of the picture, where a round number of pixels divides it. */
function pixelTicks(extent: number): number[] {
  const steps = [1, 2, 4, 5, 7, 8, 10, 16, 20, 28, 32, 50, 56, 64, 100, 128, 200, 500];
  const few = steps.filter((step) => extent / step <= 5);
  const step = few.find((each) => extent % each === 0 && extent / each >= 3) ?? few[0] ?? extent;
  return Array.from({ length: Math.floor(extent / step) + 1 }, (_, i) => i * step);
}

/** What colours mean: a strip of them over an axis. */
async function drawBar(canvas: Canvas, scale: ColorScale, y: number): Promise<Element> {
  const { document, theme, plot } = canvas;
  const { map, low, high, label } = scale;
  const steps = 256;
  const rgb = new Uint8Array(steps * 3);
  for (let i = 0; i < steps; i++) rgb.set(map(i / (steps - 1)), 3 * i);
  const size = { width: 300, left: 4, right: 24 };
  const figure = plot.plot({
    document,
    width: size.width,
    height: 56,
    marginLeft: size.left,
    marginRight: size.right,
    marginTop: 18,
    marginBottom: 34,
    style: { background: "none", overflow: "visible" },
    x: { domain: low < high ? [low, high] : [low, low + 1] },
    marks: [
      plot.axisX({
        fontSize: 11,
        tickSize: 4,
        ticks: 5,
        color: theme.text,
        tickFormat: short,
        label,
        labelAnchor: "left",
        labelArrow: "none",
        labelOffset: 32,
      }),
    ],
  });
  const placed = standAlone(figure, theme);
  placed.setAttribute("x", String(margin));
  placed.setAttribute("y", String(y - 6));
  const group = element(document, "g", {});
  const strip = { width: steps, height: 1, rgb, label: "" };
  group.append(
    await imageOf(canvas, strip, margin + size.left, y + 2, size.width - size.left - size.right, 10),
    placed,
  );
  return group;
}
