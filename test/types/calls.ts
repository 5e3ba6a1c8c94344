import { keyOf, RandomStream } from "../../src/core/random.js";

/** Calls of every layer, as text: they are run, and compiled, and both must give the same shape. */
export const calls: readonly string[] = [
  "input(28, 28, 1)",
  "input([28, 28, 1], { name: 'image' })",

  "conv2d(10, 5, { stride: 2 })(input(28, 28, 1))",
  "conv2d(10, [5, 3], { strides: [2, 3] })(input(28, 27, 4))",
  "conv2d(10, 5, { padding: 'valid', activation: 'relu' })(input(28, 28, 1))",
  "conv2d(10, 3, { padding: 'full', dilation: [2, 1] })(input(9, 8, 1))",
  "conv2d(10, 3, { padding: 1, stride: 2 })(input(224, 224, 3))",
  "conv2d(10, 3, { padding: [1, 0] })(input(9, 8, 1))",
  "conv2d(10, 3, { padding: [1, 0, 2, 3], dilation: 2 })(input(9, 8, 1))",
  "conv2d(12, 3, { groups: 4, useBias: false })(input(9, 8, 8))",
  "conv1d(4, 3, { padding: 'causal', dilation: 4 })(input(50, 2))",
  "conv1d(4, 3, { padding: [3, 0], stride: [2] })(input(50, 2))",
  "conv1d(4, 3, { padding: 'valid' })(input(50, 2))",
  "conv3d(4, [3, 1, 2], { padding: [1, 0, 2], stride: [2, 1, 1] })(input(8, 9, 10, 2))",
  "conv3d(4, 3, { padding: [1, 0, 2, 1, 0, 3] })(input(8, 9, 10, 2))",
  "convTranspose1d(8, 4, { stride: 4 })(input(50, 16))",
  "convTranspose1d(8, 4, { stride: 3, padding: 'valid' })(input(50, 16))",
  "convTranspose2d(8, 3, { stride: 2, padding: 1 })(input(6, 5, 4))",
  "convTranspose2d(8, 3, { stride: 2, padding: 1, outputPadding: 1 })(input(6, 5, 4))",
  "convTranspose2d(8, 3, { stride: 2, outputPadding: 0 })(input(6, 5, 4))",
  "convTranspose2d(8, [2, 3], { stride: 4, padding: 'valid', groups: 2 })(input(6, 5, 4))",
  "convTranspose2d(8, 3, { stride: 2, padding: [0, 1, 1, 0], dilation: 2 })(input(6, 5, 4))",
  "convTranspose3d(2, 2, { stride: [1, 2, 3], padding: 'valid' })(input(4, 5, 3, 2))",
  "depthwiseConv1d(3, { stride: 2 })(input(7, 3))",
  "depthwiseConv2d(3, { depthMultiplier: 2, padding: 'valid' })(input(6, 5, 4))",
  "depthwiseConv3d(2, { dilation: [2, 1, 1] })(input(4, 5, 3, 2))",
  "separableConv1d(4, 3)(input(7, 3))",
  "separableConv2d(3, 3, { depthMultiplier: 2, stride: 2 })(input(6, 5, 4))",
  "locallyConnected1d(2, 3, { padding: 'valid' })(input(7, 3))",
  "locallyConnected2d(2, 3, { stride: 2 })(input(6, 5, 4))",

  "dense(50, { activation: 'relu' })(input(1960))",
  "embedding(1000, 16)(input([20], { dtype: 'int32' }))",
  "embedding(1000, 16, { paddingIndex: 0 })(input([4, 20], { dtype: 'int32' }))",
  "flatten()(input(14, 14, 10))",
  "flatten()(input(224, 224, 64))",
  "reshape([28, 28, 1])(input(784))",
  "permute([2, 0, 1])(input(28, 27, 3))",
  "maxout(2)(input(5, 64))",

  "maxPool1d(2)(input(29, 8))",
  "maxPool2d(2)(input(28, 28, 8))",
  "maxPool2d(3, { stride: 2, padding: 1 })(input(112, 112, 64))",
  "maxPool2d([3, 2], { padding: 'same' })(input(28, 27, 8))",
  "maxPool2d(3, { stride: 2, ceilMode: true })(input(28, 27, 8))",
  "maxPool3d(2)(input(16, 28, 29, 8))",
  "minPool1d(3)(input(28, 8))",
  "minPool2d(3, { stride: 1 })(input(28, 28, 8))",
  "minPool3d(2, { ceilMode: true })(input(5, 5, 4, 2))",
  "sumPool1d(3, { dilation: 2 })(input(28, 8))",
  "sumPool2d(2, { stride: [1, 2] })(input(28, 28, 8))",
  "sumPool3d(2)(input(4, 4, 4, 1))",
  "l2Pool1d(2)(input(28, 8))",
  "l2Pool2d(2, { padding: [1, 0, 1, 0] })(input(28, 28, 8))",
  "l2Pool3d([1, 2, 2])(input(4, 4, 4, 1))",
  "averagePool1d(4, { countPadding: true })(input(28, 8))",
  "averagePool2d(2, { divisor: 3 })(input(28, 28, 8))",
  "averagePool3d(2)(input(4, 5, 6, 7))",
  "maxUnpool1d(2)(input(14, 3), input(28, 3))",
  "maxUnpool2d(2)(input(14, 14, 3), input(28, 28, 3))",
  "maxUnpool3d(2)(input(2, 2, 2, 1), input(4, 5, 4, 1))",
  ...["Average", "L2", "Max", "Min", "Sum"].flatMap((which) => [
    `global${which}Pool1d()(input(28, 512))`,
    `global${which}Pool2d()(input(7, 7, 512))`,
    `global${which}Pool3d()(input(4, 7, 7, 512))`,
  ]),
  ...["Average", "Max"].flatMap((which) => [
    `adaptive${which}Pool1d(4)(input(10, 8))`,
    `adaptive${which}Pool2d([7, 6])(input(33, 20, 8))`,
    `adaptive${which}Pool3d(2)(input(5, 9, 9, 8))`,
  ]),

  "upSampling1d(3)(input(10, 4))",
  "upSampling2d([2, 3], { interpolation: 'bilinear' })(input(14, 14, 8))",
  "upSampling2d({ outputSize: [7, 9] })(input(14, 14, 8))",
  "upSampling3d({ outputSize: 5 })(input(4, 4, 4, 1))",
  "upSampling3d([1, 2, 2])(input(8, 7, 7, 4))",
  "zeroPadding1d([2, 0])(input(10, 4))",
  "zeroPadding1d(1)(input(10, 4))",
  "zeroPadding2d(3, { mode: 'reflect' })(input(28, 28, 8))",
  "zeroPadding2d([[1, 2], 3])(input(28, 28, 8))",
  "zeroPadding3d([1, 2, [0, 3]])(input(8, 16, 16, 2))",
  "cropping1d([2, 1])(input(10, 4))",
  "cropping2d([[1, 2], 3])(input(28, 28, 8))",
  "cropping3d(1)(input(8, 16, 16, 2))",

  "add()(input(28, 28, 3), input(28, 28, 3))",
  "add()([input(28, 28, 3), input(1, 28, 1), input(28, 1, 3)])",
  "multiply()(input(1, 1, 3), input(9, 8, 3))",
  "subtract()(input(5), input(1))",
  "maximum()(input(5), input(5), input(5))",
  "minimum()(input(5, 2), input(5, 2))",
  "average()(input(5, 2), input(5, 1))",
  "lambda((a, b) => math.multiply(a, b))(input(5, 2), input(5, 1))",
  "concatenate()(input(7, 7, 64), input(7, 7, 32), input(7, 7, 1))",
  "concatenate({ axis: 0 })([input(7, 8, 3), input(9, 8, 3)])",
  "concatenate({ axis: -2 })(input(7, 8, 3), input(7, 1, 3))",

  ...[
    "activation('tanh')",
    "batchNorm()",
    "dropout(0.5)",
    "elu()",
    "gelu()",
    "groupNorm({ groups: 4 })",
    "hardSigmoid()",
    "hardSwish()",
    "hardTanh()",
    "instanceNorm()",
    "layerNorm({ axis: [-2, -1] })",
    "leakyRelu()",
    "localResponseNorm()",
    "mish()",
    "prelu()",
    "relu()",
    "relu6()",
    "selu()",
    "sigmoid()",
    "silu()",
    "softmax()",
    "softplus()",
    "softsign()",
    "spatialDropout2d(0.1)",
    "stopGradient()",
    "tanh()",
  ].map((layer) => `${layer}(input(6, 5, 8))`),
  "spatialDropout1d(0.1)(input(6, 5))",
  "spatialDropout3d(0.1)(input(6, 5, 4, 3))",
  "groupNorm()(input(6, 5, 64))",
  "sequential(input(6, 5, 2), flatten(), dense(3)).asLayer()(input(6, 5, 2))",
];

/** Calls with windows of all sorts, some of which do not fit. */
export function windowCalls(count: number): string[] {
  const stream = new RandomStream(keyOf(3, "windows"));
  const number = (least: number, most: number) => least + stream.integer(most - least + 1);
  const pick = <T>(choices: readonly T[]): T => choices[stream.integer(choices.length)]!;
  const perAxis = (axes: number, least: number, most: number) =>
    pick([
      () => `${number(least, most)}`,
      () => `[${Array.from({ length: axes }, () => number(least, most)).join(", ")}]`,
    ])();
  const sides = (axes: number, most: number) =>
    `[${Array.from({ length: 2 * axes }, () => number(0, most)).join(", ")}]`;
  return Array.from({ length: count }, () => {
    const axes = number(1, 3);
    const pool = pick([true, false]);
    const transposed = !pool && pick([true, false]);
    const kernel = axes === 1 && !pool ? `${number(1, 6)}` : perAxis(axes, 1, 6);
    const paddings = [
      "'same'",
      "'valid'",
      ...(pool || transposed ? [] : ["'full'", axes === 1 ? "'causal'" : "'full'"]),
      `${number(0, 2)}`,
      sides(axes, 2),
      ...(axes > 1 ? [`[${Array.from({ length: axes }, () => number(0, 2)).join(", ")}]`] : []),
    ];
    const options = [
      `padding: ${pick(paddings)}`,
      ...(pick([true, false]) ? [`stride: ${perAxis(axes, 1, 4)}`] : []),
      ...(pick([true, false]) ? [`dilation: ${perAxis(axes, 1, 3)}`] : []),
      ...(pool && pick([true, false]) ? ["ceilMode: true"] : []),
      ...(transposed && pick([true, false]) ? [`outputPadding: ${number(0, 2)}`] : []),
    ].join(", ");
    const shape = [...Array.from({ length: axes }, () => number(1, 30)), number(1, 4)].join(", ");
    const layer = pool
      ? `${pick(["max", "average", "min"])}Pool${axes}d(${kernel}, { ${options} })`
      : `${transposed ? "convTranspose" : "conv"}${axes}d(2, ${kernel}, { ${options} })`;
    return `${layer}(input(${shape}))`;
  });
}
