import { createWasmBackend, type WasmBackend } from "../src/backends/wasm/index.js";
import type { Engine } from "../src/backends/wasm/kernel.js";
import type { Options } from "./options.js";
import type { Runner } from "./runner.js";
import type { PeerResult, Request } from "./versus.js";
import type { Workload } from "./workloads.js";

// Pages import this, so nothing here is of Node.

/** Where results (`write`) and everything else (`note`) go, a line each. */
export interface Output {
  write(line: string): void;
  note(line: string): void;
}

/** What fovea is measured in: this Node, or a browser. */
export interface Host {
  /** Its name and version. */
  readonly engine: string;
  /** What each line of `--json` says of it. */
  readonly fields: Readonly<Record<string, string>>;
  openRunner(threads: number): Promise<Runner>;
  /** TensorFlow.js in the same browser. */
  readonly measureTfjs?: (request: Request) => Promise<PeerResult>;
  close(): Promise<void>;
}

export interface Context extends Output {
  readonly options: Options;
  readonly host: Host;
  /** GFLOP/s of one core at most, in the mode that is measured. */
  readonly peak: number;
  readonly workloads: readonly Workload[];
}

export const widthOf = ({ wide }: Engine): 256 | 128 => (wide ? 256 : 128);

export type BackendOptions = Pick<Options, "narrow">;

/** Runs `body` with a backend, and ends its threads. */
export async function withBackend<T>(
  options: BackendOptions,
  threads: number,
  body: (backend: WasmBackend) => Promise<T>,
): Promise<T> {
  const backend = await createWasmBackend({ threads, wide: !options.narrow });
  try {
    return await body(backend);
  } finally {
    await backend.close();
  }
}

/** Runs `body` with fovea on the host, and ends its threads. */
export async function withRunner<T>(host: Host, threads: number, body: (runner: Runner) => Promise<T>): Promise<T> {
  const runner = await host.openRunner(threads);
  try {
    return await body(runner);
  } finally {
    await runner.close();
  }
}

/** Runs `body` on the host for every workload with every thread count. */
export async function forEachRun(
  { options, host, workloads }: Context,
  body: (runner: Runner, workload: Workload) => Promise<void>,
): Promise<void> {
  for (const threads of options.threads) {
    await withRunner(host, threads, async (runner) => {
      for (const workload of workloads) await body(runner, workload);
    });
  }
}
