import { type PictureView, type Tile, tilesOf } from "./tiles.js";

export interface ViewTextOptions {
  /** Characters of a line. Default: 80. */
  readonly columns?: number;
  /** Half blocks in 24-bit colours, two pixels a character; otherwise shades by letters. Default: true. */
  readonly color?: boolean;
}

/**
 * A view of pictures as lines of text for a terminal: a character shows two pixels, one above the other. Pictures that
 * are wider than a line are made smaller; those below one another share lines where they fit.
 *
 * @returns lines, each ended by a line feed
 * @example console.log(viewText(filters(net, "dense"), { columns: 100 }));
 */
export function viewText(view: PictureView, { columns = 80, color = true }: ViewTextOptions = {}): string {
  const { title, subtitle, rows } = tilesOf(view, "dark");
  const lines = [title, subtitle, ""];
  for (const { label, tiles } of rows) {
    if (label !== undefined) lines.push(label);
    const fitting = tiles.map((tile) => shrink(tile, columns));
    for (let start = 0; start < fitting.length; ) {
      let end = start;
      for (let used = 0; end < fitting.length; end++) {
        const { width, label: words, note = "" } = fitting[end]!;
        used += Math.max(width, words.length, note.length) + 1;
        if (used - 1 > columns && end > start) break;
      }
      lines.push(...sideBySide(fitting.slice(start, end), color));
      start = end;
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Tiles beside one another, and their labels below. */
function sideBySide(tiles: readonly Tile[], color: boolean): string[] {
  const height = Math.ceil(Math.max(...tiles.map((tile) => tile.height)) / 2);
  const widthOf = ({ width, label, note = "" }: Tile) => Math.max(width, label.length, note.length);
  const lines = Array.from({ length: height }, (_, line) =>
    tiles.map((tile) => tileLine(tile, line, color) + " ".repeat(widthOf(tile) - tile.width)).join(" "),
  );
  const words = (of: (tile: Tile) => string) =>
    tiles
      .map((tile) => of(tile).padEnd(widthOf(tile)))
      .join(" ")
      .trimEnd();
  const notes = tiles.some(({ note = "" }) => note !== "") ? [words(({ note = "" }) => note)] : [];
  return [...lines.map((line) => line.trimEnd()), words(({ label }) => label), ...notes, ""];
}

const shades = " .:-=+*#%@";

function tileLine({ width, height, rgb }: Tile, line: number, color: boolean): string {
  const pixel = (y: number, x: number) =>
    y < height ? rgb.subarray(3 * (y * width + x), 3 * (y * width + x) + 3) : undefined;
  let text = "";
  for (let x = 0; x < width; x++) {
    const [upper, lower] = [pixel(2 * line, x), pixel(2 * line + 1, x)];
    if (!color) {
      const level = (lightness(upper) + lightness(lower ?? upper)) / 2;
      text += shades[Math.min(shades.length - 1, Math.floor((level / 256) * shades.length))];
    } else if (upper === undefined) {
      text += " ";
    } else {
      const below = lower === undefined ? "" : `\x1b[48;2;${lower.join(";")}m`;
      text += `\x1b[38;2;${upper.join(";")}m${below}▀`;
    }
  }
  return color && height > 2 * line ? `${text}\x1b[0m` : text;
}

function lightness(pixel: Uint8Array | undefined): number {
  return pixel === undefined ? 0 : 0.299 * pixel[0]! + 0.587 * pixel[1]! + 0.114 * pixel[2]!;
}

/** Means of blocks of pixels, so that the tile is at most `most` wide. */
function shrink(tile: Tile, most: number): Tile {
  const factor = Math.ceil(tile.width / most);
  if (factor <= 1) return tile;
  const [width, height] = [Math.floor(tile.width / factor), Math.max(1, Math.floor(tile.height / factor))];
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const [y, x, c] = [Math.floor(i / 3 / width), Math.floor(i / 3) % width, i % 3];
    let sum = 0;
    for (let k = 0; k < factor * factor; k++) {
      const row = Math.min(tile.height - 1, y * factor + Math.floor(k / factor));
      sum += tile.rgb[3 * (row * tile.width + x * factor + (k % factor)) + c]!;
    }
    rgb[i] = Math.round(sum / factor ** 2);
  }
  return { ...tile, width, height, rgb };
}
