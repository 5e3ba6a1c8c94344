import { fail } from "../../core/errors.js";
import { type LayerSummary, summarize } from "../../inspect/summary.js";
import type { ReachedWindow } from "../../model/layer.js";
import type { TransposedConfig } from "../../model/layers/transposed.js";
import { type NetworkCall, sequentialNetwork } from "../../model/network.js";
import { input } from "../../model/symbolic.js";
import { effectiveSize } from "../../ops/window.js";
import { parseChain, parseShape } from "../../signal/chain.js";
import { formatBytes, formatCount, formatTable } from "../format.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";
import { findNetwork } from "../network.js";

export interface ArithmeticOptions {
  readonly input?: string;
  readonly batch: number;
  readonly json?: boolean;
}

/** A layer's sizes and costs, and how its window meets the edges. */
interface Row extends LayerSummary {
  /** The word of the chain; undefined for a network's layers. */
  readonly word?: string;
  /** [before, after] of each axis, in pixels; empty where nothing slides. */
  readonly padding: readonly (readonly [number, number])[];
  /** Pixels at the end of each axis that no window reaches. */
  readonly unseen: readonly number[];
}

/** Sizes, receptive fields and costs of a chain of layers in short notation, or of a network that there is. */
export async function arithmetic(what: readonly string[], options: ArithmeticOptions, io: Io): Promise<number> {
  const { title, network, words } = await networkOf(what, options.input);
  const { layers, ...totals } = summarize(network, { batchSize: options.batch });
  const rows = layers.map((layer, position): Row => {
    const call = network.calls[position - network.inputs.length];
    const word = words?.[position - 1];
    const edges = call === undefined ? noEdges : edgesOf(call);
    return { ...(word === undefined ? {} : { word }), ...layer, ...edges };
  });
  if (options.json === true) {
    printJson(io, { event: "arithmetic", name: title, ...totals, layers: rows });
    return exitCodes.ok;
  }
  const inner = rows.map((row) => [
    row.word ?? row.name,
    row.outputShape.map(formatCount).join(" × "),
    perAxis(row.padding.map(([before, after]) => (before === after ? `${before}` : `${before}+${after}`))),
    perAxis(row.receptiveField.map(({ size }) => formatNumber(size))),
    perAxis(row.receptiveField.map(({ stride }) => formatNumber(stride))),
    perAxis(row.receptiveField.map(({ start }) => formatNumber(start))),
    row.shared ? "shared" : orDash(row.parameters, formatCount),
    orDash(row.multiplyAdds, formatCount),
    orDash(row.activationBytes, formatBytes),
  ]);
  const { parameters, multiplyAdds, activationBytes, weightBytes } = totals;
  const sums = [formatCount(parameters), formatCount(multiplyAdds), formatBytes(activationBytes)];
  const [head, ...lines] = formatTable(titles, [...inner, ["Total", "", "", "", "", "", ...sums]]);
  const rule = "─".repeat(Math.max(...[head!, ...lines].map((line) => line.length)));
  printLine(io.stdout, title);
  printLine(io.stdout);
  for (const line of [head!, rule, ...lines.slice(0, -1), rule, lines.at(-1)!]) printLine(io.stdout, line);
  const { batch } = options;
  const counted =
    batch === 1
      ? "Multiply-adds and memory are for one example."
      : `Multiply-adds are for one example, memory for ${formatCount(batch)}.`;
  printLine(io.stdout, `Weights ${formatBytes(weightBytes)}. ${counted}`);
  for (const row of rows) {
    if (row.unseen.some((pixels) => pixels > 0)) printLine(io.stdout, unseenNote(row));
  }
  return exitCodes.ok;
}

const titles = ["Layer", "Output", ">Padding", ">Field", ">Jump", ">Start", ">Parameters", ">Multiply-adds", ">Memory"];

async function networkOf(what: readonly string[], shape: string | undefined) {
  const words = what.flatMap((text) => text.split(/\s+/)).filter((word) => word !== "");
  if (shape !== undefined) {
    const extents = parseShape(shape);
    const network = sequentialNetwork(input(extents), ...parseChain(extents, words));
    return { title: `${shape} ${words.join(" ")}`, network, words };
  }
  const [name] = what;
  if (name === undefined || what.length > 1 || /:|\s/.test(name)) {
    fail({
      code: "usage",
      where: "arithmetic",
      problem: name === undefined ? "there is nothing to compute" : "a chain of layers needs its input",
      expected: "--input and layers, or the name of one network",
      fix: "Write for instance: fovea arithmetic --input 227x227x3 conv:11,s4,f96 pool:3,s2",
    });
  }
  return { ...(await findNetwork(name, "arithmetic")), words: undefined };
}

type Edges = Pick<Row, "padding" | "unseen">;
const noEdges: Edges = { padding: [], unseen: [] };

/** Padding of a layer's window, and what it leaves over: (W − F + P) is not always a multiple of the stride. */
function edgesOf({ layer, inputs, outputShape }: NetworkCall): Edges {
  const shape = inputs[0]!.shape;
  const reach = layer.definition.reach(layer.config, [shape]);
  if (reach === "point" || reach === "whole") return noEdges;
  if (layer.kind.startsWith("convTranspose")) {
    return { padding: croppingOf(layer.config as TransposedConfig, shape, outputShape, reach), unseen: [] };
  }
  const { kernel, strides, dilation, padding } = reach;
  if (!strides.every(Number.isInteger)) return noEdges;
  const unseen = kernel.map((taps, axis) => {
    const used = (outputShape[axis]! - 1) * strides[axis]! + effectiveSize(taps, dilation[axis]!);
    const beyond = shape[axis]! + padding[2 * axis]! - used;
    return Math.min(shape[axis]!, Math.max(0, beyond));
  });
  return { padding: kernel.map((_, axis) => [padding[2 * axis]!, padding[2 * axis + 1]!]), unseen };
}

/** What a transposed convolution takes off the ends of `(W − 1)·S + F`; less than nothing where it adds there. */
function croppingOf(
  { kernelSize, strides, dilation }: TransposedConfig,
  input: readonly number[],
  output: readonly number[],
  { kernel, padding }: ReachedWindow,
): Row["padding"] {
  return kernelSize.map((taps, axis) => {
    const [stride, size] = [strides[axis]!, effectiveSize(taps, dilation[axis]!)];
    // the first output's field is centred at (before − (size − 1) / 2) / stride
    const centre = (kernel[axis]! - 1) / 2 - padding[2 * axis]!;
    const before = Math.round(centre * stride + (size - 1) / 2);
    return [before, (input[axis]! - 1) * stride + size - output[axis]! - before];
  });
}

function unseenNote({ word, name, unseen }: Row): string {
  return `${word ?? name}: no window reaches the last ${perAxis(unseen.map(String))} of its input's pixels.`;
}

/** `3` where all axes agree, otherwise `3 × 1`; `–` for none. */
function perAxis(texts: readonly string[]): string {
  if (texts.length === 0) return "–";
  return texts.every((text) => text === texts[0]) ? texts[0]! : texts.join(" × ");
}

/** At most three decimals: transposed convolutions have jumps of ⅓ of a pixel. */
function formatNumber(value: number): string {
  return String(Number(value.toFixed(3)));
}

function orDash(value: number, format: (value: number) => string): string {
  return value === 0 ? "–" : format(value);
}
