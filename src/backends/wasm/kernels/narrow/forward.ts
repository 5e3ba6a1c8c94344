import { sizeOf } from "../../../../core/shapes.js";
import { epilogueInputs } from "../../../../ops/epilogue.js";
import type { NodeContext } from "../../../../plan/types.js";
import { f32, f32x4, i32, type Local, type V128, v128 } from "../../assembler/index.js";
import { attributesOf, certain, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { align } from "../../layout.js";
import { type Conv2dAttributes, type Conv2dGeometry, conv2dGeometry } from "../planar.js";
import { EpilogueEmitter, tiledCycles } from "../tile.js";
import {
  acceptance,
  type Band,
  bandCycles,
  bandOf,
  clearBand,
  columnBytes,
  emitBand,
  filtersOf,
  lanes,
  pair,
  registers,
  set,
} from "./band.js";

/**
 * Convolutions of an image of one channel with so few filters that they would leave most lanes of a second vector
 * empty: of ten filters, the lanes of one vector hold eight; the other two have a vector each whose lanes are eight
 * neighbouring pixels. For that a band of the image is copied with the columns of one residue of the stride side by
 * side. And since several taps read one pixel of the image, its splat is loaded once for all of them.
 */
interface Layout {
  readonly geometry: Conv2dGeometry;
  readonly attributes: Conv2dAttributes;
  readonly band: Band;
  /** Vectors of eight filters, and filters beside them. */
  readonly vectors: number;
  readonly rest: number;
  /** Output pixels of one tile. */
  readonly pixels: number;
  /** Bytes of a thread's copy and, behind it, of the last filters' sums, which are sorted by pixels there. */
  readonly bytes: number;
}

/** How such a convolution is laid out, or why it is none. */
function layoutOf(node: NodeContext): Layout | string {
  const attributes = attributesOf<Conv2dAttributes>(node);
  const geometry = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, "conv2d");
  const { outputChannels, kernelWidth, outputWidth } = geometry;
  const stride = attributes.strides[1];
  const filters = filtersOf(geometry, attributes);
  if (typeof filters === "string") return filters;
  const { vectors, rest } = filters;
  if (epilogueInputs(node.inputs, 2).some(({ shape }) => sizeOf(shape) > outputChannels)) {
    return "the epilogue reads a number for each result";
  }
  const weights = vectors * Math.ceil(kernelWidth / stride);
  const fits = (pixels: number) => pixels * vectors + 2 * rest + weights + 1 <= registers;
  const most = [8, 7, 6, 5, 4].find(fits);
  if (most === undefined) return "too many taps or filters for the registers";
  const pixels = Math.ceil(outputWidth / Math.ceil(outputWidth / most));
  const band = bandOf(geometry, attributes, stride);
  return { geometry, attributes, band, vectors, rest, pixels, bytes: band.bytes + align(4 * lanes * rest) };
}

export const conv2dNarrow: WasmKernel = {
  name: "f32_conv2d_narrow_simd128",
  accepts: (node, engine) => acceptance(layoutOf(node), engine),
  scratchBytes: (node, engine) => engine.threads * certain(layoutOf(node)).bytes,
  phases(node) {
    const layout = certain(layoutOf(node));
    const { geometry: g, band } = layout;
    const pixels = g.batch * g.outputHeight * g.outputWidth;
    const multiplyAdds = pixels * g.kernelHeight * g.kernelWidth * g.outputChannels;
    return [
      {
        tasks: g.batch * band.perImage,
        cycles: tiledCycles(multiplyAdds) + 8 * pixels + bandCycles(band),
        emit: (scope) => emitBands(scope, node, layout),
      },
    ];
  },
};

function emitBands(scope: PhaseScope, node: NodeContext, layout: Layout): void {
  const { f, begin, end } = scope;
  const { geometry: g, attributes, band, pixels } = layout;
  const own = f.local("i32", i32.add(scope.scratch, i32.mul(scope.thread, layout.bytes)));
  const task = f.local("i32");
  const image = f.local("i32");
  const result = f.local("i32");
  const [x, y] = [f.local("i32"), f.local("i32")];
  const tile = (count: number) => {
    emitTile(scope, node, layout, { own, image, result }, count);
    f.increase(image, 4 * count);
    f.increase(result, 4 * g.outputChannels * count);
  };
  clearBand(scope, band, own);
  f.for(task, begin, end, 1, () =>
    emitBand(scope, band, task.get, own, (n, first, behind) =>
      f.for(y, first, behind, 1, () => {
        const row = i32.mul(i32.sub(y.get, first), attributes.strides[0] * band.rowBytes);
        f.set(image, i32.add(own.get, row));
        f.set(result, i32.mul(i32.add(i32.mul(n, g.outputHeight), y.get), 4 * g.outputWidth * g.outputChannels));
        f.for(x, 0, Math.floor(g.outputWidth / pixels), 1, () => tile(pixels));
        if (g.outputWidth % pixels > 0) tile(g.outputWidth % pixels);
      }),
    ),
  );
}

/** Neighbouring output pixels of one row, all filters of each. */
function emitTile(
  scope: PhaseScope,
  node: NodeContext,
  layout: Layout,
  place: { own: Local<"i32">; image: Local<"i32">; result: Local<"i32"> },
  pixels: number,
): void {
  const { f, engine, inputs, output } = scope;
  const { result } = place;
  const { geometry: g, attributes, band, vectors, rest } = layout;
  const stride = attributes.strides[1];
  const sums = Array.from({ length: pixels }, () => Array.from({ length: vectors }, () => pair(f)));
  const last = Array.from({ length: rest }, () => Array.from({ length: 2 }, () => pair(f)));
  for (const sum of [...sums.flat(), ...last.flat()]) set(f, sum, () => f32x4.constant(0));

  const image = f.local("i32", place.image.get);
  const filter = f.local("i32", inputs[1]!);
  const tapsEnd = f.local("i32", i32.add(filter.get, 4 * g.kernelHeight * g.kernelWidth * g.outputChannels));
  const splat = f.local("v128");
  const taps = Array.from({ length: g.kernelWidth }, (_, tap) => tap);
  const weights = taps.map(() => Array.from({ length: vectors }, () => pair(f)));
  const pixel = pair(f);
  f.doWhile(
    () => {
      for (let residue = 0; residue < stride && vectors > 0; residue++) {
        const own = taps.filter((tap) => tap % stride === residue);
        for (const tap of own) {
          weights[tap]!.forEach((vector, j) =>
            set(f, vector, (half) => v128.load(filter.get, 4 * (tap * g.outputChannels + lanes * j + 4 * half))),
          );
        }
        const columns = pixels + Math.ceil((g.kernelWidth - residue) / stride) - 1;
        for (let column = 0; column < columns; column++) {
          const readers = own.filter((tap) => {
            const p = column - Math.floor(tap / stride);
            return p >= 0 && p < pixels;
          });
          if (readers.length === 0) continue;
          f.set(splat, v128.load32Splat(image.get, columnBytes(band, stride * column + residue)));
          for (const tap of readers) {
            sums[column - Math.floor(tap / stride)]!.forEach((sum, j) =>
              set(f, sum, (half) => engine.multiplyAdd(splat.get, weights[tap]![j]![half]!.get, sum[half]!.get)),
            );
          }
        }
      }
      for (const tap of taps) {
        set(f, pixel, (half) => v128.load(image.get, columnBytes(band, 4 * half * stride + tap)));
        last.forEach((parts, i) => {
          const sum = parts[tap % 2]!;
          f.set(splat, v128.load32Splat(filter.get, 4 * (tap * g.outputChannels + lanes * vectors + i)));
          set(f, sum, (half) => engine.multiplyAdd(pixel[half]!.get, splat.get, sum[half]!.get));
        });
      }
      f.increase(image, attributes.dilation[0] * band.rowBytes);
      f.increase(filter, 4 * g.kernelWidth * g.outputChannels);
    },
    () => i32.ne(filter.get, tapsEnd.get),
  );

  const ending = new EpilogueEmitter(scope, attributes.epilogue, node);
  const target = f.local("i32", i32.add(output, result.get));
  const own = f.local("i32", i32.add(place.own.get, band.bytes));
  const finish = (value: V128, p: number, channel: number) =>
    ending.apply(
      value,
      { base: result.get, offset: 4 * (p * g.outputChannels + channel) },
      { base: i32.constant(0), offset: 4 * channel },
    );
  sums.forEach((row, p) =>
    row.forEach((sum, j) => set(f, sum, (half) => finish(sum[half]!.get, p, lanes * j + 4 * half))),
  );
  sums.forEach((row, p) =>
    row.forEach((sum, j) =>
      sum.forEach((part, half) => f.storeV128(target.get, part.get, 4 * (p * g.outputChannels + lanes * j + 4 * half))),
    ),
  );
  // the last filters' vectors are turned into pixels by way of memory
  for (let i = 0; i < rest; i++) {
    const [even, odd] = last[i]!;
    set(f, even!, (half) =>
      ending.applyToPixels(f32x4.add(even![half]!.get, odd![half]!.get), 4 * (lanes * vectors + i)),
    );
  }
  last.forEach(([sum], i) => sum!.forEach((part, half) => f.storeV128(own.get, part.get, 4 * (lanes * i + 4 * half))));
  const rows = [f.local("v128"), f.local("v128")];
  const at = (p: number) => 4 * (p * g.outputChannels + lanes * vectors);
  if (rest === 2) {
    for (let p = 0; p < pixels; p += 2) {
      if (p % 4 === 0) rows.forEach((row, i) => f.set(row, v128.load(own.get, 4 * (lanes * i + p))));
      const [first, second] = rows as [Local<"v128">, Local<"v128">];
      f.set(splat, v128.shuffle(first.get, second.get, p % 4 === 0 ? lowPairs : highPairs));
      for (let i = 0; i < Math.min(2, pixels - p); i++) f.storePair(target.get, splat.get, i, at(p + i));
    }
    return;
  }
  for (let p = 0; p < pixels; p++) {
    for (let i = 0; i < rest; i++) f.storeF32(target.get, f32.load(own.get, 4 * (lanes * i + p)), at(p) + 4 * i);
  }
}

/** Lanes of two vectors in turn, the first two of each and the last two. */
const [lowPairs, highPairs] = [0, 8].map((first) =>
  Array.from({ length: 16 }, (_, i) => first + 16 * ((i >> 2) & 1) + 4 * (i >> 3) + (i & 3)),
) as [number[], number[]];
