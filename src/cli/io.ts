import { FoveaError } from "../core/errors.js";
import type { ProgressStream } from "../train/progress.js";

/** Where a command writes: results to `stdout`, progress and notes to `stderr`. `process` is one. */
export interface Io {
  readonly stdout: ProgressStream;
  readonly stderr: ProgressStream;
}

/** Documented in `fovea --help`. */
export const exitCodes = { ok: 0, failure: 1, usage: 2, interrupted: 130 } as const;

export function printLine(stream: ProgressStream, line = ""): void {
  stream.write(`${line}\n`);
}

/** One JSON object per line: what `--json` writes, and nothing else. */
export function printJson({ stdout }: Io, value: object): void {
  printLine(stdout, JSON.stringify(value));
}

/** Something worth knowing that is no error. */
export function printNote({ stderr }: Io, text: string): void {
  printLine(stderr, `note: ${text}`);
}

/** Tells the user about an error, and returns the exit code for it. */
export function reportError(error: unknown, io: Io, json: boolean): number {
  if (error instanceof FoveaError) {
    if (json) printJson(io, { event: "error", ...error.toJSON() });
    else printLine(io.stderr, describeError(error));
    return error.code === "usage" || error.code === "option" ? exitCodes.usage : exitCodes.failure;
  }
  // Not foreseen, so a mistake of ours: the place in the code is what helps.
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  if (json) printJson(io, { event: "error", error: "internal", message: text });
  else printLine(io.stderr, `error: fovea: failed in a way that it should not\n${text}`);
  return exitCodes.failure;
}

/** `error: where: problem (expected …, received …).`, and the fix on a line of its own. */
function describeError({ message, fix }: FoveaError): string {
  if (fix === undefined) return `error: ${message}`;
  return `error: ${message.slice(0, -fix.length - 2)}\n${fix}.`;
}
