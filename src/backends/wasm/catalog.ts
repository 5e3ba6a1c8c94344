import type { WasmCatalog } from "./kernel.js";
import { batchMatmul } from "./kernels/batchMatmul.js";
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from "./kernels/conv2d.js";
import { depthwise, depthwiseInputGradient } from "./kernels/depthwise.js";
import { convFewFilters, convInputGradientFewFilters } from "./kernels/fewFilters.js";
import { gather, scatterAdd } from "./kernels/gather.js";
import { map } from "./kernels/map.js";
import { matmul } from "./kernels/matmul.js";
import { concatenate, pad, slice, sliceGradient, transpose } from "./kernels/move.js";
import { conv2dFilterGradientNarrow } from "./kernels/narrow/filterGradient.js";
import { conv2dNarrow } from "./kernels/narrow/forward.js";
import { planar } from "./kernels/planar.js";
import {
  averagePool,
  averagePoolGradient,
  maxPool,
  maxPoolGradient,
  maxPoolIndices,
  maxPoolPick,
} from "./kernels/pool.js";
import { reduceGeneral, reduceLeading, reduceTrailing } from "./kernels/reduce.js";
import { resize, resizeGradient } from "./kernels/resize.js";
import { argmax, softmax, softmaxCrossEntropy, softmaxCrossEntropyGradient } from "./kernels/softmax.js";
import { stacked } from "./kernels/stacked.js";
import { convFilterGradientFewFilters, depthwiseFilterGradient } from "./kernels/tapSums.js";
import { windowSum } from "./kernels/windowSum.js";
import { conv2dWinogradRows } from "./kernels/winograd/alongRows.js";
import { conv2dFilterGradientWinograd } from "./kernels/winograd/filterGradient.js";
import { conv2dInputGradientWinogradPanels, conv2dWinogradPanels } from "./kernels/winograd/filterPanels.js";
import { conv2dInputGradientWinograd, conv2dWinograd } from "./kernels/winograd/winograd.js";

/** The WebAssembly kernels of every op, in order of preference. */
export const catalog: WasmCatalog = {
  map: [map],
  reduce: [reduceTrailing, reduceLeading, reduceGeneral],
  gather: [gather],
  scatterAdd: [scatterAdd],
  transpose: [transpose],
  slice: [slice],
  sliceGradient: [sliceGradient],
  concatenate: [concatenate],
  pad: [pad],
  resize: [resize],
  resizeGradient: [resizeGradient],
  matmul: [matmul],
  conv: [
    planar(conv2dWinogradPanels),
    stacked(conv2dWinogradPanels),
    planar(conv2dWinograd),
    stacked(conv2dWinograd),
    planar(conv2dWinogradRows),
    planar(conv2dNarrow),
    depthwise,
    convFewFilters,
    planar(conv2d),
  ],
  convInputGradient: [
    planar(conv2dInputGradientWinogradPanels),
    stacked(conv2dInputGradientWinogradPanels),
    planar(conv2dInputGradientWinograd),
    stacked(conv2dInputGradientWinograd),
    depthwiseInputGradient,
    convInputGradientFewFilters,
    planar(conv2dInputGradient),
  ],
  convFilterGradient: [
    planar(conv2dFilterGradientWinograd),
    stacked(conv2dFilterGradientWinograd),
    planar(conv2dFilterGradientNarrow),
    depthwiseFilterGradient,
    convFilterGradientFewFilters,
    planar(conv2dFilterGradient),
  ],
  batchMatmul: [batchMatmul],
  maxPool: [maxPool],
  maxPoolGradient: [maxPoolGradient],
  maxPoolPick: [maxPoolPick],
  maxPoolIndices: [maxPoolIndices],
  averagePool: [averagePool],
  averagePoolGradient: [averagePoolGradient],
  windowSum: [windowSum],
  softmax: [softmax],
  softmaxCrossEntropy: [softmaxCrossEntropy],
  softmaxCrossEntropyGradient: [softmaxCrossEntropyGradient],
  argmax: [argmax],
};
