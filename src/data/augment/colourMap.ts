import { ColourMapping } from "./colourMapping.js";

/** How much red, green and blue count in brightness (ITU-R BT.601). */
const luma = [0.299, 0.587, 0.114] as const;

/** A 3 × 3 matrix, row by row. */
type Nine = [number, number, number, number, number, number, number, number, number];

/** An affine map of colours: each channel of the result is a weighted sum of the channels, plus an offset. */
export class ColourMap {
  /** Row-major; grey images use the first number alone. */
  readonly matrix = new Float64Array(9);
  readonly offset = new Float64Array(3);
  readonly #table = new Uint8Array(256);
  #mapping: ColourMapping | undefined;
  readonly #mean = new Float64Array(3);
  #image: Uint8Array = new Uint8Array(0);
  #meanKnown = false;
  #changed = false;

  constructor(readonly channels: number) {}

  begin(image: Uint8Array): void {
    this.#image = image;
    this.#meanKnown = false;
    this.#changed = false;
    this.matrix.fill(0);
    this.matrix[0] = this.matrix[4] = this.matrix[8] = 1;
    this.offset.fill(0);
  }

  /** Multiplies all values. */
  multiply(factor: number): void {
    this.#changed = true;
    for (let i = 0; i < 9; i++) this.matrix[i]! *= factor;
    for (let i = 0; i < 3; i++) this.offset[i]! *= factor;
  }

  add(value: number): void {
    this.#changed = true;
    for (let i = 0; i < 3; i++) this.offset[i]! += value;
  }

  /** Multiplies colours, as they are by now, by a 3 × 3 matrix (row-major). */
  apply(by: readonly number[]): void {
    this.#changed = true;
    const [p, q, r, s, t, u, v, w, x] = by as Nine;
    const { matrix, offset } = this;
    for (let column = 0; column < 3; column++) {
      const [red, green, blue] = [matrix[column]!, matrix[column + 3]!, matrix[column + 6]!];
      matrix[column] = p * red + q * green + r * blue;
      matrix[column + 3] = s * red + t * green + u * blue;
      matrix[column + 6] = v * red + w * green + x * blue;
    }
    const [red, green, blue] = [offset[0]!, offset[1]!, offset[2]!];
    offset[0] = p * red + q * green + r * blue;
    offset[1] = s * red + t * green + u * blue;
    offset[2] = v * red + w * green + x * blue;
  }

  /** Mean brightness of the image as it is by now. */
  meanBrightness(): number {
    if (!this.#meanKnown) this.#findMean();
    const [r, g, b] = this.#mean;
    const { matrix: m, offset: o } = this;
    if (this.channels === 1) return m[0]! * r! + o[0]!;
    let sum = 0;
    for (let i = 0; i < 3; i++) sum += luma[i]! * (m[3 * i]! * r! + m[3 * i + 1]! * g! + m[3 * i + 2]! * b! + o[i]!);
    return sum;
  }

  #findMean(): void {
    const image = this.#image;
    let [red, green, blue] = [0, 0, 0];
    if (this.channels === 1) for (let i = 0; i < image.length; i++) red += image[i]!;
    else {
      for (let i = 0; i < image.length; i += 3) {
        red += image[i]!;
        green += image[i + 1]!;
        blue += image[i + 2]!;
      }
    }
    const pixels = image.length / this.channels;
    this.#mean.set([red / pixels, green / pixels, blue / pixels]);
    this.#meanKnown = true;
  }

  /** Applies the map to the image, rounded, and cut off at 0 and 255. */
  end(): void {
    if (!this.#changed) return;
    const image = this.#image;
    if (this.channels === 3) {
      this.#mapping ??= new ColourMapping();
      this.#mapping.apply(image, this.matrix, this.offset);
      return;
    }
    const table = this.#table;
    const [factor, offset] = [this.matrix[0]!, this.offset[0]!];
    for (let value = 0; value < 256; value++) table[value] = byte(factor * value + offset);
    for (let at = 0; at < image.length; at++) image[at] = table[image[at]!]!;
  }
}

/** The nearest of 0 … 255. */
export function byte(value: number): number {
  return value <= 0 ? 0 : value >= 255 ? 255 : (value + 0.5) | 0;
}

/** `part` of the colour, the rest of it grey of the same brightness. */
export function saturationMatrix(part: number): number[] {
  const [r, g, b] = [(1 - part) * luma[0], (1 - part) * luma[1], (1 - part) * luma[2]];
  return [part + r, g, b, r, part + g, b, r, g, part + b];
}

const toYiq = [...luma, 0.595716, -0.274453, -0.321263, 0.211456, -0.522591, 0.311135];
const fromYiq = inverse(toYiq);

/** Turns colours by an angle about the grey axis of YIQ, which keeps their brightness. */
export function hueMatrix(angle: number): number[] {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turn = [1, 0, 0, 0, cos, -sin, 0, sin, cos];
  return product(fromYiq, product(turn, toYiq));
}

function product(a: readonly number[], b: readonly number[]): number[] {
  return Array.from({ length: 9 }, (_, at) => {
    const [row, column] = [Math.floor(at / 3), at % 3];
    return a[3 * row]! * b[column]! + a[3 * row + 1]! * b[3 + column]! + a[3 * row + 2]! * b[6 + column]!;
  });
}

function inverse(m: readonly number[]): number[] {
  const [a, b, c, d, e, f, g, h, i] = m as Nine;
  const determinant = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g);
  return [e * i - f * h, c * h - b * i, b * f - c * e, f * g - d * i, a * i - c * g, c * d - a * f]
    .concat([d * h - e * g, b * g - a * h, a * e - b * d])
    .map((minor) => minor / determinant);
}
