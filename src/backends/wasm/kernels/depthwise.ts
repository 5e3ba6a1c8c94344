import { sizeOf } from "../../../core/shapes.js";
import type { ConvAttributes, ConvInputGradientAttributes } from "../../../ops/conv.js";
import type { Expression } from "../../../ops/expression.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32, f32x4, type I32, i32, type Local, type V128, v128 } from "../assembler/index.js";
import { attributesOf, type Engine, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import { align } from "../layout.js";
import { type Axes, backwardAxes, forwardAxis, type PassAxis, type SpatialGeometry, spatialGeometry } from "./axes.js";
import { emitRows, type Row, type RowPass, rowsOf, tasksOfRows } from "./rows.js";
import { EpilogueEmitter } from "./tile.js";

/** Why a convolution is not one of single channels; with several filters for each, they are `multiplier`. */
export function depthwiseRefusal({ groupChannels, inputChannels }: SpatialGeometry): true | string {
  return groupChannels === 1 && inputChannels > 1 ? true : "its filters read several channels";
}

export const multiplierOf = ({ inputChannels, outputChannels }: SpatialGeometry): number =>
  outputChannels / inputChannels;

/** Vectors that stand side by side in a tile: what one register of the engine holds. */
export const vectorsPerRegister = ({ wide }: Engine): number => (wide ? 2 : 1);

/** Results side by side in a tile, and the taps across whose weights are held: with one pixel 14 registers. */
const mostPixels = 8;
const mostTaps = 5;

/** Cycles of depthwise multiply-adds: as many loads as multiply-adds. */
export const depthwiseCycles = (multiplyAdds: number): number => multiplyAdds / 6;

const forwardGeometry = (node: NodeContext): SpatialGeometry =>
  spatialGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributesOf<ConvAttributes>(node));

/**
 * Depthwise convolution: vectors over channels, a register tile over neighbouring pixels of a row. The image is read
 * as it lies; windows that hang over its edge take the taps that are inside. With several filters for each channel,
 * channels are repeated first.
 */
export const depthwise: WasmKernel = {
  name: "f32_conv_depthwise_simd128",
  accepts: (node) => depthwiseRefusal(forwardGeometry(node)),
  scratchBytes(node) {
    const g = forwardGeometry(node);
    return multiplierOf(g) === 1 ? 0 : repeatedBytes(g);
  },
  phases(node, engine) {
    const g = forwardGeometry(node);
    const { epilogue } = attributesOf<ConvAttributes>(node);
    const [depth, height, width] = g.axes;
    const passes = [[forwardAxis(depth)], [forwardAxis(height)], [forwardAxis(width)]] as const;
    const repeated = multiplierOf(g) > 1;
    const compute = depthwisePhase(g, passes, engine, {
      image: ({ inputs, scratch }) => (repeated ? scratch : inputs[0]!),
      target: ({ output }) => output,
      node,
      epilogue,
      usesScratch: repeated,
    });
    return repeated ? [repeatPhase(g, ({ inputs }) => inputs[0]!), compute] : [compute];
  },
};

const backwardGeometry = (node: NodeContext): SpatialGeometry => {
  const attributes = attributesOf<ConvInputGradientAttributes>(node);
  return spatialGeometry(attributes.inputShape, node.inputs[1]!.shape, attributes);
};

/** Gradient for the image: the same walk over the result's gradient, one for each residue of the strides. */
export const depthwiseInputGradient: WasmKernel = {
  name: "f32_conv_depthwise_input_gradient_simd128",
  accepts: (node) => depthwiseRefusal(backwardGeometry(node)),
  scratchBytes(node) {
    const g = backwardGeometry(node);
    return multiplierOf(g) === 1 ? 0 : repeatedBytes(g);
  },
  phases(node, engine) {
    const g = backwardGeometry(node);
    const { epilogue } = attributesOf<ConvInputGradientAttributes>(node);
    const passes = g.axes.map(backwardAxes) as unknown as Axes<PassAxis[]>;
    const summed = multiplierOf(g) > 1;
    const compute = depthwisePhase(g, passes, engine, {
      image: ({ inputs }) => inputs[0]!,
      target: ({ output, scratch }) => (summed ? scratch : output),
      node,
      epilogue: summed ? undefined : epilogue,
      usesScratch: summed,
    });
    return summed ? [compute, sumPhase(g, node, epilogue)] : [compute];
  },
};

const pixelsOf = ({ batch, axes }: SpatialGeometry): number => batch * sizeOf(axes.map(({ input }) => input));

/** Bytes of the image with a copy of each channel for each of its filters, with room to read past its end. */
export const repeatedBytes = (g: SpatialGeometry): number => align(4 * pixelsOf(g) * g.outputChannels + 64);

/** Pixels that one task of the phases around the convolution takes. */
const pixelsPerTask = 64;

/** scratch[pixel][channel · multiplier + j] = image[pixel][channel] */
export function repeatPhase(g: SpatialGeometry, image: (scope: PhaseScope) => I32): Phase {
  const multiplier = multiplierOf(g);
  const values = pixelsOf(g) * g.inputChannels;
  const perTask = pixelsPerTask * g.inputChannels;
  return {
    tasks: Math.ceil(values / perTask),
    cycles: 2 * values * Math.ceil(multiplier / 4),
    emit(scope) {
      const { f, begin, end, scratch } = scope;
      const first = f.local("i32", i32.mul(begin, perTask));
      const from = f.local("i32", i32.add(image(scope), i32.mul(first.get, 4)));
      const to = f.local("i32", i32.add(scratch, i32.mul(first.get, 4 * multiplier)));
      const value = f.local("i32");
      const copy = f.local("v128");
      f.for(value, first.get, i32.min(values, i32.mul(end, perTask)), 1, () => {
        f.set(copy, v128.load32Splat(from.get));
        for (let j = 0; j < multiplier; j += 4) {
          f.storeLanes(to.get, copy.get, Math.min(4, multiplier - j), 4 * j);
        }
        f.increase(from, 4);
        f.increase(to, 4 * multiplier);
      });
    },
  };
}

/** output[pixel][channel] = Σ_j scratch[pixel][channel · multiplier + j], finished by the epilogue. */
function sumPhase(g: SpatialGeometry, node: NodeContext, epilogue: Expression | undefined): Phase {
  const multiplier = multiplierOf(g);
  const channels = g.inputChannels;
  const pixels = pixelsOf(g);
  return {
    tasks: Math.ceil(pixels / pixelsPerTask),
    cycles: 2 * pixels * g.outputChannels,
    emit(scope) {
      const { f, begin, end, output, scratch } = scope;
      const ending = new EpilogueEmitter(scope, epilogue, node);
      const pixel = f.local("i32");
      const channel = f.local("i32");
      const from = f.local("i32");
      const place = f.local("i32");
      const sums = f.local("v128");
      const group = (lanes: number) => {
        f.set(place, i32.add(i32.mul(pixel.get, 4 * channels), channel.get));
        f.set(from, i32.add(scratch, i32.mul(place.get, multiplier)));
        const sum = (lane: number) =>
          Array.from({ length: multiplier }, (_, j) => f32.load(from.get, 4 * (lane * multiplier + j))).reduce(f32.add);
        f.set(sums, f32x4.splat(sum(0)));
        for (let lane = 1; lane < lanes; lane++) f.set(sums, f32x4.replaceLane(sums.get, lane, sum(lane)));
        const at = { base: place.get, offset: 0 };
        f.set(sums, ending.apply(sums.get, at, { base: channel.get, offset: 0 }));
        f.storeLanes(i32.add(output, place.get), sums.get, lanes);
      };
      const whole = channels - (channels % 4);
      f.for(pixel, i32.mul(begin, pixelsPerTask), i32.min(pixels, i32.mul(end, pixelsPerTask)), 1, () => {
        f.for(channel, 0, 4 * whole, 16, () => group(4));
        if (whole === channels) return;
        f.set(channel, i32.constant(4 * whole));
        group(channels - whole);
      });
    },
  };
}

/** Where a pass reads and writes, and how it ends. */
interface PassPlace {
  image(scope: PhaseScope): I32;
  target(scope: PhaseScope): I32;
  readonly node: NodeContext;
  readonly epilogue: Expression | undefined;
  readonly usesScratch: boolean;
}

/** All rows of results. */
function depthwisePhase(
  g: SpatialGeometry,
  passes: Axes<readonly PassAxis[]>,
  engine: Engine,
  place: PassPlace,
): Phase {
  const channels = g.outputChannels;
  const bytes = 4 * channels;
  const pass: RowPass = { batch: g.batch, passes, imageBytes: bytes, tapBytes: bytes, resultBytes: bytes };
  const products = passes.map((axes) => axes.reduce((sum, { count, taps }) => sum + count * taps, 0));
  return {
    tasks: tasksOfRows(pass),
    cycles: depthwiseCycles(g.batch * sizeOf(products) * channels) + 20 * rowsOf(pass),
    usesScratch: place.usesScratch,
    emit: (scope) =>
      emitRows(scope, pass, place.image(scope), scope.inputs[1]!, (row) => {
        new DepthwiseRow(scope, row, channels, engine, place).emit();
      }),
  };
}

/** The results of one row: blocks of channels of tiles of pixels. */
class DepthwiseRow {
  readonly #ending: EpilogueEmitter;
  /** Byte offset of the first channel at hand. */
  readonly #channel: Local<"i32">;

  constructor(
    readonly scope: PhaseScope,
    readonly row: Row,
    readonly channels: number,
    readonly engine: Engine,
    readonly place: PassPlace,
  ) {
    this.#ending = new EpilogueEmitter(scope, place.epilogue, place.node);
    this.#channel = scope.f.local("i32");
  }

  emit(): void {
    const register = 4 * vectorsPerRegister(this.engine);
    this.row.overPixels(
      mostPixels - (this.engine.relaxedSimd ? 0 : 1),
      (pixels) => this.#overChannels(register, (lanes) => this.#tile(pixels, lanes)),
      (range) => this.#overChannels(4 * register, (lanes) => this.#borderPixel(lanes, range)),
    );
  }

  /** `body` for every block of channels. */
  #overChannels(block: number, body: (lanes: number) => void): void {
    const { f } = this.scope;
    const whole = this.channels - (this.channels % block);
    f.for(this.#channel, 0, 4 * whole, 4 * block, () => body(block));
    if (whole === this.channels) return;
    f.set(this.#channel, i32.constant(4 * whole));
    body(this.channels - whole);
  }

  /** `pixels` neighbouring results, all of whose taps across are inside. */
  #tile(pixels: number, lanes: number): void {
    const { f, engine } = this.scope;
    const { taps, tapStep, step, weightStep } = this.row.across;
    const vectors = Math.ceil(lanes / 4);
    const pixelBytes = 4 * this.channels;
    const locals = (count: number) => Array.from({ length: count }, () => this.#vectors(vectors));
    const sums = locals(pixels);
    const held = locals(Math.min(taps, mostTaps));
    const value = this.#vectors(vectors);
    for (const sum of sums) for (const local of sum) f.set(local, f32x4.constant(0));
    const chunk = (count: number, a: Local<"i32">, w: Local<"i32">) => {
      // the weights of taps that go backwards lie before the first
      const lowest = Math.min(0, (count - 1) * weightStep);
      const base = f.local("i32", i32.add(w.get, lowest * pixelBytes));
      for (let v = 0; v < count; v++) {
        const offset = (v * weightStep - lowest) * pixelBytes;
        held[v]!.forEach((local, i) => f.set(local, v128.load(base.get, offset + 16 * i)));
      }
      for (const { at, pairs } of readsOfTile(pixels, step, count, tapStep)) {
        value.forEach((local, i) => f.set(local, v128.load(a.get, at * pixelBytes + 16 * i)));
        for (const [p, v] of pairs) {
          sums[p]!.forEach((sum, i) => f.set(sum, engine.multiplyAdd(value[i]!.get, held[v]![i]!.get, sum.get)));
        }
      }
      f.increase(a, count * tapStep * pixelBytes);
      f.increase(w, count * weightStep * pixelBytes);
    };
    this.#overTapRows((a, w) => {
      const chunks = Math.floor(taps / mostTaps);
      const counter = f.local("i32");
      f.for(counter, 0, chunks, 1, () => chunk(mostTaps, a, w));
      if (taps % mostTaps > 0) chunk(taps % mostTaps, a, w);
    });
    this.#store(sums, lanes);
  }

  /** One result, with the taps across that are inside. */
  #borderPixel(lanes: number, range: { first: I32 | number; last: I32 | number }): void {
    const { f, engine } = this.scope;
    const { tapStep, weightStep } = this.row.across;
    const pixelBytes = 4 * this.channels;
    const sums = this.#vectors(Math.ceil(lanes / 4));
    const tap = f.local("i32");
    for (const sum of sums) f.set(sum, f32x4.constant(0));
    this.#overTapRows((a, w) => {
      f.set(a, i32.add(a.get, i32.mul(range.first, tapStep * pixelBytes)));
      f.set(w, i32.add(w.get, i32.mul(range.first, weightStep * pixelBytes)));
      f.for(tap, range.first, range.last, 1, () => {
        sums.forEach((sum, i) => {
          f.set(sum, engine.multiplyAdd(v128.load(a.get, 16 * i), v128.load(w.get, 16 * i), sum.get));
        });
        f.increase(a, tapStep * pixelBytes);
        f.increase(w, weightStep * pixelBytes);
      });
    });
    this.#store([sums], lanes);
  }

  /** `body` for every row of taps, with where the channels at hand of its first tap lie. */
  #overTapRows(body: (a: Local<"i32">, w: Local<"i32">) => void): void {
    const { f } = this.scope;
    this.row.overTapRows((a, w) => {
      f.set(a, i32.add(a.get, this.#channel.get));
      f.set(w, i32.add(w.get, this.#channel.get));
      body(a, w);
    });
  }

  #vectors(count: number): Local<"v128">[] {
    return Array.from({ length: count }, () => this.scope.f.local("v128"));
  }

  /** All sums are finished before the first is stored: engines pair neighbouring vectors only then. */
  #store(sums: readonly (readonly Local<"v128">[])[], lanes: number): void {
    const { f } = this.scope;
    const { distance } = this.row;
    const place = f.local("i32", i32.add(this.row.result(), this.#channel.get));
    const target = f.local("i32", i32.add(this.place.target(this.scope), place.get));
    const finish = (value: V128, p: number, i: number) =>
      this.#ending.apply(
        value,
        { base: place.get, offset: p * distance + 16 * i },
        { base: this.#channel.get, offset: 16 * i },
      );
    if (this.place.epilogue !== undefined) {
      sums.forEach((row, p) => row.forEach((sum, i) => f.set(sum, finish(sum.get, p, i))));
    }
    sums.forEach((row, p) =>
      row.forEach((sum, i) => f.storeLanes(target.get, sum.get, Math.min(4, lanes - 4 * i), p * distance + 16 * i)),
    );
  }
}

/** The pixels that the taps of a tile read, in order, each with the results and taps that it serves. */
export function readsOfTile(pixels: number, step: number, taps: number, tapStep: number) {
  const reads = new Map<number, [pixel: number, tap: number][]>();
  for (let p = 0; p < pixels; p++) {
    for (let v = 0; v < taps; v++) {
      const at = p * step + v * tapStep;
      reads.set(at, [...(reads.get(at) ?? []), [p, v]]);
    }
  }
  return [...reads].sort(([a], [b]) => a - b).map(([at, pairs]) => ({ at, pairs }));
}
