import { join } from "node:path";
import { platform } from "#platform";
import { FoveaError, fail } from "../../core/errors.js";
import { type VariantRow, type VariantsOptions, variantsPng, variantsSvg } from "../../inspect/variants.js";
import type { Callback } from "../../train/callbacks.js";
import { formatSeconds } from "../../train/progress.js";
import { experiments } from "../../zoo/experiments.js";
import { type ExperimentFlags, type ExperimentPlan, type Outcome, outcomesOf, planExperiment } from "../experiments.js";
import { formatCount, formatPercent, formatTable } from "../format.js";
import { Interrupts } from "../interrupt.js";
import { invocation } from "../invocation.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { interruption, RunDirectory, type RunResult, readConfig, readResult, runFiles } from "../run.js";
import { newTask, resumedTask, type Task } from "../task.js";
import { configForFile, configFromFile } from "../trainConfig.js";
import { trainTask, writeStart } from "../training.js";
import type { RunConfig } from "../trainOptions.js";

export interface ExperimentOptions extends ExperimentFlags {
  readonly out?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Names of the files of an experiment's directory, beside the directories of its trainings. */
const files = { result: "experiment.json", svg: "experiment.svg", png: "experiment.png" } as const;

/** One training that an experiment asks for. */
interface Job {
  readonly variant: string;
  readonly seed: number;
  readonly config: RunConfig;
  /** Its run directory. */
  readonly path: string;
}

interface Finished extends Job {
  readonly result: RunResult;
}

/**
 * Trains all variants of an experiment for all seeds, each in a run directory of its own, and compares them. Trainings that
 * are there already are not repeated, and one that was interrupted goes on.
 */
export async function experiment(what: string | undefined, options: ExperimentOptions, io: Io): Promise<number> {
  if (what === undefined) return listExperiments(options, io);
  const plan = await planExperiment(what, options);
  const { out = join("runs", plan.name), json, quiet } = options;
  // seed by seed, so that all variants can be compared early
  const jobs = plan.seeds.flatMap((seed) =>
    plan.variants.map(({ name, config }): Job => {
      return { variant: name, seed, config: config(seed), path: join(out, `${name}-${seed}`) };
    }),
  );
  for (const job of jobs) await checkDirectory(job);
  await platform.files.checkWritable(out);
  const interrupts = new Interrupts(io);
  const finished: Finished[] = [];
  try {
    for (const [i, job] of jobs.entries()) {
      if (interrupts.interrupted) break;
      const label = `[${String(i + 1).padStart(String(jobs.length).length)}/${jobs.length}] ${job.variant}, seed ${job.seed}`;
      const before = await finishedResult(job.path);
      const result = before ?? (await trainJob(job, label, interrupts, options, io));
      if (result === undefined || result.stopped === interruption) break;
      finished.push({ ...job, result });
      const { test, epochs, seconds } = result;
      const kept = before !== undefined;
      if (json === true)
        printJson(io, { event: "trial", variant: job.variant, seed: job.seed, run: job.path, kept, ...result });
      else if (quiet !== true) {
        const about = kept ? "from before" : `${formatCount(epochs)} epochs, ${formatSeconds(seconds)}`;
        printLine(io.stderr, `${label}: test ${describeTest(test)} (${about})`);
      }
    }
  } finally {
    interrupts.stopListening();
  }
  if (finished.length > 0) await report(plan, finished, out, options, io);
  if (finished.length === jobs.length) return exitCodes.ok;
  if (json !== true) {
    printNote(io, `${finished.length} of ${jobs.length} trainings are done; the same command goes on with the rest`);
  }
  return exitCodes.interrupted;
}

function listExperiments({ json }: ExperimentOptions, io: Io): number {
  if (json === true) {
    for (const { name, title, description, system, variants } of experiments) {
      printJson(io, { event: "experiment", name, title, description, system, variants: variants.map((v) => v.name) });
    }
    return exitCodes.ok;
  }
  const rows = experiments.map(({ name, variants, description }) => [name, String(variants.length), description]);
  for (const line of formatTable(["Experiment", ">Variants", "What"], rows)) printLine(io.stdout, line);
  printLine(io.stdout);
  printLine(io.stdout, `Run one: ${invocation()} experiment ${experiments[0]!.name}`);
  return exitCodes.ok;
}

/** What makes a training the same; threads and checkpoints do not. */
const deciding = ["recipe", "data", "model", "imageSize", "grey", "corrupt"] as const;

/** Refuses a directory that holds another training than the one asked for. */
async function checkDirectory({ path, config }: Job): Promise<void> {
  if (!(await platform.files.exists(path))) return;
  // a process that was killed may have left its lock, and nothing else
  if ((await platform.files.list(path)).every((name) => name === runFiles.lock)) return;
  const before = await readConfig(path);
  const asked: RunConfig = JSON.parse(JSON.stringify(configForFile(config, path)));
  const partsOf = ({ settings, ...rest }: RunConfig) =>
    new Map<string, unknown>([...deciding.map((name) => [name, rest[name]] as const), ...Object.entries(settings)]);
  const [there, wanted] = [partsOf(before), partsOf(asked)];
  const other = [...new Set([...there.keys(), ...wanted.keys()])].find((name) => there.get(name) !== wanted.get(name));
  if (other === undefined) return;
  const describe = (value: unknown) => `${other} ${value === undefined ? "as usual" : value}`;
  fail({
    code: "usage",
    where: path,
    problem: "the directory holds a training with other settings",
    expected: describe(wanted.get(other)),
    received: describe(there.get(other)),
    fix: "Choose another directory for this experiment with --out, or remove that one",
  });
}

/** The result of a training that has come to its end. */
async function finishedResult(path: string): Promise<RunResult | undefined> {
  if (!(await platform.files.exists(path))) return undefined;
  const result = await readResult(path);
  return result?.stopped === interruption ? undefined : result;
}

/** Trains, or goes on with what has begun. Undefined where nothing came of it but an interruption. */
async function trainJob(
  { path, config, variant }: Job,
  label: string,
  interrupts: Interrupts,
  { json, quiet }: ExperimentOptions,
  io: Io,
): Promise<RunResult | undefined> {
  const hasBegun = await platform.files.exists(join(path, runFiles.config));
  const { run, task } = hasBegun ? await goOn(path, config) : await begin(path, variant, config);
  const discard = async () => {
    if (!(await run.holdsWork())) await run.discard();
  };
  interrupts.cleanUp = discard;
  const line = liveLine(label, json === true || quiet === true, io);
  try {
    const data = await task.data({ io, quiet: json === true || quiet === true });
    interrupts.finishing = "Stopping: a checkpoint will be saved, for the same command to go on from.";
    const { signal } = interrupts;
    const trained = await trainTask(run, task, data, { autotune: false, signal, callbacks: [line.callback] });
    if (trained === undefined) await discard();
    return trained?.result;
  } catch (error) {
    await discard();
    throw error;
  } finally {
    line.clear();
    await run.release();
  }
}

async function begin(path: string, variant: string, config: RunConfig): Promise<{ run: RunDirectory; task: Task }> {
  const task = await newTask(config);
  const run = await RunDirectory.create(variant, path);
  try {
    await writeStart(run, task);
    return { run, task };
  } catch (error) {
    await run.release();
    throw error;
  }
}

async function goOn(path: string, { threads }: RunConfig): Promise<{ run: RunDirectory; task: Task }> {
  const { run, config } = await RunDirectory.reopen(path, undefined);
  try {
    const before = { ...configFromFile(config, path), ...(threads === undefined ? {} : { threads }) };
    return { run, task: await resumedTask(before, path) };
  } catch (error) {
    await run.release();
    throw error;
  }
}

/** On a terminal, a line that says how a training goes. */
function liveLine(label: string, silent: boolean, { stderr }: Io): { callback: Callback; clear: () => void } {
  const live = !silent && stderr.isTTY === true;
  const draw = (text: string) => {
    if (live) stderr.write(`\r\u001b[K${`${label}  ${text}`.slice(0, (stderr.columns ?? 80) - 1)}`);
  };
  return {
    callback: {
      onStart: ({ epochs }) => draw(`epoch 1/${epochs}`),
      onEpoch: ({ epoch, loss, validationAccuracy, validationLoss }) => {
        const value = validationAccuracy ?? validationLoss ?? loss;
        draw(
          validationAccuracy === undefined
            ? `epoch ${epoch}  loss ${value.toFixed(4)}`
            : `epoch ${epoch}  validation accuracy ${formatPercent(value)}`,
        );
      },
    },
    clear: () => {
      if (live) stderr.write("\r\u001b[K");
    },
  };
}

const describeTest = ({ accuracy, loss }: RunResult["test"]) =>
  accuracy === undefined ? `loss ${loss.toFixed(4)}` : `accuracy ${accuracy.toFixed(4)}`;

/** Writes what came out, draws it, and prints it. */
async function report(
  plan: ExperimentPlan,
  finished: readonly Finished[],
  out: string,
  { json }: ExperimentOptions,
  io: Io,
): Promise<void> {
  const metric = finished.every(({ result }) => result.test.accuracy !== undefined) ? "accuracy" : "loss";
  const trialsOf = (name: string) =>
    finished
      .filter(({ variant }) => variant === name)
      .map(({ seed, path, result: { test, parameters, epochs, seconds } }) => {
        return { seed, run: path, value: test[metric]!, parameters, epochs, seconds };
      });
  const measured = plan.variants
    .map(({ name }) => ({ name, trials: trialsOf(name) }))
    .filter(({ trials }) => trials.length > 0);
  const variants = outcomesOf(measured, plan.against);
  const { name, title, against, seeds } = plan;
  const outcome = { experiment: name, title, metric, against, seeds, data: finished[0]!.result.data, variants };
  const written = [join(out, files.result)];
  await platform.files.writeAtomic(written[0]!, `${JSON.stringify(outcome, null, 2)}\n`);
  const about = describeMeasurement(plan, metric);
  try {
    const picture: VariantsOptions = {
      title,
      sentence: about,
      label: metric === "accuracy" ? "Test accuracy (%)" : "Test loss",
      format: (value) => value.toFixed(metric === "accuracy" ? 2 : 4),
      isSeries: against === "previous",
    };
    const rows = variants.map((variant) => rowOf(variant, metric));
    await platform.files.writeAtomic(join(out, files.svg), await variantsSvg(rows, picture));
    await platform.files.writeAtomic(join(out, files.png), await variantsPng(rows, picture));
    written.push(join(out, files.svg), join(out, files.png));
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    printNote(io, `the picture is missing: ${error.message}`);
  }
  if (json === true) {
    printJson(io, { event: "end", directory: out, ...outcome, files: written });
    return;
  }
  const lines = [
    title,
    about,
    "",
    ...formatTable(
      ["Variant", ">Parameters", metric === "accuracy" ? ">Accuracy (%)" : ">Loss", ">Change", ">Epochs", ">Time"],
      variants.map((variant) => tableRow(variant, metric)),
    ),
    "",
    `trainings and numbers in ${out}, a picture in ${files.svg} and ${files.png}`,
  ];
  for (const line of lines) printLine(io.stdout, line);
}

type Metric = "accuracy" | "loss";

function describeMeasurement({ against, seeds }: ExperimentPlan, metric: Metric): string {
  const which = seeds.length === 1 ? `seed ${seeds[0]}` : `mean ± deviation over seeds ${seeds.join(", ")}`;
  const other = against === "previous" ? "the variant before" : "the first variant";
  return `Test ${metric}, ${which}; change against ${other}, seed by seed`;
}

/** In percent, or as it is. */
const scaled = (value: number, metric: Metric) => (metric === "accuracy" ? (100 * value).toFixed(2) : value.toFixed(4));

function withDeviation(value: string, deviation: number | undefined, metric: Metric): string {
  return deviation === undefined ? value : `${value} ± ${scaled(deviation, metric)}`;
}

function signed(value: number, metric: Metric): string {
  const text = scaled(Math.abs(value), metric);
  return Number(text) === 0 ? `±${text}` : `${value > 0 ? "+" : "−"}${text}`;
}

function tableRow({ name, trials, mean, deviation, change }: Outcome, metric: Metric): string[] {
  const averageOf = (key: "epochs" | "seconds") => trials.reduce((sum, trial) => sum + trial[key], 0) / trials.length;
  return [
    name,
    formatCount(trials[0]!.parameters),
    withDeviation(scaled(mean, metric), deviation, metric),
    change === undefined ? "" : withDeviation(signed(change.mean, metric), change.deviation, metric),
    averageOf("epochs").toFixed(0),
    formatSeconds(averageOf("seconds")),
  ];
}

function rowOf({ name, trials, mean, deviation, change }: Outcome, metric: Metric): VariantRow {
  const scale = metric === "accuracy" ? 100 : 1;
  return {
    name,
    values: trials.map(({ value }) => scale * value),
    mean: scale * mean,
    deviation: deviation === undefined ? undefined : scale * deviation,
    ...(change === undefined
      ? {}
      : { change: { text: signed(change.mean, metric), better: change.mean > 0 === (metric === "accuracy") } }),
  };
}
