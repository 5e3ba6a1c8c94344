import { readdir, stat } from "node:fs/promises";
import { basename, dirname, join, sep } from "node:path";
import { createInterface } from "node:readline/promises";
import { platform } from "#platform";
import { FoveaError, fail } from "../../core/errors.js";
import { comparisonPng, comparisonSvg } from "../../inspect/comparison.js";
import { loadPackage } from "../../inspect/packages.js";
import type { EpochLog } from "../../train/callbacks.js";
import { formatSeconds } from "../../train/progress.js";
import { formatBytes, formatPercent, formatTable } from "../format.js";
import { invocation } from "../invocation.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { checkUnlocked } from "../lock.js";
import { interruption, type RunResult, readConfig, readEpochs, readResult, readStarted, runFiles } from "../run.js";
import { labelOf } from "../task.js";
import type { RunConfig } from "../trainOptions.js";

/** Where `fovea train` puts runs that are not told where to go. */
const home = "runs";

interface Run {
  readonly path: string;
  readonly config: RunConfig;
  readonly epochs: readonly EpochLog[];
  readonly result: RunResult | undefined;
  readonly started: string | undefined;
  readonly state: "finished" | "interrupted" | "unfinished";
}

async function readRun(path: string): Promise<Run> {
  const config = await readConfig(path);
  const [epochs, result, started] = [await readEpochs(path), await readResult(path), await readStarted(path)];
  const state = result === undefined ? "unfinished" : result.stopped === interruption ? "interrupted" : "finished";
  return { path, config, epochs, result, started, state };
}

/** A run by its path, or by its name among those in `runs`. */
async function findRun(name: string): Promise<Run> {
  if (!(await platform.files.exists(name)) && (await platform.files.exists(join(home, name)))) {
    return readRun(join(home, name));
  }
  return readRun(name);
}

/** Lists the runs in a directory, the newest last. */
export async function listRuns(directory: string | undefined, { json }: { json?: boolean }, io: Io): Promise<number> {
  const place = directory ?? home;
  const names = (await platform.files.exists(place)) ? await platform.files.list(place) : [];
  const runs: Run[] = [];
  for (const name of names) {
    const path = join(place, name);
    if (!(await platform.files.exists(join(path, runFiles.config)))) continue;
    try {
      runs.push(await readRun(path));
    } catch (error) {
      if (!(error instanceof FoveaError)) throw error;
      printNote(io, error.message);
    }
  }
  runs.sort((a, b) => ((a.started ?? "") < (b.started ?? "") ? -1 : 1));
  if (json === true) {
    for (const run of runs) printJson(io, { event: "run", ...summaryOf(run) });
    return exitCodes.ok;
  }
  if (runs.length === 0) {
    printLine(io.stdout, `there are no runs in ${place}; begin one: ${invocation()} train mnist-shallow`);
    return exitCodes.ok;
  }
  const rows = runs.map((run) => {
    const { validation, test } = summaryOf(run);
    return [run.path, labelOf(run.config), run.state, String(run.epochs.length), validation, test, formatStarted(run)];
  });
  const titles = ["Run", "Recipe", "State", ">Epochs", ">Best validation", ">Test", "Started"];
  for (const line of formatTable(titles, rows)) printLine(io.stdout, line);
  return exitCodes.ok;
}

/** Shows a run: what it was told, what it measured, and what it holds. */
export async function showRun(name: string, { json }: { json?: boolean }, io: Io): Promise<number> {
  const run = await findRun(name);
  const { path, config, epochs, result } = run;
  const files = await filesOf(path);
  if (json === true) {
    printJson(io, { event: "run", ...summaryOf(run), config, epochs, result, files });
    return exitCodes.ok;
  }
  const summary = summaryOf(run);
  const { stopped } = result ?? { stopped: null };
  const facts: [string, string][] = [
    ["recipe", labelOf(config)],
    ["state", `${run.state}, ${countOf(epochs)}${stopped === null ? "" : `: ${stopped}`}`],
    ["started", formatStarted(run)],
    ["settings", settingsOf(config)],
    ...(summary.validation === ""
      ? []
      : [["validation", `${summary.validation}, epoch ${summary.bestEpoch}`] as [string, string]]),
    ...(result === undefined
      ? []
      : [["test", `${summary.test}, loss ${result.test.loss.toFixed(4)} (${result.data})`] as [string, string]]),
    ...(result === undefined ? [] : [["time", formatSeconds(result.seconds)] as [string, string]]),
  ];
  printLine(io.stdout, path);
  for (const [label, text] of facts) printLine(io.stdout, `  ${label.padEnd(10)}  ${text}`);
  printLine(io.stdout);
  const table = formatTable(
    ["File", ">Size"],
    files.map(({ file, bytes }) => [file, formatBytes(bytes)]),
  );
  for (const line of table) printLine(io.stdout, `  ${line}`);
  if (run.state !== "finished") {
    printLine(io.stdout);
    printLine(io.stdout, `Go on with it: ${invocation()} train --resume ${path}`);
  }
  return exitCodes.ok;
}

/** Draws the curves of several runs over one another, and says in what they differ. */
export async function compareRuns(
  names: readonly string[],
  { out = join(home, "comparison"), json }: { out?: string; json?: boolean },
  io: Io,
): Promise<number> {
  const runs: Run[] = [];
  for (const name of names) runs.push(await findRun(name));
  const compared = runs.map(({ path, epochs }) => ({ name: path, epochs }));
  const path = out.replace(/\.(svg|png)$/, "");
  const files = [`${path}.svg`, `${path}.png`];
  const svg = await comparisonSvg(compared);
  await platform.files.makeDirectory(dirname(path));
  await platform.files.writeAtomic(files[0]!, svg);
  await platform.files.writeAtomic(files[1]!, await comparisonPng(compared));
  const settings = Object.keys(runs[0]!.config.settings) as (keyof RunConfig["settings"])[];
  const different = settings.filter((key) =>
    runs.some(({ config }) => config.settings[key] !== runs[0]!.config.settings[key]),
  );
  if (json === true) {
    printJson(io, { event: "comparison", runs: runs.map(summaryOf), different, files });
    return exitCodes.ok;
  }
  const rows = runs.map((run) => {
    const { validation, bestEpoch, test } = summaryOf(run);
    const own = different.map((key) => String(run.config.settings[key] ?? ""));
    return [run.path, labelOf(run.config), ...own, String(run.epochs.length), String(bestEpoch), validation, test];
  });
  const titles = ["Run", "Recipe", ...different.map((key) => `>${key}`), ">Epochs", ">Best", ">Validation", ">Test"];
  for (const line of formatTable(titles, rows)) printLine(io.stdout, line);
  printLine(io.stdout);
  printLine(io.stdout, `curves ${files.join(" and ")}`);
  return exitCodes.ok;
}

/** Deletes runs, after asking. */
export async function deleteRuns(names: readonly string[], { yes }: { yes?: boolean }, io: Io): Promise<number> {
  // all of them are found before any goes
  const runs: Run[] = [];
  for (const name of names) runs.push(await findRun(name));
  for (const { path } of runs) await checkUnlocked(join(path, runFiles.lock));
  for (const { path, state, epochs } of runs) {
    if (yes !== true) {
      if (process.stdin.isTTY !== true || io.stdout.isTTY !== true) {
        fail({
          code: "usage",
          where: "runs delete",
          problem: "would delete without asking, and there is nobody to ask",
          fix: "Pass --yes to delete all the same",
        });
      }
      const bytes = (await filesOf(path)).reduce((sum, file) => sum + file.bytes, 0);
      const what = `${path} (${state}, ${countOf(epochs)}, ${formatBytes(bytes)})`;
      if (!(await confirmed(`Delete ${what}? It cannot be had back. [y/N] `))) {
        printLine(io.stdout, `kept ${path}`);
        continue;
      }
    }
    await platform.files.remove(path);
    printLine(io.stdout, `deleted ${path}`);
  }
  return exitCodes.ok;
}

async function confirmed(question: string): Promise<boolean> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await lines.question(question)).trim());
  } finally {
    lines.close();
  }
}

type Fflate = typeof import("fflate");

/** Packs a run into one file, to be kept or sent: without its checkpoints, which are large and only of use here. */
export async function exportRun(
  name: string,
  { out, checkpoints }: { out?: string; checkpoints?: boolean },
  io: Io,
): Promise<number> {
  const { path } = await findRun(name);
  const { zipSync } = await loadPackage<Fflate>("fflate", "runs export");
  const folder = basename(path);
  const entries: Record<string, Uint8Array> = {};
  for (const { file } of await filesOf(path)) {
    if (checkpoints !== true && file.startsWith(`${runFiles.checkpoints}/`)) continue;
    if (file === runFiles.lock) continue;
    entries[`${folder}/${file}`] = await platform.files.read(join(path, file));
  }
  const target = out ?? `${folder}.zip`;
  // weights do not become smaller, text does
  const bytes = zipSync(entries, { level: 6 });
  await platform.files.writeAtomic(target, bytes);
  printLine(io.stdout, `${target}: ${Object.keys(entries).length} files, ${formatBytes(bytes.length)}`);
  return exitCodes.ok;
}

/** All files in a run's directory, those in its folders too, with slashes. */
async function filesOf(path: string): Promise<{ file: string; bytes: number }[]> {
  const names = await readdir(path, { recursive: true });
  const entries = await Promise.all(names.map(async (name) => ({ name, entry: await stat(join(path, name)) })));
  const sized = entries
    .filter(({ entry }) => entry.isFile())
    .map(({ name, entry }) => ({ file: name.replaceAll(sep, "/"), bytes: entry.size }));
  return sized.sort((a, b) => (a.file < b.file ? -1 : 1));
}

/** What lists and tables show of a run. */
function summaryOf({ path, config, epochs, result, started, state }: Run) {
  const isValidated = epochs.some(({ validationAccuracy }) => validationAccuracy !== undefined);
  const scoreOf = (log: EpochLog) =>
    (isValidated ? log.validationAccuracy : undefined) ?? -(log.validationLoss ?? log.loss);
  const best = epochs.reduce<EpochLog | undefined>(
    (a, b) => (a === undefined || scoreOf(b) > scoreOf(a) ? b : a),
    undefined,
  );
  const validation =
    best?.validationAccuracy !== undefined
      ? formatPercent(best.validationAccuracy)
      : best?.validationLoss === undefined
        ? ""
        : `loss ${best.validationLoss.toFixed(4)}`;
  const test =
    result === undefined
      ? ""
      : result.test.accuracy === undefined
        ? `loss ${result.test.loss.toFixed(4)}`
        : formatPercent(result.test.accuracy);
  return {
    run: path,
    recipe: labelOf(config),
    state,
    started,
    epochs: epochs.length,
    bestEpoch: best?.epoch,
    validation,
    test,
  };
}

/** `2026-11-20 16:21`, in the time of this place. */
function formatStarted({ started }: Run): string {
  if (started === undefined) return "";
  const date = new Date(started);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const countOf = (epochs: readonly EpochLog[]) => `${epochs.length} ${epochs.length === 1 ? "epoch" : "epochs"}`;

const settingsOf = ({ settings }: RunConfig) =>
  Object.entries(settings)
    .map(([name, value]) => `${name} ${typeof value === "number" ? Number(value.toPrecision(6)) : value}`)
    .join(", ");
