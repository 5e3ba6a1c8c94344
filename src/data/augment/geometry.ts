import type { Fill } from "./augmentation.js";

/**
 * Where each pixel of the result is taken from: the pixel (x, y) from (a·x + b·y + c, d·x + e·y + f), plus what a smooth
 * field of displacements says there. Pixels have their centres at whole numbers.
 */
export class Geometry {
  a = 1;
  b = 0;
  c = 0;
  d = 0;
  e = 1;
  f = 0;
  #field: Displacement | undefined;
  #fieldMemory: Displacement | undefined;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {}

  reset(): void {
    this.a = this.e = 1;
    this.b = this.c = this.d = this.f = 0;
    this.#field = undefined;
  }

  /** The field, if there is one. */
  get field(): Displacement | undefined {
    return this.#field;
  }

  get isIdentity(): boolean {
    const { a, b, c, d, e, f } = this;
    return a === 1 && b === 0 && c === 0 && d === 0 && e === 1 && f === 0 && this.#field === undefined;
  }

  /**
   * One more movement of the image as it is after those before: the result's pixel (x, y) comes from the image's
   * (a·x + b·y + c, d·x + e·y + f), both counted from the centre of the image.
   */
  append(a: number, b: number, c: number, d: number, e: number, f: number): void {
    const middleX = (this.width - 1) / 2;
    const middleY = (this.height - 1) / 2;
    const shiftX = middleX + c - a * middleX - b * middleY;
    const shiftY = middleY + f - d * middleX - e * middleY;
    const { a: a0, b: b0, c: c0, d: d0, e: e0, f: f0 } = this;
    this.a = a0 * a + b0 * d;
    this.b = a0 * b + b0 * e;
    this.c = a0 * shiftX + b0 * shiftY + c0;
    this.d = d0 * a + e0 * d;
    this.e = d0 * b + e0 * e;
    this.f = d0 * shiftX + e0 * shiftY + f0;
  }

  /** Adds a field of displacements: `draw` gives its control points, in pixels. */
  displace(spacing: number, draw: () => number): void {
    this.#fieldMemory ??= new Displacement(this.height, this.width);
    if (this.#field === undefined) this.#fieldMemory.clear();
    this.#field = this.#fieldMemory;
    this.#field.add(spacing, draw);
  }
}

/** A displacement for each pixel: uniform cubic B-splines over a grid of control points. */
class Displacement {
  readonly x: Float32Array;
  readonly y: Float32Array;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {
    this.x = new Float32Array(height * width);
    this.y = new Float32Array(height * width);
  }

  clear(): void {
    this.x.fill(0);
    this.y.fill(0);
  }

  add(spacing: number, draw: () => number): void {
    this.#addTo(this.x, spacing, draw);
    this.#addTo(this.y, spacing, draw);
  }

  #addTo(values: Float32Array, spacing: number, draw: () => number): void {
    const { height, width } = this;
    const columns = Math.floor((width - 1) / spacing) + 4;
    const rows = Math.floor((height - 1) / spacing) + 4;
    const points = Float64Array.from({ length: rows * columns }, draw);
    const across = splineWeights(width, spacing);
    const down = splineWeights(height, spacing);
    // first along the rows of the grid, then down its columns
    const lines = new Float64Array(rows * width);
    for (let row = 0; row < rows; row++) {
      for (let x = 0; x < width; x++) {
        const at = row * columns + Math.floor(x / spacing);
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += across[4 * x + k]! * points[at + k]!;
        lines[row * width + x] = sum;
      }
    }
    for (let y = 0; y < height; y++) {
      const at = Math.floor(y / spacing) * width;
      for (let x = 0; x < width; x++) {
        let sum = 0;
        for (let k = 0; k < 4; k++) sum += down[4 * y + k]! * lines[at + k * width + x]!;
        values[y * width + x]! += sum;
      }
    }
  }
}

/** The four weights of a uniform cubic B-spline at each pixel. */
function splineWeights(length: number, spacing: number): Float64Array {
  const weights = new Float64Array(4 * length);
  for (let i = 0; i < length; i++) {
    const t = i / spacing - Math.floor(i / spacing);
    weights[4 * i] = (1 - t) ** 3 / 6;
    weights[4 * i + 1] = (3 * t ** 3 - 6 * t ** 2 + 4) / 6;
    weights[4 * i + 2] = (-3 * t ** 3 + 3 * t ** 2 + 3 * t + 1) / 6;
    weights[4 * i + 3] = t ** 3 / 6;
  }
  return weights;
}

/** Takes an image's pixels from where `geometry` says, with bilinear interpolation. */
export function resample(
  from: Uint8Array,
  to: Uint8Array,
  channels: number,
  { a, b, c, d, e, f, field, height, width }: Geometry,
  fill: Fill,
): void {
  if (field === undefined && isWhole(a, b, c, d, e, f)) {
    moveWhole(from, to, channels, height, width, a, c, e, f, fill);
    return;
  }
  const [right, bottom] = [width - 1, height - 1];
  const line = width * channels;
  let out = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let fromX = a * x + b * y + c;
      let fromY = d * x + e * y + f;
      if (field !== undefined) {
        fromX += field.x[y * width + x]!;
        fromY += field.y[y * width + x]!;
      }
      if (fromX >= 0 && fromX < right && fromY >= 0 && fromY < bottom) {
        const left = fromX | 0;
        const top = fromY | 0;
        const partX = fromX - left;
        const partY = fromY - top;
        let at = top * line + left * channels;
        for (let channel = 0; channel < channels; channel++, at++) {
          const above = from[at]! + (from[at + channels]! - from[at]!) * partX;
          const below = from[at + line]! + (from[at + line + channels]! - from[at + line]!) * partX;
          to[out++] = above + (below - above) * partY + 0.5;
        }
      } else {
        const left = Math.floor(fromX);
        const top = Math.floor(fromY);
        const partX = fromX - left;
        const partY = fromY - top;
        for (let channel = 0; channel < channels; channel++) {
          const v00 = beyond(from, left, top, channel, channels, height, width, fill);
          const v01 = beyond(from, left + 1, top, channel, channels, height, width, fill);
          const v10 = beyond(from, left, top + 1, channel, channels, height, width, fill);
          const v11 = beyond(from, left + 1, top + 1, channel, channels, height, width, fill);
          const above = v00 + (v01 - v00) * partX;
          const below = v10 + (v11 - v10) * partX;
          to[out++] = above + (below - above) * partY + 0.5;
        }
      }
    }
  }
}

/** Whether pixels come from pixels: shifts by whole numbers, and flips. Angles and scales that are drawn never do. */
function isWhole(a: number, b: number, c: number, d: number, e: number, f: number): boolean {
  return b === 0 && d === 0 && Math.abs(a) === 1 && Math.abs(e) === 1 && Number.isInteger(c) && Number.isInteger(f);
}

/** As {@link resample}, where nothing lies between pixels. */
function moveWhole(
  from: Uint8Array,
  to: Uint8Array,
  channels: number,
  height: number,
  width: number,
  a: number,
  c: number,
  e: number,
  f: number,
  fill: Fill,
): void {
  let out = 0;
  for (let y = 0; y < height; y++) {
    const fromY = e * y + f;
    for (let x = 0; x < width; x++) {
      const fromX = a * x + c;
      if (fromX >= 0 && fromX < width && fromY >= 0 && fromY < height) {
        let at = (fromY * width + fromX) * channels;
        for (let channel = 0; channel < channels; channel++) to[out++] = from[at++]!;
      } else {
        for (let channel = 0; channel < channels; channel++) {
          to[out++] = beyond(from, fromX, fromY, channel, channels, height, width, fill);
        }
      }
    }
  }
}

/** A pixel that may lie beyond the border. */
function beyond(
  from: Uint8Array,
  x: number,
  y: number,
  channel: number,
  channels: number,
  height: number,
  width: number,
  fill: Fill,
): number {
  if (x < 0 || y < 0 || x >= width || y >= height) {
    if (typeof fill === "number") return fill;
    x = inside(x, width, fill);
    y = inside(y, height, fill);
  }
  return from[(y * width + x) * channels + channel]!;
}

/** The place within 0 … extent − 1 that stands for `at`. The mirror repeats the border's pixel. */
function inside(at: number, extent: number, fill: "edge" | "reflect"): number {
  if (fill === "edge") return Math.min(extent - 1, Math.max(0, at));
  const period = 2 * extent;
  const folded = ((at % period) + period) % period;
  return folded < extent ? folded : period - 1 - folded;
}

/** Takes the values of a mask from where `geometry` says: those of the nearest pixel, for classes cannot be mixed. */
export function resampleMask<A extends Int32Array | Float32Array>(
  from: A,
  to: A,
  channels: number,
  { a, b, c, d, e, f, field, height, width }: Geometry,
  fill: Fill,
): void {
  let out = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let fromX = a * x + b * y + c;
      let fromY = d * x + e * y + f;
      if (field !== undefined) {
        fromX += field.x[y * width + x]!;
        fromY += field.y[y * width + x]!;
      }
      let nearX = Math.floor(fromX + 0.5);
      let nearY = Math.floor(fromY + 0.5);
      const isInside = nearX >= 0 && nearY >= 0 && nearX < width && nearY < height;
      if (!isInside && typeof fill !== "number") {
        nearX = inside(nearX, width, fill);
        nearY = inside(nearY, height, fill);
      }
      const known = isInside || typeof fill !== "number";
      const at = (nearY * width + nearX) * channels;
      for (let channel = 0; channel < channels; channel++) to[out++] = known ? from[at + channel]! : 0;
    }
  }
}
