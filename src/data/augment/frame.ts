import type { Fill } from "./augmentation.js";
import {
  type FrameLayout,
  type Interpolate,
  type InterpolationKind,
  interpolationModule,
  interpolationName,
} from "./interpolation.js";

/** A movement of pixels: an affine map of places, and what is added to the place of each pixel. */
interface Movement {
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
  readonly field: { readonly x: Float32Array; readonly y: Float32Array } | undefined;
}

/** What loops of vectors read and write beyond the end. */
const spare = 64;

const pageBytes = 65536;

/**
 * An image in a frame of one pixel, and another one at the right and at the bottom that is read and never counts. It lies
 * in the memory of a WebAssembly module, which interpolates it.
 */
export class Frame {
  /** Bytes of a row. */
  readonly pitch: number;
  /** For shifts and flips: offsets in bytes of the columns in a row. */
  readonly columns: Int32Array;
  readonly #layout: FrameLayout;
  readonly #memory: WebAssembly.Memory;
  readonly #functions: WebAssembly.Exports;
  #pixels: Uint8Array;
  #result: Uint8Array;

  constructor(
    readonly height: number,
    readonly width: number,
    readonly channels: number,
  ) {
    this.pitch = (width + 3) * channels;
    this.columns = new Int32Array(width);
    const result = aligned((height + 3) * this.pitch + spare);
    const fieldX = result + aligned(height * width * channels + spare);
    const fieldY = fieldX + aligned(4 * height * width + spare);
    this.#layout = { height, width, channels, pitch: this.pitch, frame: 0, result, fieldX, fieldY };
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil(fieldX / pageBytes) });
    const module = new WebAssembly.Module(interpolationModule(this.#layout));
    this.#functions = new WebAssembly.Instance(module, { fovea: { memory: this.#memory } }).exports;
    [this.#pixels, this.#result] = this.#views();
  }

  get pixels(): Uint8Array {
    return this.#pixels;
  }

  draw(image: Uint8Array, fill: Fill): void {
    const { pixels, pitch, height, width, channels } = this;
    const line = width * channels;
    if (typeof fill === "number") pixels.fill(fill);
    for (let y = 0; y < height; y++) {
      pixels.set(image.subarray(y * line, (y + 1) * line), (y + 1) * pitch + channels);
    }
    if (typeof fill === "number") return;
    // next to the border, the nearest pixel and the mirrored one are the same
    for (let y = 1; y <= height; y++) {
      const left = y * pitch;
      for (let i = 0; i < channels; i++) {
        pixels[left + i] = pixels[left + channels + i]!;
        pixels[left + channels + line + i] = pixels[left + line + i]!;
      }
    }
    pixels.copyWithin(0, pitch, 2 * pitch);
    pixels.copyWithin((height + 1) * pitch, height * pitch, (height + 1) * pitch);
  }

  interpolate(to: Uint8Array, { a, b, c, d, e, f, field }: Movement, mirror: boolean): void {
    if (field !== undefined) this.#setField(field);
    this.#function({ field: field !== undefined, mirror })(a, b, c, d, e, f);
    to.set(this.#result);
  }

  #function(kind: InterpolationKind): Interpolate {
    return this.#functions[interpolationName(kind)] as Interpolate;
  }

  /** Only movements that bend have fields, and memory for them. */
  #setField({ x, y }: NonNullable<Movement["field"]>): void {
    const { fieldX, fieldY } = this.#layout;
    const missing = fieldY + y.byteLength + spare - this.#memory.buffer.byteLength;
    if (missing > 0) {
      this.#memory.grow(Math.ceil(missing / pageBytes));
      [this.#pixels, this.#result] = this.#views();
    }
    new Float32Array(this.#memory.buffer, fieldX, x.length).set(x);
    new Float32Array(this.#memory.buffer, fieldY, y.length).set(y);
  }

  #views(): [pixels: Uint8Array, result: Uint8Array] {
    const { height, width, channels, pitch, frame, result } = this.#layout;
    const { buffer } = this.#memory;
    return [
      new Uint8Array(buffer, frame, (height + 3) * pitch),
      new Uint8Array(buffer, result, height * width * channels),
    ];
  }
}

const aligned = (bytes: number) => 16 * Math.ceil(bytes / 16);
