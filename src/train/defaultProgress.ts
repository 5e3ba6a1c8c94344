import type { Callback } from "./callbacks.js";
import { progressBar } from "./progress.js";

/** Progress on the terminal's error stream, so that output stays clean; nothing where there is no process (browser). */
export function defaultProgress(): Callback[] {
  const stream = (globalThis as { process?: { stderr?: Parameters<typeof progressBar>[0]["stream"] } }).process?.stderr;
  return stream === undefined ? [] : [progressBar({ stream })];
}
