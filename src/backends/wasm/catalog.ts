import type { WasmCatalog } from "./kernel.js";
import { batchMatmul } from "./kernels/batchMatmul.js";
import { conv2d, conv2dFilterGradient, conv2dInputGradient } from "./kernels/conv2d.js";
import { gather, scatterAdd } from "./kernels/gather.js";
import { map } from "./kernels/map.js";
import { matmul } from "./kernels/matmul.js";
import { concatenate, pad, slice, sliceGradient, transpose } from "./kernels/move.js";
import { conv2dFilterGradientNarrow } from "./kernels/narrow/filterGradient.js";
import { conv2dNarrow } from "./kernels/narrow/forward.js";
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
import { windowSum } from "./kernels/windowSum.js";
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
  batchMatmul: [batchMatmul],
  conv2d: [conv2dWinogradPanels, conv2dWinograd, conv2dNarrow, conv2d],
  conv2dInputGradient: [conv2dInputGradientWinogradPanels, conv2dInputGradientWinograd, conv2dInputGradient],
  conv2dFilterGradient: [conv2dFilterGradientWinograd, conv2dFilterGradientNarrow, conv2dFilterGradient],
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
