import { type Shape, sizeOf } from "../core/shapes.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Node, OpTable } from "../graph/types.js";
import { wholeNumber } from "../model/check.js";
import { emitCall } from "../model/emit.js";
import type { Reach } from "../model/layer.js";
import { countParameters, isTrained, type Network, type NetworkCall, tensorName } from "../model/network.js";
import { holdsTokens, type SymbolicTensor } from "../model/symbolic.js";
import { ops } from "../ops/index.js";
import { effectiveSize } from "../ops/window.js";

/** What one output element sees of the input along one axis, in pixels of the input. */
export interface AxisField {
  /** Pixels from the first that counts to the last, padding included. */
  readonly size: number;
  /** Pixels between the fields of neighbouring elements; 0 where each element sees everything. */
  readonly stride: number;
  /** Centre of the first element's field; the first pixel's centre is 0. */
  readonly start: number;
}

/** One row: an input, or one use of a layer. Plain JSON. */
export interface LayerSummary {
  readonly name: string;
  readonly kind: string;
  /** One example, without the batch. */
  readonly outputShape: readonly number[];
  /** Values in the layer's weights; 0 at later uses of a shared layer. */
  readonly parameters: number;
  /** Whether an earlier row counts the weights. */
  readonly shared: boolean;
  /** Multiply-add pairs of convolutions and matrix products, for one example. */
  readonly multiplyAdds: number;
  /** Memory of the output for the whole batch; 0 where it is the input's memory (flatten, reshape, dropout in use). */
  readonly activationBytes: number;
  /** Along height and width; empty where the input has no such axes. */
  readonly receptiveField: readonly AxisField[];
}

export interface NetworkSummary {
  readonly batchSize: number;
  readonly layers: readonly LayerSummary[];
  readonly parameters: number;
  readonly trainableParameters: number;
  /** For one example. */
  readonly multiplyAdds: number;
  readonly weightBytes: number;
  /** For the whole batch; inputs are not counted. */
  readonly activationBytes: number;
}

const bytesPerFloat = 4;
const table: OpTable = ops;

/** Ops whose multiply-adds are counted, as papers count them; elementwise work is left out. */
const arithmetic = new Set(["conv", "convInputGradient", "matmul", "batchMatmul"]);

/**
 * Sizes and costs of a network, layer by layer: data to print with {@link formatSummary} or as JSON.
 *
 * Receptive field of a layer with window k, stride s, dilation d and padding p over fields of size r, stride j and
 * start c: `r + d·(k − 1)·j`, `j·s`, `c + (d·(k − 1) / 2 − p)·j`. Branches join by what either sees; dense and
 * flatten see the whole input.
 *
 * Source: Araujo et al., "Computing receptive fields of convolutional neural networks", Distill 2019.
 *
 * @param options.batchSize examples that activations are counted for. Default: 1
 * @throws FoveaError "option" for a batch size that is not a whole number ≥ 1
 * @example console.log(formatSummary(summarize(mnistShallow())));
 */
export function summarize(network: Network, { batchSize = 1 }: { readonly batchSize?: number } = {}): NetworkSummary {
  wholeNumber("summary", "batchSize", batchSize);
  const fields = new Map<string, readonly AxisField[]>();
  const extents = largestExtents(network);
  const rows = network.inputs.map(({ name, shape, tensor }): LayerSummary => {
    const receptiveField = spatialExtents(tensor).map(() => ({ size: 1, stride: 1, start: 0 }));
    fields.set(name, receptiveField);
    const counts = { parameters: 0, shared: false, multiplyAdds: 0, activationBytes: 0 };
    return { name, kind: "input", outputShape: shape, ...counts, receptiveField };
  });
  for (const call of network.calls) {
    const { layer, name, use, outputShape } = call;
    const reach = layer.definition.reach(
      layer.config,
      call.inputs.map(({ shape }) => shape),
    );
    const merged = call.inputs.map((tensor) => fields.get(tensorName(network, tensor))!).reduce(mergeFields);
    const receptiveField = merged.map((field, axis) => extendField(field, reach, axis, extents[axis]!));
    fields.set(tensorName(network, call.output), receptiveField);
    const own = network.weights.filter((weight) => weight.layer === name);
    const { multiplyAdds, isAlias } = measure(call, network);
    rows.push({
      name,
      kind: layer.kind,
      outputShape,
      parameters: use === 0 ? countParameters(own) : 0,
      shared: use > 0 && own.length > 0,
      multiplyAdds,
      activationBytes: isAlias ? 0 : batchSize * sizeOf(outputShape) * bytesPerFloat,
      receptiveField,
    });
  }
  const total = (key: "multiplyAdds" | "activationBytes") => rows.reduce((sum, row) => sum + row[key], 0);
  const parameters = countParameters(network.weights);
  return {
    batchSize,
    layers: rows,
    parameters,
    trainableParameters: countParameters(network.weights.filter(isTrained)),
    multiplyAdds: total("multiplyAdds"),
    weightBytes: parameters * bytesPerFloat,
    activationBytes: total("activationBytes"),
  };
}

/** Emits one call alone, for one example, and counts. */
function measure(call: NetworkCall, network: Network): { multiplyAdds: number; isAlias: boolean } {
  const builder = new GraphBuilder();
  const inputs = call.inputs.map((tensor, i) =>
    builder.input(String(i), [1, ...tensor.shape], holdsTokens(tensor) ? "int32" : "float32"),
  );
  const weights = new Map(network.weights.map(({ name, shape }) => [name, builder.variable(name, shape)]));
  let output = emitCall(call, builder, inputs, weights, { training: false });
  const multiplyAdds = builder.nodes
    .filter(({ op }) => arithmetic.has(op))
    .reduce((sum, node) => sum + costOf(node, builder.nodes), 0);
  while (output.op === "reshape") output = builder.nodes[output.inputs[0]!]!;
  return { multiplyAdds, isAlias: inputs.includes(output) };
}

function costOf(node: Node, nodes: readonly Node[]): number {
  const inputs = node.inputs.map((id) => nodes[id]!);
  return table[node.op]!.cost(inputs, node.attributes, node).multiplyAdds;
}

/** The whole input along each spatial axis; the largest, where inputs differ. */
function largestExtents({ inputs }: Network): number[] {
  const all = inputs.map(({ tensor }) => spatialExtents(tensor));
  const axes = Math.max(...all.map((extents) => extents.length));
  return Array.from({ length: axes }, (_, axis) => Math.max(...all.map((extents) => extents[axis] ?? 1)));
}

/** All axes but the channels, which tokens do not have. */
function spatialExtents(tensor: SymbolicTensor): Shape {
  return holdsTokens(tensor) ? tensor.shape : tensor.shape.slice(0, -1);
}

function extendField(field: AxisField, reach: Reach, axis: number, extent: number): AxisField {
  if (reach === "point") return field;
  if (reach === "whole") return { size: extent, stride: 0, start: (extent - 1) / 2 };
  const { kernel, strides, dilation, padding } = reach;
  const span = effectiveSize(kernel[axis] ?? 1, dilation[axis] ?? 1) - 1;
  const before = padding[2 * axis] ?? 0;
  return {
    size: field.size + span * field.stride,
    stride: field.stride * (strides[axis] ?? 1),
    start: field.start + (span / 2 - before) * field.stride,
  };
}

/** What either branch sees. */
function mergeFields(a: readonly AxisField[], b: readonly AxisField[]): AxisField[] {
  return Array.from({ length: Math.max(a.length, b.length) }, (_, axis) => {
    const both = [a[axis], b[axis]].filter((field) => field !== undefined);
    const low = Math.min(...both.map(({ start, size }) => start - (size - 1) / 2));
    const high = Math.max(...both.map(({ start, size }) => start + (size - 1) / 2));
    return {
      size: high - low + 1,
      stride: Math.max(...both.map(({ stride }) => stride)),
      start: (low + high) / 2,
    };
  });
}

interface Column {
  readonly title: string;
  readonly cell: (row: LayerSummary) => string;
  readonly total: (summary: NetworkSummary) => string;
  readonly align: "left" | "right";
}

const columns: readonly Column[] = [
  {
    title: "Layer",
    cell: ({ name, kind }) => (name === kind || name.startsWith(`${kind}_`) ? name : `${name} (${kind})`),
    total: () => "Total",
    align: "left",
  },
  { title: "Output", cell: ({ outputShape }) => formatSizes(outputShape), total: () => "", align: "left" },
  {
    title: "Parameters",
    cell: ({ parameters, shared }) => (shared ? "shared" : formatCount(parameters)),
    total: ({ parameters }) => formatCount(parameters),
    align: "right",
  },
  {
    title: "Multiply-adds",
    cell: ({ multiplyAdds }) => formatCount(multiplyAdds),
    total: ({ multiplyAdds }) => formatCount(multiplyAdds),
    align: "right",
  },
  {
    title: "Activations",
    cell: ({ activationBytes }) => formatBytes(activationBytes),
    total: ({ activationBytes }) => formatBytes(activationBytes),
    align: "right",
  },
  {
    title: "Receptive field",
    cell: ({ receptiveField }) => formatSizes(receptiveField.map(({ size }) => size)),
    total: () => "",
    align: "right",
  },
];

const gap = "  ";
const shortestName = 12;

/**
 * A summary as a table of at most `width` columns: long names are cut, and the last columns left out where even that
 * is too wide.
 *
 * @param options.width characters of a line. Default: 100
 * @returns lines, each ended by a line feed
 */
export function formatSummary(summary: NetworkSummary, { width = 100 }: { readonly width?: number } = {}): string {
  const shown = columns.map((column) => {
    const cells = [column.title, ...summary.layers.map(column.cell), column.total(summary)];
    return { column, cells, width: Math.max(...cells.map((cell) => cell.length)) };
  });
  const lineWidth = () => shown.reduce((sum, part) => sum + part.width, (shown.length - 1) * gap.length);
  const name = shown[0]!;
  const longest = name.width;
  for (;;) {
    name.width = Math.max(Math.min(shortestName, longest), Math.min(longest, longest - (lineWidth() - width)));
    if (lineWidth() <= width || shown.length <= 3) break;
    name.width = longest;
    shown.pop();
  }
  const line = (row: number) =>
    shown
      .map(({ cells, width, column }) => {
        const text = shorten(cells[row]!, width);
        return column.align === "left" ? text.padEnd(width) : text.padStart(width);
      })
      .join(gap)
      .trimEnd();
  const rule = "─".repeat(lineWidth());
  const rows = summary.layers.map((_, i) => line(i + 1));
  const { parameters, trainableParameters, weightBytes, batchSize } = summary;
  const frozen = parameters - trainableParameters;
  const notes = [
    `Weights ${formatBytes(weightBytes)}${frozen > 0 ? `, ${formatCount(frozen)} parameters not trained` : ""}.`,
    batchSize === 1
      ? "Multiply-adds and activations are for one example."
      : `Multiply-adds are for one example, activations for ${formatCount(batchSize)}.`,
  ];
  return [line(0), rule, ...rows, rule, line(rows.length + 1), notes.join(" "), ""].join("\n");
}

function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** `14 × 14 × 10`; `–` for nothing. */
function formatSizes(sizes: readonly number[]): string {
  return sizes.length === 0 ? "–" : sizes.map(formatCount).join(" × ");
}

/** `98,820`; `–` for 0. */
function formatCount(count: number): string {
  return count === 0 ? "–" : String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

const byteUnits = ["kB", "MB", "GB", "TB"];

/** `784 B`, `7.8 kB`, `1.1 MB`: powers of 1000. */
function formatBytes(bytes: number): string {
  if (bytes === 0) return "–";
  if (bytes < 1000) return `${bytes} B`;
  let scaled = bytes / 1000;
  let unit = 0;
  // 999.95 would be written as 1000.0
  for (; scaled >= 999.95 && unit < byteUnits.length - 1; unit++) scaled /= 1000;
  return `${scaled.toFixed(1)} ${byteUnits[unit]}`;
}
