import { basename, dirname, extname } from "node:path";
import { checkOptions, didYouMean, fail } from "../core/errors.js";
import { type Against, againsts, type Experiment, experiments } from "../zoo/experiments.js";
import { configFromFile, namesConfig, readConfigFile, resolveConfig } from "./trainConfig.js";
import { checkConfig, type GivenConfig, isObject, type RunConfig } from "./trainOptions.js";

/** An experiment as it is run: one of fovea's, or what a file says. */
export interface ExperimentPlan extends Pick<Experiment, "name" | "title" | "against"> {
  readonly seeds: readonly number[];
  readonly variants: readonly PlannedVariant[];
}

export interface PlannedVariant {
  readonly name: string;
  /** The config of its training with this seed. */
  readonly config: (seed: number) => RunConfig;
}

/** What the command line says of an experiment. */
export interface ExperimentFlags {
  readonly seeds?: readonly number[];
  readonly train?: number;
  readonly epochs?: number;
  readonly threads?: number;
}

export const usualSeeds = [1, 2, 3];

/**
 * The experiment of this name, or that of a file: `{ "variants": [{ "name": …, "recipe": …, "settings": … }] }`, each
 * variant a config with a name, and optionally `title`, `against` and `seeds`.
 *
 * Errors: code "usage" for an unknown name, those of configs for a file, with its variant.
 */
export async function planExperiment(what: string, flags: ExperimentFlags): Promise<ExperimentPlan> {
  const { seeds: askedSeeds, train, epochs, threads } = flags;
  const given = namesConfig(what) ? await readExperiment(what) : findExperiment(what);
  const settings = { ...(train === undefined ? {} : { train }), ...(epochs === undefined ? {} : { epochs }) };
  const variants = given.variants.map(({ name, ...config }) => ({
    name,
    config: (seed: number) =>
      resolveConfig(config, { settings: { ...settings, seed }, ...(threads === undefined ? {} : { threads }) }),
  }));
  const seeds = askedSeeds ?? given.seeds ?? usualSeeds;
  // what does not go together is found out before anything is trained
  for (const { config } of variants) config(seeds[0]!);
  const { name, title, against } = given;
  return { name, title, against, seeds, variants };
}

interface GivenExperiment extends Pick<Experiment, "name" | "title" | "against"> {
  readonly seeds?: readonly number[];
  readonly variants: readonly (GivenConfig & { readonly name: string })[];
}

function findExperiment(name: string): GivenExperiment {
  const found = experiments.find((experiment) => experiment.name === name);
  if (found !== undefined) return found;
  const names = experiments.map((experiment) => experiment.name);
  return fail({
    code: "usage",
    where: `experiment "${name}"`,
    problem: "there is no such experiment",
    expected: `one of ${names.join(", ")}, or a file of JSON`,
    fix: didYouMean(name, names),
  });
}

async function readExperiment(path: string): Promise<GivenExperiment> {
  const value = await readConfigFile(path);
  const refuse = (where: string, problem: string, expected: string, received: unknown): never =>
    fail({ code: "option", where, problem, expected, received: JSON.stringify(received) ?? "nothing" });
  if (!isObject(value)) return refuse(path, "wrong experiment", "an object", value);
  checkOptions(path, value, ["title", "against", "seeds", "variants"]);
  const { title = basename(path), against = "first", seeds, variants } = value;
  if (typeof title !== "string") refuse(path, "wrong title", "a text", title);
  if (!againsts.some((known) => known === against)) {
    refuse(path, "wrong against", `one of ${againsts.join(", ")}`, against);
  }
  if (seeds !== undefined && !isListOfSeeds(seeds)) {
    refuse(path, "wrong seeds", "different whole numbers ≥ 0, such as [1, 2, 3]", seeds);
  }
  if (!Array.isArray(variants) || variants.length === 0) {
    return refuse(path, "wrong variants", 'a list such as [{ "name": "one", "recipe": "mnist-shallow" }]', variants);
  }
  const taken = new Set<string>();
  const checked = variants.map((variant: unknown, i) => {
    const where = `${path}: variants[${i}]`;
    if (!isObject(variant)) return refuse(where, "wrong variant", "an object", variant);
    const { name, ...config } = variant;
    if (typeof name !== "string" || !/^\w[\w.-]*$/.test(name)) {
      return refuse(where, "wrong name", 'letters, digits, ".", "_" and "-"', name);
    }
    if (taken.has(name)) refuse(where, "wrong name", "one that no other variant has", name);
    taken.add(name);
    checkConfig(where, config);
    return { ...configFromFile(config, dirname(path)), name };
  });
  return {
    name: basename(path, extname(path)),
    title: title as string,
    against: against as Against,
    ...(seeds === undefined ? {} : { seeds: seeds as readonly number[] }),
    variants: checked,
  };
}

/** Whether these are different whole numbers ≥ 0, and some. */
export function isListOfSeeds(seeds: unknown): seeds is readonly number[] {
  if (!Array.isArray(seeds) || seeds.length === 0 || new Set(seeds).size < seeds.length) return false;
  return seeds.every((seed) => Number.isSafeInteger(seed) && seed >= 0);
}

/** One training of an experiment, as it ended. */
export interface Trial {
  readonly seed: number;
  /** Its directory. */
  readonly run: string;
  /** On the test set: accuracy, or the loss of trainings that have none. */
  readonly value: number;
  readonly parameters: number;
  readonly epochs: number;
  readonly seconds: number;
}

/** A mean, and the deviation of single values from it; undefined for a single value. */
export interface Spread {
  readonly mean: number;
  readonly deviation: number | undefined;
}

/** What the trainings of a variant came to. */
export interface Outcome extends Spread {
  readonly name: string;
  readonly trials: readonly Trial[];
  /** By how much it differs from the variant that it is compared with, seed by seed. */
  readonly change?: Spread & { readonly from: string };
}

/** Means over the seeds, and differences of trainings with the same seed. */
export function outcomesOf(
  variants: readonly { readonly name: string; readonly trials: readonly Trial[] }[],
  against: Against,
): Outcome[] {
  return variants.map(({ name, trials }, i) => {
    const other = i === 0 ? undefined : variants[against === "first" ? 0 : i - 1];
    const pairs = trials.flatMap(({ seed, value }) => {
      const partner = other?.trials.find((trial) => trial.seed === seed);
      return partner === undefined ? [] : [value - partner.value];
    });
    const change =
      other === undefined || pairs.length === 0 ? {} : { change: { from: other.name, ...spreadOf(pairs) } };
    return { name, trials, ...spreadOf(trials.map(({ value }) => value)), ...change };
  });
}

/** Mean and sample deviation, `√(Σ (x − mean)² / (n − 1))`. */
export function spreadOf(values: readonly number[]): Spread {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (values.length < 2) return { mean, deviation: undefined };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(squares / (values.length - 1)) };
}
