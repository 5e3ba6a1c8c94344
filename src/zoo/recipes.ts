import { closest, fail } from "../core/errors.js";
import { digits, fashionMnist, type MnistOptions, type TrainAndTest } from "../data/mnist.js";
import type { LossName } from "../model/losses.js";
import type { Network } from "../model/network.js";
import { fashionMlp, lwls, mnistDeep, mnistMlp, mnistShallow } from "./networks.js";
import type { RecipeSettings } from "./training.js";

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

const onDigits = { loss: "crossEntropy", settings: sixThousandDigits, data: digits } as const;

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
    name: "lwls",
    title: "Five-layer CNN on 6,000 handwritten digits",
    description: "Example 6.3 of Lindholm, Wahlström, Lindsten, Schön, “Machine Learning”",
    system: "D4",
    network: lwls,
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
];

/**
 * The recipe of this name. Errors: code "usage" with all names and the closest one.
 *
 * @example findRecipe("mnist-shallow").network()
 */
export function findRecipe(name: string): Recipe {
  const found = recipes.find((recipe) => recipe.name === name);
  if (found !== undefined) return found;
  const names = recipes.map((recipe) => recipe.name);
  const near = closest(name, names);
  return fail({
    code: "usage",
    where: `recipe "${name}"`,
    problem: "there is no such recipe",
    expected: `one of ${names.join(", ")}`,
    fix: near === undefined ? "Run fovea train --help for what each one does" : `Did you mean "${near}"`,
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
