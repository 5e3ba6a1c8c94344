import type { NodeContext } from "../../../../plan/types.js";
import { f32, f32x4, type I32, i32, type Local, v128 } from "../../assembler/index.js";
import { attributesOf, certain, type PhaseScope, type WasmKernel } from "../../kernel.js";
import { fill } from "../padded.js";
import { type Conv2dFilterGradientAttributes, type Conv2dGeometry, conv2dGeometry } from "../planar.js";
import { tiledCycles } from "../tile.js";
import {
  acceptance,
  type Band,
  bandCycles,
  bandOf,
  clearBand,
  columnBytes,
  emitBand,
  fillVectors,
  filtersOf,
  lanes,
  pair,
  registers,
  set,
  type Vector,
} from "./band.js";

/**
 * The filter's gradient where an image of one channel has few filters: the first eight filters fill the lanes of a
 * vector; those beside them have one each whose lanes are neighbouring taps. Each task sums some bands of the image
 * into a partial gradient of its own, [taps][8] and then [tap down][filter][8]; the last phase adds these up.
 */
interface Layout {
  readonly geometry: Conv2dGeometry;
  readonly attributes: Conv2dFilterGradientAttributes;
  readonly band: Band;
  /** Vectors of eight filters (0 or 1), and filters beside them. */
  readonly vectors: number;
  readonly rest: number;
  readonly bands: number;
  readonly partials: number;
  /** Bytes of the partial gradient's first part, and of all of it. */
  readonly tapBytes: number;
  readonly partialBytes: number;
}

const mostPartials = 16;

/** How such a gradient is laid out, or why it is none. */
function layoutOf(node: NodeContext): Layout | string {
  const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
  const geometry = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, "conv2d");
  const { kernelHeight, kernelWidth, batch } = geometry;
  const filters = filtersOf(geometry, attributes);
  if (typeof filters === "string") return filters;
  const { vectors, rest } = filters;
  if (kernelWidth > lanes) return `more than ${lanes} taps side by side`;
  if (vectors > 1) return fillVectors(geometry);
  const band = bandOf(geometry, attributes, 1);
  const bands = batch * band.perImage;
  const tapBytes = 4 * lanes * vectors * kernelHeight * kernelWidth;
  const partialBytes = tapBytes + 4 * lanes * rest * kernelHeight;
  const partials = Math.min(mostPartials, bands);
  return { geometry, attributes, band, vectors, rest, bands, partials, tapBytes, partialBytes };
}

export const conv2dFilterGradientNarrow: WasmKernel = {
  name: "f32_conv2d_filter_gradient_narrow_simd128",
  accepts: (node, engine) => acceptance(layoutOf(node), engine),
  scratchBytes(node, engine) {
    const { band, partials, partialBytes } = certain(layoutOf(node));
    return partials * partialBytes + engine.threads * band.bytes;
  },
  phases(node) {
    const layout = certain(layoutOf(node));
    const { geometry: g, band, partials, partialBytes } = layout;
    const pixels = g.batch * g.outputHeight * g.outputWidth;
    return [
      {
        tasks: partials,
        cycles: tiledCycles(pixels * g.kernelHeight * g.kernelWidth * g.outputChannels) + bandCycles(band),
        emit: (scope) => emitPartials(scope, layout),
      },
      { tasks: 1, cycles: (partials * partialBytes) / 16, emit: (scope) => emitTotal(scope, layout) },
    ];
  },
};

function emitPartials(scope: PhaseScope, layout: Layout): void {
  const { f, begin, end, scratch, thread } = scope;
  const { geometry: g, band, vectors, rest, bands, partials, tapBytes, partialBytes } = layout;
  const copy = f.local("i32", i32.add(scratch, i32.add(i32.mul(thread, band.bytes), partials * partialBytes)));
  const task = f.local("i32");
  const number = f.local("i32");
  const partial = f.local("i32");
  // taps down whose sums fit into the registers beside the gradient of two pixels, or the image's taps
  const downFilters = Math.max(1, Math.floor(10 / g.kernelWidth));
  const downRest = Math.max(1, Math.floor((registers - 1 - rest) / rest));
  clearBand(scope, band, copy);
  f.for(task, begin, end, 1, () => {
    f.set(partial, i32.add(scratch, i32.mul(task.get, partialBytes)));
    fill(scope, partial.get, partialBytes / 4);
    // one local for all stores: the engine joins those of one base alone
    const partialRest = f.local("i32", i32.add(partial.get, tapBytes));
    const last = f.local("i32", i32.divU(i32.mul(i32.add(task.get, 1), bands), partials));
    f.for(number, i32.divU(i32.mul(task.get, bands), partials), last.get, 1, () =>
      emitBand(scope, band, number.get, copy, (n, first, behind) => {
        const place = { copy, n, first, behind };
        for (let down = 0; down < g.kernelHeight && vectors > 0; down += downFilters) {
          const taps = Math.min(downFilters, g.kernelHeight - down);
          emitFilters(scope, layout, { ...place, partial: partial.get }, down, taps);
        }
        for (let down = 0; down < g.kernelHeight; down += downRest) {
          const taps = Math.min(downRest, g.kernelHeight - down);
          emitRest(scope, layout, { ...place, partial: partialRest.get }, down, taps);
        }
      }),
    );
  });
}

interface Place {
  readonly copy: Local<"i32">;
  readonly n: I32;
  readonly first: I32;
  readonly behind: I32;
  readonly partial: I32;
}

/** Walks the band's pixels, `step` at a time and the rest of a row one by one. */
function overPixels(
  scope: PhaseScope,
  { geometry: g, attributes, band }: Layout,
  { copy, n, first, behind }: Place,
  step: number,
  body: (image: I32, gradient: I32, pixels: number) => void,
): void {
  const { f, inputs } = scope;
  const [y, x] = [f.local("i32"), f.local("i32")];
  const image = f.local("i32");
  const firstPixel = i32.mul(i32.add(i32.mul(n, g.outputHeight), first), g.outputWidth);
  const gradient = f.local("i32", i32.add(inputs[1]!, i32.mul(firstPixel, 4 * g.outputChannels)));
  const pixels = (count: number) => {
    body(image.get, gradient.get, count);
    f.increase(image, 4 * count * attributes.strides[1]);
    f.increase(gradient, 4 * count * g.outputChannels);
  };
  f.for(y, first, behind, 1, () => {
    f.set(image, i32.add(copy.get, i32.mul(i32.sub(y.get, first), attributes.strides[0] * band.rowBytes)));
    f.for(x, 0, Math.floor(g.outputWidth / step), 1, () => pixels(step));
    if (g.outputWidth % step > 0) pixels(g.outputWidth % step);
  });
}

/** Adds sums to the partial gradient. */
function addTo(f: PhaseScope["f"], partial: I32, sums: readonly (readonly [Vector, number])[]): void {
  for (const [sum, at] of sums) {
    set(f, sum, (half) => f32x4.add(sum[half]!.get, v128.load(partial, at + 16 * half)));
  }
  for (const [sum, at] of sums) sum.forEach((part, half) => f.storeV128(partial, part.get, at + 16 * half));
}

/** The eight filters, two pixels at a time: a column that two taps read is loaded once for both. */
function emitFilters(scope: PhaseScope, layout: Layout, place: Place, down: number, taps: number): void {
  const { f, engine } = scope;
  const { geometry: g, attributes, band } = layout;
  const stride = attributes.strides[1];
  const sums = Array.from({ length: taps }, () => Array.from({ length: g.kernelWidth }, () => pair(f)));
  const gradients = [pair(f), pair(f)];
  const splat = f.local("v128");
  for (const sum of sums.flat()) set(f, sum, () => f32x4.constant(0));
  overPixels(scope, layout, place, 2, (image, gradient, pixels) => {
    const own = gradients.slice(0, pixels);
    own.forEach((vector, p) => set(f, vector, (half) => v128.load(gradient, 4 * p * g.outputChannels + 16 * half)));
    sums.forEach((row, j) => {
      for (let column = 0; column < g.kernelWidth + (pixels - 1) * stride; column++) {
        const readers = own.flatMap((vector, p) => {
          const sum = row[column - p * stride];
          return sum === undefined ? [] : [{ vector, sum }];
        });
        if (readers.length === 0) continue;
        const rowAt = (down + j) * attributes.dilation[0] * band.rowBytes;
        f.set(splat, v128.load32Splat(image, rowAt + columnBytes(band, column)));
        for (const { vector, sum } of readers) {
          set(f, sum, (half) => engine.multiplyAdd(splat.get, vector[half]!.get, sum[half]!.get));
        }
      }
    });
  });
  addTo(
    f,
    place.partial,
    sums.flatMap((row, j) => row.map((sum, i) => [sum, 4 * lanes * ((down + j) * g.kernelWidth + i)] as const)),
  );
}

/** The filters beside them: lanes are neighbouring taps, of which those behind the last are not used. */
function emitRest(scope: PhaseScope, layout: Layout, place: Place, down: number, taps: number): void {
  const { f, engine } = scope;
  const { attributes, band, vectors, rest } = layout;
  const sums = Array.from({ length: taps }, () => Array.from({ length: rest }, () => pair(f)));
  const splats = Array.from({ length: rest }, () => f.local("v128"));
  const image8 = pair(f);
  for (const sum of sums.flat()) set(f, sum, () => f32x4.constant(0));
  overPixels(scope, layout, place, 1, (image, gradient) => {
    splats.forEach((splat, i) => f.set(splat, v128.load32Splat(gradient, 4 * (lanes * vectors + i))));
    sums.forEach((row, j) => {
      const rowAt = (down + j) * attributes.dilation[0] * band.rowBytes;
      set(f, image8, (half) => v128.load(image, rowAt + 16 * half));
      row.forEach((sum, i) =>
        set(f, sum, (half) => engine.multiplyAdd(image8[half]!.get, splats[i]!.get, sum[half]!.get)),
      );
    });
  });
  addTo(
    f,
    place.partial,
    sums.flatMap((row, j) => row.map((sum, i) => [sum, 4 * lanes * ((down + j) * rest + i)] as const)),
  );
}

/** Adds the partial gradients up, the first first, and sorts the sums into the filter's order. */
function emitTotal(scope: PhaseScope, layout: Layout): void {
  const { f, scratch, output } = scope;
  const { geometry: g, vectors, rest, partials, tapBytes, partialBytes } = layout;
  const at = f.local("i32", scratch);
  const number = f.local("i32");
  const other = f.local("i32");
  const sum = pair(f);
  const end = f.local("i32", i32.add(scratch, partialBytes));
  f.doWhile(
    () => {
      set(f, sum, (half) => v128.load(at.get, 16 * half));
      f.set(other, at.get);
      f.for(number, 1, partials, 1, () => {
        f.increase(other, partialBytes);
        set(f, sum, (half) => f32x4.add(sum[half]!.get, v128.load(other.get, 16 * half)));
      });
      sum.forEach((part, half) => f.storeV128(at.get, part.get, 16 * half));
      f.increase(at, 4 * lanes);
    },
    () => i32.ne(at.get, end.get),
  );
  const [down, across] = [f.local("i32"), f.local("i32")];
  const filter = f.local("i32", output);
  const first = f.local("i32", scratch);
  f.for(down, 0, g.kernelHeight, 1, () =>
    f.for(across, 0, g.kernelWidth, 1, () => {
      for (let i = 0; i < 8 * vectors; i += 4) f.storeV128(filter.get, v128.load(first.get, 4 * i), 4 * i);
      const last = f.local(
        "i32",
        i32.add(scratch, i32.add(i32.mul(down.get, 4 * lanes * rest), i32.mul(across.get, 4))),
      );
      for (let i = 0; i < rest; i++) {
        const value = f32.load(last.get, tapBytes + 4 * lanes * i);
        f.storeF32(filter.get, value, 4 * (lanes * vectors + i));
      }
      f.increase(first, 4 * lanes * vectors);
      f.increase(filter, 4 * g.outputChannels);
    }),
  );
}
