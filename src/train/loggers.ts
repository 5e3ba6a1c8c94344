import { platform } from "#platform";
import { fail } from "../core/errors.js";
import { encodeEvent } from "../formats/tensorBoard.js";
import type { Callback, EpochLog } from "./callbacks.js";

const columns = [
  "epoch",
  "loss",
  "accuracy",
  "validationLoss",
  "validationAccuracy",
  "learningRate",
  "seconds",
  "examplesPerSecond",
] as const satisfies readonly (keyof EpochLog)[];

/**
 * Writes a table of the run as CSV, a line as each epoch ends; what is not measured stays empty. A run that goes on from
 * a checkpoint goes on in the same table; a new run begins a new one.
 *
 * Keras: CSVLogger
 *
 * Errors: code "file" where it cannot be written, before the first step.
 *
 * @example const callbacks = [csvLogger("epochs.csv")];
 */
export function csvLogger(path: string): Callback {
  const line = (log: EpochLog) => `${columns.map((name) => log[name] ?? "").join(",")}\n`;
  return lineLogger("csvLogger", path, `${columns.join(",")}\n`, line);
}

/**
 * Writes the run as JSON Lines: an object as each epoch ends, as in the history. Goes on as {@link csvLogger} does.
 *
 * Errors: code "file" where it cannot be written, before the first step.
 *
 * @example const callbacks = [jsonLinesLogger("epochs.jsonl")];
 */
export function jsonLinesLogger(path: string): Callback {
  return lineLogger("jsonLinesLogger", path, "", (log) => `${JSON.stringify(log)}\n`);
}

function lineLogger(where: string, path: string, header: string, line: (log: EpochLog) => string): Callback {
  checkPath(where, path);
  return {
    // from the history rather than from the file, which may be ahead of the checkpoint
    onStart: ({ history }) => platform.files.writeAtomic(path, header + history.map(line).join("")),
    onEpoch: (log) => platform.files.append(path, line(log)),
  };
}

/**
 * Writes event files for TensorBoard: losses, accuracies and learning rate after each epoch, which is the step there.
 * Each run of a process gets a file of its own in `directory`; TensorBoard joins them.
 *
 * Keras: TensorBoard · PyTorch: torch.utils.tensorboard.SummaryWriter
 *
 * Errors: code "file" where it cannot be written, before the first step.
 *
 * @example const callbacks = [tensorBoardLogger("logs/first")]; // tensorboard --logdir logs
 */
export function tensorBoardLogger(directory: string): Callback {
  checkPath("tensorBoardLogger", directory);
  let path = "";
  const now = () => Date.now() / 1000;
  return {
    async onStart({ history }) {
      await platform.files.checkWritable(directory);
      const names = await platform.files.list(directory);
      // files are read in the order of their names
      const prefix = `events.out.tfevents.${String(Math.floor(now())).padStart(10, "0")}.fovea`;
      let count = 0;
      while (names.includes(`${prefix}.${count}`)) count++;
      path = `${directory}/${prefix}.${count}`;
      const first = encodeEvent({ wallTime: now(), step: 0, fileVersion: "brain.Event:2" });
      const start = encodeEvent({ wallTime: now(), step: history.length + 1, starts: true });
      await platform.files.append(path, first);
      if (history.length > 0) await platform.files.append(path, start);
    },
    async onEpoch({ epoch, loss, accuracy, validationLoss, validationAccuracy, learningRate }) {
      const all = {
        "loss/training": loss,
        "loss/validation": validationLoss,
        "accuracy/training": accuracy,
        "accuracy/validation": validationAccuracy,
        "learning rate": learningRate,
      };
      const scalars = Object.fromEntries(
        Object.entries(all).filter((entry): entry is [string, number] => entry[1] !== undefined),
      );
      await platform.files.append(path, encodeEvent({ wallTime: now(), step: epoch, scalars }));
    },
  };
}

function checkPath(where: string, path: unknown): void {
  if (typeof path === "string" && path !== "") return;
  fail({ code: "option", where, problem: "does not say where to write", expected: "a path", received: String(path) });
}
