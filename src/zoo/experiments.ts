import { pipelineSteps } from "./pipeline.js";
import type { RecipeSettings } from "./training.js";

/** One of the trainings that an experiment compares. */
export interface Variant {
  /** What tables, pictures and run directories call it: letters, digits, `.`, `_` and `-`. */
  readonly name: string;
  readonly recipe: string;
  /** In place of the recipe's. */
  readonly settings?: Partial<RecipeSettings>;
}

/** Trainings that differ in one thing, each for several seeds. */
export interface Experiment {
  /** What the command line calls it. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Its row in docs/systems.md. */
  readonly system: string;
  /** What a variant is compared with: the one before it, in a series of additions, or the first. */
  readonly against: Against;
  readonly variants: readonly Variant[];
}

export const againsts = ["previous", "first"] as const;

export type Against = (typeof againsts)[number];

/** One recipe with several settings, named by them. */
const settingsOf = (recipe: string, variants: Readonly<Record<string, Partial<RecipeSettings>>>): Variant[] =>
  Object.entries(variants).map(([name, settings]) => ({ name, recipe, settings }));

/** All experiments that fovea brings along. */
export const experiments: readonly Experiment[] = [
  {
    name: "pipeline",
    title: "The lectures' pipeline, layer by layer",
    description: "What each layer of INPUT ⇒ CONV ⇒ RELU ⇒ BN ⇒ POOL ⇒ FC ⇒ DO ⇒ FC ⇒ DO adds, on 6,000 digits",
    system: "D20",
    against: "previous",
    variants: pipelineSteps.map((name) => ({ name, recipe: `pipeline-${name}` })),
  },
  {
    name: "all-conv",
    title: "Strides in place of pooling",
    description: "The all-convolutional network and the one with max pooling, on 14,000 photos",
    system: "D13",
    against: "first",
    variants: [
      { name: "pooling", recipe: "all-conv-pool" },
      { name: "strides", recipe: "all-conv" },
    ],
  },
  {
    name: "digit-networks",
    title: "The lectures' networks for 6,000 digits",
    description: "A dense network, and one, three and three smaller convolutions before dense layers",
    system: "D1–D4",
    against: "first",
    variants: ["mnist-mlp", "mnist-shallow", "mnist-deep", "lwls"].map((name) => ({ name, recipe: name })),
  },
  {
    name: "optimizers",
    title: "Optimisers",
    description: "The shallow network on 6,000 digits, with every optimiser at the rate that is usual for it",
    system: "C3",
    against: "first",
    variants: settingsOf("mnist-shallow", {
      sgd: { learningRate: 0.02, momentum: 0, nesterov: false },
      momentum: { learningRate: 0.02, momentum: 0.9, nesterov: false },
      nesterov: { learningRate: 0.02, momentum: 0.9, nesterov: true },
      adagrad: { optimizer: "adagrad" },
      rmsprop: { optimizer: "rmsprop" },
      adadelta: { optimizer: "adadelta" },
      adam: { optimizer: "adam" },
      adamW: { optimizer: "adamW", weightDecay: 0.01 },
      lion: { optimizer: "lion" },
    }),
  },
];
