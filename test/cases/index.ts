import type { Case, CaseOp } from "../harness/case.js";
import { batchMatmulCases } from "./batchMatmul.js";
import { concatenateCases } from "./concatenate.js";
import { convCases, convFilterGradientCases, convInputGradientCases } from "./conv.js";
import { gatherCases, scatterAddCases } from "./gather.js";
import { mapCases } from "./map.js";
import { matmulCases } from "./matmul.js";
import { padCases } from "./pad.js";
import {
  averagePoolCases,
  averagePoolGradientCases,
  maxPoolCases,
  maxPoolGradientCases,
  maxPoolIndicesCases,
  maxPoolPickCases,
} from "./pool.js";
import { reduceCases } from "./reduce.js";
import { reshapeCases } from "./reshape.js";
import { resizeCases, resizeGradientCases } from "./resize.js";
import { sliceCases, sliceGradientCases } from "./slice.js";
import { argmaxCases, softmaxCases, softmaxCrossEntropyCases, softmaxCrossEntropyGradientCases } from "./softmax.js";
import { transposeCases } from "./transpose.js";
import { windowSumCases } from "./windowSum.js";

/** Cases of every op: an op without cases does not compile. */
export const cases: { readonly [Op in CaseOp]: readonly Case<Op>[] } = {
  map: mapCases,
  reduce: reduceCases,
  reshape: reshapeCases,
  gather: gatherCases,
  scatterAdd: scatterAddCases,
  transpose: transposeCases,
  slice: sliceCases,
  sliceGradient: sliceGradientCases,
  concatenate: concatenateCases,
  pad: padCases,
  resize: resizeCases,
  resizeGradient: resizeGradientCases,
  matmul: matmulCases,
  conv: convCases,
  convInputGradient: convInputGradientCases,
  convFilterGradient: convFilterGradientCases,
  batchMatmul: batchMatmulCases,
  maxPool: maxPoolCases,
  maxPoolGradient: maxPoolGradientCases,
  maxPoolPick: maxPoolPickCases,
  maxPoolIndices: maxPoolIndicesCases,
  averagePool: averagePoolCases,
  averagePoolGradient: averagePoolGradientCases,
  windowSum: windowSumCases,
  softmax: softmaxCases,
  softmaxCrossEntropy: softmaxCrossEntropyCases,
  softmaxCrossEntropyGradient: softmaxCrossEntropyGradientCases,
  argmax: argmaxCases,
};
