import { mkdir } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";
import type { EpochLog } from "../train/callbacks.js";
import { parseJson } from "./json.js";
import { type Lock, takeLock } from "./lock.js";
import type { RunConfig } from "./trainOptions.js";
import { version } from "./version.js";

/** What a run came to. */
export interface RunResult {
  /** What was trained: the recipe, or the model and its data. */
  readonly recipe: string;
  /** Where the test data came from. */
  readonly data: string;
  readonly test: { readonly loss: number; readonly accuracy?: number; readonly examples: number };
  readonly parameters: number;
  readonly epochs: number;
  readonly weightsOfEpoch: number;
  readonly stopped: string | null;
  readonly seconds: number;
}

/** Names of the files of a run directory. */
export const runFiles = {
  config: "config.json",
  data: "data.csv",
  environment: "environment.json",
  metrics: "metrics.jsonl",
  model: "model.safetensors",
  curvesSvg: "curves.svg",
  curvesPng: "curves.png",
  result: "result.json",
  checkpoints: "checkpoints",
  tensorBoard: "tensorboard",
  lock: "run.lock",
} as const;

/** What a run says of its end where Ctrl-C has brought it about, as `fit` does. */
export const interruption = "it was interrupted";

/**
 * A directory that holds one run: what was asked for, what happened, and the model. It is locked, so that no other process
 * trains in it, until it is released.
 */
export class RunDirectory {
  private constructor(
    readonly path: string,
    /** Whether it was made by us, and may be removed by us. */
    readonly isNew: boolean,
    readonly lock: Lock,
  ) {}

  /** Locks a directory, and gives it back where `check` fails. */
  static async #open(path: string, isNew: boolean, check: (run: RunDirectory) => Promise<void>): Promise<RunDirectory> {
    const run = new RunDirectory(path, isNew, await takeLock(join(path, runFiles.lock)));
    try {
      await check(run);
      return run;
    } catch (error) {
      await run.release();
      throw error;
    }
  }

  /**
   * Takes a directory for a new run: `out`, or the next free `runs/<recipe>-<n>`. It is proven to be writable, so that
   * no training is lost for want of a place.
   *
   * Errors: code "file" where it cannot be written to or already holds files; code "usage" where another process trains
   * in it.
   */
  static async create(recipe: string, out: string | undefined): Promise<RunDirectory> {
    if (out === undefined) return RunDirectory.#open(await claimNext("runs", recipe), true, async () => {});
    const isNew = !(await platform.files.exists(out));
    if (!isNew) await checkEmpty(out);
    await platform.files.checkWritable(out);
    // another process may have been here before the lock was ours
    return RunDirectory.#open(out, isNew, () => checkEmpty(out));
  }

  /**
   * The directory of a run that goes on. Errors: codes "file" and "format" where it is none, code "usage" for a run that
   * has come to its end, or that another process trains.
   *
   * @param epochs that it shall have now, where they are to be more
   */
  static async reopen(path: string, epochs: number | undefined): Promise<{ run: RunDirectory; config: RunConfig }> {
    await readConfig(path);
    await platform.files.checkWritable(path);
    const run = await RunDirectory.#open(path, false, async (run) => {
      // what a process was writing when it ended at once
      for (const name of await platform.files.list(path)) {
        if (/^\..+\.tmp$/.test(name)) await platform.files.remove(run.file(name));
      }
      await checkUnfinished(path, epochs);
    });
    return { run, config: await readConfig(path) };
  }

  /** Lets other processes at it. */
  release(): Promise<void> {
    return this.lock.release();
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async writeStart(config: RunConfig): Promise<void> {
    await this.writeConfig(config);
    await this.#writeJson(runFiles.environment, environment());
  }

  /** Notes what has changed in a run that goes on. */
  async writeConfig(config: RunConfig): Promise<void> {
    await this.#writeJson(runFiles.config, config);
  }

  /** Whether there is something that another run would have to repeat: an epoch, or a checkpoint. */
  async holdsWork(): Promise<boolean> {
    if ((await readEpochs(this.path)).length > 0) return true;
    const checkpoints = this.file(runFiles.checkpoints);
    return (await platform.files.exists(checkpoints)) && (await platform.files.list(checkpoints)).length > 0;
  }

  async writeResult(result: RunResult): Promise<void> {
    await this.#writeJson(runFiles.result, result);
  }

  /** Takes back a run that never got to its first epoch. */
  async discard(): Promise<void> {
    if (this.isNew) return platform.files.remove(this.path);
    for (const name of Object.values(runFiles)) await platform.files.remove(this.file(name));
  }

  async #writeJson(name: string, value: object): Promise<void> {
    await platform.files.writeAtomic(this.file(name), `${JSON.stringify(value, null, 2)}\n`);
  }
}

async function checkEmpty(path: string): Promise<void> {
  const names = await platform.files.list(path);
  if (names.every((name) => name === runFiles.lock)) return;
  fail({
    code: "file",
    where: path,
    problem: "the directory is not empty, and a run would overwrite what is in it",
    fix: "Choose another --out, or remove the directory",
  });
}

/** Refuses to go on with a run that has come to its end, unless it is to have more epochs. */
async function checkUnfinished(path: string, epochs: number | undefined): Promise<void> {
  const result = await readResult(path);
  if (result === undefined || result.stopped === interruption) return;
  const { epochs: done, stopped } = result;
  if (stopped === null && epochs !== undefined && epochs > done) return;
  const end = `${done} ${done === 1 ? "epoch" : "epochs"}`;
  fail({
    code: "usage",
    where: path,
    problem: `the run has come to its end after ${end}${stopped === null ? "" : `: ${stopped}`}`,
    fix:
      stopped === null
        ? `Give more epochs to train on: --epochs ${done * 2}`
        : "Begin a new run with more --patience to train for longer",
  });
}

/** Makes `<parent>/<recipe>-<n>` with the lowest n above those that are there. Two at a time get two directories. */
async function claimNext(parent: string, recipe: string): Promise<string> {
  await platform.files.checkWritable(parent);
  const taken = (await platform.files.list(parent)).map((name) =>
    name.startsWith(`${recipe}-`) ? Number(name.slice(recipe.length + 1)) : 0,
  );
  for (let n = Math.max(0, ...taken.filter(Number.isInteger)) + 1; ; n++) {
    const path = join(parent, `${recipe}-${n}`);
    try {
      await mkdir(path);
      return path;
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) {
        fail({ code: "file", where: path, problem: "cannot be made", received: String(error), cause: error });
      }
    }
  }
}

/** What the run ran on. */
function environment(): object {
  return {
    started: new Date().toISOString(),
    fovea: version,
    node: process.version,
    v8: process.versions.v8,
    platform: process.platform,
    architecture: process.arch,
    processor: cpus()[0]?.model.trim() ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** The config of a run directory. Errors: code "file" where it is none, "format" where the file is damaged. */
export async function readConfig(path: string): Promise<RunConfig> {
  const file = join(path, runFiles.config);
  if (!(await platform.files.exists(path))) {
    fail({
      code: "file",
      where: path,
      problem: "there is no such run directory",
      fix: "Train first (fovea train mnist-shallow), and give the directory that it names",
    });
  }
  if (!(await platform.files.exists(file))) {
    fail({
      code: "file",
      where: path,
      problem: `is not a run directory: it has no ${runFiles.config}`,
      fix: "Give a directory that fovea train has written, for instance runs/mnist-shallow-1",
    });
  }
  const config = parseJson(new TextDecoder().decode(await platform.files.read(file)), file);
  const isConfig =
    typeof config === "object" &&
    config !== null &&
    (("recipe" in config && typeof config.recipe === "string") ||
      ("data" in config && typeof config.data === "string")) &&
    "settings" in config &&
    typeof config.settings === "object" &&
    config.settings !== null;
  if (!isConfig) fail({ code: "format", where: file, problem: "lacks the recipe, or the data, or the settings" });
  return config as RunConfig;
}

/** What was measured after each epoch of a run; a line that a killed process has cut is left out. */
export async function readEpochs(path: string): Promise<EpochLog[]> {
  const file = join(path, runFiles.metrics);
  if (!(await platform.files.exists(file))) return [];
  const lines = new TextDecoder()
    .decode(await platform.files.read(file))
    .split("\n")
    .slice(0, -1);
  return lines.map((line, i) => parseJson(line, `${file}, line ${i + 1}`) as EpochLog);
}

/** What a run ran on, as it noted it; empty where it did not. */
export async function readEnvironment(path: string): Promise<Readonly<Record<string, unknown>>> {
  const file = join(path, runFiles.environment);
  if (!(await platform.files.exists(file))) return {};
  const environment = parseJson(new TextDecoder().decode(await platform.files.read(file)), file);
  return typeof environment === "object" && environment !== null ? { ...environment } : {};
}

/** When a run began, as an ISO date, if it says. */
export async function readStarted(path: string): Promise<string | undefined> {
  const { started } = await readEnvironment(path);
  return typeof started === "string" ? started : undefined;
}

/** The result of a run directory, if it got that far. */
export async function readResult(path: string): Promise<RunResult | undefined> {
  const file = join(path, runFiles.result);
  if (!(await platform.files.exists(file))) return undefined;
  try {
    return parseJson(new TextDecoder().decode(await platform.files.read(file)), file) as RunResult;
  } catch (error) {
    if (error instanceof FoveaError && error.code === "format") return undefined;
    throw error;
  }
}

/** The model file that `path` means: itself, or that of a run directory. */
export async function modelFile(path: string): Promise<string> {
  if (path.endsWith(".safetensors")) return path;
  await readConfig(path);
  const file = join(path, runFiles.model);
  if (!(await platform.files.exists(file))) {
    fail({
      code: "file",
      where: path,
      problem: `has no ${runFiles.model}: the run did not get to its end`,
      fix: "Train again, or choose another run",
    });
  }
  return file;
}
