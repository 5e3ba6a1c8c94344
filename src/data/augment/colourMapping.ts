import {
  type FunctionBuilder,
  i32,
  i32x4,
  ModuleBuilder,
  type V128,
  v128,
} from "../../backends/wasm/assembler/index.js";

/** Bits behind the point of factors, which are numbers of 16 bits: from −16 to nearly 16. */
const bits = 11;
const largest = 2 ** 15 - 1;

/** Pixels of a turn: 12 bytes of the 16 of a vector. */
const turn = 4;

/** Where things lie in the module's memory: three vectors of factors and offsets, then pixels and results. */
const factorsAt = 0;
const pixelsAt = 64;
/** Bytes that are mapped at once. */
const block = 12 * 2048;
const resultAt = pixelsAt + block + 64;

/**
 * Maps the colours of images, three bytes a pixel, by a matrix and an offset; rounds, and cuts off at 0 and 255. Factors
 * have 11 bits behind the point: results are those of exact factors but for less than 0.2 before they are rounded.
 */
export class ColourMapping {
  readonly #factors: Int16Array;
  readonly #offsets: Int32Array;
  readonly #pixels: Uint8Array;
  readonly #result: Uint8Array;
  readonly #run: (bytes: number) => void;

  constructor() {
    const memory = new WebAssembly.Memory({ initial: 1 });
    const module = new WebAssembly.Module(colourModule());
    this.#run = new WebAssembly.Instance(module, { fovea: { memory } }).exports.map as (bytes: number) => void;
    this.#factors = new Int16Array(memory.buffer, factorsAt, 16);
    this.#offsets = new Int32Array(memory.buffer, factorsAt + 32, 4);
    this.#pixels = new Uint8Array(memory.buffer, pixelsAt, block);
    this.#result = new Uint8Array(memory.buffer, resultAt, block);
  }

  /** @param matrix row by row: what each channel of the result takes of red, green and blue */
  apply(image: Uint8Array, matrix: Float64Array, offset: Float64Array): void {
    for (let row = 0; row < 3; row++) {
      this.#factors[2 * row] = fixed(matrix[3 * row]!);
      this.#factors[2 * row + 1] = fixed(matrix[3 * row + 1]!);
      this.#factors[8 + 2 * row] = fixed(matrix[3 * row + 2]!);
      this.#offsets[row] = Math.round((offset[row]! + 0.5) * 2 ** bits);
    }
    for (let start = 0; start < image.length; start += block) {
      const part = image.subarray(start, start + block);
      this.#pixels.set(part);
      this.#run(part.length);
      part.set(part.length === block ? this.#result : this.#result.subarray(0, part.length));
    }
  }
}

const fixed = (factor: number) => Math.max(-largest, Math.min(largest, Math.round(factor * 2 ** bits)));

function colourModule(): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder({ module: "fovea", name: "memory", initialPages: 1 });
  builder.function(["i32"], emitMapping, "map");
  return builder.encode();
}

function emitMapping(f: FunctionBuilder): void {
  const bytes = f.parameter(0, "i32");
  const vector = (index: number) => f.local("v128", v128.load(i32.constant(factorsAt + 16 * index))).get;
  const [redGreen, blue, offset] = [vector(0), vector(1), vector(2)];
  const at = f.local("i32");
  const pixels = f.local("v128");
  f.for(at, 0, bytes.get, 3 * turn, () => {
    f.set(pixels, v128.load(at.get, pixelsAt));
    const [a, b, c, d] = [0, 1, 2, 3].map((pixel) => {
      const twice = i32x4.dotI16x8(pairs(pixels.get, 3 * pixel, 3 * pixel + 1), redGreen);
      const once = i32x4.dotI16x8(pairs(pixels.get, 3 * pixel + 2), blue);
      return i32x4.shrS(i32x4.add(i32x4.add(twice, once), offset), bits);
    }) as [V128, V128, V128, V128];
    const narrow = f.local("v128", v128.narrowI16x8(v128.narrowI32x4(a, b), v128.narrowI32x4(c, d))).get;
    const packed = v128.shuffle(narrow, narrow, [0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 15, 15, 15]);
    f.storeV128(at.get, packed, resultAt);
  });
}

/** Two bytes of a vector, or one and 0, three times as int16. */
function pairs(bytes: V128, first: number, second = 16): V128 {
  const pair = [first, 16, second, 16];
  return v128.shuffle(bytes, i32x4.constant(0), [...pair, ...pair, ...pair, 16, 16, 16, 16]);
}
