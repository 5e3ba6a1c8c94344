import type Sharp from "sharp";
import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { checkInteger } from "./dataset.js";

export interface ImageSize {
  height: number;
  width: number;
  /** 1 for grey, 3 for RGB. */
  channels: 1 | 3;
}

/**
 * Reads an image file (JPEG, PNG, WebP, AVIF, GIF, TIFF, SVG) as height × width × channels pixels 0…255. It is turned
 * as its EXIF orientation says, laid on black where it is transparent, and stretched to the size asked for.
 * Needs Node and the package sharp.
 *
 * @example const pixels = await readImage("seven.png", { height: 28, width: 28, channels: 1 });
 */
export async function readImage(path: string, size: ImageSize): Promise<Uint8Array> {
  checkOptions("readImage", size, ["height", "width", "channels"]);
  checkInteger("readImage", "height", size.height, 1, 16384);
  checkInteger("readImage", "width", size.width, 1, 16384);
  if (size.channels !== 1 && size.channels !== 3) {
    fail({
      code: "option",
      where: "readImage",
      problem: "channels is out of range",
      expected: "1 (grey) or 3 (RGB)",
      received: `${size.channels}`,
    });
  }
  const bytes = await platform.files.read(path);
  const sharp = await loadSharp();
  return decode(sharp, bytes, path, size);
}

async function decode(
  sharp: typeof Sharp,
  bytes: Uint8Array,
  path: string,
  { height, width, channels }: ImageSize,
): Promise<Uint8Array> {
  try {
    const { data, info } = await sharp(bytes, { failOn: "truncated" })
      .rotate()
      .flatten({ background: "black" })
      .resize(width, height, { fit: "fill" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels === channels) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return firstChannels(data, info.channels, channels, height * width);
  } catch (error) {
    fail({
      code: "format",
      where: path,
      problem: "the image cannot be decoded",
      expected: "a JPEG, PNG, WebP, AVIF, GIF, TIFF or SVG file",
      received: `${bytes.length} bytes: ${firstLine(error)}`,
      cause: error,
    });
  }
}

/** Keeps the first channels, or repeats the first one: an opaque alpha may be left, and grey may stay grey. */
function firstChannels(data: Uint8Array, from: number, to: number, pixels: number): Uint8Array {
  const result = new Uint8Array(pixels * to);
  for (let pixel = 0; pixel < pixels; pixel++) {
    for (let channel = 0; channel < to; channel++) {
      result[pixel * to + channel] = data[pixel * from + (from >= to ? channel : 0)];
    }
  }
  return result;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n")[0].trim();
}

/** On first use only: the core needs no package. The name is a variable so that bundlers for browsers leave it alone. */
async function loadSharp(): Promise<typeof Sharp> {
  const name = "sharp";
  try {
    const module: { default: typeof Sharp } = await import(/* @vite-ignore */ name);
    return module.default;
  } catch (error) {
    fail({
      code: "unsupported",
      where: "readImage",
      problem: "decoding images needs the package sharp, which cannot be loaded",
      received: firstLine(error),
      fix: "Run: npm install sharp",
      cause: error,
    });
  }
}
