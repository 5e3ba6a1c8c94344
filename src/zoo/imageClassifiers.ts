import { didYouMean, fail } from "../core/errors.js";
import type { Network } from "../model/network.js";
import { mobileNetV2 } from "./mobilenet.js";
import { resnet18, resnet34 } from "./resnet.js";
import { smallCnn } from "./smallCnn.js";

/** What a classifier of images is made for. */
export interface ImageClassifierOptions {
  /** Height, width and channels of one image. */
  readonly input: readonly [height: number, width: number, channels: number];
  readonly classes: number;
}

/** A network that tells images apart, of any size and with any number of classes. */
export interface ImageClassifier {
  /** What the command line calls it. */
  readonly name: string;
  readonly title: string;
  /** Height and width of images, at least: below that, its last maps would have nothing left to look at. */
  readonly least: number;
  /** Height and width where nobody says. */
  readonly usual: number;
  /** Name of its last layer, the only one that depends on the classes. */
  readonly head: string;
  /** Whether layers have torchvision's names, so that its weights can be taken over. */
  readonly torchvision: boolean;
  /** With a layer that normalises the image; see `setNormalization`. */
  network(options: ImageClassifierOptions): Network;
}

/** All of them, the quickest one first. */
export const imageClassifiers: readonly ImageClassifier[] = [
  {
    name: "small",
    title: "modest CNN, quick on few cores, for pictures of 32 to 64 pixels",
    least: 16,
    usual: 64,
    head: "classifier",
    torchvision: false,
    network: (options) => smallCnn({ ...options, normalization: true }),
  },
  {
    name: "mobilenet",
    title: "MobileNetV2: little arithmetic for its depth, from 96 pixels on",
    least: 32,
    usual: 96,
    head: "classifier.1",
    torchvision: true,
    network: (options) => mobileNetV2({ ...options, normalization: true }),
  },
  {
    name: "resnet18",
    title: "ResNet-18, from 64 pixels on",
    least: 32,
    usual: 96,
    head: "fc",
    torchvision: true,
    network: (options) => resnet18({ ...options, normalization: true }),
  },
  {
    name: "resnet34",
    title: "ResNet-34: twice as deep",
    least: 32,
    usual: 96,
    head: "fc",
    torchvision: true,
    network: (options) => resnet34({ ...options, normalization: true }),
  },
];

/**
 * The classifier of this name. Errors: code "usage" with all names and the closest one.
 *
 * @example findImageClassifier("small").network({ input: [64, 64, 3], classes: 5 })
 */
export function findImageClassifier(name: string): ImageClassifier {
  const found = imageClassifiers.find((classifier) => classifier.name === name);
  if (found !== undefined) return found;
  const names = imageClassifiers.map((classifier) => classifier.name);
  return fail({
    code: "usage",
    where: `model "${name}"`,
    problem: "there is no such model for images",
    expected: `one of ${names.join(", ")}`,
    fix: didYouMean(name, names),
  });
}

/**
 * Refuses images that are too small for a classifier. Errors: code "option".
 *
 * @param where for messages: `--image-size`
 */
export function checkClassifierInput({ name, least }: ImageClassifier, where: string, side: number): void {
  if (side >= least) return;
  const others = imageClassifiers.filter((other) => other.least <= side).map((other) => other.name);
  fail({
    code: "option",
    where,
    problem: `images are too small for ${name}`,
    expected: `at least ${least} × ${least} pixels`,
    received: `${side} × ${side}`,
    fix: others.length === 0 ? undefined : `Enlarge them, or take the model ${others.join(" or ")}`,
  });
}
