import { platform } from "#platform";
import { checkOptions, FoveaError, fail } from "../core/errors.js";
import { type CheckpointContents, decodeCheckpoint, encodeCheckpoint } from "../formats/checkpointFile.js";
import { toArchitecture } from "../model/architecture.js";
import { namedParts, numberThat, wholeNumber } from "../model/check.js";
import type { Network } from "../model/network.js";
import type { Callback, EpochLog } from "./callbacks.js";
import type { FactName, RunFacts } from "./checkpointFacts.js";
import { checkMonitor, type MonitoredMetric, measured, signOf } from "./monitor.js";

export interface CheckpointOptions {
  /** Where checkpoints go; made if need be. One directory holds those of one run. */
  readonly directory: string;
  /**
   * When they are saved: after so many epochs, after so many steps, when so many minutes have passed, or several of
   * these. Default: after every epoch. The last epoch, and an interruption by `signal`, save one in any case.
   */
  readonly every?: { readonly epochs?: number; readonly steps?: number; readonly minutes?: number };
  /** How many are kept, the newest ones. Default: 3. */
  readonly keep?: number;
  /**
   * The metric whose best epoch is kept as `best.safetensors`, or false for none. Default: "validationLoss", or "loss"
   * for a run without validation data.
   */
  readonly best?: MonitoredMetric | false;
}

/** How far an epoch is. One object, changed in place. */
export interface EpochProgress {
  /** Steps done. */
  steps: number;
  examples: number;
  /** Sums over the examples done. */
  lossSum: number;
  correct: number;
  /** Seconds of training, those of an interrupted run included. */
  seconds: number;
}

/** Everything of a run that is no tensor. */
export interface RunState {
  /** Steps done, in all epochs. */
  readonly step: number;
  /** The epoch that goes on, from 1; one more than there are at a run's end. */
  readonly epoch: number;
  readonly progress: EpochProgress;
  /** Seconds since the run began, without interruptions. */
  readonly seconds: number;
  /** The rate before its schedule, and that of the last step. */
  readonly learningRate: number;
  readonly lastRate: number;
  /** Why callbacks have ended training. */
  readonly stopped: string | null;
  /** The epoch of the weights put aside. */
  readonly keptEpoch: number | null;
  readonly best: { readonly epoch: number; readonly value: number } | null;
  readonly history: readonly EpochLog[];
  /** What callbacks remember, in their order. */
  readonly callbacks: readonly { readonly name: string; readonly state: unknown }[];
  readonly facts: RunFacts;
}

/** A checkpoint that was read. */
export interface Checkpoint extends Omit<CheckpointContents, "state"> {
  readonly file: string;
  readonly state: RunState;
}

const fileName = (step: number) => `checkpoint-${String(step).padStart(9, "0")}.safetensors`;
const isCheckpoint = (name: string) => /^checkpoint-\d{9,}\.safetensors$/.test(name);
const isRemainder = (name: string) => /^\.(checkpoint-\d+|best)\.safetensors\..*\.tmp$/.test(name);
const bestName = "best.safetensors";

/**
 * Where a run saves its checkpoints. A file has its name only when all of it is on the disk, so that whatever ends the
 * process leaves the newest one whole.
 */
export class Checkpoints {
  /** Path of the newest one that was saved. */
  newest: string | undefined;
  #best: RunState["best"] = null;
  #saved = platform.now();

  private constructor(
    readonly directory: string,
    readonly every: { readonly epochs: number; readonly steps: number; readonly milliseconds: number },
    readonly keep: number,
    readonly monitor: MonitoredMetric | undefined,
  ) {}

  /**
   * Takes a directory for checkpoints, and proves that it can be written to.
   *
   * @param resumed the checkpoint that the run goes on from
   * Errors: codes "option" and "file"; code "usage" where another run's checkpoints are in the directory.
   */
  static async open(
    options: CheckpointOptions,
    validates: boolean,
    resumed: Checkpoint | undefined,
  ): Promise<Checkpoints> {
    const where = "fit: checkpoint";
    const given = namedParts("fit", "checkpoint", options);
    checkOptions(where, given, ["directory", "every", "keep", "best"]);
    const every = namedParts(where, "every", given.every ?? {});
    checkOptions(`${where}: every`, every, ["epochs", "steps", "minutes"]);
    const { directory, best = validates ? "validationLoss" : "loss" } = options;
    if (typeof directory !== "string" || directory === "") {
      fail({ code: "option", where, problem: "directory is missing", expected: "a path" });
    }
    if (best !== false && checkMonitor(where, best).startsWith("validation") && !validates) {
      fail({
        code: "usage",
        where,
        problem: `this run does not measure ${best}`,
        fix: "Pass validation: 0.1 to fit, or best: false",
      });
    }
    const never = Number.POSITIVE_INFINITY;
    const minutes = numberThat(where, "every.minutes", every.minutes ?? 1e12, "a number > 0", (n) => n > 0);
    const epochs = wholeNumber(where, "every.epochs", every.epochs ?? 1);
    const checkpoints = new Checkpoints(
      directory,
      {
        epochs: given.every !== undefined && every.epochs === undefined ? never : epochs,
        steps: every.steps === undefined ? never : wholeNumber(where, "every.steps", every.steps),
        milliseconds: 60_000 * minutes,
      },
      wholeNumber(where, "keep", given.keep ?? 3),
      best === false ? undefined : best,
    );
    await platform.files.checkWritable(directory);
    const names = await platform.files.list(directory);
    // what a killed process was writing
    for (const name of names.filter(isRemainder)) await platform.files.remove(`${directory}/${name}`);
    if (resumed === undefined && names.some(isCheckpoint)) {
      fail({
        code: "usage",
        where: directory,
        problem: "holds the checkpoints of another run",
        fix: "Pass resume: true to go on with it, or choose another directory",
      });
    }
    // a process may have ended before it removed the oldest one
    if (resumed !== undefined) await checkpoints.#removeOldest(names.find((name) => resumed.file.endsWith(`/${name}`)));
    checkpoints.#best = resumed?.state.best ?? null;
    return checkpoints;
  }

  /** Whether it is time to save after a step within an epoch. */
  due(step: number): boolean {
    return step % this.every.steps === 0 || platform.now() - this.#saved >= this.every.milliseconds;
  }

  /** Whether it is time to save at the end of an epoch. */
  dueAfter(epoch: number, step: number): boolean {
    return epoch % this.every.epochs === 0 || this.due(step);
  }

  /** Whether an epoch is the best so far, which is noted. */
  isBest(log: EpochLog): boolean {
    const { monitor } = this;
    if (monitor === undefined) return false;
    const value = signOf(monitor) * measured("fit: checkpoint", monitor, log);
    if (!(value < (this.#best?.value ?? Number.POSITIVE_INFINITY))) return false;
    this.#best = { epoch: log.epoch, value };
    return true;
  }

  /**
   * Writes a checkpoint, then removes the oldest ones.
   *
   * @param as the best one is written before the newest: a process that ends in between repeats both
   * Errors: code "file" where it cannot be written; the checkpoints before it stay.
   */
  async save(
    contents: Omit<CheckpointContents, "state"> & { readonly state: Omit<RunState, "best"> },
    as: { readonly best: boolean; readonly newest: boolean },
  ): Promise<void> {
    const { directory } = this;
    const bytes = encodeCheckpoint({ ...contents, state: { ...contents.state, best: this.#best } });
    if (as.best) await platform.files.writeAtomic(`${directory}/${bestName}`, bytes);
    if (!as.newest) return;
    const name = fileName(contents.state.step);
    await platform.files.writeAtomic(`${directory}/${name}`, bytes);
    this.newest = `${directory}/${name}`;
    this.#saved = platform.now();
    await this.#removeOldest(name);
  }

  /** Keeps `newest` and as many others as there may be. */
  async #removeOldest(newest: string | undefined): Promise<void> {
    const all = (await platform.files.list(this.directory)).filter(isCheckpoint);
    const ordered = newest === undefined ? all : [...all.filter((name) => name !== newest), newest];
    for (const old of ordered.slice(0, Math.max(0, all.length - this.keep))) {
      await platform.files.remove(`${this.directory}/${old}`);
    }
  }
}

/**
 * The checkpoint that `resume` means: a file; a directory's newest; with `true` that of `directory`, if there is one.
 * Where the newest one is damaged, the one before it, with a warning.
 *
 * Errors: code "file" where there is none, code "format" for a damaged file or one of a newer fovea.
 */
export async function findCheckpoint(
  resume: string | true,
  directory: string | undefined,
): Promise<Checkpoint | undefined> {
  const where = "fit: resume";
  const path = resume === true ? directory : resume;
  if (typeof path !== "string" || path === "") {
    const expected = "a checkpoint's path, a directory, or true with checkpoint";
    return fail({ code: "option", where, problem: "does not say from what", expected, received: String(resume) });
  }
  if (path.endsWith(".safetensors")) return readCheckpoint(path);
  const names = (await platform.files.exists(path)) ? (await platform.files.list(path)).filter(isCheckpoint) : [];
  if (names.length === 0) {
    if (resume === true) return undefined;
    return fail({ code: "file", where: path, problem: "there are no checkpoints", fix: "Check the path" });
  }
  for (;;) {
    const file = `${path}/${names.pop()}`;
    try {
      return await readCheckpoint(file);
    } catch (error) {
      const isDamaged = error instanceof FoveaError && error.code === "format" && error.fix !== "Use a newer fovea";
      if (!isDamaged || names.length === 0) throw error;
      platform.warn(`${error.message} Going on from the checkpoint before it.`);
    }
  }
}

async function readCheckpoint(file: string): Promise<Checkpoint> {
  const contents = decodeCheckpoint(await platform.files.read(file), file);
  return { ...contents, file, state: checkState(contents.state, file) };
}

/** Files come from anywhere: what is not as it was written is refused before anything begins. */
function checkState(given: object, where: string): RunState {
  const state = given as { readonly [K in keyof RunState]: unknown };
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const isNumber = (value: unknown) => typeof value === "number";
  const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
    typeof value === "object" && value !== null;
  const { progress, best, history, callbacks, facts } = state;
  const holds: Readonly<Record<keyof RunState, boolean>> = {
    step: isCount(state.step),
    epoch: isCount(state.epoch) && state.epoch !== 0,
    progress:
      isObject(progress) &&
      [progress.steps, progress.examples].every(isCount) &&
      [progress.lossSum, progress.correct, progress.seconds].every(isNumber),
    seconds: isNumber(state.seconds),
    learningRate: isNumber(state.learningRate),
    lastRate: isNumber(state.lastRate),
    stopped: state.stopped === null || typeof state.stopped === "string",
    keptEpoch: state.keptEpoch === null || isCount(state.keptEpoch),
    best: best === null || (isObject(best) && isCount(best.epoch) && isNumber(best.value)),
    history: Array.isArray(history) && history.every((log) => isObject(log) && isCount(log.epoch)),
    callbacks: Array.isArray(callbacks) && callbacks.every((each) => isObject(each) && typeof each.name === "string"),
    facts: isObject(facts) && Object.values(facts).every((fact) => typeof fact === "string"),
  };
  const wrong = Object.entries(holds).find(([, isRight]) => !isRight)?.[0];
  if (wrong === undefined) return given as RunState;
  return fail({ code: "format", where, problem: `the state of the run lacks "${wrong}", or it is damaged` });
}

/**
 * Sees to it that a run can go on from a checkpoint as if it had never stopped.
 *
 * Errors: code "usage", naming what is different now.
 */
export function checkResumable(
  { file: where, network, state }: Checkpoint,
  now: { readonly network: Network; readonly facts: RunFacts; readonly callbacks: readonly Callback[] },
): void {
  const refuse = (what: string, expected?: string, received?: string) =>
    fail({
      code: "usage",
      where,
      problem: `the run was begun with ${what}`,
      expected,
      received,
      fix: "Go on with what it was begun with, or begin a new run",
    });
  if (JSON.stringify(toArchitecture(network)) !== JSON.stringify(toArchitecture(now.network))) {
    refuse("another network");
  }
  for (const [name, fact] of Object.entries(now.facts)) {
    const before = state.facts[name as FactName];
    if (before !== fact) refuse(`another ${name}`, before, fact);
  }
  const names = (all: readonly { readonly name?: string }[]) => all.map(({ name }) => name).join(", ") || "none";
  const remembering = now.callbacks.filter(({ state }) => state !== undefined);
  if (names(state.callbacks) !== names(remembering)) {
    refuse("other callbacks that remember something", names(state.callbacks), names(remembering));
  }
}
