import { didYouMean, FoveaError, fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { extents } from "../model/check.js";
import { createLayer, type Layer } from "../model/layer.js";
import { layerKinds } from "../model/layers/index.js";
import { input, type SymbolicTensor } from "../model/symbolic.js";
import { effectiveSize, outputExtent, resolvePadding } from "../ops/window.js";

export interface OutputSizeOptions {
  /** Pixels between windows. Default: 1. */
  readonly stride?: number;
  /** Pixels of padding: at each end, [before, after], or a layer's rule. Default: 0. */
  readonly padding?: number | readonly [number, number] | "same" | "valid" | "full" | "causal";
  /** Pixels between taps. Default: 1. */
  readonly dilation?: number;
}

/**
 * How many places a window of `kernel` taps has along one axis: `⌊(size + before + after − effective) / stride⌋ + 1`
 * with `effective = dilation · (kernel − 1) + 1`; 0 where it does not fit once. Convolution and pooling alike.
 *
 * @param size pixels of the input
 * @param kernel taps of the window
 * @example outputSize(227, 11, { stride: 4 }); // 55
 * @example outputSize(256, 3, { stride: 2, padding: 1 }); // 128
 */
export function outputSize(size: number, kernel: number, options: OutputSizeOptions = {}): number {
  const { stride = 1, padding = 0, dilation = 1 } = options;
  extents("outputSize", "size, kernel, stride or dilation", [size, kernel, stride, dilation]);
  const effective = effectiveSize(kernel, dilation);
  const [before, after] = resolvePadding(padding, [size], [effective], [stride]);
  return Math.max(0, outputExtent(size, effective, stride, before!, after!));
}

/** One option of the notation: what the layer calls it, and how its value is read. */
interface Option {
  readonly name: string;
  readonly about: string;
  /** Undefined where the text is no such value. */
  readonly read: (text: string) => unknown;
}

const size = (text: string) => (/^\d+(x\d+){0,2}$/.test(text) ? oneOrList(text.split("x").map(Number)) : undefined);
const whole = (text: string) => (/^\d+$/.test(text) ? Number(text) : undefined);
const oneOrList = (values: readonly number[]) => (values.length === 1 ? values[0]! : values);

/** Options that a letter begins: `s2`, `s2x1`, `p1`, `psame`. */
const lettered: Readonly<Record<string, Option>> = {
  f: { name: "filters", about: "fN", read: whole },
  s: { name: "stride", about: "sN", read: size },
  p: {
    name: "padding",
    about: "pN|psame|pvalid",
    read: (text) => (["same", "valid", "full", "causal"].includes(text) ? text : size(text)),
  },
  d: { name: "dilation", about: "dN", read: size },
  g: { name: "groups", about: "gN", read: whole },
  o: { name: "outputPadding", about: "oN", read: size },
};

/** Options that are a word. */
const worded: Readonly<Record<string, readonly [name: string, value: unknown]>> = {
  nobias: ["useBias", false],
  ceil: ["ceilMode", true],
};

/** A word of the notation. */
interface Word {
  /** The kind of layer; `#` stands for the number of spatial axes. */
  readonly kind: string;
  /** What stands first after the colon. */
  readonly first?: Option;
  /** Letters and words that it takes. */
  readonly takes?: readonly string[];
  /** What holds unless it is said otherwise. */
  readonly defaults?: Readonly<Record<string, unknown>>;
}

const kernelSize: Option = { name: "kernelSize", about: "SIZE", read: size };
const windowSize: Option = { name: "size", about: "SIZE", read: size };
const units: Option = { name: "units", about: "UNITS", read: whole };
const rate: Option = {
  name: "rate",
  about: "RATE",
  read: (text) => (/^0?\.\d+$/.test(text) ? Number(text) : undefined),
};

/** Without padding, as in (W − F + 2P) / S + 1 with P = 0; layers' own default is "same". */
const one = { filters: 1, padding: 0 };
const pooling = { first: windowSize, takes: ["s", "p", "d", "ceil"] };

const words: Readonly<Record<string, Word>> = {
  conv: { kind: "conv#d", first: kernelSize, takes: ["f", "s", "p", "d", "g", "nobias"], defaults: one },
  deconv: {
    kind: "convTranspose#d",
    first: kernelSize,
    takes: ["f", "s", "p", "d", "g", "o", "nobias"],
    defaults: one,
  },
  local: { kind: "locallyConnected#d", first: kernelSize, takes: ["f", "s", "p", "d", "nobias"], defaults: one },
  depthwise: {
    kind: "depthwiseConv#d",
    first: kernelSize,
    takes: ["s", "p", "d", "nobias"],
    defaults: { padding: 0 },
  },
  separable: { kind: "separableConv#d", first: kernelSize, takes: ["f", "s", "p", "d", "nobias"], defaults: one },
  pool: { kind: "maxPool#d", ...pooling },
  avgpool: { kind: "averagePool#d", ...pooling },
  globalpool: { kind: "globalAveragePool#d" },
  upsample: { kind: "upSampling#d", first: windowSize },
  dense: { kind: "dense", first: units, takes: ["nobias"] },
  dropout: { kind: "dropout", first: rate },
  flatten: { kind: "flatten" },
  batchnorm: { kind: "batchNorm" },
  relu: { kind: "relu" },
  softmax: { kind: "softmax" },
};

/** How a word is written: `conv:SIZE[,fFILTERS][,sSTRIDE]…` */
function usageOf(word: string): string {
  const { first, takes = [] } = words[word]!;
  const options = takes.map((letter) => `[,${lettered[letter]?.about ?? letter}]`);
  return `${word}${first === undefined ? "" : `:${first.about}`}${options.join("")}`;
}

/** Every word of the notation with its options: for help. */
export function chainUsage(): string[] {
  return Object.keys(words).map(usageOf);
}

/**
 * Layers in short notation, one word each: `conv:11,s4,f96` is a convolution with windows of 11 × 11, stride 4 and 96
 * filters. After the colon stand size (`3`, or `3x5` for each axis), filters `f`, stride `s`, padding `p` (a number,
 * or `same`, `valid` and for convolutions `full`, `causal`), dilation `d`, groups `g`, output padding `o`, `nobias`,
 * and for pooling `ceil`; without them: 1 filter, stride 1 (pooling: the size), no padding. Words: conv, deconv (transposed), local (weights not shared), depthwise, separable, pool (maximum),
 * avgpool, globalpool, upsample, dense, dropout, flatten, batchnorm, relu, softmax. Over how many axes they work is
 * what the input has.
 *
 * Errors: code "usage", naming the word, what is expected there and how to put it right; a layer's own where a layer
 * cannot take its input, with the word in front.
 *
 * @param shape of one example, channels last
 * @param chain words, or one text with spaces between them
 * @example
 * const layers = parseChain([227, 227, 3], "conv:11,s4,f96 relu pool:3,s2");
 * sequential(input(227, 227, 3), ...layers); // from "fovea"
 */
export function parseChain(shape: Shape, chain: string | readonly string[]): Layer[] {
  const tokens = typeof chain === "string" ? chain.split(/\s+/).filter((token) => token !== "") : chain;
  if (tokens.length === 0) {
    fail({
      code: "usage",
      where: "chain",
      problem: "has no layers",
      expected: "words such as conv:11,s4,f96 pool:3,s2 flatten dense:10",
    });
  }
  let tensor: SymbolicTensor = input(shape);
  return tokens.map((token, position) => {
    const where = `chain, word ${position + 1} "${token}"`;
    const layer = within(where, () => layerOf(where, token, tensor.shape));
    tensor = within(where, () => layer(tensor));
    return layer;
  });
}

/**
 * The extents in a text such as `227x227x3`.
 *
 * Errors: code "usage" for anything else.
 *
 * @example parseShape("227x227x3"); // [227, 227, 3]
 */
export function parseShape(text: string): number[] {
  const parts = /^\d+([x×]\d+)*$/.test(text) ? text.split(/[x×]/).map(Number) : [];
  if (parts.length > 0 && parts.every((part) => Number.isSafeInteger(part) && part >= 1)) return parts;
  return fail({
    code: "usage",
    where: "input",
    problem: `"${text}" is no shape`,
    expected: "whole numbers ≥ 1 with x between them, channels last",
    fix: "Write for instance 227x227x3 (height, width, channels), 16000x1 (steps, channels) or 784 (features)",
  });
}

/**
 * Weights of each layer of a chain, biases included.
 *
 * Errors: those of the layers.
 *
 * @param shape of one example, channels last
 * @param layers of the chain
 * @example parameterCounts([28, 28, 1], parseChain([28, 28, 1], "conv:5,f10 flatten dense:10")); // [260, 0, 57610]
 */
export function parameterCounts(shape: Shape, layers: readonly Layer[]): number[] {
  let tensor = input(shape);
  return layers.map((layer) => {
    const weights = layer.definition.weights(layer.config, [tensor.shape]);
    tensor = layer(tensor);
    return weights.reduce((sum, weight) => sum + sizeOf(weight.shape), 0);
  });
}

function layerOf(where: string, token: string, shape: Shape): Layer {
  const [name, rest] = split(token, ":");
  const word = words[name];
  if (word === undefined) {
    return fail({
      code: "usage",
      where,
      problem: `there is no layer "${name}"`,
      expected: `one of ${Object.keys(words).join(", ")}`,
      fix: didYouMean(name, Object.keys(words)),
    });
  }
  const { first, takes = [], defaults = {} } = word;
  const parts = rest === undefined ? [] : rest.split(",");
  const given: Record<string, unknown> = { ...defaults };
  const wrong = (problem: string) => fail({ code: "usage", where, problem, expected: usageOf(name) });
  if (first !== undefined) {
    const text = parts.shift();
    if (text === undefined || text === "") wrong(`${name} needs its ${first.about.toLowerCase()}`);
    given[first.name] = first.read(text!) ?? wrong(`"${text}" is no ${first.about.toLowerCase()}`);
  }
  const seen = new Set<string>();
  for (const part of parts) {
    const [option, value] = optionOf(part, takes) ?? wrong(`"${part}" means nothing here`);
    if (seen.has(option)) wrong(`${option} is given twice`);
    seen.add(option);
    given[option] = value;
  }
  // what is not spatial is told so by the layer for images
  const axes = shape.length >= 2 && shape.length <= 4 ? shape.length - 1 : 2;
  const kind = layerKinds[word.kind.replace("#", String(axes))];
  if (kind === undefined) return wrong(`there is no ${name} over ${axes} axes`);
  const own = Object.fromEntries(kind.arguments.map((argument) => [argument, given[argument]]));
  const options = Object.entries(given).filter(([option]) => !kind.arguments.includes(option));
  return createLayer(kind, own, Object.fromEntries(options));
}

function optionOf(part: string, takes: readonly string[]): readonly [name: string, value: unknown] | undefined {
  if (takes.includes(part) && part in worded) return worded[part]!;
  const letter = part.slice(0, 1);
  const option = takes.includes(letter) ? lettered[letter] : undefined;
  const value = option?.read(part.slice(1));
  return option === undefined || value === undefined ? undefined : [option.name, value];
}

function split(text: string, separator: string): [string, string?] {
  const at = text.indexOf(separator);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

/** A layer's errors, with the word that they are about: what is wrong is the chain. */
function within<T>(where: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof FoveaError) || error.where.startsWith(where)) throw error;
    const { problem, expected, received, fix } = error;
    return fail({ code: "usage", where: `${where}: ${error.where}`, problem, expected, received, fix, cause: error });
  }
}
