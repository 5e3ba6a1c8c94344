import type Sharp from "sharp";
import { platform } from "#platform";
import { checkOptions, fail } from "../core/errors.js";
import { checkInteger } from "./dataset.js";

export interface ImageSize {
  height: number;
  width: number;
  /** 1 for grey, 3 for RGB. */
  channels: 1 | 3;
  /**
   * How an image of another shape is made to fit: stretched ("fill"), cut at its longer side, around the centre ("cover"),
   * or with black bars ("contain"). Default: "fill".
   */
  fit?: "fill" | "cover" | "contain";
}

export const imageSizeNames = ["height", "width", "channels", "fit"] as const;

/** An image file: its path (not in a browser), or its content. */
export type ImageFile = string | Uint8Array | Blob;

/** Images of more pixels are refused: a small file may claim to hold a huge one. 128 megapixels. */
const mostPixels = 2 ** 27;

export function checkImageSize(where: string, { height, width, channels, fit }: ImageSize): void {
  checkInteger(where, "height", height, 1, 16384);
  checkInteger(where, "width", width, 1, 16384);
  if (channels !== 1 && channels !== 3) {
    const expected = "1 (grey) or 3 (RGB)";
    fail({ code: "option", where, problem: "channels is out of range", expected, received: `${channels}` });
  }
  if (fit !== undefined && !["fill", "cover", "contain"].includes(fit)) {
    const expected = '"fill", "cover" or "contain"';
    fail({ code: "option", where, problem: "fit is out of range", expected, received: String(fit) });
  }
}

/**
 * Reads an image file (JPEG, PNG, WebP, AVIF, TIFF, SVG, the first frame of a GIF) as height × width × channels pixels
 * 0…255. It is turned as its EXIF orientation says, laid on black where it is transparent, and made to fit the size asked
 * for. Images of more than 128 megapixels are refused. Needs the package sharp in Node; a browser takes content, not
 * paths, and the formats that it knows.
 *
 * @example const pixels = await readImage("seven.png", { height: 28, width: 28, channels: 1 });
 */
export async function readImage(file: ImageFile, size: ImageSize): Promise<Uint8Array> {
  checkOptions("readImage", size, imageSizeNames);
  checkImageSize("readImage", size);
  return decodeImage(file, typeof file === "string" ? file : "image", size);
}

/** How the values of pixels between others come about: mixed, or for masks those of the nearest. */
export type Kernel = "smooth" | "nearest";

/** Decodes an image, options checked; `where` names it in errors. */
export async function decodeImage(
  file: ImageFile,
  where: string,
  size: ImageSize,
  kernel: Kernel = "smooth",
): Promise<Uint8Array> {
  if (platform.name === "browser" && typeof file !== "string") return decodeInBrowser(file, where, size, kernel);
  const bytes = await contentOf(file);
  const sharp = await loadSharp();
  return decode(sharp, bytes, where, size, kernel);
}

/**
 * Height and width of an image as it is shown, without decoding it. Needs the package sharp.
 *
 * Errors: code "format".
 */
export async function imageExtent(path: string): Promise<{ height: number; width: number }> {
  const bytes = await platform.files.read(path);
  const sharp = await loadSharp();
  try {
    const { autoOrient } = await sharp(bytes, { limitInputPixels: mostPixels }).metadata();
    return autoOrient;
  } catch (error) {
    return failDecoding(path, bytes.length, error);
  }
}

async function contentOf(file: ImageFile): Promise<Uint8Array> {
  if (typeof file === "string") return platform.files.read(file);
  return file instanceof Uint8Array ? file : new Uint8Array(await file.arrayBuffer());
}

async function decode(
  sharp: typeof Sharp,
  bytes: Uint8Array,
  where: string,
  { height, width, channels, fit = "fill" }: ImageSize,
  kernel: Kernel,
): Promise<Uint8Array> {
  try {
    const { data, info } = await sharp(bytes, { failOn: "truncated", limitInputPixels: mostPixels })
      .rotate()
      .flatten({ background: "black" })
      .resize(width, height, { fit, background: "black", kernel: kernel === "nearest" ? "nearest" : "lanczos3" })
      .toColourspace(channels === 1 ? "b-w" : "srgb")
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels === channels) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return firstChannels(data, info.channels, channels, height * width);
  } catch (error) {
    return failDecoding(where, bytes.length, error);
  }
}

function failDecoding(where: string, bytes: number, error: unknown): never {
  return fail({
    code: "format",
    where,
    problem: "the image cannot be decoded",
    expected: "a JPEG, PNG, WebP, AVIF, GIF, TIFF or SVG file",
    received: `${bytes} bytes: ${firstLine(error)}`,
    cause: error,
  });
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

/** By the browser's own decoder; bitmaps are already turned as EXIF says. */
async function decodeInBrowser(
  file: Uint8Array | Blob,
  where: string,
  { height, width, channels, fit = "fill" }: ImageSize,
  kernel: Kernel,
): Promise<Uint8Array> {
  const blob = file instanceof Uint8Array ? new Blob([file as Uint8Array<ArrayBuffer>]) : file;
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch (error) {
    return failDecoding(where, blob.size, error);
  }
  try {
    if (bitmap.width * bitmap.height > mostPixels) {
      return failDecoding(where, blob.size, `${bitmap.width} × ${bitmap.height} pixels are more than ${mostPixels}`);
    }
    const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
    if (context === null) return failDecoding(where, blob.size, "the page cannot draw");
    context.fillStyle = "black";
    context.fillRect(0, 0, width, height);
    context.imageSmoothingEnabled = kernel === "smooth";
    context.imageSmoothingQuality = "high";
    const [across, down] = [width / bitmap.width, height / bitmap.height];
    const factor = fit === "cover" ? Math.max(across, down) : Math.min(across, down);
    const [w, h] = fit === "fill" ? [width, height] : [bitmap.width * factor, bitmap.height * factor];
    context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
    const { data } = context.getImageData(0, 0, width, height);
    const pixels = new Uint8Array(height * width * channels);
    for (let i = 0; i < height * width; i++) {
      const [r, g, b] = [data[4 * i], data[4 * i + 1], data[4 * i + 2]];
      if (channels === 1) pixels[i] = Math.round(0.299 * r + 0.587 * g + 0.114 * b);
      else pixels.set([r, g, b], 3 * i);
    }
    return pixels;
  } finally {
    bitmap.close();
  }
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
