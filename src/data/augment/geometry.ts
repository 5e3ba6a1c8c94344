import type { Fill } from "./augmentation.js";
import { Frame } from "./frame.js";

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
  #frame: Frame | undefined;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {}

  reset(): void {
    this.a = this.e = 1;
    this.b = this.c = this.d = this.f = 0;
    this.#field = undefined;
  }

  /** Memory to put an image in. */
  frame(channels: number): Frame {
    if (this.#frame?.channels !== channels) this.#frame = new Frame(this.height, this.width, channels);
    return this.#frame;
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
  readonly #grids = new Map<number, Grid>();

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
    const { across, down, columns, points, lines } = this.#gridOf(spacing);
    for (let i = 0; i < points.length; i++) points[i] = draw();
    // first along the rows of the grid, then down its columns
    for (let to = 0, row = 0; to < lines.length; row += columns) {
      for (let x = 0; x < width; x++, to++) {
        const at = row + Math.floor(x / spacing);
        lines[to] =
          across[4 * x]! * points[at]! +
          across[4 * x + 1]! * points[at + 1]! +
          across[4 * x + 2]! * points[at + 2]! +
          across[4 * x + 3]! * points[at + 3]!;
      }
    }
    for (let y = 0, to = 0; y < height; y++) {
      const [w0, w1, w2, w3] = [down[4 * y]!, down[4 * y + 1]!, down[4 * y + 2]!, down[4 * y + 3]!];
      let at = Math.floor(y / spacing) * width;
      for (let x = 0; x < width; x++, at++, to++) {
        values[to]! +=
          w0 * lines[at]! + w1 * lines[at + width]! + w2 * lines[at + 2 * width]! + w3 * lines[at + 3 * width]!;
      }
    }
  }

  /** Weights and memory for control points at a distance. */
  #gridOf(spacing: number): Grid {
    const known = this.#grids.get(spacing);
    if (known !== undefined) return known;
    const { height, width } = this;
    const columns = Math.floor((width - 1) / spacing) + 4;
    const rows = Math.floor((height - 1) / spacing) + 4;
    const grid = {
      across: splineWeights(width, spacing),
      down: splineWeights(height, spacing),
      columns,
      points: new Float64Array(rows * columns),
      lines: new Float64Array(rows * width),
    };
    this.#grids.set(spacing, grid);
    return grid;
  }
}

/** Control points at a distance, and what makes a smooth field of them. */
interface Grid {
  readonly across: Float64Array;
  readonly down: Float64Array;
  readonly columns: number;
  readonly points: Float64Array;
  /** The field along the rows of the grid. */
  readonly lines: Float64Array;
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

/**
 * Takes an image's pixels from where `geometry` says, with bilinear interpolation. `to` may be `from`.
 *
 * The image lies in a frame of one pixel, which has in it what `fill` says, so that no pixel is an exception: places
 * beyond the frame are those on it, but for mirrors, which first bring them back into the image.
 */
export function resample(from: Uint8Array, to: Uint8Array, channels: number, geometry: Geometry, fill: Fill): void {
  const frame = geometry.frame(channels);
  frame.draw(from, fill);
  if (isWhole(geometry)) moveWhole(frame, to, geometry, fill);
  else frame.interpolate(to, geometry, fill === "reflect");
}

/** Whether pixels come from pixels: shifts by whole numbers, and flips. Angles and scales that are drawn never do. */
function isWhole({ a, b, c, d, e, f, field }: Geometry): boolean {
  const isTurned = b !== 0 || d !== 0 || Math.abs(a) !== 1 || Math.abs(e) !== 1;
  return field === undefined && !isTurned && Number.isInteger(c) && Number.isInteger(f);
}

/** As {@link resample}, where nothing lies between pixels. */
function moveWhole(frame: Frame, to: Uint8Array, { a, c, e, f, width, height }: Geometry, fill: Fill): void {
  const { pixels, pitch, channels, columns } = frame;
  for (let x = 0; x < width; x++) columns[x] = (inside(a * x + c, width, fill) + 1) * channels;
  let out = 0;
  for (let y = 0; y < height; y++) {
    const row = (inside(e * y + f, height, fill) + 1) * pitch;
    for (let x = 0; x < width; x++) {
      let at = row + columns[x]!;
      to[out++] = pixels[at++]!;
      if (channels === 1) continue;
      to[out++] = pixels[at++]!;
      to[out++] = pixels[at]!;
    }
  }
}

/** The place that stands for `at`: on the frame, −1 or extent, or within 0 … extent − 1. */
function inside(at: number, extent: number, fill: Fill): number {
  if (fill !== "reflect") return Math.min(extent, Math.max(-1, at));
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
        nearX = Math.min(width - 1, Math.max(0, inside(nearX, width, fill)));
        nearY = Math.min(height - 1, Math.max(0, inside(nearY, height, fill)));
      }
      const known = isInside || typeof fill !== "number";
      const at = (nearY * width + nearX) * channels;
      for (let channel = 0; channel < channels; channel++) to[out++] = known ? from[at + channel]! : 0;
    }
  }
}
