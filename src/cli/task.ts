import { join, resolve } from "node:path";
import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";
import { lastPart } from "../data/files.js";
import { sortedClasses } from "../data/imageFiles.js";
import { type Dataset, statistics, take } from "../data/index.js";
import type { LossName } from "../model/losses.js";
import { Model } from "../train/model.js";
import { checkClassifierInput, findImageClassifier } from "../zoo/imageClassifiers.js";
import { setNormalization } from "../zoo/imageInput.js";
import { takeFeatures } from "../zoo/pretrained.js";
import { findRecipe, recipeData } from "../zoo/recipes.js";
import { downloadProgress } from "./download.js";
import { formatCount } from "./format.js";
import type { Io } from "./io.js";
import {
  changesOf,
  checksumOf,
  divide,
  listOwnData,
  notesOf,
  type OwnData,
  type OwnExample,
  type PartName,
  parseOwnExamples,
  placeOf,
  type ReadOptions,
  readOwnData,
} from "./ownData.js";
import { noteSkipped, readingProgress } from "./reading.js";
import { modelFile, readConfig, runFiles } from "./run.js";
import { configFromFile } from "./trainConfig.js";
import type { RunConfig, RunSettings } from "./trainOptions.js";

/** How the data of a task are read. */
export interface Reading {
  readonly io: Io;
  /** Without progress. */
  readonly quiet: boolean;
  /** Images that cannot be decoded. Default: as the run has it. */
  readonly corrupt?: ReadOptions["corrupt"];
  /** Default: as the run has it. */
  readonly inMemory?: boolean;
}

/** What a run is trained and measured on. */
export interface TaskData {
  readonly train: Dataset;
  /** A data set of its own to validate on; otherwise a part of `train` is taken. */
  readonly validation?: Dataset;
  readonly test: Dataset;
}

/** Examples to measure on, and what each is called, where they are files. */
export interface TestData {
  readonly data: Dataset;
  readonly names?: readonly string[];
}

/** What a run trains, and on what: a recipe, or a network on images of the user's own. */
export interface Task {
  /** What run directories are called by. */
  readonly name: string;
  readonly title: string;
  /** What stands behind the title, in brackets. */
  readonly about: string;
  readonly loss: LossName;
  readonly settings: RunSettings;
  /** What the model's file says of it. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The files of a user's own data, with their parts. */
  readonly examples?: readonly OwnExample[];
  /** A file to predict, of those that are not trained on. */
  readonly example?: string;
  /** What a user may not have meant. */
  readonly notes: readonly string[];
  /** The config, with what was found out about the data. */
  readonly config: RunConfig;
  /** A new model for these data. */
  model(train: Dataset): Promise<Model>;
  data(reading: Reading): Promise<TaskData>;
  test(reading: Reading): Promise<TestData>;
}

/**
 * What a new run trains. The user's own images are listed and divided; none is read.
 *
 * Errors: those of `findRecipe` and `listOwnData`; code "data" for a folder that is not the one that the config tells of.
 */
export async function newTask(config: RunConfig): Promise<Task> {
  if (config.data === undefined) return recipeTask(config);
  const own = await listOwnData(config.data);
  if (config.fingerprint !== undefined && config.fingerprint !== own.fingerprint) {
    fail({
      code: "data",
      where: own.path,
      problem: "the files are not those that the config was written for",
      expected: `fingerprint ${config.fingerprint}`,
      received: own.fingerprint,
      fix: "Put back what has changed, or remove the fingerprint from the config to train on what is there now",
    });
  }
  const { seed, validation, test = 0 } = config.settings;
  const examples = divide(own, { seed, validation, test });
  const checked = { ...config, ...(await checkPretrained(config)), fingerprint: own.fingerprint };
  const { pretrained, imageSize: size, grey } = config;
  // features that do not fit are told of before images are read
  if (pretrained !== undefined && size !== undefined) await newModel(config, own.classes, [size, size, grey ? 1 : 3]);
  return ownTask(checked, { ...own, examples });
}

/** The checksum of what features are taken from. Errors: code "data" where the config knows another one. */
async function checkPretrained({ pretrained, pretrainedChecksum }: RunConfig): Promise<Partial<RunConfig>> {
  if (pretrained === undefined) return {};
  const checksum = checksumOf(await platform.files.read(await modelFile(pretrained)));
  if (pretrainedChecksum !== undefined && checksum !== pretrainedChecksum) {
    fail({
      code: "data",
      where: pretrained,
      problem: "is not the file that the config was written for",
      expected: `checksum ${pretrainedChecksum}`,
      received: checksum,
      fix: "Put the file back, or remove pretrainedChecksum from the config to take the one that is there now",
    });
  }
  return { pretrainedChecksum: checksum };
}

/** What a run goes on with. Errors: code "data" where the user's files have changed since it began. */
export async function resumedTask(config: RunConfig, run: string): Promise<Task> {
  if (config.data === undefined) return recipeTask(config);
  const now = await listOwnData(config.data);
  const examples = await examplesOf(run);
  const changes = now.kind === "images" ? changesOf(examples, now.examples) : undefined;
  if (changes !== undefined || now.fingerprint !== config.fingerprint) {
    fail({
      code: "data",
      where: run,
      problem: `${now.path} has changed since the run began, which can then not go on as if it had never stopped`,
      expected: `the ${formatCount(examples.length)} images of ${join(run, runFiles.data)}`,
      received: changes ?? "other contents",
      fix: `Put back what has changed, or begin a new run: fovea train --data ${now.path}`,
    });
  }
  await checkPretrained(config);
  return ownTask(config, { ...now, examples });
}

/** What a run was trained on, to look at it again. Errors: code "file" where its directory does not say. */
export async function taskOfRun(run: string): Promise<Task> {
  const config = configFromFile(await readConfig(run), run);
  if (config.data === undefined) return recipeTask(config);
  const examples = await examplesOf(run);
  const classes = [...new Set(examples.map((example) => example.class))];
  const kind = /\.npz$/i.test(config.data) ? "arrays" : "images";
  return ownTask(config, { path: config.data, kind, classes: sortedClasses(classes), examples, notes: [] });
}

async function examplesOf(run: string): Promise<OwnExample[]> {
  const file = join(run, runFiles.data);
  if (!(await platform.files.exists(file))) {
    const problem = "is missing: it says which images the run has trained on, and which it is measured on";
    fail({ code: "file", where: file, problem, fix: "Train again, or give the images to measure on" });
  }
  return parseOwnExamples(new TextDecoder().decode(await platform.files.read(file)), file);
}

/** What a run is told from others by: its recipe, or its model and data. */
export function labelOf({ recipe, model, data }: RunConfig): string {
  return recipe ?? `${model} on ${lastPart(data ?? "")}`;
}

function recipeTask(config: RunConfig): Task {
  const recipe = findRecipe(config.recipe ?? "");
  const { settings } = config;
  const { seed, train = recipe.settings.train } = settings;
  const data = ({ io, quiet }: Reading, examples = train) =>
    recipeData(recipe, { seed, train: examples }, quiet ? undefined : downloadProgress(io));
  return {
    name: recipe.name,
    title: recipe.title,
    about: `${recipe.name}, ${recipe.system}`,
    loss: recipe.loss,
    settings,
    metadata: { recipe: recipe.name },
    config,
    notes: [],
    model: async () => new Model(recipe.network()),
    data: (reading) => data(reading),
    // data sets come in pairs, of which one is wanted
    test: async (reading) => ({ data: (await data(reading, 1)).test }),
  };
}

/** A model for images of a shape, with first weights, or with features that were trained before. */
async function newModel(config: RunConfig, classes: readonly string[], shape: readonly number[]): Promise<Model> {
  const classifier = findImageClassifier(config.model ?? "small");
  const [height, width, channels] = shape as [number, number, number];
  const network = classifier.network({ input: [height, width, channels], classes: classes.length });
  const model = new Model(network).initialize(config.settings.seed);
  model.classes = classes;
  if (config.pretrained === undefined) return model;
  const file = await modelFile(config.pretrained);
  takeFeatures(model, classifier, await platform.files.read(file), file);
  return config.fineTune === true ? model : model.freeze().unfreeze(`${classifier.head}.*`);
}

/** Training images that mean and deviation are measured on, at most. */
const mostMeasured = 2000;

function ownTask(config: RunConfig, own: Omit<OwnData, "fingerprint">): Task {
  const { model: modelName = "small", grey = false, pretrained, fineTune = false, settings } = config;
  const classifier = findImageClassifier(modelName);
  // arrays have a size of their own
  const { imageSize: size = 1 } = config;
  const read = async <P extends PartName>(parts: readonly P[], reading: Reading) => {
    const { corrupt = config.corrupt ?? "refuse", inMemory = config.inMemory, io, quiet } = reading;
    const found = await readOwnData(own, own.examples, parts, {
      ...{ height: size, width: size, channels: grey ? 1 : 3, corrupt },
      ...(inMemory === undefined ? {} : { inMemory }),
      ...(quiet ? {} : { onProgress: readingProgress(io, own.path) }),
    }).catch(failReading);
    if (!quiet) noteSkipped(found.skipped, io);
    return found;
  };
  const example = own.kind === "images" ? own.examples.find(({ part }) => part === "test") : undefined;
  return {
    name: nameOf(own.path),
    title: `${formatCount(own.classes.length)} classes of images of your own`,
    about: [
      modelName,
      ...(config.imageSize === undefined ? [] : [`${size} × ${size}`]),
      ...(pretrained === undefined ? [] : [`${fineTune ? "tuning" : "with"} the features of ${pretrained}`]),
    ].join(", "),
    loss: "crossEntropy",
    settings,
    metadata: { model: modelName, imageFit: "cover" },
    examples: own.examples,
    ...(example === undefined ? {} : { example: placeOf(own.path, example.file) }),
    config,
    notes: [...own.notes, ...notesOf(own.examples)],
    async model(train) {
      checkClassifierInput(classifier, own.path, Math.min(...train.shape.slice(0, 2)));
      const model = await newModel(config, own.classes, train.shape);
      if (pretrained === undefined) {
        const { seed } = settings;
        setNormalization(model, await statistics(take(train, Math.min(train.length, mostMeasured), { seed })));
      }
      return model;
    },
    async data(reading) {
      return (await read(["train", "validation", "test"], reading)).data;
    },
    async test(reading) {
      const { data, names } = await read(["test"], reading);
      return { data: data.test, names: names.test };
    },
  };
}

/** A file that was there when the data were listed. */
function failReading(cause: unknown): never {
  if (!(cause instanceof FoveaError && cause.code === "file")) throw cause;
  const { code, where, problem } = cause;
  const fix = "Put the file back, or measure on other images: fovea evaluate RUN FOLDER";
  return fail({ code, where, problem, fix, cause });
}

/** `photos` for `./photos/`, `list` for `data/list.csv`; in no way special for a shell or a file system. */
function nameOf(path: string): string {
  const name = lastPart(resolve(path)).replace(/\.(csv|npz)$/i, "");
  return name.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|-+$/g, "") || "images";
}
