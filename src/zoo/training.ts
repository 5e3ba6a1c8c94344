import { fail } from "../core/errors.js";
import { mixes } from "../data/augment/augment.js";
import { parseAugment } from "../data/augment/text.js";
import { type Dataset, splitSizes } from "../data/dataset.js";
import { classWeights, oneHot } from "../data/measures.js";
import { crossEntropy, type LossName, type LossOption } from "../model/losses.js";
import { type Optimizer, type OptimizerKind, optimizerFromJSON } from "../model/optimizers.js";
import type { Callback } from "../train/callbacks.js";
import { earlyStopping, type MonitoredMetric } from "../train/earlyStopping.js";
import type { FitOptions } from "../train/fit.js";
import { cosineDecay, oneCycle, polynomialDecay, reduceOnPlateau, type Schedule } from "../train/schedules.js";

/** How the learning rate goes on: "plateau" takes a tenth of it after half the patience. */
export const scheduleNames = ["constant", "oneCycle", "cosine", "linear", "plateau"] as const;

export type ScheduleName = (typeof scheduleNames)[number];

/** How a network is trained, as JSON. */
export interface TrainingSettings {
  /** Decides which examples are taken, the validation part, first weights and the order of examples. */
  readonly seed: number;
  /** Part of the training examples that is held back to measure on after each epoch. */
  readonly validation: number;
  readonly batchSize: number;
  /** At most. */
  readonly epochs: number;
  readonly optimizer: OptimizerKind;
  /** With a schedule, the highest one. */
  readonly learningRate: number;
  /** Part of the last change that is kept; `sgd` and `rmsprop` alone have it. Default: 0. */
  readonly momentum?: number;
  /** Of `sgd` with momentum. Default: false. */
  readonly nesterov?: boolean;
  /** λ of kernels; biases and the weights of normalisation do not decay. Default: 0. */
  readonly weightDecay?: number;
  /** What the norm of all gradients is limited to. Default: no limit. */
  readonly clipNorm?: number;
  /** Steps whose gradients make one change. Default: 1. */
  readonly accumulationSteps?: number;
  /** Decay of a moving average of the weights, which is what is measured and kept. Default: none. */
  readonly averageDecay?: number;
  /** Default: "constant". */
  readonly schedule?: ScheduleName;
  /** Part of all steps in which the rate rises first: of every schedule but "plateau". Default: 0, "oneCycle": 0.3. */
  readonly warmUp?: number;
  /** ε of a cross-entropy. Default: 0. */
  readonly labelSmoothing?: number;
  /** Whether examples of rare classes count more, in a cross-entropy. Default: false. */
  readonly balance?: boolean;
  /** How examples are varied, as `parseAugment` reads it. Default: "none". */
  readonly augment?: string;
  /** What decides which epoch is the best one; its weights are kept. */
  readonly monitor: MonitoredMetric;
  /** Epochs without a better one until training ends. */
  readonly patience: number;
}

/** The numbers of a recipe: with its name, all that it takes to train again. */
export interface RecipeSettings extends TrainingSettings {
  /** Training examples to take, validation part included. */
  readonly train: number;
}

/** Optimisers that know momentum, and the rates that are usual for each. */
export const optimizersWithMomentum: readonly OptimizerKind[] = ["sgd", "rmsprop"];

export const usualRates: Readonly<Record<OptimizerKind, number>> = {
  sgd: 0.01,
  adam: 0.001,
  adamW: 0.001,
  adagrad: 0.01,
  rmsprop: 0.001,
  adadelta: 1,
  lion: 0.0001,
};

/** What a recipe's loss and settings say of a training program; what depends on the data needs `train`. */
export function recipeObjective(
  { loss }: { readonly loss: LossName },
  settings: TrainingSettings,
  train?: Dataset,
): { readonly loss: LossOption; readonly optimizer: Optimizer } {
  return { loss: lossOf(loss, settings, train), optimizer: optimizerOf(settings) };
}

/**
 * What `Model.fit` takes, and the training data as it has to be, from the numbers of a recipe: where examples are mixed,
 * labels become probabilities.
 *
 * @param held a data set of its own to validate on, in place of a part of `train`
 *
 * Errors: code "option" for numbers that do not go together, code "usage" for unknown augmentations.
 */
export function recipeFit(
  recipe: { readonly loss: LossName },
  settings: TrainingSettings,
  train: Dataset,
  held?: Dataset,
): { readonly data: Dataset; readonly options: FitOptions } {
  const { seed, validation: part, batchSize, epochs, monitor, patience } = settings;
  const augment = parseAugment(settings.augment ?? "none");
  const suited = (data: Dataset) => (mixes(augment) ? oneHot(data) : data);
  const examples = held === undefined ? splitSizes(train.length, part)[0] : train.length;
  const steps = Math.ceil(examples / batchSize) * epochs;
  const updates = Math.ceil(steps / (settings.accumulationSteps ?? 1));
  const { schedule, callbacks } = scheduleOf(settings, updates);
  return {
    data: suited(train),
    options: {
      ...recipeObjective(recipe, settings, train),
      ...(schedule === undefined ? {} : { schedule }),
      ...(augment.steps.length === 0 ? {} : { augment }),
      batchSize,
      epochs,
      validation: held === undefined ? part : suited(held),
      seed,
      callbacks: [earlyStopping({ monitor, patience }), ...callbacks],
    },
  };
}

function lossOf(name: LossName, settings: TrainingSettings, train: Dataset | undefined): LossOption {
  const { labelSmoothing = 0, balance = false } = settings;
  const mixing = mixes(parseAugment(settings.augment ?? "none"));
  if (labelSmoothing === 0 && !balance && !mixing) return name;
  if (name !== "crossEntropy") {
    fail({
      code: "option",
      where: "settings",
      problem: "labelSmoothing, balance, mixUp and cutMix are for labels",
      expected: "the loss crossEntropy",
      received: name,
    });
  }
  return crossEntropy({
    ...(mixing ? { targets: "probabilities" } : {}),
    ...(labelSmoothing === 0 ? {} : { labelSmoothing }),
    ...(balance && train !== undefined ? { classWeights: classWeights(train) } : {}),
  });
}

function optimizerOf(settings: TrainingSettings): Optimizer {
  const { optimizer: kind, learningRate, momentum = 0, nesterov = false, weightDecay = 0 } = settings;
  const { clipNorm, accumulationSteps, averageDecay } = settings;
  return optimizerFromJSON({
    kind,
    learningRate,
    ...(optimizersWithMomentum.includes(kind) ? { momentum } : {}),
    ...(kind === "sgd" ? { nesterov } : {}),
    ...(kind === "adamW" || weightDecay > 0 ? { weightDecay: 0 } : {}),
    // "conv2d.kernel", "separableConv2d.pointwiseKernel"
    ...(weightDecay > 0 ? { groups: [{ match: "*ernel", weightDecay }] } : {}),
    ...(clipNorm === undefined ? {} : { clipNorm }),
    ...(accumulationSteps === undefined ? {} : { accumulationSteps }),
    ...(averageDecay === undefined ? {} : { averageDecay }),
  });
}

/** The schedule over so many updates; that of a plateau is a callback. */
function scheduleOf(
  { schedule = "constant", warmUp, monitor, patience }: TrainingSettings,
  steps: number,
): { readonly schedule?: Schedule; readonly callbacks: readonly Callback[] } {
  const rising = Math.round((warmUp ?? 0) * steps);
  switch (schedule) {
    case "constant":
      return rising === 0
        ? { callbacks: [] }
        : { schedule: polynomialDecay({ steps: Math.max(steps, rising + 1), end: 1, warmUp: rising }), callbacks: [] };
    case "oneCycle":
      return { schedule: oneCycle({ steps: Math.max(steps, 2), rising: warmUp }), callbacks: [] };
    case "cosine":
      return { schedule: cosineDecay({ steps, warmUp: rising }), callbacks: [] };
    case "linear":
      return { schedule: polynomialDecay({ steps, warmUp: rising }), callbacks: [] };
    case "plateau":
      return { callbacks: [reduceOnPlateau({ monitor, patience: Math.floor(patience / 2) })] };
  }
}
