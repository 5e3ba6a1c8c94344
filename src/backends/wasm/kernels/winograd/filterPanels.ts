import { i32 } from "../../assembler/index.js";
import type { Engine, Phase, PhaseScope, WasmKernel } from "../../kernel.js";
import { fill } from "../padded.js";
import { emitProduct, overwritableOperands, tiledCycles } from "../tile.js";
import { align, directCostsLess, pointStride, refusal } from "./sizes.js";
import { emitTileTransform, emitTwoSided, patchFloats, storeEntries, temporaryFloats, tileCount } from "./tiles.js";
import {
  backwardConvolution,
  emitOutputTile,
  emitTurnedFilter,
  forwardConvolution,
  type Layout,
  layoutOf,
} from "./winograd.js";

/** Output channels come in multiples of this: what two registers of the widest engine hold. */
const columnStep = 16;

/** Bytes of transformed filters, of all output channels, at a time: they stay in a core's second-level cache. */
const stretchBytes = 768 * 1024;

/**
 * Input channels whose filters are transformed at a time. They do not depend on the number of threads, since products
 * are summed from zero over each stretch.
 */
function stretchOf({ matrices, inputs, outputs }: Layout): number {
  const most = Math.max(4, Math.floor(stretchBytes / (4 * matrices.points ** 2 * outputs)));
  return Math.ceil(inputs / Math.ceil(inputs / most));
}

/**
 * Output channels of one panel, the work of one task: as wide as threads allow, since filters lie in memory with all
 * output channels side by side, and long lines are read several times as fast as short ones.
 */
function columnsOf({ outputs }: Layout, { threads }: Engine): number {
  let best = columnStep;
  const time = (columns: number) => Math.ceil(outputs / columns / threads) * (columns + 2 * columnStep);
  for (let columns = columnStep; columns <= outputs; columns += columnStep) {
    if (outputs % columns === 0 && time(columns) <= time(best)) best = columns;
  }
  return best;
}

/** Transformed filters from this size on do not stay in a core's cache. */
const largeFilter = 2 * 1024 * 1024;

/** Most bytes that all transformed tiles may take: they are read once for each panel. */
const mostImageBytes = 8 * 1024 * 1024;

/** Where the parts of the scratch memory lie, in bytes. */
function scratchLayout(layout: Layout, turned: boolean, engine: Engine) {
  const { matrices, tiling, inputs, outputs } = layout;
  const columns = columnsOf(layout, engine);
  const squared = matrices.points ** 2;
  const tiles = tileCount(tiling);
  const image = squared * pointStride(tiles, inputs);
  const filter = turned ? 4 * align(matrices.taps ** 2 * inputs * outputs) : 0;
  const temporary = 4 * align(temporaryFloats(matrices.points));
  const patch = 4 * align(patchFloats(tiling));
  const panel = squared * pointStride(stretchOf(layout), columns);
  const products = squared * pointStride(tiles, columns);
  return { image, filter, temporary, patch, panel, products, perThread: temporary + patch + panel + products };
}

/**
 * Winograd's method for large filters and few tiles, as deep layers of classifiers have: all tiles are transformed
 * first; then filters are transformed, a stretch of input channels at a time, and multiplied while they are in cache, so
 * that transformed filters never go to memory. Each panel of output channels is a task of its own.
 */
function panelKernel(name: string, describe: typeof forwardConvolution, turned: boolean): WasmKernel {
  return {
    name,
    accepts(node, engine) {
      const { c, g, attributes } = describe(node);
      const suitable = refusal(attributes, g);
      if (suitable !== true) return suitable;
      if (c.outputs % columnStep !== 0) return "its output channels do not fill panels";
      const layout = layoutOf(c, engine);
      const squared = layout.matrices.points ** 2;
      if (4 * squared * c.inputs * c.outputs < largeFilter) return { unprofitable: "its filter stays in cache" };
      if (scratchLayout(layout, turned, engine).image > mostImageBytes) {
        return { unprofitable: "its tiles do not stay in cache" };
      }
      const tiles = tileCount(layout.tiling);
      const direct = g.batch * g.outputHeight * g.outputWidth * c.taps ** 2 * c.inputs * c.outputs;
      const products = tiledCycles(Math.max(4, tiles) * squared * c.inputs * c.outputs);
      const transforms = 0.5 * squared * c.inputs * c.outputs + 0.75 * tiles * squared * (c.inputs + c.outputs);
      return products + transforms < 0.9 * tiledCycles(direct) ? true : directCostsLess;
    },
    scratchBytes(node, engine) {
      const { image, filter, perThread } = scratchLayout(layoutOf(describe(node).c, engine), turned, engine);
      return image + filter + engine.threads * perThread;
    },
    overwrites: overwritableOperands,
    phases(node, engine) {
      const { c, attributes } = describe(node);
      const layout = layoutOf(c, engine);
      const { matrices, tiling } = layout;
      const { image } = scratchLayout(layout, turned, engine);
      const tiles = tileCount(tiling);
      const squared = matrices.points ** 2;
      const weights = c.inputs * c.outputs;
      const phases: Phase[] = [];
      if (turned) {
        phases.push({
          tasks: c.taps ** 2,
          cycles: c.taps ** 2 * weights,
          emit: (scope) => emitTurnedFilter(scope, c, i32.add(scope.scratch, image)),
        });
      }
      phases.push(
        {
          tasks: tiles,
          cycles: 0.75 * tiles * squared * c.inputs,
          emit: (scope) => emitImageTransform(scope, layout, turned),
        },
        {
          tasks: c.outputs / columnsOf(layout, engine),
          cycles: tiledCycles(tiles * squared * weights) + 0.5 * squared * weights,
          emit: (scope) => emitPanels(scope, layout, turned, node, attributes.epilogue),
        },
      );
      return phases;
    },
  };
}

export const conv2dWinogradPanels = panelKernel("f32_conv2d_winograd_panels_simd128", forwardConvolution, false);

export const conv2dInputGradientWinogradPanels = panelKernel(
  "f32_conv2d_input_gradient_winograd_panels_simd128",
  backwardConvolution,
  true,
);

function threadScratch({ f, scratch, thread, engine }: PhaseScope, layout: Layout, turned: boolean) {
  const { image, filter, temporary, patch, panel, perThread } = scratchLayout(layout, turned, engine);
  const base = f.local("i32", i32.add(i32.add(scratch, image + filter), i32.mul(thread, perThread))).get;
  return {
    temporary: base,
    patch: i32.add(base, temporary),
    panel: i32.add(base, temporary + patch),
    products: i32.add(base, temporary + patch + panel),
  };
}

/** scratch[point][tile][channel]: one task per tile. */
function emitImageTransform(scope: PhaseScope, layout: Layout, turned: boolean): void {
  const { f, begin, end, inputs, scratch } = scope;
  const { matrices, tiling } = layout;
  const own = threadScratch(scope, layout, turned);
  const tile = f.local("i32");
  f.for(tile, begin, end, 1, () =>
    emitTileTransform(scope, tiling, matrices.b, {
      image: inputs[0]!,
      index: tile.get,
      target: f.local("i32", i32.add(scratch, i32.mul(tile.get, 4 * layout.inputs))).get,
      pointBytes: pointStride(tileCount(tiling), layout.inputs),
      temporary: own.temporary,
      patch: own.patch,
    }),
  );
}

/** One task per panel of output channels: filters transformed, multiplied with all tiles; then sums transformed back. */
function emitPanels(
  scope: PhaseScope,
  layout: Layout,
  turned: boolean,
  node: Parameters<WasmKernel["phases"]>[0],
  epilogue: Parameters<typeof emitOutputTile>[3],
): void {
  const { f, begin, end, scratch, engine } = scope;
  const { matrices, tiling, inputs, outputs } = layout;
  const { points, taps } = matrices;
  const { image } = scratchLayout(layout, turned, engine);
  const columns = columnsOf(layout, engine);
  const stretch = stretchOf(layout);
  const own = threadScratch(scope, layout, turned);
  const filter = turned ? i32.add(scratch, image) : scope.inputs[1]!;
  const tiles = tileCount(tiling);
  const panelPoint = pointStride(stretch, columns);
  const productPoint = pointStride(tiles, columns);
  const tapBytes = 4 * inputs * outputs;
  const task = f.local("i32");
  const firstChannel = f.local("i32");
  const first = f.local("i32");
  const channel = f.local("i32");
  const point = f.local("i32");
  const tile = f.local("i32");
  /** Input channels `first … first + count`. */
  const multiply = (count: number) => {
    f.for(channel, 0, count, 1, () => {
      const row = i32.mul(i32.add(first.get, channel.get), 4 * outputs);
      const source = i32.add(i32.add(filter, firstChannel.get), row);
      const target = f.local("i32", i32.add(own.panel, i32.mul(channel.get, 4 * columns)));
      emitTwoSided(scope, matrices.g, {
        source: f.local("i32", source).get,
        rowBytes: i32.constant(taps * tapBytes),
        pixelBytes: tapBytes,
        channels: columns,
        temporary: own.temporary,
        store(results, line, chunk) {
          const to = f.local("i32", i32.add(target.get, i32.add(i32.mul(line, points * panelPoint), chunk)));
          storeEntries(scope, results, to.get, panelPoint);
        },
      });
    });
    const images = f.local("i32", i32.add(scratch, i32.mul(first.get, 4)));
    f.for(point, 0, points ** 2, 1, () =>
      emitProduct(scope, {
        a: f.local("i32", i32.add(images.get, i32.mul(point.get, pointStride(tiles, inputs)))).get,
        rowBytesOfA: 4 * inputs,
        stepBytesOfA: 4,
        b: f.local("i32", i32.add(own.panel, i32.mul(point.get, panelPoint))).get,
        rowBytesOfB: 4 * columns,
        target: f.local("i32", i32.add(own.products, i32.mul(point.get, productPoint))).get,
        rowBytesOfTarget: 4 * columns,
        m: tiles,
        n: columns,
        k: count,
        add: true,
      }),
    );
  };
  const whole = inputs - (inputs % stretch);
  f.for(task, begin, end, 1, () => {
    f.set(firstChannel, i32.mul(task.get, 4 * columns));
    fill(scope, own.products, (points ** 2 * productPoint) / 4);
    f.for(first, 0, whole, stretch, () => multiply(stretch));
    if (whole < inputs) {
      f.set(first, i32.constant(whole));
      multiply(inputs - whole);
    }
    f.for(tile, 0, tiles, 1, () => {
      const products = {
        source: i32.add(own.products, i32.mul(tile.get, 4 * columns)),
        pointBytes: productPoint,
        channels: columns,
        firstChannel: firstChannel.get,
        temporary: own.temporary,
      };
      emitOutputTile(scope, layout, node, epilogue, products, tile.get);
    });
  });
}
