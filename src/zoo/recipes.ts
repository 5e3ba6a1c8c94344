import { didYouMean, fail } from "../core/errors.js";
import { cifar10 } from "../data/cifar.js";
import { digits, fashionMnist, type MnistOptions, type TrainAndTest } from "../data/mnist.js";
import { resized } from "../data/resized.js";
import type { LossName } from "../model/losses.js";
import type { Network } from "../model/network.js";
import { allConv } from "./allConv.js";
import {
  cifarCnn,
  fashionCnn,
  fashionMlp,
  lwls,
  mnistCnn,
  mnistDeep,
  mnistMlp,
  mnistShallow,
  resnet9,
} from "./networks.js";
import { type PipelineStep, pipeline, pipelineSteps } from "./pipeline.js";
import type { RecipeSettings } from "./training.js";
import { zip1989 } from "./zip1989.js";

/** A network, the data that it learns from, and how. */
export interface Recipe {
  /** What the command line calls it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Its row in docs/systems.md. */
  readonly system: string;
  readonly loss: LossName;
  readonly settings: RecipeSettings;
  /** Whether it is of use in a comparison alone; such recipes are not listed. */
  readonly inComparisons?: boolean;
  network(): Network;
  data(options: MnistOptions): Promise<TrainAndTest>;
}

/**
 * The lectures' protocol: 6,000 digits, 90 % to learn from and 10 % to decide when to stop; stochastic gradient
 * descent with Nesterov's momentum. Stopping by accuracy rather than by loss: the loss is at its lowest while accuracy
 * still grows (over eight seeds 0.9587 on the test set against 0.9559, and never below 0.952 against 0.946).
 */
const sixThousandDigits: RecipeSettings = {
  seed: 4487,
  train: 6000,
  validation: 0.1,
  batchSize: 50,
  epochs: 100,
  optimizer: "sgd",
  learningRate: 0.02,
  momentum: 0.9,
  nesterov: true,
  monitor: "validationAccuracy",
  patience: 10,
};

/**
 * What the best recipes have in common: batch normalisation stands high rates, one cycle of which ends close to 0, so that
 * the last epochs are the best ones; they run to their end.
 */
const oneCycle = {
  seed: 1,
  optimizer: "adamW",
  learningRate: 0.004,
  schedule: "oneCycle",
  warmUp: 0.25,
  weightDecay: 0.02,
  labelSmoothing: 0.05,
  monitor: "validationLoss",
} as const;

/** Digits are as readable turned, slanted, enlarged and bent by so much. */
const handwriting = "rotate:12,shift:0.08,scale:0.12,shear:8,elastic(1,spacing=7)";

const onDigits = { loss: "crossEntropy", settings: sixThousandDigits, data: digits } as const;

/**
 * The lecture's numbers of zip codes, with MNIST's digits in their size: of 8,101 to learn from, a tenth decides when to
 * stop, and 7,291 are left.
 */
const zipCodes = {
  loss: "crossEntropy",
  settings: {
    seed: 4487,
    train: 8101,
    validation: 0.1,
    batchSize: 10,
    epochs: 30,
    optimizer: "sgd",
    learningRate: 0.01,
    momentum: 0.9,
    nesterov: true,
    weightDecay: 0.001,
    schedule: "cosine",
    monitor: "validationAccuracy",
    patience: 30,
  },
  async data(options: MnistOptions) {
    const { train, test } = await digits({ ...options, test: 2007 });
    const size = { height: 16, width: 16 };
    return { train: resized(train, size), test: resized(test, size) };
  },
} as const;

/** 14,000 photos, as many as lie in the data folder, varied; 1,400 of them to choose the epoch by. */
const smallPhotos = {
  loss: "crossEntropy",
  settings: {
    seed: 4487,
    train: 14000,
    validation: 0.1,
    batchSize: 50,
    epochs: 12,
    optimizer: "adamW",
    learningRate: 0.003,
    weightDecay: 0.05,
    schedule: "oneCycle",
    augment: "randomCrop:4,flip",
    monitor: "validationAccuracy",
    patience: 12,
  },
  data: cifar10,
} as const;

const stepTitles: Readonly<Record<PipelineStep, string>> = {
  linear: "INPUT and outputs alone",
  conv: "with CONV",
  relu: "with RELU",
  bn: "with BN",
  pool: "with POOL",
  fc1: "with FC",
  do1: "with DO",
  fc2: "with a second FC",
  do2: "whole, with a second DO",
};

/** All recipes, in the order of the lectures' systems. */
export const recipes: readonly Recipe[] = [
  {
    ...onDigits,
    name: "mnist-shallow",
    title: "Shallow CNN on 6,000 handwritten digits",
    description: "One 5 × 5 convolution with 10 filters and two dense layers; the lecture reached 0.9534",
    system: "D1",
    network: mnistShallow,
  },
  {
    ...onDigits,
    name: "mnist-deep",
    title: "Deep CNN on 6,000 handwritten digits",
    description: "Three 5 × 5 convolutions and two dense layers; the lecture reached 0.9564",
    system: "D2",
    network: mnistDeep,
  },
  {
    ...onDigits,
    name: "mnist-mlp",
    title: "Dense network on 6,000 handwritten digits",
    description: "784-500-500-10, to compare the convolutional networks with; the lecture reached 0.9499",
    system: "D3",
    network: mnistMlp,
  },
  {
    ...onDigits,
    name: "mnist-6k-best",
    title: "The best on 6,000 handwritten digits",
    description: "Four convolutions with batch normalisation, augmentation and one cycle of the rate; about 75 seconds",
    system: "D3",
    settings: {
      ...oneCycle,
      train: 6000,
      validation: 0.1,
      batchSize: 64,
      epochs: 40,
      augment: handwriting,
      patience: 40,
    },
    network: mnistCnn,
  },
  {
    ...onDigits,
    name: "mnist-best",
    title: "The best on all 60,000 handwritten digits",
    description: "The network of mnist-6k-best on ten times as many images; about 7 minutes",
    system: "D3",
    settings: {
      ...oneCycle,
      train: 60000,
      validation: 1 / 12,
      batchSize: 128,
      epochs: 20,
      augment: handwriting,
      patience: 20,
    },
    network: mnistCnn,
  },
  {
    ...onDigits,
    name: "lwls",
    title: "Five-layer CNN on 6,000 handwritten digits",
    description: "Example 6.3 of Lindholm, Wahlström, Lindsten, Schön, “Machine Learning”",
    system: "D4",
    network: lwls,
  },
  {
    name: "cifar",
    title: "CNN on CIFAR-10",
    description: "Two 5 × 5 convolutions with 64 filters and one dense layer; Adam, batches of 250",
    system: "D5",
    loss: "crossEntropy",
    settings: {
      seed: 1,
      train: 50000,
      validation: 0.1,
      batchSize: 250,
      epochs: 50,
      optimizer: "adam",
      learningRate: 0.001,
      monitor: "validationAccuracy",
      patience: 5,
    },
    network: cifarCnn,
    data: cifar10,
  },
  {
    name: "cifar-best",
    title: "The best on CIFAR-10",
    description:
      "A residual network of nine layers, crops, flips, mixed images, one cycle of the rate; about 40 minutes",
    system: "D5",
    loss: "crossEntropy",
    settings: {
      ...oneCycle,
      learningRate: 0.003,
      weightDecay: 0.1,
      train: 50000,
      validation: 0.05,
      batchSize: 128,
      epochs: 60,
      augment: "randomCrop(4,fill=reflect),flip,0.5*cutMix:1",
      patience: 60,
    },
    network: () => resnet9({ width: 48 }),
    data: cifar10,
  },
  {
    name: "fashion-mlp",
    title: "Dense network on Fashion-MNIST",
    description: "784-300-100-10 on 55,000 pictures of clothing, 5,000 to validate; 30 epochs of plain SGD",
    system: "D6",
    loss: "crossEntropy",
    settings: {
      seed: 42,
      train: 60000,
      validation: 1 / 12,
      batchSize: 32,
      epochs: 30,
      optimizer: "sgd",
      learningRate: 0.05,
      monitor: "validationAccuracy",
      patience: 30,
    },
    network: fashionMlp,
    data: fashionMnist,
  },
  {
    name: "fashion-cnn",
    title: "CNN on Fashion-MNIST",
    description:
      "Five convolutions with batch normalisation, small crops and flips, one cycle of the rate; about 5 minutes",
    system: "D6",
    loss: "crossEntropy",
    settings: {
      ...oneCycle,
      train: 60000,
      validation: 1 / 12,
      batchSize: 128,
      epochs: 10,
      augment: "randomCrop:1,flip",
      patience: 10,
    },
    network: fashionCnn,
    data: fashionMnist,
  },
  {
    ...zipCodes,
    name: "zip-1989",
    title: "LeCun's zip-code network of 1989",
    description: "9,760 parameters, tanh, 7,291 digits of 16 × 16 pixels; the original had 5 % of errors on 2,007",
    system: "D7",
    network: zip1989,
  },
  {
    ...smallPhotos,
    name: "all-conv",
    title: "All-convolutional network on 14,000 photos of CIFAR-10",
    description: "Convolutions in steps of two in place of pooling, and no dense layer",
    system: "D13",
    network: () => allConv(),
  },
  {
    ...smallPhotos,
    name: "all-conv-pool",
    title: "The all-convolutional network with max pooling",
    description: "To compare all-conv with",
    system: "D13",
    inComparisons: true,
    network: () => allConv({ halving: "pooling" }),
  },
  ...pipelineSteps.map((step) => ({
    ...onDigits,
    name: `pipeline-${step}`,
    title: `The lectures' pipeline, ${stepTitles[step]}`,
    description: `INPUT ⇒ CONV ⇒ RELU ⇒ BN ⇒ POOL ⇒ FC ⇒ DO ⇒ FC ⇒ DO ${step === "do2" ? "" : `up to ${step}`}`.trim(),
    system: "D20",
    inComparisons: step !== "do2",
    network: () => pipeline(step),
  })),
];

/** Those that stand for themselves. */
export const listedRecipes = recipes.filter(({ inComparisons }) => inComparisons !== true);

/**
 * The recipe of this name. Errors: code "usage" with all names and the closest one.
 *
 * @example findRecipe("mnist-shallow").network()
 */
export function findRecipe(name: string): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = listedRecipes.map((recipe) => recipe.name);
  return fail({
    code: "usage",
    where: `recipe "${name}"`,
    problem: "there is no such recipe",
    expected: `one of ${names.join(", ")}`,
    fix:
      didYouMean(
        name,
        recipes.map((recipe) => recipe.name),
      ) ?? "Run fovea train --help for what each one does",
  });
}

/** The data of a recipe under these settings: `train` still has the validation part, which `fit` takes off by seed. */
export function recipeData(
  recipe: Recipe,
  { seed, train }: Pick<RecipeSettings, "seed" | "train">,
  onProgress?: MnistOptions["onProgress"],
): Promise<TrainAndTest> {
  return recipe.data({ seed, train, onProgress });
}
