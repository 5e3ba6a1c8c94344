import type { Layer } from "../../src/model/layer.js";
import {
  adaptiveAveragePool1d,
  adaptiveAveragePool2d,
  adaptiveAveragePool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  add,
  average,
  averagePool1d,
  averagePool2d,
  averagePool3d,
  batchNorm,
  concatenate,
  cropping2d,
  elu,
  gelu,
  globalAveragePool2d,
  globalL2Pool2d,
  globalMaxPool2d,
  globalMinPool1d,
  globalSumPool3d,
  groupNorm,
  hardSigmoid,
  hardSwish,
  hardTanh,
  instanceNorm,
  l2Pool1d,
  l2Pool2d,
  lambda,
  layerNorm,
  localResponseNorm,
  maximum,
  maxout,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool2d,
  minimum,
  minPool2d,
  mish,
  multiply,
  prelu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  subtract,
  sumPool2d,
  tanh,
  upSampling1d,
  upSampling2d,
  upSampling3d,
  zeroPadding2d,
} from "../../src/model/layers/index.js";
import { math } from "../../src/model/math.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { type LayerExperiment, layerExperiment, networkOf } from "../harness/layer.js";

export interface LayerEntry {
  readonly name: string;
  /** With the batch. */
  readonly inputs: readonly (readonly number[])[];
  /** Of the inputs' values. */
  readonly scale: number;
  readonly weights: readonly (readonly number[])[];
  readonly shape: readonly number[];
  readonly value: readonly number[];
  /** Of the inputs, then of the weights. */
  readonly gradients: readonly (readonly number[])[];
}

/** What generate.py computes, as layers. */
export const layersByEntry: Readonly<Record<string, Layer>> = {
  "upSampling1d nearest": upSampling1d(2),
  "upSampling1d nearest to 10": upSampling1d({ outputSize: 10 }),
  "upSampling1d linear": upSampling1d(3, { interpolation: "linear" }),
  "upSampling1d linear, aligned": upSampling1d({ outputSize: 10 }, { interpolation: "linear", alignCorners: true }),
  "upSampling2d nearest": upSampling2d([2, 3]),
  "upSampling2d nearest to 4x9": upSampling2d({ outputSize: [4, 9] }),
  "upSampling2d bilinear": upSampling2d(2, { interpolation: "bilinear" }),
  "upSampling2d bilinear to 4x9": upSampling2d({ outputSize: [4, 9] }, { interpolation: "bilinear" }),
  "upSampling2d bilinear, aligned": upSampling2d(2, { interpolation: "bilinear", alignCorners: true }),
  "upSampling2d bilinear to 4x1, aligned": upSampling2d(
    { outputSize: [4, 1] },
    { interpolation: "bilinear", alignCorners: true },
  ),
  "upSampling3d nearest": upSampling3d(2),
  "upSampling3d trilinear": upSampling3d(2, { interpolation: "trilinear" }),
  "upSampling3d trilinear, aligned": upSampling3d(
    { outputSize: [5, 4, 7] },
    { interpolation: "trilinear", alignCorners: true },
  ),
  maxPool1d: maxPool1d(3, { stride: 2, padding: 1 }),
  "maxPool2d ceil": maxPool2d([4, 2], { stride: 3, padding: [2, 1], ceilMode: true }),
  "maxPool2d dilated, ceil": maxPool2d(2, { padding: 1, dilation: 3, ceilMode: true }),
  maxPool3d: maxPool3d(2, { stride: 1, padding: 1 }),
  minPool2d: minPool2d(3, { stride: 2, padding: 1 }),
  averagePool1d: averagePool1d(3, { stride: 2, padding: 1 }),
  "averagePool2d ceil": averagePool2d(4, { stride: 3, padding: 2, ceilMode: true, countPadding: true }),
  "averagePool2d ceil, real pixels": averagePool2d(4, { stride: 3, padding: 2, ceilMode: true }),
  "averagePool2d divisor": averagePool2d(3, { stride: 1, padding: 1, divisor: 5 }),
  averagePool3d: averagePool3d(2, { padding: 1, ceilMode: true, countPadding: true }),
  sumPool2d: sumPool2d(2),
  l2Pool1d: l2Pool1d(3, { stride: 2 }),
  l2Pool2d: l2Pool2d([2, 3], { strides: [1, 2] }),
  adaptiveAveragePool1d: adaptiveAveragePool1d(3),
  adaptiveAveragePool2d: adaptiveAveragePool2d([4, 7]),
  adaptiveAveragePool3d: adaptiveAveragePool3d([3, 2, 3]),
  adaptiveMaxPool1d: adaptiveMaxPool1d(3),
  adaptiveMaxPool2d: adaptiveMaxPool2d([4, 3]),
  adaptiveMaxPool3d: adaptiveMaxPool3d([3, 2, 3]),
  maxUnpool2d: maxUnpool2d(2),
  add: add(),
  multiply: multiply(),
  subtract: subtract(),
  maximum: maximum(),
  minimum: minimum(),
  average: average(),
  concatenate: concatenate(),
  "concatenate rows": concatenate({ axis: 0 }),
  cropping2d: cropping2d([
    [1, 3],
    [1, 1],
  ]),
  zeroPadding2d: zeroPadding2d(
    [
      [0, 3],
      [1, 2],
    ],
    { value: 0.5 },
  ),
  "zeroPadding2d reflect": zeroPadding2d(
    [
      [0, 3],
      [1, 2],
    ],
    { mode: "reflect" },
  ),
  globalAveragePool2d: globalAveragePool2d(),
  globalMaxPool2d: globalMaxPool2d(),
  globalMinPool1d: globalMinPool1d(),
  globalSumPool3d: globalSumPool3d(),
  globalL2Pool2d: globalL2Pool2d(),
  lambda: lambda((a) => math.multiply(a, math.exp(math.negate(math.multiply(a, a))))),
  sigmoid: sigmoid(),
  tanh: tanh(),
  relu6: relu6(),
  elu: elu(),
  "elu 0.7": elu({ alpha: 0.7 }),
  selu: selu(),
  gelu: gelu(),
  "gelu tanh": gelu({ approximate: "tanh" }),
  silu: silu(),
  softplus: softplus(),
  "softplus 3": softplus({ beta: 3 }),
  softsign: softsign(),
  mish: mish(),
  hardSigmoid: hardSigmoid(),
  hardSwish: hardSwish(),
  hardTanh: hardTanh(),
  "hardTanh -2 3": hardTanh({ min: -2, max: 3 }),
  prelu: prelu(),
  "prelu shared": prelu({ shared: true }),
  maxout: maxout(2),
  "batchNorm of a sequence": batchNorm(),
  "batchNorm of a volume": batchNorm(),
  layerNorm: layerNorm(),
  "layerNorm of images": layerNorm({ axis: [0, 1, 2] }),
  groupNorm: groupNorm({ groups: 2 }),
  "groupNorm, no weights": groupNorm({ groups: 1, epsilon: 1e-5, scale: false, center: false }),
  instanceNorm: instanceNorm(),
  "instanceNorm, no weights": instanceNorm({ epsilon: 1e-5, scale: false, center: false }),
  localResponseNorm: localResponseNorm({ alpha: 0.1, k: 2 }),
  "localResponseNorm, even": localResponseNorm({ size: 4, alpha: 2, beta: 0.6 }),
};

export const layerFixture = loadFixture<LayerEntry>("layers.json");

/** The entry as a graph: output `value`, and the gradients for inputs and weights. */
export function layerEntryExperiment(entry: LayerEntry): LayerExperiment {
  const layer = layersByEntry[entry.name]!;
  const shapes = entry.inputs.map((shape) => shape.slice(1));
  const own = networkOf(layer, shapes).weights.map((weight) => weight.name);
  const tensors = new Map([
    ...entry.inputs.map((_, i) => [`x${i}`, i] as const),
    ...own.map((weight, i) => [weight, 50 + i] as const),
    ["r", 99] as const,
  ]);
  return layerExperiment(layer, shapes, entry.inputs[0]![0]!, true, (leaf, shape) =>
    formulaValues(tensors.get(leaf)!, shape, /^x\d$/.test(leaf) ? entry.scale : 1),
  );
}
