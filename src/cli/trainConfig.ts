import { readFile } from "node:fs/promises";
import { dirname, extname, isAbsolute, relative, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { fail } from "../core/errors.js";
import type { CheckpointOptions } from "../train/checkpoint.js";
import { checkClassifierInput, findImageClassifier } from "../zoo/imageClassifiers.js";
import { findRecipe } from "../zoo/recipes.js";
import { optimizersWithMomentum, usualRates } from "../zoo/training.js";
import { parseJson } from "./json.js";
import { checkConfig, type GivenConfig, type RunConfig, type RunSettings } from "./trainOptions.js";
import { version } from "./version.js";

/**
 * A config with everything that its recipe says, or that is usual for images of one's own; what the command line says
 * comes last.
 *
 * Errors: codes "usage" and "option" for what does not go together.
 */
export function resolveConfig(given: GivenConfig, flags: Omit<GivenConfig, "recipe"> = {}): RunConfig {
  const asked = { ...given.settings, ...flags.settings };
  const {
    $schema: _,
    fovea: __,
    settings: ___,
    checkpoint: ____,
    ...rest
  } = { ...given, ...flags } as GivenConfig & {
    readonly $schema?: string;
  };
  const checkpoint = { ...given.checkpoint, ...flags.checkpoint };
  return {
    ...(rest.data === undefined ? ofRecipe(rest, asked) : ofOwnData(rest, asked)),
    ...(Object.keys(checkpoint).length === 0 ? {} : { checkpoint }),
    fovea: version,
  };
}

/** What belongs to images of one's own. */
const ownNames = [
  "model",
  "imageSize",
  "grey",
  "corrupt",
  "inMemory",
  "pretrained",
  "pretrainedChecksum",
  "fineTune",
  "fingerprint",
] as const;

function ofRecipe(rest: Omit<GivenConfig, "settings">, asked: Partial<RunSettings>): RunConfig {
  const found = findRecipe(rest.recipe ?? "");
  const own = ownNames.find((name) => rest[name] !== undefined) ?? (asked.test === undefined ? undefined : "test");
  if (own !== undefined) {
    const fix = `Name your images with --data, or leave ${own} out`;
    fail({ code: "usage", where: own, problem: `recipes have their own data and models`, received: found.name, fix });
  }
  return { ...rest, recipe: found.name, settings: settingsOf(found.settings, asked) };
}

/** What is usual for images of one's own: enough to learn something useful in some minutes. */
const ownEpochs = 30;

function ofOwnData(rest: Omit<GivenConfig, "settings">, asked: Partial<RunSettings>): RunConfig {
  const { recipe, data, model = "small" } = rest;
  if (recipe !== undefined && recipe !== "") {
    const fix = `Leave "${recipe}" out: --model says what is trained on your images`;
    fail({ code: "usage", where: "--data", problem: "a recipe has its own data", received: recipe, fix });
  }
  if (asked.train !== undefined) {
    const fix = "Say with --validation and --test what part of your images is held back";
    fail({ code: "usage", where: "--train", problem: "is for recipes", fix });
  }
  const classifier = findImageClassifier(model);
  const isArray = /\.npz$/i.test(data!);
  const { imageSize = isArray ? undefined : classifier.usual } = rest;
  const own = (
    [
      ["--image-size", rest.imageSize],
      ["--grey", rest.grey],
    ] as const
  ).find(([, value]) => value !== undefined);
  if (isArray && own !== undefined) {
    fail({ code: "usage", where: own[0], problem: "arrays have a size and channels of their own", received: data });
  }
  if (imageSize !== undefined) checkClassifierInput(classifier, "--image-size", imageSize);
  if (rest.fineTune === true && rest.pretrained === undefined) {
    const fix = "Say with --pretrained what is to be tuned";
    fail({ code: "usage", where: "--fine-tune", problem: "is for features that were trained before", fix });
  }
  const epochs = asked.epochs ?? ownEpochs;
  const usual: RunSettings = {
    seed: 1,
    validation: 0.1,
    test: 0.1,
    batchSize: 32,
    epochs,
    optimizer: "adamW",
    // what was learned before is to be kept
    learningRate: rest.fineTune === true ? 0.0005 : 0.003,
    weightDecay: 0.05,
    schedule: "oneCycle",
    labelSmoothing: 0.1,
    augment: `randomCrop(${Math.max(1, Math.round((imageSize ?? 32) / 8))},fill=reflect),flip`,
    monitor: "validationAccuracy",
    // the best epochs of one cycle are its last ones
    patience: epochs,
  };
  const settings = settingsOf(usual, asked);
  const { validation, test = 0 } = settings;
  if (validation + test >= 1) {
    const received = `${validation} to validate on and ${test} to measure on`;
    fail({
      code: "option",
      where: "settings",
      problem: "nothing is left to train on",
      expected: "less than 1",
      received,
    });
  }
  const { corrupt = "refuse" } = rest;
  return { data: data!, model, ...(imageSize === undefined ? {} : { imageSize }), corrupt, ...rest, settings };
}

/** Usual settings with those that were asked for. Another optimiser comes with its own rate, and no momentum. */
function settingsOf(usual: RunSettings, asked: Partial<RunSettings>): RunSettings {
  const { optimizer = usual.optimizer } = asked;
  const { momentum, nesterov, ...rest } = usual;
  const other = optimizer !== usual.optimizer;
  const momentous = optimizersWithMomentum.includes(optimizer);
  const wrong = momentous
    ? asked.nesterov === true && optimizer !== "sgd" && "nesterov"
    : asked.momentum !== undefined && asked.momentum > 0 && "momentum";
  if (wrong !== false) {
    fail({
      code: "option",
      where: "settings",
      problem: `${wrong} does not go with the optimiser`,
      expected: wrong === "nesterov" ? "sgd" : `one of ${optimizersWithMomentum.join(", ")}`,
      received: optimizer,
    });
  }
  return {
    ...rest,
    ...(other ? { learningRate: usualRates[optimizer] } : { momentum, nesterov }),
    ...asked,
  };
}

/**
 * The config as a file in `directory` has it: data below the working directory by the way from there, so that both can
 * be moved together, others by their absolute path.
 */
export function configForFile(config: RunConfig, directory: string): RunConfig {
  const fromThere = (path: string) =>
    isAbsolute(path) ? path : relative(resolve(directory), resolve(path)).split(sep).join("/");
  return withPaths(config, fromThere);
}

/** A config that was read from a file in `directory`: its paths from the working directory, for what lies below it. */
export function configFromFile<C extends Paths>(config: C, directory: string): C {
  return withPaths(config, (path) => {
    const whole = resolve(directory, path);
    const below = relative(process.cwd(), whole);
    return below.startsWith("..") || isAbsolute(below) ? whole : below || ".";
  });
}

type Paths = Pick<RunConfig, "data" | "pretrained">;

function withPaths<C extends Paths>(config: C, change: (path: string) => string): C {
  const { data, pretrained } = config;
  return {
    ...config,
    ...(data === undefined ? {} : { data: change(data) }),
    ...(pretrained === undefined ? {} : { pretrained: change(pretrained) }),
  };
}

/** As `fit` takes it. Saving takes time, so that short epochs do not have one each. */
export function checkpointOf({ checkpoint = {} }: RunConfig, directory: string): CheckpointOptions {
  const { everyEpochs, everySteps, everyMinutes, keep = 2 } = checkpoint;
  const every = {
    ...(everyEpochs === undefined ? {} : { epochs: everyEpochs }),
    ...(everySteps === undefined ? {} : { steps: everySteps }),
    ...(everyMinutes === undefined ? {} : { minutes: everyMinutes }),
  };
  // the weights of the best epoch are among those put aside, and the model's at the end
  return { directory, every: Object.keys(every).length === 0 ? { minutes: 1 } : every, keep, best: false };
}

const isConfigFile = /\.(json|[cm]?[jt]s)$/;

/** Whether a word on the command line is a config rather than a recipe. */
export const namesConfig = (word: string) => isConfigFile.test(word);

/**
 * Reads a config: JSON, or a module whose default export is one.
 *
 * Errors: code "file" where it cannot be read, "format" where it is no JSON, "option" for what it should not say, code
 * "unsupported" for TypeScript where Node cannot run it.
 */
export async function readGivenConfig(path: string): Promise<GivenConfig> {
  return checkedConfig(await readConfigFile(path), path);
}

/** What the config file at `path` holds, checked, with its paths from the working directory. Errors: code "option". */
export function checkedConfig(value: unknown, path: string): GivenConfig {
  checkConfig(path, value);
  return configFromFile(value, dirname(path));
}

/** What a file of JSON holds, or a module exports. Errors: as of `readGivenConfig`, but for "option". */
export function readConfigFile(path: string): Promise<unknown> {
  return extname(path) === ".json" ? readJson(path) : readModule(path);
}

async function readJson(path: string): Promise<unknown> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => cannotRead(path, error));
  return parseJson(text, path);
}

async function readModule(path: string): Promise<unknown> {
  await readFile(path).catch((error: NodeJS.ErrnoException) => cannotRead(path, error));
  const { typescript } = process.features as { readonly typescript?: unknown };
  if (/ts$/.test(path) && (typescript === undefined || typescript === false)) {
    fail({
      code: "unsupported",
      where: path,
      problem: "a config in TypeScript needs a Node that runs it",
      expected: "22.18 or later",
      received: process.version,
      fix: "Use a newer Node, or write the config as JSON",
    });
  }
  const module: { readonly default?: unknown } = await import(pathToFileURL(resolve(path)).href);
  if (module.default !== undefined) return module.default;
  return fail({
    code: "format",
    where: path,
    problem: "has no default export",
    expected: "export default { recipe: … } or { data: … }",
  });
}

function cannotRead(path: string, error: NodeJS.ErrnoException): never {
  const problem = error.code === "ENOENT" ? "there is no such config" : `cannot be read: ${error.message}`;
  return fail({ code: "file", where: path, problem, fix: "Check the path", cause: error });
}
