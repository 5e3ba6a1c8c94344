import { constant, input, variable } from "../graph/leaves.js";
import { batchMatmul } from "./batchMatmul.js";
import { concatenate } from "./concatenate.js";
import { conv, convFilterGradient, convInputGradient } from "./conv.js";
import { gather, scatterAdd } from "./gather.js";
import { map } from "./map.js";
import { matmul } from "./matmul.js";
import { pad } from "./pad.js";
import { averagePool, averagePoolGradient, maxPool, maxPoolGradient, maxPoolIndices, maxPoolPick } from "./pool.js";
import { reduce } from "./reduce.js";
import { reshape } from "./reshape.js";
import { resize, resizeGradient } from "./resize.js";
import { slice, sliceGradient } from "./slice.js";
import { argmax, softmax, softmaxCrossEntropy, softmaxCrossEntropyGradient } from "./softmax.js";
import { transpose } from "./transpose.js";
import { windowSum } from "./windowSum.js";

/** Every op, by name. Backends' catalogs are mapped types over this table: a missing kernel does not compile. */
export const ops = {
  input,
  variable,
  constant,
  map,
  reduce,
  reshape,
  gather,
  scatterAdd,
  transpose,
  slice,
  sliceGradient,
  concatenate,
  pad,
  resize,
  resizeGradient,
  matmul,
  conv,
  convInputGradient,
  convFilterGradient,
  batchMatmul,
  maxPool,
  maxPoolGradient,
  maxPoolPick,
  maxPoolIndices,
  averagePool,
  averagePoolGradient,
  windowSum,
  softmax,
  softmaxCrossEntropy,
  softmaxCrossEntropyGradient,
  argmax,
} as const;

export type Ops = typeof ops;
export type OpName = keyof Ops;

/** Names of the leaves, which no backend computes. */
export type LeafName = "input" | "variable" | "constant";

/** Attributes of the op `Name`. */
export type AttributesOf<Name extends OpName> = Parameters<Ops[Name]["infer"]>[1];
