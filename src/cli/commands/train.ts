import { isAbsolute, join, relative } from "node:path";
import { platform } from "#platform";
import { FoveaError, fail } from "../../core/errors.js";
import { type Dataset, parseAugment } from "../../data/index.js";
import { learningCurvesPng, learningCurvesSvg } from "../../inspect/curves.js";
import { learningRatePng, learningRateSvg } from "../../inspect/learningRatePlot.js";
import { countParameters, isTrained } from "../../model/network.js";
import type { OptimizerKind } from "../../model/optimizers.js";
import type { Callback, RunStart } from "../../train/callbacks.js";
import type { History } from "../../train/fit.js";
import { Model } from "../../train/model.js";
import { progressBar } from "../../train/progress.js";
import { recipeFit, type ScheduleName, type TrainingSettings } from "../../zoo/training.js";
import { autotuneOf } from "../autotune.js";
import { writeExample } from "../example.js";
import { formatBytes, formatCount } from "../format.js";
import { Interrupts } from "../interrupt.js";
import { invocation } from "../invocation.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { interruption, RunDirectory, type RunResult, runFiles } from "../run.js";
import { labelOf, newTask, resumedTask, type Task, type TaskData } from "../task.js";
import { configForFile, configFromFile, namesConfig, readGivenConfig, resolveConfig } from "../trainConfig.js";
import { trainTask, writeStart } from "../training.js";
import { configOfFlags, flagsGiven, type RunConfig } from "../trainOptions.js";

/** What the command line says, by commander's names; those that decide the run are in trainConfig.ts. */
export interface TrainOptions {
  readonly out?: string;
  /** A run directory to go on with. */
  readonly resume?: string;
  readonly findLr?: boolean;
  /** Measure kernels, also those that were measured before. */
  readonly retune?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly [flag: string]: unknown;
}

/**
 * Trains a recipe, a model on images of the user's own, or what a config says, into a new run directory, or goes on with
 * a run; and measures it on the test set.
 */
export async function train(what: string | undefined, options: TrainOptions, io: Io): Promise<number> {
  if (options.resume !== undefined) return resume(options.resume, what, options, io);
  const given = what !== undefined && namesConfig(what) ? await readGivenConfig(what) : { recipe: what };
  const flags = configFromFile(configOfFlags(options), process.cwd());
  const task = await newTask(resolveConfig(given, flags));
  if (options.findLr === true) return findRate(task, options, io);
  checkApart(task, options.out ?? "runs");
  const interrupts = new Interrupts(io);
  const run = await RunDirectory.create(task.name, options.out);
  try {
    await writeStart(run, task);
    return await trainIn(run, task, interrupts, options, io);
  } finally {
    await run.release();
  }
}

/** Runs hold pictures: among the user's images they would be taken for a class. */
function checkApart({ config: { data } }: Task, out: string): void {
  if (data === undefined || /\.(csv|npz)$/i.test(data)) return;
  const way = relative(data, out);
  if (way.startsWith("..") || isAbsolute(way)) return;
  const problem = "the run would lie among the images, and its pictures be taken for some of them";
  const fix = "Choose another --out, or begin in the folder above: fovea train --data NAME";
  fail({ code: "usage", where: out, problem, received: `images in ${data}`, fix });
}

/** Goes on with a run as if it had never stopped: with its own config, but for threads and for more epochs. */
async function resume(path: string, what: string | undefined, options: TrainOptions, io: Io): Promise<number> {
  const flags = configFromFile(configOfFlags(options), process.cwd());
  const { epochs } = flags.settings ?? {};
  const allowed = ["--epochs", "--threads", "--data", "--in-memory"];
  const others = flagsGiven(options).filter((flag) => !allowed.includes(flag));
  const refused = what ?? others[0] ?? (options.out === undefined ? undefined : "--out");
  if (refused !== undefined) {
    fail({
      code: "usage",
      where: "train --resume",
      problem: `"${refused}" does not go with it: a run goes on as it was begun`,
      expected: "--epochs, --threads, --quiet or --json, and --data where images have been moved",
    });
  }
  const { run, config: before } = await RunDirectory.reopen(path, epochs);
  try {
    const task = await resumedTask(resolveConfig(configFromFile(before, path), flags), path);
    const interrupts = new Interrupts(io);
    if (before.fovea !== task.config.fovea) {
      printNote(io, `fovea ${before.fovea} has begun this run; ${task.config.fovea} may round otherwise`);
    }
    await run.writeConfig(configForFile(task.config, run.path));
    return await trainIn(run, task, interrupts, options, io);
  } finally {
    await run.release();
  }
}

async function trainIn(
  run: RunDirectory,
  task: Task,
  interrupts: Interrupts,
  options: TrainOptions,
  io: Io,
): Promise<number> {
  const { config } = task;
  const autotune = autotuneOf({ autotune: config.autotune, retune: options.retune });
  const discard = async () => {
    if (options.resume === undefined && !(await run.holdsWork())) await run.discard();
  };
  interrupts.cleanUp = discard;
  let trained: Awaited<ReturnType<typeof trainTask>>;
  try {
    const quiet = options.json === true || options.quiet === true;
    if (!quiet) for (const note of task.notes) printNote(io, note);
    const data = await task.data({ io, quiet });
    interrupts.finishing = "Stopping: a checkpoint will be saved, and the model measured.";
    if (autotune !== false && !quiet) printNote(io, "kernels that were not measured before are measured first");
    const { signal } = interrupts;
    const callbacks = [reporter({ task, data, run }, { ...options, threads: config.threads }, io)];
    trained = await trainTask(run, task, data, { autotune, signal, callbacks });
    if (trained === undefined) {
      await discard();
      return exitCodes.interrupted;
    }
    const { history, result } = trained;
    const example = await drawPictures(run, task, history, data.test, io);
    if (options.json === true) printJson(io, { event: "end", run: run.path, ...result });
    else printResult(result, run, task, example, io);
    return interrupts.interrupted ? exitCodes.interrupted : exitCodes.ok;
  } catch (error) {
    // Leaves the line that progress was drawing in.
    if (interrupts.finishing !== undefined && trained === undefined && io.stderr.isTTY === true) printLine(io.stderr);
    // What was measured is kept, also of a run that failed later.
    if (trained === undefined) await discard();
    throw error;
  } finally {
    interrupts.stopListening();
  }
}

/** Searches for a learning rate, and draws the loss over it beside the runs. */
async function findRate(task: Task, options: TrainOptions, io: Io): Promise<number> {
  const { settings, name } = task;
  const { threads } = task.config;
  const quiet = options.json === true || options.quiet === true;
  const data = await task.data({ io, quiet });
  const fit = recipeFit(task, settings, data.train, data.validation);
  const { loss, optimizer, batchSize, seed, augment } = fit.options;
  const model = await task.model(data.train);
  const asked = { loss, optimizer, batchSize, seed, threads, ...(augment === undefined ? {} : { augment }) };
  const search = await model.findLearningRate(fit.data, asked);
  const directory = options.out ?? "runs";
  await platform.files.checkWritable(directory);
  const path = join(directory, `${name}-learning-rate`);
  const files = [`${path}.svg`, `${path}.png`];
  try {
    await platform.files.writeAtomic(files[0]!, await learningRateSvg(search));
    await platform.files.writeAtomic(files[1]!, await learningRatePng(search));
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    files.length = 0;
    printNote(io, `the picture is missing: ${error.message}`);
  }
  if (options.json === true) {
    printJson(io, { event: "learningRate", recipe: labelOf(task.config), ...search, files });
    return exitCodes.ok;
  }
  const rate = Number(search.suggestion.toPrecision(2));
  const lines = [
    `the loss falls the most at a learning rate of ${rate} (the ${task.config.recipe === undefined ? "run" : "recipe"} has ${settings.learningRate})`,
    `and is at its lowest at ${Number(search.lowest.toPrecision(2))}: higher rates are too high`,
    ...(files.length === 0 ? [] : [`picture ${files.join(" and ")}`]),
    "",
    "Try next:",
    `  ${invocation()} train ${beginningOf(task)} --learning-rate ${rate}`,
  ];
  for (const line of lines) printLine(io.stdout, line);
  return exitCodes.ok;
}

/** What stands behind `fovea train` to begin a run like this. */
function beginningOf({ config: { recipe, data, model, imageSize } }: Task): string {
  if (recipe !== undefined) return recipe;
  const size = imageSize === undefined ? "" : ` --image-size ${imageSize}`;
  return `--data ${quoted(data!)} --model ${model}${size}`;
}

/** A path as a shell takes it. */
const quoted = (path: string) => (/^[\w./-]+$/.test(path) ? path : `"${path}"`);

interface Job {
  readonly task: Task;
  readonly data: TaskData;
  readonly run: RunDirectory;
}

/** Tells machines or people how training goes. */
function reporter(
  job: Job,
  { json, quiet, threads }: Pick<TrainOptions, "json" | "quiet"> & Pick<RunConfig, "threads">,
  io: Io,
): Callback {
  const { task, data, run } = job;
  if (json === true) {
    return {
      onStart: ({ examples, validationExamples, threads, memoryBytes, network, resumed }) =>
        printJson(io, {
          event: "start",
          recipe: labelOf(task.config),
          run: run.path,
          settings: task.settings,
          data: { source: data.train.source, train: examples, validation: validationExamples, test: data.test.length },
          parameters: new Model(network).parameterCount,
          threads,
          memoryBytes,
          ...(resumed === undefined ? {} : { resumed }),
        }),
      onEpoch: (log) => printJson(io, { event: "epoch", ...log }),
    };
  }
  if (quiet === true) return {};
  const bar = progressBar({ stream: io.stderr });
  return {
    ...bar,
    onStart(start) {
      for (const line of describeStart(job, start, threads)) printLine(io.stderr, line);
      return bar.onStart?.(start);
    },
  };
}

function describeStart({ task, data, run }: Job, start: RunStart, threads: number | undefined): string[] {
  const { train: trainData, test } = data;
  const { settings } = task;
  const counts = [
    `${formatCount(start.examples)} to train on`,
    `${formatCount(start.validationExamples)} to validate`,
    `${formatCount(test.length)} to test`,
  ];
  const { weights } = start.network;
  const parameters = formatCount(countParameters(weights));
  const learned = countParameters(weights.filter(isTrained));
  const all = countParameters(weights.filter(({ trainable }) => trainable));
  const alone = learned === all ? "" : `, ${formatCount(learned)} of them trained`;
  const used = `${start.threads} ${start.threads === 1 ? "thread" : "threads"}`;
  return [
    `${task.title} (${task.about})`,
    `  data      ${trainData.source}: ${counts.join(", ")}`,
    `  network   ${parameters} parameters${alone}, ${formatBytes(start.memoryBytes)} for training`,
    `  training  ${describeTraining(settings)}`,
    ...(parseAugment(settings.augment ?? "none").steps.length === 0 ? [] : [`  varied    ${settings.augment}`]),
    `  engine    ${used}${threads === undefined ? "" : " as asked for"}`,
    `  run       ${run.path}`,
    ...(start.resumed === undefined ? [] : [`  resumed   ${describeResumed(start, start.resumed)}`]),
  ];
}

const optimizerTitles: Readonly<Record<OptimizerKind, string>> = {
  sgd: "SGD",
  adam: "Adam",
  adamW: "AdamW",
  adagrad: "Adagrad",
  rmsprop: "RMSprop",
  adadelta: "Adadelta",
  lion: "Lion",
};

const scheduleTitles: Readonly<Record<ScheduleName, string>> = {
  constant: "",
  oneCycle: " in one cycle",
  cosine: " along a cosine",
  linear: " along a line",
  plateau: " lowered on plateaus",
};

function describeTraining(settings: TrainingSettings): string {
  const { optimizer, learningRate, schedule = "constant", momentum = 0, nesterov, weightDecay = 0 } = settings;
  const { labelSmoothing = 0, averageDecay } = settings;
  return [
    `${optimizerTitles[optimizer]} ${learningRate}${scheduleTitles[schedule]}`,
    ...(momentum === 0 ? [] : [`${nesterov === true ? "Nesterov " : ""}momentum ${momentum}`]),
    ...(weightDecay === 0 ? [] : [`weight decay ${weightDecay}`]),
    ...(labelSmoothing === 0 ? [] : [`label smoothing ${labelSmoothing}`]),
    ...(averageDecay === undefined ? [] : [`averaged weights (${averageDecay})`]),
    `batch ${settings.batchSize}`,
    `at most ${settings.epochs} ${settings.epochs === 1 ? "epoch" : "epochs"}`,
    `seed ${settings.seed}`,
  ].join(", ");
}

function describeResumed({ stepsPerEpoch }: RunStart, { epoch, step }: NonNullable<RunStart["resumed"]>): string {
  return step === 0 ? `after epoch ${epoch - 1}` : `in epoch ${epoch}, after step ${step} of ${stepsPerEpoch}`;
}

/** Curves and one picture to predict. A machine that lacks the packages for it still has its model. */
async function drawPictures(
  run: RunDirectory,
  task: Task,
  history: History,
  test: Dataset,
  io: Io,
): Promise<string | undefined> {
  const options = { title: `${task.name}: ${task.title}`, loss: task.loss };
  try {
    await platform.files.writeAtomic(run.file(runFiles.curvesSvg), await learningCurvesSvg(history, options));
    await platform.files.writeAtomic(run.file(runFiles.curvesPng), await learningCurvesPng(history, options));
    return task.example ?? (await writeExample(run, test));
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    printNote(io, `pictures are missing: ${error.message}`);
    return undefined;
  }
}

function printResult(result: RunResult, run: RunDirectory, task: Task, example: string | undefined, io: Io): void {
  const { test, data } = result;
  const measured = test.accuracy === undefined ? `test loss ${test.loss}` : `test accuracy ${test.accuracy.toFixed(4)}`;
  const fovea = invocation();
  const lines = [
    `${measured} (${formatCount(test.examples)} images, ${data})`,
    `run directory ${run.path}: the model, its learning curves (${runFiles.curvesPng}) and all numbers`,
    ...(result.stopped === interruption ? ["a checkpoint is saved: the run can go on as if never interrupted"] : []),
    "",
    "Try next:",
    ...(result.stopped === interruption ? [`  ${fovea} train --resume ${quoted(run.path)}`] : []),
    `  ${fovea} evaluate ${quoted(run.path)}`,
    ...(example === undefined ? [] : [`  ${fovea} predict ${quoted(run.path)} ${quoted(example)}`]),
    `  ${fovea} summary ${quoted(run.path)}`,
    ...(task.examples === undefined
      ? [`  ${fovea} train ${task.name === "mnist-deep" ? "mnist-shallow" : "mnist-deep"}`]
      : []),
  ];
  for (const line of lines) printLine(io.stdout, line);
}
