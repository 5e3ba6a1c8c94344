import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gunzip } from "../../src/data/gzip.js";
import { readSafetensors } from "../../src/formats/safetensors.js";
import {
  add,
  batchNorm,
  concatenate,
  conv2d,
  dense,
  globalAveragePool2d,
  input,
  type Model,
  maxPool2d,
  model,
  relu,
} from "../../src/index.js";
import type { SymbolicTensor } from "../../src/model/symbolic.js";
import { fromTorch, torchName, torchNames } from "../../src/zoo/pretrained.js";

/** The networks of test/fixtures/attributions.py, layers by the names of its modules. */

function block(name: string, x: SymbolicTensor, filters: number, stride: number): SymbolicTensor {
  const convolution = (part: string, size: number, of: SymbolicTensor, step: number) =>
    conv2d(filters, size, { stride: step, padding: size >> 1, useBias: false, name: `${name}.${part}` })(of);
  const norm = (part: string, of: SymbolicTensor) => batchNorm({ epsilon: 1e-5, name: `${name}.${part}` })(of);
  const first = relu({ name: `${name}.relu1` })(norm("bn1", convolution("conv1", 3, x, stride)));
  const second = norm("bn2", convolution("conv2", 3, first, 1));
  const shortcut = stride === 1 ? x : convolution("shortcut", 1, x, stride);
  return relu({ name: `${name}.relu2` })(add({ name: `${name}.add` })(second, shortcut));
}

function stem(filters: number, image: SymbolicTensor): SymbolicTensor {
  const first = conv2d(filters, 3, { padding: 1, useBias: false, name: "conv1" })(image);
  return relu({ name: "relu" })(batchNorm({ epsilon: 1e-5, name: "bn1" })(first));
}

export function smallResNet(): Model {
  const image = input(14, 11, 3);
  const x = block("block2", block("block1", stem(6, image), 6, 1), 8, 2);
  return model(image, dense(5, { name: "fc" })(globalAveragePool2d()(x)));
}

export function cifarResNet20(): Model {
  const image = input(32, 32, 3);
  let x = stem(16, image);
  for (const [stage, filters] of [16, 32, 64].entries()) {
    for (let i = 0; i < 3; i++) x = block(`layer${stage + 1}.${i}`, x, filters, stage > 0 && i === 0 ? 2 : 1);
  }
  return model(image, dense(10, { name: "linear" })(globalAveragePool2d()(x)));
}

function fire(name: string, x: SymbolicTensor, squeeze: number, expand: number): SymbolicTensor {
  const part = (filters: number, size: number, layer: string, of: SymbolicTensor) =>
    conv2d(filters, size, { padding: size >> 1, activation: "relu", name: `${name}.${layer}` })(of);
  const squeezed = part(squeeze, 1, "squeeze", x);
  return concatenate({ name })(part(expand, 1, "left", squeezed), part(expand, 3, "right", squeezed));
}

export function smallSqueezeNet(): Model {
  const image = input(14, 11, 3);
  const first = conv2d(8, 3, { padding: 1, activation: "relu", name: "conv1" })(image);
  const x = fire("fire2", fire("fire1", maxPool2d(2)(first), 4, 6), 4, 6);
  return model(image, globalAveragePool2d()(conv2d(5, 1, { name: "fc" })(x)));
}

export function squeezeNet(): Model {
  const image = input(224, 224, 3);
  const pool = (x: SymbolicTensor) => maxPool2d(3, { stride: 2 })(x);
  let x = pool(conv2d(64, 3, { stride: 2, padding: "valid", activation: "relu", name: "conv1" })(image));
  const sizes = [16, 16, 32, 32, 48, 48, 64, 64];
  sizes.forEach((squeeze, i) => {
    x = fire(`fire${i + 1}`, i === 2 || i === 4 ? pool(x) : x, squeeze, 4 * squeeze);
  });
  return model(image, globalAveragePool2d()(conv2d(1000, 1, { activation: "relu", name: "fc" })(x)));
}

/** Folder of pretrained networks and data sets; undefined where it is not there, and tests skip. */
export const pretrained = [
  process.env.FOVEA_DATA,
  fileURLToPath(new URL("../../../shared/data", import.meta.url)),
].find((path): path is string => path !== undefined && existsSync(`${path}/pretrained/cifar10_resnet20.safetensors`));

const bytesOf = (path: string) => new Uint8Array(readFileSync(`${pretrained}/${path}`));

/** Takes weights over from a file: OIHW becomes HWIO, and matrices are transposed. */
function takeWeights(net: Model, file: string, nameOf: (weight: string) => string): Model {
  const { tensors } = readSafetensors(bytesOf(`pretrained/${file}.safetensors`), file);
  for (const { name, shape } of net.network.weights) {
    const tensor = tensors.get(nameOf(name));
    if (tensor === undefined) {
      // option A of He et al.: every second pixel, and zeros for the new channels, half of them on either side
      const [, , before, filters] = shape as readonly [number, number, number, number];
      const values = new Float32Array(before * filters);
      for (let c = 0; c < before; c++) values[c * filters + c + (filters - before) / 2] = 1;
      net.setWeight(name, values);
      continue;
    }
    net.setWeight(name, fromTorch(tensor.data as Float32Array, tensor.shape));
  }
  return net;
}

/** Trained on CIFAR-10. */
export const trainedResNet20 = () => takeWeights(cifarResNet20(), "cifar10_resnet20", torchName);

/** Trained on ImageNet. */
export function trainedSqueezeNet(): Model {
  const net = squeezeNet();
  const layers = [...new Set(net.network.weights.map(({ layer }) => layer))];
  const inTheirOrder = layers.flatMap((layer) =>
    layer.endsWith(".left") || layer.endsWith(".right")
      ? []
      : [layer, layer.replace(".squeeze", ".left"), layer.replace(".squeeze", ".right")],
  );
  const order = [...new Set(inTheirOrder)];
  return takeWeights(net, "squeezenet1.1", (weight) => {
    const dot = weight.lastIndexOf(".");
    return `squeezenet0_conv${order.indexOf(weight.slice(0, dot))}_${torchNames[weight.slice(dot + 1)]}`;
  });
}

const mean = [0.485, 0.456, 0.406];
const deviation = [0.229, 0.224, 0.225];

/** RGB bytes as the pretrained networks take them. */
export function standardized(pixels: Uint8Array): Float32Array {
  return Float32Array.from(pixels, (value, i) => (value / 255 - mean[i % 3]!) / deviation[i % 3]!);
}

/** An image of CIFAR-10's test set, height × width × RGB. */
export async function cifarImage(index: number): Promise<Uint8Array> {
  const records = await gunzip(bytesOf("cifar10/lossless_test_0000-0999.bin.gz"), "CIFAR-10");
  const planes = records.subarray(index * 3073 + 1, (index + 1) * 3073);
  return Uint8Array.from({ length: 3072 }, (_, i) => planes[(i % 3) * 1024 + Math.floor(i / 3)]!);
}
