import { sizeOf } from "../../../core/shapes.js";
import type { ConvFilterGradientAttributes } from "../../../ops/conv.js";
import type { NodeContext } from "../../../plan/types.js";
import { f32, f32x4, type I32, i32, type Local, v128 } from "../assembler/index.js";
import { attributesOf, type Engine, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import { align } from "../layout.js";
import { forwardAxis, interiorOf, type SpatialGeometry, spatialGeometry } from "./axes.js";
import {
  depthwiseCycles,
  depthwiseRefusal,
  multiplierOf,
  readsOfTile,
  repeatedBytes,
  repeatPhase,
  vectorsPerRegister,
} from "./depthwise.js";
import { fewFiltersRefusal } from "./fewFilters.js";
import { fill } from "./padded.js";

/** Sums that are held in registers at once: taps times sets of them. */
const mostSums = 10;

/** Pixels that are summed in registers before they join the sums in memory. */
const pixelsPerBlock = 256;

/** Parts that the rows of all images are cut into at most, each with a filter's gradient of its own. */
const mostParts = 64;

/** Multiply-adds below which a part is not worth its own memory and the second phase. */
const leastPart = 1 << 17;

interface Layout {
  readonly geometry: SpatialGeometry;
  /** Channels that lie in vectors: those of the image, repeated where each has several filters. */
  readonly channels: number;
  /** Filters that all read all channels; undefined where every channel has one of its own. */
  readonly filters: number | undefined;
  readonly taps: number;
  /** Numbers of the filter. */
  readonly values: number;
  /** Rows of results of all images. */
  readonly rows: number;
  readonly rowsPerPart: number;
  readonly parts: number;
  /** Bytes of a filter's gradient, and where things lie in the scratch memory. */
  readonly filterBytes: number;
  readonly zerosAt: number;
  readonly partsAt: number;
  readonly bytes: number;
}

function layoutOf(node: NodeContext, shared: boolean): Layout {
  const attributes = attributesOf<ConvFilterGradientAttributes>(node);
  const geometry = spatialGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes);
  const filters = shared ? geometry.outputChannels : undefined;
  const channels = shared ? geometry.inputChannels : geometry.outputChannels;
  const [depth, height, width] = geometry.axes;
  const taps = sizeOf(geometry.axes.map(({ kernel }) => kernel));
  const rows = geometry.batch * depth.output * height.output;
  const values = taps * channels * (filters ?? 1);
  const wanted = Math.ceil((rows * width.output * values) / leastPart);
  const rowsPerPart = Math.ceil(rows / Math.max(1, Math.min(mostParts, wanted, rows)));
  const parts = Math.ceil(rows / rowsPerPart);
  const filterBytes = align(4 * values + 16);
  const zerosAt = isRepeated({ geometry, filters }) ? repeatedBytes(geometry) : 0;
  const partsAt = zerosAt + align(4 * width.input * channels + 64);
  const layout = { geometry, channels, filters, taps, values, rows, rowsPerPart, parts, filterBytes, zerosAt, partsAt };
  return { ...layout, bytes: partsAt + (isSummed(layout) ? parts * filterBytes : 0) };
}

/** Whether the image's channels must be repeated for their filters. */
const isRepeated = ({ geometry, filters }: Pick<Layout, "geometry" | "filters">): boolean =>
  filters === undefined && multiplierOf(geometry) > 1;

/** Whether a last phase makes the result: it adds parts, and puts several filters side by side. */
const isSummed = ({ parts, filters = 1 }: Pick<Layout, "parts" | "filters">): boolean => parts > 1 || filters > 1;

/**
 * Gradient for the filter of a depthwise convolution: a register for each tap sums image · gradient over the pixels of
 * a few rows. Rows are cut into parts, whose sums a second phase adds up. Taps above or below the image read zeros.
 */
export const depthwiseFilterGradient: WasmKernel = {
  name: "f32_conv_depthwise_filter_gradient_simd128",
  accepts(node) {
    const attributes = attributesOf<ConvFilterGradientAttributes>(node);
    return depthwiseRefusal(spatialGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes));
  },
  scratchBytes: (node) => layoutOf(node, false).bytes,
  phases: (node, engine) => phasesOf(layoutOf(node, false), engine),
};

/** The same for a few filters that read all channels: the gradient of one filter is one number for all of them. */
export const convFilterGradientFewFilters: WasmKernel = {
  name: "f32_conv_filter_gradient_few_filters_simd128",
  accepts(node, engine) {
    const attributes = attributesOf<ConvFilterGradientAttributes>(node);
    const g = spatialGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes);
    return fewFiltersRefusal(g.inputChannels, g.outputChannels, attributes.groups, engine);
  },
  scratchBytes: (node) => layoutOf(node, true).bytes,
  phases: (node, engine) => phasesOf(layoutOf(node, true), engine),
};

function phasesOf(layout: Layout, engine: Engine): Phase[] {
  const { geometry, channels, values, rows, parts } = layout;
  const zeros = geometry.axes[2].input * channels;
  const repeated = isRepeated(layout);
  const summed = isSummed(layout);
  const clear: Phase = {
    tasks: 1,
    cycles: zeros / 4,
    emit: (scope) => fill(scope, i32.add(scope.scratch, layout.zerosAt), zeros + 4),
  };
  const compute: Phase = {
    tasks: parts,
    cycles: depthwiseCycles(rows * geometry.axes[2].output * values),
    emit(scope) {
      const { f, begin, end, inputs, output, scratch } = scope;
      const part = f.local("i32");
      f.for(part, begin, end, 1, () => {
        const own = i32.add(i32.add(scratch, layout.partsAt), i32.mul(part.get, layout.filterBytes));
        const target = f.local("i32", summed ? own : output);
        fill(scope, target.get, values);
        emitPart(scope, layout, engine, part, repeated ? scratch : inputs[0]!, target.get);
      });
    },
  };
  const before = repeated ? [repeatPhase(geometry, ({ inputs }) => inputs[0]!)] : [];
  return [...before, clear, compute, ...(summed ? [sumPhase(layout)] : [])];
}

/** Vectors of the result that one task of the second phase sums. */
const vectorsPerTask = 64;

/** output[tap][channel][filter] = Σ parts[filter][tap][channel], in their order. */
function sumPhase({ taps, channels, filters = 1, parts, partsAt, filterBytes }: Layout): Phase {
  const values = taps * channels;
  const vectors = Math.floor(values / 4);
  return {
    tasks: Math.ceil(values / 4 / vectorsPerTask),
    cycles: (values * filters * parts) / 4,
    emit(scope) {
      const { f, begin, end, output, scratch } = scope;
      const vector = f.local("i32");
      const from = f.local("i32");
      const part = f.local("i32");
      const sum = f.local("v128");
      const emitVector = (lanes: number) => {
        const to = f.local("i32", i32.add(output, i32.mul(vector.get, 16 * filters)));
        for (let filter = 0; filter < filters; filter++) {
          f.set(from, i32.add(i32.add(scratch, partsAt + 4 * values * filter), i32.mul(vector.get, 16)));
          f.set(sum, f32x4.constant(0));
          f.for(part, 0, parts, 1, () => {
            f.set(sum, f32x4.add(sum.get, v128.load(from.get)));
            f.increase(from, filterBytes);
          });
          if (filters === 1) f.storeLanes(to.get, sum.get, lanes);
          else for (let i = 0; i < lanes; i++) f.storeF32(to.get, f32.lane(sum.get, i), 4 * (filters * i + filter));
        }
      };
      const last = i32.mul(end, vectorsPerTask);
      f.for(vector, i32.mul(begin, vectorsPerTask), i32.min(vectors, last), 1, () => emitVector(4));
      const rest = values % 4;
      if (rest > 0) f.if(i32.and(i32.eq(vector.get, vectors), i32.gtS(last, vectors)), () => emitVector(rest));
    },
  };
}

/** A block of taps whose sums are held at once: some rows of taps, and a stretch of taps across. */
interface TapBlock {
  readonly rows: readonly (readonly [depth: number, height: number])[];
  readonly first: number;
  readonly count: number;
}

function tapBlocks([depth, height, width]: SpatialGeometry["axes"], most: number): TapBlock[] {
  const rows = Array.from({ length: depth.kernel * height.kernel }, (_, row) => {
    return [Math.floor(row / height.kernel), row % height.kernel] as const;
  });
  const across = Math.ceil(width.kernel / Math.ceil(width.kernel / most));
  const perBlock = Math.max(1, Math.floor(most / across));
  const blocks: TapBlock[] = [];
  for (let row = 0; row < rows.length; row += perBlock) {
    for (let first = 0; first < width.kernel; first += across) {
      const count = Math.min(across, width.kernel - first);
      blocks.push({ rows: rows.slice(row, row + perBlock), first, count });
    }
  }
  return blocks;
}

function emitPart(
  scope: PhaseScope,
  layout: Layout,
  engine: Engine,
  part: Local<"i32">,
  image: I32,
  target: I32,
): void {
  const { f } = scope;
  const { geometry, channels, rows, rowsPerPart } = layout;
  const first = f.local("i32");
  const last = f.local("i32", i32.min(rows, i32.mul(i32.add(part.get, 1), rowsPerPart)));
  const end = f.local("i32");
  const block = Math.max(1, Math.floor(pixelsPerBlock / geometry.axes[2].output));
  const channel = f.local("i32");
  const filter = f.local("i32");
  const lanes = 4 * vectorsPerRegister(engine);
  const most = mostSums - (engine.relaxedSimd ? 0 : 1);
  f.for(first, i32.mul(part.get, rowsPerPart), last.get, block, () => {
    f.set(end, i32.min(last.get, i32.add(first.get, block)));
    const place = { image, target, first: first.get, end: end.get, channel: channel.get, filter: filter.get };
    const overTaps = (width: number) =>
      f.for(filter, 0, layout.filters ?? 1, 1, () => {
        for (const taps of tapBlocks(geometry.axes, most)) emitTaps(scope, layout, engine, taps, width, place);
      });
    const whole = channels - (channels % lanes);
    f.for(channel, 0, 4 * whole, 4 * lanes, () => overTaps(lanes));
    if (whole === channels) return;
    f.set(channel, i32.constant(4 * whole));
    overTaps(channels - whole);
  });
}

interface PartPlace {
  readonly image: I32;
  readonly target: I32;
  /** Rows of results that are summed, and the byte offset of the channels. */
  readonly first: I32;
  readonly end: I32;
  readonly channel: I32;
  /** Number of the filter, where all of them read all channels. */
  readonly filter: I32;
}

/** target[tap][channel] += Σ over the rows of image · gradient, for one block of taps and one of channels. */
function emitTaps(
  scope: PhaseScope,
  { geometry, channels, filters, taps: allTaps, zerosAt }: Layout,
  engine: Engine,
  taps: TapBlock,
  lanes: number,
  { image, target, first, end, channel, filter }: PartPlace,
): void {
  const { f, inputs, scratch } = scope;
  const [depth, height, width] = geometry.axes;
  const vectors = Math.ceil(lanes / 4);
  const pixelBytes = 4 * channels;
  const gradientBytes = filters === undefined ? pixelBytes : 4 * filters;
  const locals = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: vectors }, () => f.local("v128")));
  // neighbouring pixels add to different sets of sums, so that additions need not wait for each other
  const sets = Math.max(1, Math.min(4, Math.floor(mostSums / (taps.rows.length * taps.count))));
  const pixels = Math.max(2, sets);
  const sums = Array.from({ length: sets }, () => taps.rows.map(() => locals(taps.count)));
  for (const set of sums)
    for (const line of set) for (const sum of line) for (const v of sum) f.set(v, f32x4.constant(0));
  // one number for all lanes is one vector for both halves of a register
  const gradients =
    filters === undefined
      ? locals(pixels)
      : locals(pixels).map(([splat]) => new Array<Local<"v128">>(vectors).fill(splat!));
  const loadGradient = (p: number) => {
    const offset = p * gradientBytes;
    if (filters !== undefined) f.set(gradients[p]![0]!, v128.load32Splat(gradient.get, offset));
    else gradients[p]!.forEach((local, i) => f.set(local, v128.load(gradient.get, offset + 16 * i)));
  };
  const value = locals(1)[0]!;

  const row = f.local("i32");
  const x = f.local("i32");
  const starts = taps.rows.map(() => f.local("i32"));
  const pointers = taps.rows.map(() => f.local("i32"));
  const gradientRow = f.local("i32");
  const gradient = f.local("i32");
  const pixel = f.local("i32");
  const axis = forwardAxis(width);
  const interior = interiorOf(axis);

  const seek = (at: I32) => {
    f.set(gradient, i32.add(gradientRow.get, i32.mul(at, gradientBytes)));
    pointers.forEach((pointer, i) => {
      f.set(pointer, i32.add(starts[i]!.get, i32.mul(at, width.stride * pixelBytes)));
    });
  };
  /** `count` pixels, all of whose taps of the block are inside. */
  const inside = (count: number) => {
    for (let p = 0; p < count; p++) loadGradient(p);
    const reads = readsOfTile(count, width.stride, taps.count, width.dilation);
    pointers.forEach((pointer, line) => {
      for (const { at, pairs } of reads) {
        value.forEach((local, i) => f.set(local, v128.load(pointer.get, at * pixelBytes + 16 * i)));
        for (const [p, v] of pairs) {
          sums[p % sets]![line]![v]!.forEach((sum, i) =>
            f.set(sum, engine.multiplyAdd(value[i]!.get, gradients[p]![i]!.get, sum.get)),
          );
        }
      }
    });
    pointers.forEach((pointer) => {
      f.increase(pointer, count * width.stride * pixelBytes);
    });
    f.increase(gradient, count * gradientBytes);
  };
  /** One pixel, with the taps that are inside. */
  const border = () => {
    seek(x.get);
    loadGradient(0);
    for (let v = 0; v < taps.count; v++) {
      const column = i32.add(i32.mul(x.get, width.stride), (taps.first + v) * width.dilation - width.before);
      f.if(i32.ltU(column, width.input), () => {
        pointers.forEach((pointer, line) => {
          // not an immediate offset: the pointer itself may lie before the memory
          f.set(pixel, i32.add(pointer.get, v * width.dilation * pixelBytes));
          sums[0]![line]![v]!.forEach((sum, i) => {
            f.set(sum, engine.multiplyAdd(v128.load(pixel.get, 16 * i), gradients[0]![i]!.get, sum.get));
          });
        });
      });
    }
  };

  f.for(row, first, end, 1, () => {
    const ofChannel = filters === undefined ? channel : i32.mul(filter, 4);
    f.set(gradientRow, i32.add(i32.add(inputs[1]!, ofChannel), i32.mul(row.get, width.output * gradientBytes)));
    const n = i32.divU(row.get, depth.output * height.output);
    const z = i32.remU(i32.divU(row.get, height.output), depth.output);
    const y = i32.remU(row.get, height.output);
    const corner = f.local("i32", i32.mul(n, depth.input));
    const fromZ = f.local("i32", i32.sub(i32.mul(z, depth.stride), depth.before));
    const fromY = f.local("i32", i32.sub(i32.mul(y, height.stride), height.before));
    const across = (taps.first * width.dilation - width.before) * pixelBytes;
    taps.rows.forEach(([tapZ, tapY], i) => {
      const plane = i32.add(fromZ.get, tapZ * depth.dilation);
      const line = i32.add(fromY.get, tapY * height.dilation);
      const isInside = i32.and(i32.ltU(plane, depth.input), i32.ltU(line, height.input));
      const place = i32.add(i32.mul(i32.add(corner.get, plane), height.input), line);
      const address = i32.add(image, i32.mul(place, width.input * pixelBytes));
      const start = i32.select(isInside, address, i32.add(scratch, zerosAt));
      f.set(starts[i]!, i32.add(i32.add(start, channel), across));
    });
    const inner = interior.last - interior.first;
    const whole = inner - (inner % pixels);
    if (inner > 0) seek(i32.constant(interior.first));
    f.for(x, 0, whole, pixels, () => inside(pixels));
    if (inner > whole) inside(inner - whole);
    f.for(x, 0, interior.first, 1, border);
    f.for(x, interior.last, width.output, 1, border);
  });

  const total = sums.reduce((a, b) => {
    a.forEach((line, i) =>
      line.forEach((sum, v) => sum.forEach((local, k) => f.set(local, f32x4.add(local.get, b[i]![v]![k]!.get)))),
    );
    return a;
  });
  const place = (line: number, v: number) => {
    const [tapZ, tapY] = taps.rows[line]!;
    return ((tapZ * height.kernel + tapY) * width.kernel + taps.first + v) * pixelBytes;
  };
  const ofFilter = filters === undefined ? target : i32.add(target, i32.mul(filter, allTaps * pixelBytes));
  const at = f.local("i32", i32.add(ofFilter, channel));
  total.forEach((line, i) =>
    line.forEach((sum, v) =>
      sum.forEach((local, k) => f.set(local, f32x4.add(v128.load(at.get, place(i, v) + 16 * k), local.get))),
    ),
  );
  total.forEach((line, i) =>
    line.forEach((sum, v) =>
      sum.forEach((local, k) => f.storeLanes(at.get, local.get, Math.min(4, lanes - 4 * k), place(i, v) + 16 * k)),
    ),
  );
}
