import { createReferenceBackend } from "../backends/reference/index.js";
import { type Autotune, createWasmBackend } from "../backends/wasm/index.js";
import { fail } from "../core/errors.js";
import type { Backend } from "../plan/backend.js";

export type BackendName = "wasm" | "reference";

/** Where a model runs; part of the options of `fit`, `evaluate` and `predict`. */
export interface ExecutionOptions {
  /** `wasm` (default) is the fast one; `reference` computes with naive loops, to compare with and to read. */
  readonly backend?: BackendName;
  /** Threads of a step. Default: the number of processors, at most 8. Results do not depend on it. */
  readonly threads?: number;
  /**
   * Measure the kernels that a step could use on this machine, once, and take the fastest; `"again"` measures anew what
   * the user's cache knows. The last bits of results then depend on the machine, still not on `threads`. Default: false.
   */
  readonly autotune?: Autotune;
}

const started = new Map<string, Promise<{ backend: Backend; threads: number }>>();

/**
 * The backend for these options; made once and shared by all models, so that threads are started once. One that lost a
 * thread is replaced.
 */
export async function backendFor({ backend = "wasm", threads, autotune = false }: ExecutionOptions, where: string) {
  const key = `${backend}/${threads}/${autotune}`;
  const known = started.get(key);
  if (known !== undefined && (await known).backend.failed !== true) return known;
  const replaced = started.get(key);
  // someone else who waited for it has replaced it already
  if (replaced !== undefined && replaced !== known) return replaced;
  const starting = start(backend, threads, autotune, where);
  started.set(key, starting);
  // a failed start is not remembered: the next call may ask for something else
  starting.catch(() => started.delete(key));
  return starting;
}

async function start(name: BackendName, threads: number | undefined, autotune: Autotune, where: string) {
  if (name === "wasm") {
    const backend = await createWasmBackend({ threads, autotune });
    return { backend, threads: backend.engine.threads };
  }
  if (name === "reference") return { backend: createReferenceBackend(), threads: 1 };
  return fail({
    code: "option",
    where,
    problem: `unknown backend ${JSON.stringify(name)}`,
    expected: '"wasm" or "reference"',
  });
}

export const executionOptionNames = ["backend", "threads", "autotune"] as const;
