import { batchMatmul } from "../../ops/batchMatmul.reference.js";
import { concatenate } from "../../ops/concatenate.reference.js";
import { conv, convFilterGradient, convInputGradient } from "../../ops/conv.reference.js";
import { gather, scatterAdd } from "../../ops/gather.reference.js";
import type { AttributesOf } from "../../ops/index.js";
import { map } from "../../ops/map.reference.js";
import { matmul } from "../../ops/matmul.reference.js";
import { pad } from "../../ops/pad.reference.js";
import {
  averagePool,
  averagePoolGradient,
  maxPool,
  maxPoolGradient,
  maxPoolIndices,
  maxPoolPick,
} from "../../ops/pool.reference.js";
import { reduce } from "../../ops/reduce.reference.js";
import type { ReferenceKernel } from "../../ops/reference.js";
import { resize, resizeGradient } from "../../ops/resize.reference.js";
import { slice, sliceGradient } from "../../ops/slice.reference.js";
import { argmax, softmax, softmaxCrossEntropy, softmaxCrossEntropyGradient } from "../../ops/softmax.reference.js";
import { transpose } from "../../ops/transpose.reference.js";
import { windowSum } from "../../ops/windowSum.reference.js";
import type { ComputedOp, Kernel, KernelCatalog } from "../../plan/types.js";

/** The naive loops of every op, each typed with the attributes of its own op. */
export const naiveLoops: { readonly [Op in ComputedOp]: ReferenceKernel<AttributesOf<Op>> } = {
  map,
  reduce,
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
};

const naive: readonly Kernel[] = [{ name: "naive", accepts: () => true }];

/** One kernel for every op: its naive loops. */
export const referenceCatalog = Object.fromEntries(Object.keys(naiveLoops).map((op) => [op, naive])) as KernelCatalog;

/** The loops of an op whose attributes are known only when the program runs: the graph's verifier vouches for them. */
export function loopsOf(op: string): ReferenceKernel<object> {
  return (naiveLoops as Readonly<Record<string, unknown>>)[op] as ReferenceKernel<object>;
}
