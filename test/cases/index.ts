import type { Case, CaseOp } from "../harness/case.js";
import { batchMatmulCases } from "./batchMatmul.js";
import { concatenateCases } from "./concatenate.js";
import { convCases, convFilterGradientCases, convInputGradientCases } from "./conv.js";
import { mapCases } from "./map.js";
import { matmulCases } from "./matmul.js";
import { padCases } from "./pad.js";
import { averagePool2dCases, averagePool2dGradientCases, maxPool2dCases, maxPool2dGradientCases } from "./pool2d.js";
import { reduceCases } from "./reduce.js";
import { reshapeCases } from "./reshape.js";
import { resizeCases, resizeGradientCases } from "./resize.js";
import { sliceCases, sliceGradientCases } from "./slice.js";
import { argmaxCases, softmaxCases, softmaxCrossEntropyCases, softmaxCrossEntropyGradientCases } from "./softmax.js";
import { transposeCases } from "./transpose.js";

/** Cases of every op: an op without cases does not compile. */
export const cases: { readonly [Op in CaseOp]: readonly Case<Op>[] } = {
  map: mapCases,
  reduce: reduceCases,
  reshape: reshapeCases,
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
  maxPool2d: maxPool2dCases,
  maxPool2dGradient: maxPool2dGradientCases,
  averagePool2d: averagePool2dCases,
  averagePool2dGradient: averagePool2dGradientCases,
  softmax: softmaxCases,
  softmaxCrossEntropy: softmaxCrossEntropyCases,
  softmaxCrossEntropyGradient: softmaxCrossEntropyGradientCases,
  argmax: argmaxCases,
};
