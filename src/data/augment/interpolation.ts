import {
  type F32,
  type FunctionBuilder,
  f32,
  f32x4,
  type I32,
  i32,
  i32x4,
  type Local,
  ModuleBuilder,
  type V128,
  v128,
} from "../../backends/wasm/assembler/index.js";

/** Where things lie in a module's memory, in bytes. */
export interface FrameLayout {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Bytes from one row of the frame to the next. */
  readonly pitch: number;
  /** The image in its frame, the result, and the displacements of its pixels along both axes, each with some bytes to spare. */
  readonly frame: number;
  readonly result: number;
  readonly fieldX: number;
  readonly fieldY: number;
}

/** Fills the result from the frame: the pixel (x, y) from (a·x + b·y + c, d·x + e·y + f). */
export type Interpolate = (a: number, b: number, c: number, d: number, e: number, f: number) => void;

/** Whether displacements are added, and whether places beyond the border are mirrored there or moved to the frame. */
export interface InterpolationKind {
  readonly field: boolean;
  readonly mirror: boolean;
}

export const interpolationName = ({ field, mirror }: InterpolationKind): string =>
  `interpolate${field ? "Field" : ""}${mirror ? "Mirror" : ""}`;

/** Bits of the weights of interpolation: as many as leave room for the sign in 16. */
const bits = 14;

/** Pixels that a turn of the inner loop makes: one in each lane. */
const turn = 4;

/**
 * A module that imports the memory `fovea.memory` and exports an {@link Interpolate} of each kind. Weights are whole
 * numbers of 14 bits, so that results are those of exact interpolation, rounded, but for ties and what is near to one: by
 * less than 0.06.
 */
export function interpolationModule(layout: FrameLayout): Uint8Array<ArrayBuffer> {
  const builder = new ModuleBuilder({ module: "fovea", name: "memory", initialPages: 1 });
  for (const field of [false, true]) {
    for (const mirror of [false, true]) {
      const kind = { field, mirror };
      const parameters = ["f32", "f32", "f32", "f32", "f32", "f32"] as const;
      builder.function(parameters, (f) => emitInterpolation(f, layout, kind), interpolationName(kind));
    }
  }
  return builder.encode();
}

function emitInterpolation(f: FunctionBuilder, layout: FrameLayout, kind: InterpolationKind): void {
  const { height, width, channels, pitch } = layout;
  const map = [0, 1, 2, 3, 4, 5].map((i) => f.parameter(i, "f32").get) as [F32, F32, F32, F32, F32, F32];
  const [alongX, downX, startX, alongY, downY, startY] = map;
  const stepX = f.local("v128", f32x4.splat(alongX));
  const stepY = f.local("v128", f32x4.splat(alongY));
  const firstX = f.local("v128");
  const firstY = f.local("v128");
  /** The numbers of the four columns. */
  const columns = f.local("v128");
  const y = f.local("i32");
  const x = f.local("i32");
  const to = f.local("i32");
  const places = f.local("i32");
  const pixels = new Pixels(f, layout);
  const rowStart = (along: F32, start: F32) => f32x4.splat(f32.add(f32.mul(along, f32.fromI32(y.get)), start));

  f.for(y, 0, height, 1, () => {
    f.set(to, i32.add(i32.mul(y.get, width * channels), layout.result));
    f.set(places, i32.mul(y.get, 4 * width));
    f.set(firstX, rowStart(downX, startX));
    f.set(firstY, rowStart(downY, startY));
    f.set(columns, countingLanes());
    f.for(x, 0, width, turn, () => {
      const place = (step: Local<"v128">, first: Local<"v128">, field: number, extent: number) => {
        const straight = f32x4.add(f32x4.mul(step.get, columns.get), first.get);
        const moved = kind.field ? f32x4.add(straight, v128.load(places.get, field)) : straight;
        return toFrame(kind.mirror ? mirrored(f, moved, extent) : moved, extent);
      };
      pixels.find(place(stepX, firstX, layout.fieldX, width), place(stepY, firstY, layout.fieldY, height), pitch);
      if (channels === 1) pixels.storeGrey(to.get);
      else pixels.storeColours(to.get);
      f.increase(to, turn * channels);
      f.increase(places, 4 * turn);
      f.set(columns, f32x4.add(columns.get, f32x4.constant(turn)));
    });
  });
}

const countingLanes = (): V128 => f32x4.fromI32x4(i32x4.lanes([0, 1, 2, 3]));

/** Places counted from the frame's corner, those beyond it on it. */
const toFrame = (place: V128, extent: number): V128 =>
  f32x4.min(f32x4.constant(extent + 1), f32x4.max(f32x4.constant(0), f32x4.add(place, f32x4.constant(1))));

/** Places brought back between the outer edges of the border's pixels, at −½ and extent − ½, by mirrors there. */
function mirrored(f: FunctionBuilder, place: V128, extent: number): V128 {
  const period = 2 * extent;
  const from = f.local("v128", f32x4.add(place, f32x4.constant(0.5)));
  const turns = f32x4.floor(f32x4.mul(from.get, f32x4.constant(1 / period)));
  const folded = f.local("v128", f32x4.sub(from.get, f32x4.mul(turns, f32x4.constant(period))));
  const back = f32x4.sub(f32x4.constant(period), folded.get);
  return f32x4.sub(f32x4.min(folded.get, back), f32x4.constant(0.5));
}

/** Four pixels on their way. */
class Pixels {
  /** Addresses of the pixels at the upper left. */
  readonly #addresses: Local<"v128">;
  /** In each lane, two weights of 16 bits: of the left and the right pixel above, and of those below. */
  readonly #above: Local<"v128">;
  readonly #below: Local<"v128">;
  readonly #address: Local<"i32">;

  constructor(
    readonly f: FunctionBuilder,
    readonly layout: FrameLayout,
  ) {
    this.#addresses = f.local("v128");
    this.#above = f.local("v128");
    this.#below = f.local("v128");
    this.#address = f.local("i32");
  }

  /** @param fromX places in the frame, as float lanes */
  find(fromX: V128, fromY: V128, pitch: number): void {
    const { f } = this;
    const one = f32x4.constant(2 ** bits);
    const keep = (value: V128) => f.local("v128", value).get;
    const [placeX, placeY] = [keep(fromX), keep(fromY)];
    const [left, top] = [keep(f32x4.floor(placeX)), keep(f32x4.floor(placeY))];
    const partX = keep(f32x4.mul(f32x4.sub(placeX, left), one));
    const partY = keep(f32x4.sub(placeY, top));
    const right = keep(nearest(partX));
    const lower = nearest(f32x4.mul(partY, one));
    const w11 = keep(nearest(f32x4.mul(partX, partY)));
    const w01 = i32x4.sub(right, w11);
    const w10 = keep(i32x4.sub(lower, w11));
    const w00 = i32x4.sub(i32x4.sub(i32x4.constant(2 ** bits), right), w10);
    const pair = (first: V128, second: V128) => v128.or(v128.and(first, i32x4.constant(0xffff)), i32x4.shl(second, 16));
    f.set(this.#above, pair(w00, w01));
    f.set(this.#below, pair(w10, w11));
    const { channels, frame } = this.layout;
    const row = i32x4.add(i32x4.mul(nearest(top), i32x4.constant(pitch)), i32x4.constant(frame));
    f.set(this.#addresses, i32x4.add(row, i32x4.mul(nearest(left), i32x4.constant(channels))));
  }

  /** Four grey pixels: neighbours lie side by side, as their weights do. */
  storeGrey(to: I32): void {
    const { f } = this;
    const neighbours = (offset: number) => {
      let bytes = i32x4.constant(0);
      for (let lane = 0; lane < 4; lane++) {
        bytes = v128.load32Lane(bytes, lane, i32x4.lane(this.#addresses.get, lane), offset);
      }
      return v128.shuffle(bytes, i32x4.constant(0), [0, 16, 1, 16, 4, 16, 5, 16, 8, 16, 9, 16, 12, 16, 13, 16]);
    };
    const above = i32x4.dotI16x8(neighbours(0), this.#above.get);
    const below = i32x4.dotI16x8(neighbours(this.layout.pitch), this.#below.get);
    f.storeLanes(to, firstBytes(f, rounded(above, below)), 1);
  }

  /** Four pixels of three channels, one after the other. A fourth byte is written with each, and over by the next. */
  storeColours(to: I32): void {
    const { f } = this;
    for (let pixel = 0; pixel < 4; pixel++) {
      f.set(this.#address, i32x4.lane(this.#addresses.get, pixel));
      const neighbours = (offset: number) =>
        v128.shuffle(
          v128.load64Zero(this.#address.get, offset),
          i32x4.constant(0),
          [0, 16, 3, 16, 1, 16, 4, 16, 2, 16, 5, 16, 16, 16, 16, 16],
        );
      const weights = (of: Local<"v128">) =>
        v128.shuffle(
          of.get,
          of.get,
          Array.from({ length: 16 }, (_, byte) => 4 * pixel + (byte % 4)),
        );
      const above = i32x4.dotI16x8(neighbours(0), weights(this.#above));
      const below = i32x4.dotI16x8(neighbours(this.layout.pitch), weights(this.#below));
      f.storeLanes(to, firstBytes(f, rounded(above, below)), 1, 3 * pixel);
    }
  }
}

/**
 * The nearest whole numbers of floats from 0 to 2²² as int32: the last bits of a float above 2²³ count ones. Engines take
 * several instructions for WebAssembly's conversion, which knows NaN and what is too large.
 */
const nearest = (value: V128): V128 => i32x4.sub(f32x4.add(value, f32x4.constant(2 ** 23)), i32x4.constant(0x4b000000));

const rounded = (above: V128, below: V128): V128 =>
  i32x4.shrU(i32x4.add(i32x4.add(above, below), i32x4.constant(2 ** (bits - 1))), bits);

/** The lowest byte of each lane, side by side. */
function firstBytes(f: FunctionBuilder, value: V128): V128 {
  const lanes = f.local("v128", value).get;
  return v128.shuffle(lanes, lanes, [0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12, 0, 4, 8, 12]);
}
