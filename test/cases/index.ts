import type { Case, CaseOp } from "../harness/case.js";
import { conv2dCases, conv2dFilterGradientCases, conv2dInputGradientCases } from "./conv2d.js";
import { gatherCases, scatterAddCases } from "./gather.js";
import { mapCases } from "./map.js";
import { matmulCases } from "./matmul.js";
import { averagePool2dCases, averagePool2dGradientCases, maxPool2dCases, maxPool2dGradientCases } from "./pool2d.js";
import { reduceCases } from "./reduce.js";
import { reshapeCases } from "./reshape.js";
import { argmaxCases, softmaxCases, softmaxCrossEntropyCases, softmaxCrossEntropyGradientCases } from "./softmax.js";

/** Cases of every op: an op without cases does not compile. */
export const cases: { readonly [Op in CaseOp]: readonly Case<Op>[] } = {
  map: mapCases,
  reduce: reduceCases,
  reshape: reshapeCases,
  gather: gatherCases,
  scatterAdd: scatterAddCases,
  matmul: matmulCases,
  conv2d: conv2dCases,
  conv2dInputGradient: conv2dInputGradientCases,
  conv2dFilterGradient: conv2dFilterGradientCases,
  maxPool2d: maxPool2dCases,
  maxPool2dGradient: maxPool2dGradientCases,
  averagePool2d: averagePool2dCases,
  averagePool2dGradient: averagePool2dGradientCases,
  softmax: softmaxCases,
  softmaxCrossEntropy: softmaxCrossEntropyCases,
  softmaxCrossEntropyGradient: softmaxCrossEntropyGradientCases,
  argmax: argmaxCases,
};
