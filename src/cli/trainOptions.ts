import { type Command, InvalidArgumentError } from "commander";
import { checkOptions, FoveaError, fail } from "../core/errors.js";
import { parseAugment } from "../data/index.js";
import { imageClassifiers } from "../zoo/imageClassifiers.js";
import { listedRecipes, recipes } from "../zoo/recipes.js";
import { scheduleNames, type TrainingSettings, usualRates } from "../zoo/training.js";

/** How a run trains, and on how many examples. */
export interface RunSettings extends TrainingSettings {
  /** Training examples of a recipe to take, validation part included. */
  readonly train?: number;
  /** Part of the user's own examples that is held back to measure on at the end. */
  readonly test?: number;
}

/** What decides a run: all that it takes to do it again. Stored as `config.json` in its directory. */
export interface RunConfig {
  /** A network and its data; or `data` and `model`. */
  readonly recipe?: string;
  /**
   * The user's own: a folder of images, a CSV list or a `.npz` file. From the working directory; in files from that of
   * the file.
   */
  readonly data?: string;
  /** What is trained on it: the name of an image classifier. */
  readonly model?: string;
  /** Height and width that images get. */
  readonly imageSize?: number;
  /** Whether images lose their colours. */
  readonly grey?: boolean;
  /** Whether images that cannot be decoded are left out. Default: "refuse". */
  readonly corrupt?: "refuse" | "skip";
  /** Whether images are decoded once and kept. Default: kept if they have at most 512 MiB. */
  readonly inMemory?: boolean;
  /** A safetensors file or a run whose features are taken over: from the working directory, in files from theirs. */
  readonly pretrained?: string;
  /** Checksum of that file. */
  readonly pretrainedChecksum?: string;
  /** Whether these features are trained further. Default: only the last layer is trained. */
  readonly fineTune?: boolean;
  /** Checksum of the list of the user's files. */
  readonly fingerprint?: string;
  readonly settings: RunSettings;
  /** As asked for; undefined for the machine's number. Results do not depend on it. */
  readonly threads?: number;
  /** Measure kernels and take the fastest: the last bits of results then depend on the machine. Default: false. */
  readonly autotune?: boolean;
  readonly checkpoint?: RunCheckpoint;
  /** Write event files for TensorBoard. Default: false. */
  readonly tensorBoard?: boolean;
  /** The version that wrote it. */
  readonly fovea?: string;
}

/** When checkpoints are saved, beside those at the end and at an interruption, and how many are kept. */
export interface RunCheckpoint {
  readonly everyEpochs?: number;
  readonly everySteps?: number;
  readonly everyMinutes?: number;
  readonly keep?: number;
}

/** A run's config as a user writes it: what is left out is as the recipe has it. */
export interface GivenConfig extends Omit<RunConfig, "settings"> {
  readonly settings?: Partial<RunSettings>;
}

type Kind =
  | { readonly type: "whole"; readonly least: number }
  | { readonly type: "number"; readonly above?: number; readonly least?: number; readonly below?: number }
  | { readonly type: "choice"; readonly among: readonly string[] }
  | { readonly type: "switch" }
  | { readonly type: "text"; readonly check: (text: string) => unknown; readonly expected: string };

/** An option of `fovea train` and the place in its config that has the same meaning. */
interface Option {
  readonly path: readonly string[];
  readonly flag: string;
  readonly kind: Kind;
  readonly description: string;
}

const metrics = ["loss", "accuracy", "validationLoss", "validationAccuracy"];
const whole = (least: number): Kind => ({ type: "whole", least });

/** The one place that says what can be set: the command line, the check of configs and their JSON Schema follow it. */
const options: readonly Option[] = [
  {
    path: ["data"],
    flag: "--data <path>",
    kind: { type: "text", check: checkPath, expected: "a path" },
    description: "images of your own: a folder with a folder for each class, a CSV list, or a .npz file",
  },
  {
    path: ["model"],
    flag: "--model <name>",
    kind: { type: "choice", among: imageClassifiers.map(({ name }) => name) },
    description: "what is trained on them (default: small)",
  },
  {
    path: ["imageSize"],
    flag: "--image-size <n>",
    kind: whole(1),
    description: "height and width that they get (default: 64, of larger models 96)",
  },
  { path: ["grey"], flag: "--grey", kind: { type: "switch" }, description: "without their colours" },
  {
    path: ["corrupt"],
    flag: "--corrupt <what>",
    kind: { type: "choice", among: ["refuse", "skip"] },
    description: "images that cannot be decoded: an error (refuse, the default), or left out (skip)",
  },
  {
    path: ["inMemory"],
    flag: "--in-memory",
    kind: { type: "switch" },
    description: "decode images once and keep them (default: if they take at most 512 MiB)",
  },
  {
    path: ["pretrained"],
    flag: "--pretrained <file>",
    kind: { type: "text", check: checkPath, expected: "a path" },
    description: "take the features of a run or a .safetensors file, of torchvision too; train the last layer alone",
  },
  { path: ["fineTune"], flag: "--fine-tune", kind: { type: "switch" }, description: "train these features further" },
  setting("seed", "--seed <n>", whole(0), "decides data split, first weights and order"),
  setting("epochs", "--epochs <n>", whole(1), "epochs at most"),
  setting("batchSize", "--batch-size <n>", whole(1), "examples per step"),
  setting("optimizer", "--optimizer <name>", { type: "choice", among: Object.keys(usualRates) }, "how weights follow"),
  setting(
    "learningRate",
    "--learning-rate <x>",
    { type: "number", above: 0 },
    "its step size; the highest of a schedule",
  ),
  setting("momentum", "--momentum <x>", { type: "number", least: 0, below: 1 }, "part of the last step that is kept"),
  setting("nesterov", "--nesterov", { type: "switch" }, "look ahead along the momentum"),
  setting("weightDecay", "--weight-decay <x>", { type: "number", least: 0 }, "how strongly kernels are drawn to 0"),
  setting("clipNorm", "--clip-norm <x>", { type: "number", above: 0 }, "what the norm of all gradients is limited to"),
  setting("accumulationSteps", "--accumulation-steps <n>", whole(1), "steps whose gradients make one change"),
  setting(
    "averageDecay",
    "--average-decay <x>",
    { type: "number", above: 0, below: 1 },
    "of a moving average of weights",
  ),
  setting("schedule", "--schedule <name>", { type: "choice", among: scheduleNames }, "how the learning rate goes on"),
  setting(
    "warmUp",
    "--warm-up <x>",
    { type: "number", above: 0, below: 1 },
    "part of all steps in which it rises first",
  ),
  setting("labelSmoothing", "--label-smoothing <x>", { type: "number", least: 0, below: 1 }, "ε of cross-entropy"),
  setting("balance", "--balance", { type: "switch" }, "let examples of rare classes count more"),
  setting(
    "augment",
    "--augment <steps>",
    { type: "text", check: parseAugment, expected: "augmentations as in rotate:10,flip, or none" },
    "vary examples, as in rotate:10,shift:0.1; none for no variation",
  ),
  setting("train", "--train <n>", whole(10), "training examples to take, validation part included"),
  setting("validation", "--validation <x>", { type: "number", above: 0, below: 1 }, "part of them to validate on"),
  setting("test", "--test <x>", { type: "number", above: 0, below: 1 }, "part of your own images to measure on"),
  setting("monitor", "--monitor <metric>", { type: "choice", among: metrics }, "what decides which epoch is the best"),
  setting("patience", "--patience <n>", whole(1), "epochs without a better one until training ends"),
  { path: ["threads"], flag: "--threads <n>", kind: whole(1), description: "threads; results do not depend on it" },
  {
    path: ["autotune"],
    flag: "--autotune",
    kind: { type: "switch" },
    description: "measure kernels on this machine, once; take the fastest",
  },
  checkpoint("everyEpochs", "--checkpoint-epochs <n>", whole(1), "save a checkpoint after every n epochs"),
  checkpoint("everySteps", "--checkpoint-steps <n>", whole(1), "… after every n steps"),
  checkpoint(
    "everyMinutes",
    "--checkpoint-minutes <x>",
    { type: "number", above: 0 },
    "… every x minutes (default: 1)",
  ),
  checkpoint("keep", "--checkpoint-keep <n>", whole(1), "checkpoints to keep, the newest ones (default: 2)"),
  {
    path: ["tensorBoard"],
    flag: "--tensorboard",
    kind: { type: "switch" },
    description: "write event files for TensorBoard",
  },
];

function setting(name: keyof RunSettings, flag: string, kind: Kind, description: string): Option {
  return { path: ["settings", name], flag, kind, description };
}

function checkpoint(name: keyof RunCheckpoint, flag: string, kind: Kind, description: string): Option {
  return { path: ["checkpoint", name], flag, kind, description };
}

function checkPath(text: string): void {
  if (text.trim() === "") fail({ code: "usage", where: "--data", problem: "is empty", expected: "a path" });
}

/** Switches that are on for some runs unless they are switched off. */
const negatable = ["--nesterov", "--balance", "--in-memory"];

/** Adds the options to the command, each with its check. */
export function addTrainOptions(command: Command): Command {
  for (const { flag, kind, description } of options) {
    if (kind.type === "switch") {
      command.option(flag, description);
      if (negatable.includes(flag)) command.option(flag.replace("--", "--no-"), "do not");
      continue;
    }
    command.option(flag, description, (text: string) => {
      if (kind.type === "text") {
        kind.check(text);
        return text;
      }
      const value = kind.type === "choice" ? text : text.trim() === "" || /0x/i.test(text) ? Number.NaN : Number(text);
      if (fits(kind, value) && (kind.type !== "whole" || /^\d+$/.test(text))) return value;
      throw new InvalidArgumentError(
        `Expected ${inWords(kind).replace("≥", "of at least").replace(" > ", " above ")}.`,
      );
    });
  }
  return command;
}

/** The part of a config that a command line says, by commander's names of its options. */
export function configOfFlags(flags: Readonly<Record<string, unknown>>): Omit<GivenConfig, "recipe"> {
  const config: Record<string, unknown> = {};
  for (const { path, flag } of options) {
    const name = /^--(\S+)/.exec(flag)![1]!.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
    const value = flags[name];
    if (value !== undefined) place(config, path, value);
  }
  return config;
}

/** Names of the flags that a command line has, of those that decide the run. */
export function flagsGiven(flags: Readonly<Record<string, unknown>>): string[] {
  return options
    .filter(({ path }) => at(configOfFlags(flags), path) !== undefined)
    .map(({ flag }) => flag.split(" ")[0]!);
}

function place(config: Record<string, unknown>, path: readonly string[], value: unknown): void {
  if (path.length === 1) config[path[0]!] = value;
  else config[path[0]!] = { ...(config[path[0]!] as object | undefined), [path[1]!]: value };
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Texts that are found out, and have no flag. */
const texts = ["fingerprint", "pretrainedChecksum"];

/** Refuses what is no config. Errors: code "option". */
export function checkConfig(where: string, value: unknown): asserts value is GivenConfig {
  const refuse = (name: string, expected: string, received: unknown): never =>
    fail({
      code: "option",
      where,
      problem: `wrong ${name}`,
      expected,
      received: JSON.stringify(received) ?? "nothing",
    });
  if (!isObject(value)) return refuse("config", "an object", value);
  const groups = [...new Set(options.filter(({ path }) => path.length > 1).map(({ path }) => path[0]!))];
  const singles = options.filter(({ path }) => path.length === 1).map(({ path }) => path[0]!);
  checkOptions(where, value, ["$schema", "recipe", ...groups, ...singles, ...texts, "fovea"]);
  if (value.data === undefined && typeof value.recipe !== "string")
    refuse("recipe", `data, or one of ${listedRecipes.map(({ name }) => name).join(", ")}`, value.recipe);
  for (const name of ["recipe", ...texts, "fovea"]) {
    if (value[name] !== undefined && typeof value[name] !== "string") refuse(name, "a text", value[name]);
  }
  for (const group of groups) {
    const part = value[group];
    if (part === undefined) continue;
    if (!isObject(part)) return refuse(group, "an object", part);
    checkOptions(
      `${where}: ${group}`,
      part,
      options.filter(({ path }) => path[0] === group).map(({ path }) => path[1]!),
    );
  }
  for (const { path, kind } of options) {
    const found = at(value, path);
    if (found !== undefined && !fits(kind, found)) refuse(path.join("."), inWords(kind), found);
  }
}

function at(value: object, path: readonly string[]): unknown {
  return path.reduce<unknown>((part, name) => (isObject(part) ? part[name] : undefined), value);
}

function fits(kind: Kind, value: unknown): boolean {
  if (kind.type === "switch") return typeof value === "boolean";
  if (kind.type === "choice") return kind.among.includes(value as string);
  if (kind.type === "text") return typeof value === "string" && passes(kind.check, value);
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (kind.type === "whole") return Number.isSafeInteger(value) && value >= kind.least;
  const { above = Number.NEGATIVE_INFINITY, least = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY } = kind;
  return value > above && value >= least && value < below;
}

function passes(check: (text: string) => unknown, text: string): boolean {
  try {
    check(text);
    return true;
  } catch (error) {
    if (error instanceof FoveaError) return false;
    throw error;
  }
}

function inWords(kind: Kind): string {
  if (kind.type === "switch") return "true or false";
  if (kind.type === "choice") return `one of ${kind.among.join(", ")}`;
  if (kind.type === "text") return kind.expected;
  if (kind.type === "whole") return `a whole number ≥ ${kind.least}`;
  const { above, least, below } = kind;
  const from = above === undefined ? (least === undefined ? "" : ` ≥ ${least}`) : ` > ${above}`;
  return `a number${from}${below === undefined ? "" : ` and below ${below}`}`;
}

/** The JSON Schema of configs, for editors: docs/config.schema.json holds it. */
export function configSchema(): object {
  const schemaOf = ({ kind, description }: Option): object => {
    if (kind.type === "switch") return { description, type: "boolean" };
    if (kind.type === "choice") return { description, enum: kind.among };
    if (kind.type === "text") return { description, type: "string" };
    if (kind.type === "whole") return { description, type: "integer", minimum: kind.least };
    return {
      description,
      type: "number",
      ...(kind.above === undefined ? {} : { exclusiveMinimum: kind.above }),
      ...(kind.least === undefined ? {} : { minimum: kind.least }),
      ...(kind.below === undefined ? {} : { exclusiveMaximum: kind.below }),
    };
  };
  const properties: Record<string, unknown> = {
    $schema: { description: "this schema, for editors", type: "string" },
    recipe: { description: "what is trained, with its data", enum: recipes.map(({ name }) => name) },
  };
  for (const option of options) {
    const [group, name] = option.path;
    if (name === undefined) {
      properties[group!] = schemaOf(option);
      continue;
    }
    const known = properties[group!] as { readonly properties: object } | undefined;
    properties[group!] = {
      type: "object",
      additionalProperties: false,
      properties: { ...known?.properties, [name]: schemaOf(option) },
    };
  }
  const checksum = (of: string) => ({ description: `checksum of ${of}`, type: "string" });
  properties.fingerprint = checksum("the list of your images, which have to be the same");
  properties.pretrainedChecksum = checksum("the file that features are taken from");
  properties.fovea = { description: "the version that wrote the config", type: "string" };
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "A training run of fovea",
    description: "What fovea train takes, and keeps as config.json in the run's directory",
    type: "object",
    oneOf: [{ required: ["recipe"] }, { required: ["data"] }],
    additionalProperties: false,
    properties,
  };
}
