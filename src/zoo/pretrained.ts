import { fail } from "../core/errors.js";
import { formatShape, type Shape, sameShape } from "../core/shapes.js";
import { decodeModel } from "../formats/modelFile.js";
import { readSafetensors, type SafetensorsTensor } from "../formats/safetensors.js";
import { oihwToHwio } from "../signal/layouts.js";
import type { Model } from "../train/model.js";
import type { ImageClassifier } from "./imageClassifiers.js";
import { imageNetNormalization, normalizationLayer, setNormalization } from "./imageInput.js";

/** What was taken over from a file. */
export interface TakenOver {
  /** Whether the file is a model of fovea's, or has PyTorch's names and layout. */
  readonly from: "fovea" | "torchvision";
  /** Whether its last layer tells the same classes apart, and was taken over, too. */
  readonly head: boolean;
}

/**
 * Gives a classifier the features of a safetensors file: of a model of the same kind that fovea saved, or of
 * torchvision's weights, whose images are normalised as ImageNet's. The last layer is taken over where classes are the
 * same by name, and keeps its first weights otherwise.
 *
 * Errors: code "format" for files that are damaged, or that hold the weights of another network.
 *
 * @param classifier what `model` is made by
 * @param where what errors name: the file
 * @example
 * const small = findImageClassifier("small");
 * const flowers = new Model(small.network({ input: [32, 32, 3], classes: 5 })).initialize(1);
 * console.log(takeFeatures(flowers, small, bytes, "cats.safetensors").head); // false: other classes, a new last layer
 */
export function takeFeatures(
  model: Model,
  classifier: Pick<ImageClassifier, "name" | "head" | "torchvision">,
  bytes: Uint8Array,
  where: string,
): TakenOver {
  const { tensors, metadata } = readSafetensors(bytes, where);
  if (!("fovea.architecture" in metadata)) {
    if (!classifier.torchvision) {
      fail({
        code: "format",
        where,
        problem: `is no model of fovea's, and ${classifier.name} is no network of torchvision's`,
        expected: "a file that fovea has saved",
      });
    }
    takeTorchvision(model, classifier, tensors, where);
    return { from: "torchvision", head: false };
  }
  const { weights, network, classes } = decodeModel(bytes, where);
  const head = classes.length > 0 && classes.join("\0") === model.classes.join("\0");
  const shapes = new Map(network.weights.map(({ name, shape }) => [name, shape]));
  const wanted = model.network.weights.filter(({ layer }) => layer !== classifier.head || head);
  for (const weight of wanted) {
    checkShape(weight.name, weight.shape, shapes.get(weight.name), classifier.name, where);
  }
  checkNothingLeft(shapes.keys(), model.network.weights, classifier.name, where);
  for (const { name } of wanted) model.setWeight(name, weights.get(name)!);
  return { from: "fovea", head };
}

/** What PyTorch calls the weights of a layer. */
export const torchNames: Readonly<Record<string, string>> = {
  kernel: "weight",
  bias: "bias",
  gamma: "weight",
  beta: "bias",
  movingMean: "running_mean",
  movingVariance: "running_var",
};

/** PyTorch's name of a weight, where layers are called alike: `"fc.weight"` for `"fc.kernel"`. */
export function torchName(weight: string): string {
  const dot = weight.lastIndexOf(".");
  return `${weight.slice(0, dot)}.${torchNames[weight.slice(dot + 1)]}`;
}

function takeTorchvision(
  model: Model,
  { name: kind, head }: Pick<ImageClassifier, "name" | "head">,
  tensors: ReadonlyMap<string, SafetensorsTensor>,
  where: string,
): void {
  const features = model.network.weights.filter(({ layer }) => layer !== head && layer !== normalizationLayer);
  for (const weight of features) {
    checkShape(torchName(weight.name), inTorch(weight.shape), tensors.get(torchName(weight.name))?.shape, kind, where);
  }
  const known = [...features.map(({ name }) => torchName(name)), `${head}.weight`, `${head}.bias`].map((name) => ({
    name,
  }));
  const own = [...tensors.keys()].filter((name) => !name.endsWith("num_batches_tracked"));
  checkNothingLeft(own, known, kind, where);
  for (const weight of features) {
    const { data, shape } = tensors.get(torchName(weight.name))!;
    model.setWeight(weight.name, fromTorch(data as Float32Array, shape));
  }
  setNormalization(model, imageNetNormalization);
}

/** PyTorch's order of axes: filters and channels come first, and outputs before inputs. */
function inTorch(shape: Shape): Shape {
  if (shape.length !== 4) return [...shape].reverse();
  const [height, width, channels, filters] = shape as readonly [number, number, number, number];
  return [filters, channels, height, width];
}

/** OIHW → HWIO, or [outputs, inputs] → [inputs, outputs]; vectors stay as they are. */
export function fromTorch(values: Float32Array, shape: Shape): Float32Array {
  if (shape.length === 1) return values;
  return oihwToHwio(values, shape.length === 2 ? [...shape, 1] : shape).values;
}

function checkShape(name: string, expected: Shape, received: Shape | undefined, kind: string, where: string): void {
  if (received !== undefined && sameShape(expected, received)) return;
  fail({
    code: "format",
    where,
    problem: `tensor "${name}" ${received === undefined ? "is missing" : "has another shape"}`,
    expected: formatShape(expected),
    received: received === undefined ? undefined : formatShape(received),
    fix: `Give weights of ${kind}, and for the same channels`,
  });
}

function checkNothingLeft(
  names: Iterable<string>,
  known: readonly { readonly name: string }[],
  kind: string,
  where: string,
): void {
  const expected = new Set(known.map(({ name }) => name));
  for (const name of names) {
    if (expected.has(name)) continue;
    fail({
      code: "format",
      where,
      problem: `tensor "${name}" belongs to no layer of ${kind}`,
      fix: `Give weights of ${kind}, or choose the model that they are for`,
    });
  }
}
