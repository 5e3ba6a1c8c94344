import { effectiveSize } from "../../../ops/window.js";
import type { NodeContext } from "../../../plan/types.js";
import { i32 } from "../assembler/index.js";
import { attributesOf, type Engine, type Phase, type PhaseScope, type WasmKernel } from "../kernel.js";
import { align } from "../layout.js";
import { type Axis, backwardAxes } from "./axes.js";
import {
  type ConvolutionPass,
  emitPass,
  inStretches,
  multiplyAddsOfPass,
  rowsOfPass,
  tasksOfPass,
} from "./convolution.js";
import { fill, needsCopy, type PaddedImage, paddedBytes, paddingPhase, walkedSize } from "./padded.js";
import { panelFloats, panelPhase, wantsPanels } from "./panels.js";
import {
  type Conv2dAttributes,
  type Conv2dFilterGradientAttributes,
  type Conv2dGeometry,
  type Conv2dInputGradientAttributes,
  conv2dGeometry,
  depthOf,
} from "./planar.js";
import { Accumulators, columnTile, overwritableOperands, rowTile, tiledCycles, vectorsOf } from "./tile.js";
import { emitTransposition } from "./turn.js";

const where = "conv2d";

/** The image with its border of zeros, exactly as large as the windows reach. */
function paddedInput(g: Conv2dGeometry, attributes: Conv2dAttributes): PaddedImage {
  const { strides, padding, dilation } = attributes;
  const depth = depthOf(attributes);
  return {
    batch: g.batch,
    channels: g.inputChannels,
    sourceDepth: g.inputDepth,
    sourceHeight: g.inputHeight,
    sourceWidth: g.inputWidth,
    front: depth.padding[0],
    top: padding[0],
    left: padding[2],
    depth: (g.outputDepth - 1) * depth.stride + effectiveSize(g.kernelDepth, depth.dilation),
    height: (g.outputHeight - 1) * strides[0] + effectiveSize(g.kernelHeight, dilation[0]),
    width: (g.outputWidth - 1) * strides[1] + effectiveSize(g.kernelWidth, dilation[1]),
  };
}

/**
 * Forward convolution as an implicit matrix product: output pixels × output channels, reduced over taps and channels.
 * The filter is read as it lies (HWIO is already taps × channels by filters); the image gets its border first.
 */
export const conv2d: WasmKernel = {
  name: "f32_conv2d_implicit_simd128",
  accepts: () => true,
  scratchBytes(node) {
    const attributes = attributesOf<Conv2dAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, where);
    const image = paddedInput(g, attributes);
    return needsCopy(image) ? paddedBytes(image) : 0;
  },
  packs(node, engine) {
    const attributes = attributesOf<Conv2dAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, where);
    const bytes = panelBytes(g, attributes, engine);
    return bytes > 0 ? { input: 1, bytes } : undefined;
  },
  overwrites: overwritableOperands,
  phases(node, engine) {
    const attributes = attributesOf<Conv2dAttributes>(node);
    const { strides, dilation, groups, epilogue } = attributes;
    const depth = depthOf(attributes);
    const g = conv2dGeometry(node.inputs[0]!.shape, node.inputs[1]!.shape, attributes, where);
    const image = paddedInput(g, attributes);
    const walked = walkedSize(image);
    const panels = panelBytes(g, attributes, engine);
    const pass = inStretches({
      batch: g.batch,
      groups,
      imageDepth: walked.depth,
      imageHeight: walked.height,
      imageWidth: walked.width,
      imageChannels: g.inputChannels,
      originZ: walked.front,
      originY: walked.top,
      originX: walked.left,
      stepZ: depth.stride,
      stepY: strides[0],
      stepX: strides[1],
      tapsZ: g.kernelDepth,
      tapsY: g.kernelHeight,
      tapsX: g.kernelWidth,
      tapStepZ: depth.dilation,
      tapStepY: dilation[0],
      tapStepX: dilation[1],
      sumChannels: g.groupChannels,
      filterRowBytes: 4 * g.outputChannels,
      filterGroupBytes: (4 * g.outputChannels) / groups,
      panels: panels > 0,
      outputDepth: g.outputDepth,
      outputHeight: g.outputHeight,
      outputWidth: g.outputWidth,
      columns: g.outputChannels / groups,
      outputOrigin: 0,
      outputImageBytes: 4 * g.outputDepth * g.outputHeight * g.outputWidth * g.outputChannels,
      outputPlaneBytes: 4 * g.outputHeight * g.outputWidth * g.outputChannels,
      outputRowBytes: 4 * g.outputWidth * g.outputChannels,
      outputPixelBytes: 4 * g.outputChannels,
    });
    const copied = needsCopy(image);
    const compute: Phase = {
      tasks: tasksOfPass(pass, engine),
      cycles: tiledCycles(multiplyAddsOfPass(pass)) + 200 * rowsOfPass(pass),
      usesScratch: copied,
      emit(scope) {
        const source = copied ? scope.scratch : scope.inputs[0]!;
        emitPass(scope, pass, source, panels > 0 ? scope.packed : scope.inputs[1]!, node, epilogue);
      },
    };
    const phases: Phase[] = [];
    if (panels > 0) {
      const rows = g.kernelDepth * g.kernelHeight * g.kernelWidth * g.inputChannels;
      phases.push({
        packs: true,
        ...panelPhase(rows, g.outputChannels, 4 * g.outputChannels, engine, ({ inputs, packed }) => ({
          source: inputs[1]!,
          target: packed,
        })),
      });
    }
    if (copied) phases.push(paddingPhase(image, 0, 0));
    return [...phases, compute];
  },
};

/** Bytes of the filter in panels; 0 where it is read as it lies. */
function panelBytes(g: Conv2dGeometry, { groups }: Conv2dAttributes, engine: Engine): number {
  const rows = g.kernelDepth * g.kernelHeight * g.kernelWidth * g.groupChannels;
  if (groups !== 1 || !wantsPanels(rows, g.outputChannels, engine)) return 0;
  return align(4 * panelFloats(rows, g.outputChannels, engine));
}

/** Taps of one axis that reach the pixels of one residue of the stride, in the order of the gradient's rows. */
interface ResidueAxis {
  /** First image pixel of the residue and how many there are. */
  readonly first: number;
  readonly count: number;
  /** Taps in ascending order of the gradient pixel that they read, and the distance of those pixels. */
  readonly taps: readonly number[];
  readonly tapStep: number;
  /** Gradient pixel that the first tap reads for the first image pixel; may be negative. */
  readonly origin: number;
}

/**
 * Splits one axis by residues of the stride, within which the taps are the same for all pixels and neighbours are one
 * apart: see {@link backwardAxes}.
 */
function residues(axis: Axis): ResidueAxis[] {
  return backwardAxes(axis).map(({ first, count, taps, firstTap, weightStep, tapStep, origin }) => {
    const order = Array.from({ length: taps }, (_, i) => firstTap + i * weightStep);
    return { first, count, taps: order, tapStep, origin };
  });
}

interface InputGradientLayout {
  readonly geometry: Conv2dGeometry;
  readonly image: PaddedImage;
  readonly planes: readonly ResidueAxis[];
  readonly rows: readonly ResidueAxis[];
  readonly columns: readonly ResidueAxis[];
  /** Columns of the turned filter: channels of one group, padded to whole vectors. */
  readonly filterColumns: number;
  readonly filterBytes: number;
  readonly imageOffset: number;
}

function inputGradientLayout(node: NodeContext): InputGradientLayout {
  const attributes = attributesOf<Conv2dInputGradientAttributes>(node);
  const { strides, padding, dilation, inputShape } = attributes;
  const g = conv2dGeometry(inputShape, node.inputs[1]!.shape, attributes, where);
  const depth = depthOf(attributes);
  const planes = residues({
    ...{ input: g.inputDepth, kernel: g.kernelDepth, output: g.outputDepth },
    ...{ stride: depth.stride, dilation: depth.dilation, before: depth.padding[0] },
  });
  const rows = residues({
    ...{ input: g.inputHeight, kernel: g.kernelHeight, output: g.outputHeight },
    ...{ stride: strides[0], dilation: dilation[0], before: padding[0] },
  });
  const columns = residues({
    ...{ input: g.inputWidth, kernel: g.kernelWidth, output: g.outputWidth },
    ...{ stride: strides[1], dilation: dilation[1], before: padding[2] },
  });
  const reach = (axes: readonly ResidueAxis[], size: number) => {
    const used = axes.filter(({ taps }) => taps.length > 0);
    const first = Math.min(0, ...used.map(({ origin }) => origin));
    const last = Math.max(
      size - 1,
      ...used.map(({ origin, count, taps, tapStep }) => origin + count - 1 + (taps.length - 1) * tapStep),
    );
    return { before: -first, extent: last - first + 1 };
  };
  const deep = reach(planes, g.outputDepth);
  const vertical = reach(rows, g.outputHeight);
  const horizontal = reach(columns, g.outputWidth);
  const image: PaddedImage = {
    batch: g.batch,
    channels: g.outputChannels,
    sourceDepth: g.outputDepth,
    sourceHeight: g.outputHeight,
    sourceWidth: g.outputWidth,
    front: deep.before,
    top: vertical.before,
    left: horizontal.before,
    depth: deep.extent,
    height: vertical.extent,
    width: horizontal.extent,
  };
  const filterColumns = 4 * vectorsOf(g.groupChannels);
  const filterBytes = 4 * g.kernelDepth * g.kernelHeight * g.kernelWidth * g.outputChannels * filterColumns;
  return {
    geometry: g,
    image,
    planes,
    rows,
    columns,
    filterColumns,
    filterBytes,
    imageOffset: Math.ceil(filterBytes / 64) * 64,
  };
}

/** Every residue of the image, and the rows of the filter matrix that reach it. */
function residuesOf({ geometry, planes, rows, columns }: InputGradientLayout) {
  return planes.flatMap((deep) =>
    rows.flatMap((vertical) =>
      columns.map((horizontal) => {
        const taps = deep.taps.length * vertical.taps.length * horizontal.taps.length;
        return { deep, vertical, horizontal, rows: taps * geometry.outputChannels };
      }),
    ),
  );
}

/** Where the panels of the passes begin: after the turned filter and the gradient's copy. */
function panelsOffset({ image, imageOffset }: InputGradientLayout): number {
  return imageOffset + (needsCopy(image) ? align(paddedBytes(image)) : 0);
}

function residuePanelBytes({ geometry: g }: InputGradientLayout, rows: number, groups: number, engine: Engine): number {
  if (groups !== 1 || !wantsPanels(rows, g.groupChannels, engine)) return 0;
  return align(4 * panelFloats(rows, g.groupChannels, engine));
}

/**
 * Gradient for the image: for every residue of the stride an ordinary convolution of the output's gradient with the
 * taps that reach it, filters turned so that input channels are columns.
 */
export const conv2dInputGradient: WasmKernel = {
  name: "f32_conv2d_input_gradient_residues_simd128",
  accepts: () => true,
  scratchBytes(node, engine) {
    const layout = inputGradientLayout(node);
    const { groups } = attributesOf<Conv2dInputGradientAttributes>(node);
    const panels = residuesOf(layout).map(({ rows }) => residuePanelBytes(layout, rows, groups, engine));
    return panelsOffset(layout) + panels.reduce((sum, bytes) => sum + bytes, 0);
  },
  overwrites: overwritableOperands,
  phases(node, engine) {
    const attributes = attributesOf<Conv2dInputGradientAttributes>(node);
    const { strides, groups, epilogue } = attributes;
    const depth = depthOf(attributes);
    const layout = inputGradientLayout(node);
    const { geometry: g, image, filterColumns, imageOffset } = layout;
    const copied = needsCopy(image);
    const walked = walkedSize(image);
    const passes: { pass: ConvolutionPass; rows: number; filterOffset: number; panelOffset: number }[] = [];
    let filterOffset = 0;
    let panelOffset = panelsOffset(layout);
    for (const { deep, vertical, horizontal, rows } of residuesOf(layout)) {
      const panels = residuePanelBytes(layout, rows, groups, engine);
      const pass = inStretches({
        batch: g.batch,
        groups,
        imageDepth: walked.depth,
        imageHeight: walked.height,
        imageWidth: walked.width,
        imageChannels: g.outputChannels,
        originZ: deep.origin + (copied ? image.front : 0),
        originY: vertical.origin + (copied ? image.top : 0),
        originX: horizontal.origin + (copied ? image.left : 0),
        stepZ: 1,
        stepY: 1,
        stepX: 1,
        // a residue that one axis has no taps for has none at all
        tapsZ: rows === 0 ? 0 : deep.taps.length,
        tapsY: rows === 0 ? 0 : vertical.taps.length,
        tapsX: rows === 0 ? 0 : horizontal.taps.length,
        tapStepZ: deep.tapStep,
        tapStepY: vertical.tapStep,
        tapStepX: horizontal.tapStep,
        sumChannels: g.outputChannels / groups,
        filterRowBytes: 4 * filterColumns,
        filterGroupBytes: (4 * filterColumns * rows) / groups,
        panels: panels > 0,
        outputDepth: deep.count,
        outputHeight: vertical.count,
        outputWidth: horizontal.count,
        columns: g.groupChannels,
        outputOrigin:
          4 * ((deep.first * g.inputHeight + vertical.first) * g.inputWidth + horizontal.first) * g.inputChannels,
        outputImageBytes: 4 * g.inputDepth * g.inputHeight * g.inputWidth * g.inputChannels,
        outputPlaneBytes: 4 * depth.stride * g.inputHeight * g.inputWidth * g.inputChannels,
        outputRowBytes: 4 * strides[0] * g.inputWidth * g.inputChannels,
        outputPixelBytes: 4 * strides[1] * g.inputChannels,
      });
      passes.push({ pass, rows, filterOffset, panelOffset });
      filterOffset += 4 * filterColumns * rows;
      panelOffset += panels;
    }
    const phases: Phase[] = [turnedFilterPhase(node, layout)];
    if (copied) phases.push(paddingPhase(image, 0, imageOffset));
    for (const { pass, rows, filterOffset: from, panelOffset: to } of passes) {
      if (pass.panels) {
        phases.push(
          panelPhase(rows, g.groupChannels, 4 * filterColumns, engine, ({ scratch }) => ({
            source: i32.add(scratch, from),
            target: i32.add(scratch, to),
          })),
        );
      }
      phases.push({
        tasks: tasksOfPass(pass, engine),
        cycles: tiledCycles(multiplyAddsOfPass(pass)) + 200 * rowsOfPass(pass),
        emit(scope) {
          const source = copied ? i32.add(scope.scratch, imageOffset) : scope.inputs[0]!;
          emitPass(scope, pass, source, i32.add(scope.scratch, pass.panels ? to : from), node, epilogue);
        },
      });
    }
    return phases;
  },
};

/**
 * scratch = for each residue, for each group: [taps deep][taps down][taps across][output channels of the group][group's input
 * channels], taps in the order in which the passes read the gradient. One task per tap and residue.
 */
function turnedFilterPhase(node: NodeContext, layout: InputGradientLayout): Phase {
  const { groups } = attributesOf<Conv2dInputGradientAttributes>(node);
  const { geometry: g, filterColumns } = layout;
  const groupFilters = g.outputChannels / groups;
  const taps: { target: number; groupStride: number; source: number }[] = [];
  let block = 0;
  for (const { deep, vertical, horizontal, rows } of residuesOf(layout)) {
    const groupStride = (rows / groups) * filterColumns;
    let row = 0;
    for (const z of deep.taps) {
      for (const y of vertical.taps) {
        for (const x of horizontal.taps) {
          taps.push({
            target: 4 * (block + row * groupFilters * filterColumns),
            groupStride: 4 * groupStride,
            source: 4 * ((z * g.kernelHeight + y) * g.kernelWidth + x) * g.groupChannels * g.outputChannels,
          });
          row++;
        }
      }
    }
    block += rows * filterColumns;
  }
  return {
    tasks: taps.length,
    cycles: 2 * taps.length * g.groupChannels * g.outputChannels,
    emit(scope) {
      const { f, begin, end, inputs, scratch } = scope;
      const source = f.local("i32");
      const target = f.local("i32");
      const groupStride = f.local("i32");
      const group = f.local("i32");
      const turn = () =>
        f.for(group, 0, groups, 1, () =>
          emitTransposition(
            f,
            {
              from: i32.add(source.get, i32.mul(group.get, 4 * groupFilters)),
              rowBytes: 4 * g.outputChannels,
              rows: g.groupChannels,
              columns: groupFilters,
            },
            {
              to: i32.add(target.get, i32.mul(group.get, groupStride.get)),
              rowBytes: 4 * filterColumns,
            },
          ),
        );
      const number = f.local("i32");
      f.for(number, begin, end, 1, () => {
        taps.forEach((tap, index) => {
          f.if(i32.eq(number.get, index), () => {
            f.set(source, i32.add(inputs[1]!, tap.source));
            f.set(target, i32.add(scratch, tap.target));
            f.set(groupStride, i32.constant(tap.groupStride));
          });
        });
        turn();
      });
    },
  };
}

/** Output pixels whose products are summed in registers before they are added to the filter's gradient in memory. */
const pixelsPerBlock = 256;

/** Pixels of a row that are summed at once: all, but of rows so long that they would not stay in cache. */
function stretchOf({ outputWidth }: Conv2dGeometry): number {
  return outputWidth < 2 * pixelsPerBlock
    ? outputWidth
    : Math.ceil(outputWidth / Math.floor(outputWidth / pixelsPerBlock));
}

/**
 * Gradient for the filter: for every tap and channel pair the sum over all output pixels of image · gradient. A
 * register tile takes neighbouring (tap, input channel) rows, which lie side by side in the image, and a few output
 * channels; pixels are summed in blocks that stay in cache, each from zero, so long sums keep their accuracy.
 */
export const conv2dFilterGradient: WasmKernel = {
  name: "f32_conv2d_filter_gradient_blocked_simd128",
  accepts: () => true,
  scratchBytes(node) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const image = paddedInput(
      conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where),
      attributes,
    );
    return needsCopy(image) ? paddedBytes(image) : 0;
  },
  phases(node, engine) {
    const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
    const g = conv2dGeometry(node.inputs[0]!.shape, attributes.filterShape, attributes, where);
    const image = paddedInput(g, attributes);
    const copied = needsCopy(image);
    const rows = filterRows(g, attributes, engine);
    const pixels = g.batch * g.outputDepth * g.outputHeight * g.outputWidth;
    const taps = g.kernelDepth * g.kernelHeight * g.kernelWidth;
    const multiplyAdds = pixels * taps * g.groupChannels * g.outputChannels;
    const compute: Phase = {
      tasks: rows.runs * rows.tilesPerRun,
      cycles: tiledCycles(multiplyAdds),
      usesScratch: copied,
      emit: (scope) => emitFilterGradient(scope, node, g, image),
    };
    return copied ? [paddingPhase(image, 0, 0), compute] : [compute];
  },
};

/** Rows of the filter's gradient, [tap deep][tap down][tap across][channel] by output channels, cut into runs and row tiles. */
function filterRows(g: Conv2dGeometry, { dilation, groups }: Conv2dAttributes, engine: Engine) {
  const joined = dilation[1] === 1 && groups === 1;
  const run = joined ? g.kernelWidth * g.groupChannels : g.groupChannels;
  const runs = g.kernelDepth * g.kernelHeight * (joined ? 1 : g.kernelWidth);
  const rows = rowTile(run, g.outputChannels / groups, engine);
  return { joined, run, runs, rows, tilesPerRun: Math.ceil(run / rows) };
}

function emitFilterGradient(scope: PhaseScope, node: NodeContext, g: Conv2dGeometry, padded: PaddedImage): void {
  const { f, engine, begin, end, inputs, output } = scope;
  const attributes = attributesOf<Conv2dFilterGradientAttributes>(node);
  const { strides, dilation, groups } = attributes;
  const depth = depthOf(attributes);
  const { joined, run, rows, tilesPerRun } = filterRows(g, attributes, engine);
  const walked = walkedSize(padded);
  const image = needsCopy(padded) ? scope.scratch : inputs[0]!;
  const pixelBytes = 4 * g.inputChannels;
  const rowBytes = walked.width * pixelBytes;
  const planeBytes = walked.height * rowBytes;
  const groupColumns = g.outputChannels / groups;
  const columns = columnTile(groupColumns, engine);
  const blockRows = Math.min(g.outputHeight, Math.max(1, Math.floor(pixelsPerBlock / g.outputWidth)));

  const task = f.local("i32");
  const plane = f.local("i32");
  const y = f.local("i32");
  const x = f.local("i32");
  const lines = f.local("i32");
  const group = f.local("i32");
  const columnBytes = f.local("i32");
  const imageAt = f.local("i32");
  const gradientAt = f.local("i32");
  const targetAt = f.local("i32");
  const firstInRun = f.local("i32");

  const tile = (tileRows: number, tileColumns: number, pixels: number) => {
    const a = f.local("i32", imageAt.get);
    const b = f.local("i32", i32.add(gradientAt.get, columnBytes.get));
    const target = f.local("i32", i32.add(targetAt.get, columnBytes.get));
    const accumulators = new Accumulators(f, engine, { rows: tileRows, columns: tileColumns });
    accumulators.clear();
    const line = f.local("i32", lines.get);
    f.doWhile(
      () => {
        const left = { pointer: a, rowBytes: 4, stepBytes: strides[1] * pixelBytes };
        accumulators.accumulate(pixels, left, { pointer: b, stepBytes: 4 * g.outputChannels });
        f.increase(a, strides[0] * rowBytes - pixels * strides[1] * pixelBytes);
        f.increase(line, -1);
      },
      () => line.get,
    );
    const place = (row: number) => ({ base: target.get, offset: 4 * g.outputChannels * row });
    accumulators.addFrom(place);
    accumulators.store(place);
  };
  const overColumns = (tileRows: number, pixels: number) => {
    const full = Math.floor(groupColumns / columns) * columns;
    f.for(columnBytes, 0, 4 * full, 4 * columns, () => tile(tileRows, columns, pixels));
    if (full < groupColumns) {
      f.set(columnBytes, i32.constant(4 * full));
      tile(tileRows, groupColumns - full, pixels);
    }
  };
  /** Stretches of a row: `x` is the first pixel of each. */
  const overRow = (body: (pixels: number) => void) => {
    const pixels = stretchOf(g);
    const full = g.outputWidth - (g.outputWidth % pixels);
    f.for(x, 0, full, pixels, () => body(pixels));
    if (full === g.outputWidth) return;
    f.set(x, i32.constant(full));
    body(g.outputWidth - full);
  };
  /** Byte offset of the pixel that the task's tap reads, and the filter row of its first sum. */
  const runOf = () => i32.divU(task.get, tilesPerRun);
  const tapOffset = () => {
    const across = joined ? 1 : g.kernelWidth;
    const line = i32.divU(runOf(), across);
    const tapY = g.kernelDepth === 1 ? line : i32.remU(line, g.kernelHeight);
    const tapZ = g.kernelDepth === 1 ? i32.constant(0) : i32.divU(line, g.kernelHeight);
    const down = i32.add(i32.mul(tapZ, depth.dilation * planeBytes), i32.mul(tapY, dilation[0] * rowBytes));
    return joined ? down : i32.add(down, i32.mul(i32.remU(runOf(), across), dilation[1] * pixelBytes));
  };
  const filterRow = () => i32.add(i32.mul(runOf(), run), firstInRun.get);
  const forTasks = (body: (tileRows: number) => void) =>
    f.for(task, begin, end, 1, () => {
      f.set(firstInRun, i32.mul(i32.remU(task.get, tilesPerRun), rows));
      const rest = run % rows;
      if (rest === 0) body(rows);
      else if (run < rows) body(rest);
      else
        f.if(
          i32.leS(firstInRun.get, run - rows),
          () => body(rows),
          () => body(rest),
        );
    });

  forTasks((tileRows) => {
    f.set(targetAt, i32.add(output, i32.mul(filterRow(), 4 * g.outputChannels)));
    fill(scope, targetAt.get, tileRows * g.outputChannels);
  });
  f.for(plane, 0, g.batch * g.outputDepth, 1, () =>
    f.for(y, 0, g.outputHeight, blockRows, () => {
      f.set(lines, i32.min(blockRows, i32.sub(g.outputHeight, y.get)));
      overRow((pixels) =>
        forTasks((tileRows) =>
          f.for(group, 0, groups, 1, () => {
            const n = i32.divU(plane.get, g.outputDepth);
            const z = i32.remU(plane.get, g.outputDepth);
            const imagePlane = i32.add(i32.mul(n, walked.depth), i32.add(i32.mul(z, depth.stride), walked.front));
            const firstRow = i32.mul(
              g.outputDepth === 1 ? i32.mul(plane.get, walked.depth) : imagePlane,
              walked.height,
            );
            const row = i32.add(firstRow, i32.add(i32.mul(y.get, strides[0]), walked.top));
            const column = i32.add(i32.mul(x.get, strides[1]), walked.left);
            const pixel = i32.add(i32.mul(row, walked.width), column);
            const channel = i32.add(firstInRun.get, i32.mul(group.get, g.groupChannels));
            const inside = i32.add(tapOffset(), i32.mul(channel, 4));
            f.set(imageAt, i32.add(image, i32.add(i32.mul(pixel, pixelBytes), inside)));
            const gradientRow = i32.mul(i32.add(i32.mul(plane.get, g.outputHeight), y.get), g.outputWidth);
            const groupBytes = i32.mul(group.get, 4 * groupColumns);
            const gradientPixel = i32.mul(i32.add(gradientRow, x.get), 4 * g.outputChannels);
            f.set(gradientAt, i32.add(i32.add(inputs[1]!, gradientPixel), groupBytes));
            f.set(targetAt, i32.add(output, i32.add(i32.mul(filterRow(), 4 * g.outputChannels), groupBytes)));
            overColumns(tileRows, pixels);
          }),
        ),
      );
    }),
  );
}
