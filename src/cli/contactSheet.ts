import type { DataArray } from "../core/dtypes.js";
import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/index.js";
import { outlineText } from "../inspect/outlineText.js";
import { loadPackage } from "../inspect/packages.js";

/** An RGB picture. */
interface Picture {
  readonly height: number;
  readonly width: number;
  readonly rgb: Uint8Array;
}

/** A line of pictures with a name before it. */
export interface SheetRow {
  readonly label: string;
  /** In grey, below the label. */
  readonly note: string;
  readonly pictures: readonly Picture[];
}

export interface Sheet {
  readonly title: string;
  /** In grey, below the title. */
  readonly subtitle: string;
  readonly rows: readonly SheetRow[];
  /** Titles of columns, by the number of the picture that they stand above. */
  readonly columns?: readonly { readonly at: number; readonly text: string }[];
}

/** Sides of pictures on the sheet lie between these. */
const [smallest, largest] = [56, 112];
const gap = 4;
const margin = 24;

/** Draws a contact sheet as a PNG. Needs the packages sharp, linkedom, opentype.js and @fontsource/source-sans-3. */
export async function drawSheet({ title, subtitle, rows, columns = [] }: Sheet): Promise<Uint8Array> {
  const where = "data show";
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", where);
  const [first] = rows.flatMap(({ pictures }) => pictures);
  const { width: cellWidth, height: cellHeight } = cellOf(first!);
  const labelWidth = Math.min(
    220,
    28 + 7.5 * Math.max(...rows.flatMap(({ label, note }) => [label, note].map((t) => t.length))),
  );
  const most = Math.max(...rows.map(({ pictures }) => pictures.length));
  const left = Math.round(margin + labelWidth);
  const top = margin + 56 + (columns.length > 0 ? 22 : 0);
  // a note below the label needs a line
  const pitch = Math.max(cellHeight + gap, 38);
  const width = Math.max(left + most * (cellWidth + gap) - gap + margin, 420);
  const height = top + rows.length * pitch - gap + margin;

  const texts = [
    text(margin, margin + 14, 19, "#1a1a1a", clip(title, (width - 2 * margin) / 9), "600"),
    text(margin, margin + 36, 13, "#6b6b6b", clip(subtitle, (width - 2 * margin) / 6.2)),
    ...columns.map(({ at, text: words }) => text(left + at * (cellWidth + gap), top - 9, 13, "#6b6b6b", words)),
  ];
  const layers: { input: Buffer; left: number; top: number }[] = [];
  for (const [row, { label, note, pictures }] of rows.entries()) {
    const y = top + row * pitch;
    const middle = y + cellHeight / 2;
    texts.push(text(margin, middle + (note === "" ? 5 : -3), 15, "#1a1a1a", clip(label, labelWidth / 7.6)));
    if (note !== "") texts.push(text(margin, middle + 14, 12, "#6b6b6b", clip(note, labelWidth / 6)));
    for (const [column, picture] of pictures.entries()) {
      const raw = { width: picture.width, height: picture.height, channels: 3 } as const;
      const kernel = picture.width < cellWidth ? "nearest" : "lanczos3";
      const input = await sharp(picture.rgb, { raw })
        .resize(cellWidth, cellHeight, { kernel, fit: "fill" })
        .png()
        .toBuffer();
      layers.push({ input, left: left + column * (cellWidth + gap), top: y });
    }
  }
  const svg = await lettering(texts, width, height, where);
  return sharp({ create: { width, height, channels: 3, background: "white" } })
    .composite([...layers, { input: Buffer.from(svg), left: 0, top: 0 }])
    .removeAlpha()
    .png()
    .toBuffer();
}

/** Small pictures are enlarged by a whole number, so that their pixels show; large ones shrink. */
function cellOf({ height, width }: Picture): { height: number; width: number } {
  const side = Math.max(height, width);
  const factor = side <= smallest ? Math.ceil(smallest / side) : Math.min(1, largest / side);
  return { height: Math.max(1, Math.round(height * factor)), width: Math.max(1, Math.round(width * factor)) };
}

function text(x: number, y: number, size: number, fill: string, words: string, weight = "400"): string {
  const escaped = words.replace(/[&<>]/g, (letter) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;" })[letter]!);
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escaped}</text>`;
}

function clip(words: string, most: number): string {
  return words.length <= most ? words : `${words.slice(0, Math.max(1, Math.floor(most) - 1))}…`;
}

type Linkedom = { parseHTML(html: string): { document: Document } };

async function lettering(texts: readonly string[], width: number, height: number, where: string): Promise<string> {
  const { parseHTML } = await loadPackage<Linkedom>("linkedom", where);
  const size = `width="${width}" height="${height}" viewBox="0 0 ${width} ${height}"`;
  const { document } = parseHTML(`<svg xmlns="http://www.w3.org/2000/svg" ${size}>${texts.join("")}</svg>`);
  const svg = document.querySelector("svg")!;
  await outlineText(svg, where);
  return svg.outerHTML;
}

/** Colours of classes in masks: far apart, also for those who see red and green alike (Okabe and Ito). */
const maskColours = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
] as const;

/**
 * What an example looks like: an image, with its mask over it if it has one; a spectrogram as grey values, time to the
 * right and high frequencies above; a wave as a curve.
 */
export function pictureOf(data: Dataset, inputs: DataArray, targets: ArrayLike<number>): Picture {
  const { shape } = data;
  const last = shape[shape.length - 1]!;
  if (inputs instanceof Uint8Array && shape.length === 3 && (last === 1 || last === 3)) {
    const [height, width] = shape as [number, number, number];
    const rgb = Uint8Array.from({ length: height * width * 3 }, (_, i) => inputs[last === 3 ? i : Math.floor(i / 3)]!);
    const isMask = data.targetShape.length >= 2 && data.targetShape[0] === height && data.targetShape[1] === width;
    if (isMask) lay(rgb, targets, sizeOf(data.targetShape) / (height * width));
    return { height, width, rgb };
  }
  if (shape.length >= 2 && sizeOf(shape.slice(2)) === 1 && shape[1]! > 2) return heatMap(inputs, shape[0]!, shape[1]!);
  return curve(inputs, shape[0]!, inputs.length / shape[0]!);
}

function lay(rgb: Uint8Array, mask: ArrayLike<number>, channels: number): void {
  for (let i = 0; i < rgb.length / 3; i++) {
    const label = mask[i * channels]!;
    if (label <= 0) continue;
    const colour = maskColours[(Math.round(label) - 1) % maskColours.length]!;
    for (let channel = 0; channel < 3; channel++) rgb[3 * i + channel] = (rgb[3 * i + channel]! + colour[channel]!) / 2;
  }
}

function heatMap(values: DataArray, frames: number, bands: number): Picture {
  const [low, high] = rangeOf(values);
  const rgb = new Uint8Array(frames * bands * 3);
  for (let y = 0; y < bands; y++) {
    for (let x = 0; x < frames; x++) {
      const part = (values[x * bands + (bands - 1 - y)]! - low) / (high - low || 1);
      // from dark blue by red to light yellow
      const colour = [
        255 * Math.min(1, 1.7 * part),
        255 * part ** 1.6,
        255 * (0.18 + 0.25 * Math.sin(Math.PI * part) + 0.4 * part ** 4),
      ];
      rgb.set(colour.map(Math.round), (y * frames + x) * 3);
    }
  }
  return { height: bands, width: frames, rgb };
}

function curve(values: DataArray, length: number, stride: number): Picture {
  const [height, width] = [64, 112];
  const [low, high] = rangeOf(values);
  const rgb = new Uint8Array(height * width * 3).fill(245);
  for (let x = 0; x < width; x++) {
    const from = Math.floor((x * length) / width);
    const to = Math.max(from + 1, Math.floor(((x + 1) * length) / width));
    let [top, bottom] = [height, 0];
    for (let i = from; i < Math.min(length, to); i++) {
      const y = Math.round((height - 1) * (1 - (values[i * stride]! - low) / (high - low || 1)));
      [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    }
    for (let y = top; y <= bottom && y < height; y++) rgb.set([0, 114, 178], (y * width + x) * 3);
  }
  return { height, width, rgb };
}

function rangeOf(values: DataArray): [number, number] {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
