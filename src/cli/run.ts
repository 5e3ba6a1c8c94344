import { mkdir } from "node:fs/promises";
import { availableParallelism, cpus, totalmem } from "node:os";
import { join } from "node:path";
import { platform } from "#platform";
import { FoveaError, fail } from "../core/errors.js";
import type { EpochLog } from "../train/callbacks.js";
import type { RecipeSettings } from "../zoo/recipes.js";
import { version } from "./version.js";

/** Everything that it takes to do a run again. */
export interface RunConfig {
  readonly recipe: string;
  readonly settings: RecipeSettings;
  /** As asked for; undefined for the machine's number. Results do not depend on it. */
  readonly threads?: number;
  /** Whether kernels were measured: the last bits of results then depend on the machine. */
  readonly autotune?: boolean;
  readonly fovea: string;
}

/** What a run came to. */
export interface RunResult {
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
  environment: "environment.json",
  metrics: "metrics.jsonl",
  model: "model.safetensors",
  curvesSvg: "curves.svg",
  curvesPng: "curves.png",
  result: "result.json",
} as const;

/** A directory that holds one run: what was asked for, what happened, and the model. */
export class RunDirectory {
  private constructor(
    readonly path: string,
    /** Whether it was made by us, and may be removed by us. */
    readonly isNew: boolean,
  ) {}

  /**
   * Takes a directory for a new run: `out`, or the next free `runs/<recipe>-<n>`. It is proven to be writable, so that
   * no training is lost for want of a place.
   *
   * Errors: code "file" where it cannot be written to or already holds files.
   */
  static async create(recipe: string, out: string | undefined): Promise<RunDirectory> {
    if (out === undefined) return new RunDirectory(await claimNext("runs", recipe), true);
    const isNew = !(await platform.files.exists(out));
    if (!isNew && (await platform.files.list(out)).length > 0) {
      fail({
        code: "file",
        where: out,
        problem: "the directory is not empty, and a run would overwrite what is in it",
        fix: "Choose another --out, or remove the directory",
      });
    }
    await platform.files.checkWritable(out);
    return new RunDirectory(out, isNew);
  }

  file(name: string): string {
    return join(this.path, name);
  }

  async writeStart(config: RunConfig): Promise<void> {
    await this.#writeJson(runFiles.config, config);
    await this.#writeJson(runFiles.environment, environment());
  }

  async appendEpoch(log: EpochLog): Promise<void> {
    await platform.files.append(this.file(runFiles.metrics), `${JSON.stringify(log)}\n`);
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
    "recipe" in config &&
    typeof config.recipe === "string" &&
    "settings" in config &&
    typeof config.settings === "object" &&
    config.settings !== null;
  if (!isConfig) fail({ code: "format", where: file, problem: "lacks the recipe or its settings" });
  return config as RunConfig;
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

function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const received = error instanceof Error ? error.message : String(error);
    return fail({ code: "format", where, problem: "is not JSON", received, cause: error });
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
