import { sizeOf } from "../../../core/shapes.js";
import type { ConvAttributes, ConvInputGradientAttributes } from "../../../ops/conv.js";
import type { Acceptance, NodeContext } from "../../../plan/types.js";
import { f32x4, type I32, i32, v128 } from "../assembler/index.js";
import { attributesOf, type Engine, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import { align } from "../layout.js";
import { type Axes, backwardAxes, forwardAxis, type PassAxis, type SpatialGeometry, spatialGeometry } from "./axes.js";
import { vectorsPerRegister } from "./depthwise.js";
import { emitRows, type Row, type RowPass, rowsOf, tasksOfRows } from "./rows.js";
import { EpilogueEmitter, tiledCycles } from "./tile.js";

/** Filters from which on a tile's vectors, though half empty, are no more work than this. */
export const mostFilters = ({ wide }: Engine): number => (wide ? 4 : 2);

/** More filters than these leave no registers for a tile. */
const possibleFilters = 4;

/** Why a convolution of `channels` channels does not suit: `filters` are the channels of its result. */
export function fewFiltersRefusal(channels: number, filters: number, groups: number, engine: Engine): Acceptance {
  const lanes = 4 * vectorsPerRegister(engine);
  if (groups > 1) return "it has groups";
  const filled = "its filters fill vectors";
  if (filters > possibleFilters) return filled;
  if (channels % lanes !== 0) return `its channels are not whole vectors of ${lanes}`;
  return filters > mostFilters(engine) ? { unprofitable: filled } : true;
}

/** Bytes in which each thread stores its sums before it adds their lanes. */
const sumBytes = 512;

/** Results of a tile, so that its sums, the filters' vectors and one of the image fit into the registers. */
function pixelsOf(filters: number, { relaxedSimd }: Engine): number {
  return Math.min(8, Math.floor((13 - filters - (relaxedSimd ? 0 : 1)) / filters));
}

const forwardGeometry = (node: NodeContext): SpatialGeometry =>
  spatialGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributesOf<ConvAttributes>(node));

const turnedBytes = (g: SpatialGeometry): number =>
  align(4 * sizeOf(g.axes.map(({ kernel }) => kernel)) * g.inputChannels * g.outputChannels);

/**
 * Convolution with so few filters that they would leave most of a vector's lanes empty: lanes hold channels instead,
 * and are added up for each result. The filter is turned, so that its channels lie side by side, too.
 */
export const convFewFilters: WasmKernel = {
  name: "f32_conv_few_filters_simd128",
  accepts(node, engine) {
    const g = forwardGeometry(node);
    return fewFiltersRefusal(g.inputChannels, g.outputChannels, attributesOf<ConvAttributes>(node).groups, engine);
  },
  scratchBytes: (node, engine) => turnedBytes(forwardGeometry(node)) + engine.threads * sumBytes,
  phases(node, engine) {
    const g = forwardGeometry(node);
    const [depth, height, width] = g.axes;
    const passes = [[forwardAxis(depth)], [forwardAxis(height)], [forwardAxis(width)]] as const;
    const sizes = { channels: g.inputChannels, filters: g.outputChannels };
    const place: Place = { weights: ({ scratch }) => scratch, sumsAt: turnedBytes(g), node };
    return [turnPhase(g), dotPhase(g.batch, passes, sizes, engine, place)];
  },
};

const backwardGeometry = (node: NodeContext): SpatialGeometry => {
  const attributes = attributesOf<ConvInputGradientAttributes>(node);
  return spatialGeometry(attributes.inputShape, node.inputs[1]!.shape, attributes);
};

/** Gradient for an image of few channels, and so the transposed convolution with few filters, which lie as they must. */
export const convInputGradientFewFilters: WasmKernel = {
  name: "f32_conv_input_gradient_few_filters_simd128",
  accepts(node, engine) {
    const g = backwardGeometry(node);
    return fewFiltersRefusal(g.outputChannels, g.inputChannels, attributesOf<ConvAttributes>(node).groups, engine);
  },
  scratchBytes: (_node, engine) => engine.threads * sumBytes,
  phases(node, engine) {
    const g = backwardGeometry(node);
    const passes = g.axes.map(backwardAxes) as unknown as Axes<PassAxis[]>;
    const sizes = { channels: g.outputChannels, filters: g.inputChannels };
    return [dotPhase(g.batch, passes, sizes, engine, { weights: ({ inputs }) => inputs[1]!, sumsAt: 0, node })];
  },
};

/** scratch[tap][filter][channel] = filter[tap][channel][filter]: one task per tap. */
function turnPhase({ axes, inputChannels: channels, outputChannels: filters }: SpatialGeometry): Phase {
  const taps = sizeOf(axes.map(({ kernel }) => kernel));
  return {
    tasks: taps,
    cycles: 2 * taps * channels * filters,
    emit({ f, begin, end, inputs, scratch }) {
      const [tap, c] = [f.local("i32"), f.local("i32")];
      const [from, to] = [f.local("i32"), f.local("i32")];
      f.for(tap, begin, end, 1, () => {
        f.set(from, i32.add(inputs[1]!, i32.mul(tap.get, 4 * channels * filters)));
        f.set(to, i32.add(scratch, i32.mul(tap.get, 4 * channels * filters)));
        f.for(c, 0, channels, 1, () => {
          for (let o = 0; o < filters; o++) f.storeI32(to.get, i32.load(from.get, 4 * o), 4 * channels * o);
          f.increase(from, 4 * filters);
          f.increase(to, 4);
        });
      });
    },
  };
}

/** Channels of the image that is read, and of the result. */
interface Sizes {
  readonly channels: number;
  readonly filters: number;
}

interface Place {
  /** The filter as [tap][filter][channel]. */
  weights(scope: PhaseScope): I32;
  /** Where the threads' sums begin in the scratch memory. */
  readonly sumsAt: number;
  readonly node: NodeContext;
}

function dotPhase(
  batch: number,
  passes: Axes<readonly PassAxis[]>,
  { channels, filters }: Sizes,
  engine: Engine,
  place: Place,
): Phase {
  const bytes = { imageBytes: 4 * channels, tapBytes: 4 * channels * filters, resultBytes: 4 * filters };
  const pass: RowPass = { batch, passes, ...bytes };
  const products = passes.map((axes) => axes.reduce((sum, { count, taps }) => sum + count * taps, 0));
  return {
    tasks: tasksOfRows(pass),
    cycles: tiledCycles(batch * sizeOf(products) * channels * filters) + 20 * rowsOf(pass),
    emit(scope) {
      const { f, inputs, thread } = scope;
      const own = i32.add(i32.add(scope.scratch, place.sumsAt), i32.mul(thread, sumBytes));
      const sums = f.local("i32", own).get;
      const ending = new EpilogueEmitter(scope, attributesOf<ConvAttributes>(place.node).epilogue, place.node);
      emitRows(scope, pass, inputs[0]!, place.weights(scope), (row) => {
        const { taps } = row.across;
        const tile = (pixels: number, range: { first: I32 | number; last: I32 | number }) =>
          emitDotTile(scope, row, { channels, filters }, pixels, range, sums, ending);
        row.overPixels(
          pixelsOf(filters, engine),
          (pixels) => tile(pixels, { first: 0, last: taps }),
          (range) => tile(1, range),
        );
      });
    },
  };
}

/** Neighbouring results: a vector of sums for each of them and each filter, whose lanes are added up in memory. */
function emitDotTile(
  scope: PhaseScope,
  row: Row,
  { channels, filters }: Sizes,
  pixels: number,
  range: { first: I32 | number; last: I32 | number },
  place: I32,
  ending: EpilogueEmitter,
): void {
  const { f, engine, output } = scope;
  const { step, tapStep, weightStep } = row.across;
  const { imageBytes, tapBytes } = row.pass;
  const halves = vectorsPerRegister(engine);
  const vectors = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: halves }, () => f.local("v128")));
  const sums = Array.from({ length: pixels }, () => vectors(filters));
  const weights = vectors(filters);
  const value = vectors(1)[0]!;
  const [a, w, end] = [f.local("i32"), f.local("i32"), f.local("i32")];
  const tap = f.local("i32");
  for (const ofPixel of sums) for (const sum of ofPixel) for (const half of sum) f.set(half, f32x4.constant(0));
  row.overTapRows((image, filter) => {
    f.for(tap, range.first, range.last, 1, () => {
      f.set(a, i32.add(image.get, i32.mul(tap.get, tapStep * imageBytes)));
      f.set(w, i32.add(filter.get, i32.mul(tap.get, weightStep * tapBytes)));
      f.set(end, i32.add(a.get, imageBytes));
      f.doWhile(
        () => {
          weights.forEach((vector, o) =>
            vector.forEach((half, i) => f.set(half, v128.load(w.get, 4 * channels * o + 16 * i))),
          );
          sums.forEach((ofPixel, p) => {
            value.forEach((half, i) => f.set(half, v128.load(a.get, p * step * imageBytes + 16 * i)));
            ofPixel.forEach((sum, o) =>
              sum.forEach((half, i) => f.set(half, engine.multiplyAdd(value[i]!.get, weights[o]![i]!.get, half.get))),
            );
          });
          f.increase(a, 16 * halves);
          f.increase(w, 16 * halves);
        },
        () => i32.ne(a.get, end.get),
      );
    });
  });
  // engines pair vectors from their stores on, so the lanes are added up from memory
  const at = (p: number, o: number) => 16 * halves * (p * filters + o);
  sums.forEach((ofPixel, p) =>
    ofPixel.forEach((sum, o) => sum.forEach((half, i) => f.storeV128(place, half.get, at(p, o) + 16 * i))),
  );
  const result = f.local("i32", row.result());
  for (let p = 0; p < pixels; p++) {
    const quarters = Array.from({ length: 4 }, (_, o) => {
      const parts = Array.from({ length: halves }, (_, i) =>
        v128.load(place, at(p, Math.min(o, filters - 1)) + 16 * i),
      );
      return f.local("v128", parts.reduce(f32x4.add));
    });
    const pair = (x: number, y: number) => {
      const [low, high] = [quarters[x]!.get, quarters[y]!.get];
      return f.local("v128", f32x4.add(lanes(low, high, [0, 1, 4, 5]), lanes(low, high, [2, 3, 6, 7])));
    };
    const [first, second] = [pair(0, 1), pair(2, 3)];
    const even = lanes(first.get, second.get, [0, 2, 4, 6]);
    const total = f.local("v128", f32x4.add(even, lanes(first.get, second.get, [1, 3, 5, 7])));
    const offset = p * row.distance;
    const finished = ending.apply(total.get, { base: result.get, offset }, { base: i32.constant(0), offset: 0 });
    f.storeLanes(i32.add(output, result.get), finished, filters, offset);
  }
}

/** Lanes of a (0…3) and b (4…7) by number. */
const lanes = (a: Parameters<typeof v128.shuffle>[0], b: typeof a, numbers: readonly number[]) =>
  v128.shuffle(
    a,
    b,
    numbers.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
  );
