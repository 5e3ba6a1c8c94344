import { platform } from "#platform";
import { FoveaError } from "../../core/errors.js";
import type { TrainAndTest } from "../../data/mnist.js";
import { learningCurvesPng, learningCurvesSvg } from "../../inspect/curves.js";
import type { Callback, RunStart } from "../../train/callbacks.js";
import type { History } from "../../train/fit.js";
import { Model } from "../../train/model.js";
import { progressBar } from "../../train/progress.js";
import { findRecipe, type Recipe, type RecipeSettings, recipeData, recipeFit } from "../../zoo/recipes.js";
import { type AutotuneOptions, autotuneOf } from "../autotune.js";
import { downloadProgress } from "../download.js";
import { writeExample } from "../example.js";
import { formatBytes, formatCount } from "../format.js";
import { Interrupts } from "../interrupt.js";
import { invocation } from "../invocation.js";
import { exitCodes, type Io, printJson, printLine, printNote } from "../io.js";
import { RunDirectory, type RunResult, runFiles } from "../run.js";
import { version } from "../version.js";

export interface TrainOptions extends AutotuneOptions {
  readonly seed?: number;
  readonly threads?: number;
  readonly epochs?: number;
  readonly batchSize?: number;
  readonly learningRate?: number;
  readonly train?: number;
  readonly out?: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** Trains a recipe into a new run directory, and measures it on the test set. */
export async function train(name: string, options: TrainOptions, io: Io): Promise<number> {
  const recipe = findRecipe(name);
  const autotune = autotuneOf(options);
  const execution = { threads: options.threads, autotune };
  const settings = overridden(recipe.settings, options);
  const interrupts = new Interrupts(io);
  const run = await RunDirectory.create(recipe.name, options.out);
  interrupts.cleanUp = () => run.discard();
  let history: History | undefined;
  try {
    await run.writeStart({
      recipe: recipe.name,
      settings,
      threads: options.threads,
      autotune: autotune !== false,
      fovea: version,
    });
    const quiet = options.json === true || options.quiet === true;
    const data = await recipeData(recipe, settings, quiet ? undefined : downloadProgress(io));
    const model = new Model(recipe.network());
    const fit = recipeFit(recipe, settings);
    interrupts.finishing = "Stopping: the run will be measured and saved.";
    if (autotune !== false && !quiet) printNote(io, "kernels that were not measured before are measured first");
    history = await model.fit(data.train, {
      ...fit,
      ...execution,
      signal: interrupts.signal,
      progress: false,
      callbacks: [
        ...(fit.callbacks ?? []),
        recorder(run, interrupts),
        reporter({ recipe, settings, data, run }, options, io),
      ],
    });
    if (history.epochs.length === 0) {
      await run.discard();
      return exitCodes.interrupted;
    }
    const metadata = { recipe: recipe.name, seed: String(settings.seed), data: data.train.source };
    await model.save(run.file(runFiles.model), { metadata });
    const test = await model.evaluate(data.test, execution);
    const { end } = history;
    const result: RunResult = {
      recipe: recipe.name,
      data: data.test.source,
      test,
      parameters: model.parameterCount,
      epochs: end.epochs,
      weightsOfEpoch: end.weightsOfEpoch,
      stopped: end.stopped ?? null,
      seconds: end.seconds,
    };
    await run.writeResult(result);
    const example = await drawPictures(run, recipe, history, data, io);
    if (options.json === true) printJson(io, { event: "end", run: run.path, ...result });
    else printResult(result, run, recipe, example, io);
    return interrupts.interrupted ? exitCodes.interrupted : exitCodes.ok;
  } catch (error) {
    // Leaves the line that progress was drawing in.
    if (interrupts.finishing !== undefined && history === undefined && io.stderr.isTTY === true) printLine(io.stderr);
    // What was measured is kept, also of a run that failed later.
    if (history === undefined && !(await platform.files.exists(run.file(runFiles.metrics)))) await run.discard();
    throw error;
  } finally {
    interrupts.stopListening();
  }
}

function overridden(settings: RecipeSettings, options: TrainOptions): RecipeSettings {
  const { seed, epochs, batchSize, learningRate, train: count } = options;
  return {
    ...settings,
    ...(seed === undefined ? {} : { seed }),
    ...(epochs === undefined ? {} : { epochs }),
    ...(batchSize === undefined ? {} : { batchSize }),
    ...(learningRate === undefined ? {} : { learningRate }),
    ...(count === undefined ? {} : { train: count }),
  };
}

/** Writes each epoch as it ends, so that a run can be followed, and nothing is lost where it breaks off. */
function recorder(run: RunDirectory, interrupts: Interrupts): Callback {
  return {
    async onEpoch(log) {
      interrupts.cleanUp = async () => {};
      await run.appendEpoch(log);
    },
  };
}

interface Job {
  readonly recipe: Recipe;
  readonly settings: RecipeSettings;
  readonly data: TrainAndTest;
  readonly run: RunDirectory;
}

/** Tells machines or people how training goes. */
function reporter(job: Job, { json, quiet, threads }: TrainOptions, io: Io): Callback {
  const { recipe, settings, data, run } = job;
  if (json === true) {
    return {
      onStart: ({ examples, validationExamples, threads, memoryBytes, network }) =>
        printJson(io, {
          event: "start",
          recipe: recipe.name,
          run: run.path,
          settings,
          data: { source: data.train.source, train: examples, validation: validationExamples, test: data.test.length },
          parameters: new Model(network).parameterCount,
          threads,
          memoryBytes,
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

function describeStart({ recipe, settings, data, run }: Job, start: RunStart, threads: number | undefined): string[] {
  const { train: trainData, test } = data;
  const momentum =
    settings.momentum === 0 ? "" : `, ${settings.nesterov ? "Nesterov " : ""}momentum ${settings.momentum}`;
  const counts = [
    `${formatCount(start.examples)} to train on`,
    `${formatCount(start.validationExamples)} to validate`,
    `${formatCount(test.length)} to test`,
  ];
  const parameters = new Model(start.network).parameterCount;
  const used = `${start.threads} ${start.threads === 1 ? "thread" : "threads"}`;
  return [
    `${recipe.title} (${recipe.name}, ${recipe.system})`,
    `  data      ${trainData.source}: ${counts.join(", ")}`,
    `  network   ${formatCount(parameters)} parameters, ${formatBytes(start.memoryBytes)} for training`,
    `  training  SGD ${settings.learningRate}${momentum}, batch ${settings.batchSize}, at most ${settings.epochs} epochs, seed ${settings.seed}`,
    `  engine    ${used}${threads === undefined ? "" : " as asked for"}`,
    `  run       ${run.path}`,
  ];
}

/** Curves and one picture to predict. A machine that lacks the packages for it still has its model. */
async function drawPictures(
  run: RunDirectory,
  recipe: Recipe,
  history: History,
  data: TrainAndTest,
  io: Io,
): Promise<string | undefined> {
  const options = { title: `${recipe.name}: ${recipe.title}`, loss: recipe.loss };
  try {
    await platform.files.writeAtomic(run.file(runFiles.curvesSvg), await learningCurvesSvg(history, options));
    await platform.files.writeAtomic(run.file(runFiles.curvesPng), await learningCurvesPng(history, options));
    return await writeExample(run, data.test);
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "unsupported")) throw error;
    printNote(io, `pictures are missing: ${error.message}`);
    return undefined;
  }
}

function printResult(result: RunResult, run: RunDirectory, recipe: Recipe, example: string | undefined, io: Io): void {
  const { test, data } = result;
  const measured = test.accuracy === undefined ? `test loss ${test.loss}` : `test accuracy ${test.accuracy.toFixed(4)}`;
  const fovea = invocation();
  const lines = [
    `${measured} (${formatCount(test.examples)} images, ${data})`,
    `run directory ${run.path}: the model, its learning curves (${runFiles.curvesPng}) and all numbers`,
    "",
    "Try next:",
    `  ${fovea} evaluate ${run.path}`,
    ...(example === undefined ? [] : [`  ${fovea} predict ${run.path} ${example}`]),
    `  ${fovea} summary ${run.path}`,
    `  ${fovea} train ${recipe.name === "mnist-deep" ? "mnist-shallow" : "mnist-deep"}`,
  ];
  for (const line of lines) printLine(io.stdout, line);
}
