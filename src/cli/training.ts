import { platform } from "#platform";
import type { Autotune } from "../backends/wasm/index.js";
import type { Callback } from "../train/callbacks.js";
import type { History } from "../train/fit.js";
import { jsonLinesLogger, tensorBoardLogger } from "../train/loggers.js";
import { recipeFit } from "../zoo/training.js";
import { measure } from "./measure.js";
import { formatOwnExamples } from "./ownData.js";
import { type RunDirectory, type RunResult, runFiles } from "./run.js";
import { labelOf, type Task, type TaskData } from "./task.js";
import { checkpointOf, configForFile } from "./trainConfig.js";

/** Writes what decides a run: its config, and which examples it takes. A run that cannot be begun leaves nothing. */
export async function writeStart(run: RunDirectory, { config, examples }: Task): Promise<void> {
  try {
    await run.writeStart(configForFile(config, run.path));
    if (examples !== undefined) await platform.files.writeAtomic(run.file(runFiles.data), formatOwnExamples(examples));
  } catch (error) {
    await run.discard();
    throw error;
  }
}

export interface TrainingOptions {
  readonly autotune: Autotune;
  readonly signal: AbortSignal;
  /** Beside those of the task. */
  readonly callbacks: readonly Callback[];
}

/**
 * Trains a task in its directory, from where its checkpoints stand; saves the model, measures it on the test set, and
 * writes the result. Undefined for a training that was interrupted before its first epoch ended.
 */
export async function trainTask(
  run: RunDirectory,
  task: Task,
  data: TaskData,
  { autotune, signal, callbacks }: TrainingOptions,
): Promise<{ readonly history: History; readonly result: RunResult } | undefined> {
  const { config, settings, loss } = task;
  const execution = { threads: config.threads, autotune };
  const model = await task.model(data.train);
  const fit = recipeFit(task, settings, data.train, data.validation);
  const history = await model.fit(fit.data, {
    ...fit.options,
    ...execution,
    signal,
    progress: false,
    checkpoint: checkpointOf(config, run.file(runFiles.checkpoints)),
    resume: true,
    callbacks: [
      ...(fit.options.callbacks ?? []),
      jsonLinesLogger(run.file(runFiles.metrics)),
      ...(config.tensorBoard === true ? [tensorBoardLogger(run.file(runFiles.tensorBoard))] : []),
      ...callbacks,
    ],
  });
  if (history.epochs.length === 0) return undefined;
  const metadata = { ...task.metadata, seed: String(settings.seed), data: data.train.source };
  await model.save(run.file(runFiles.model), { metadata });
  // as it is reported everywhere: without what training adds to the loss
  const { evaluation: test } = await measure(model, data.test, { ...execution, loss });
  const { end } = history;
  const result: RunResult = {
    recipe: labelOf(config),
    data: data.test.source,
    test,
    parameters: model.parameterCount,
    epochs: end.epochs,
    weightsOfEpoch: end.weightsOfEpoch,
    stopped: end.stopped ?? null,
    seconds: end.seconds,
  };
  await run.writeResult(result);
  return { history, result };
}
