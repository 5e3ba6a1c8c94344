import { createWasmBackend } from "../src/backends/wasm/index.js";
import { measurePeak } from "../src/backends/wasm/peak.js";
import { type BackendOptions, widthOf } from "./context.js";
import { measureWorkload, prepareWorkload, type Result } from "./measure.js";
import { planMemory, type StepMemory } from "./memory.js";
import type { Prepared, Purpose } from "./prepare.js";
import { medianMilliseconds } from "./timing.js";
import { workloadOf } from "./workloads.js";

/**
 * fovea with a number of threads: what the benchmark asks of it, by names of workloads. Calls and results are plain
 * data, so that a runner may be in a browser.
 */
export interface Runner {
  readonly threads: number;
  /** Bits of a vector. */
  readonly width: 256 | 128;
  /** Whether multiply and add are one instruction. */
  readonly fused: boolean;
  /** GFLOP/s of one core at most. */
  measurePeak(seconds: number): Promise<number>;
  planMemory(name: string): Promise<StepMemory>;
  /** Training step and inference of a workload, each for `seconds`. */
  measure(name: string, seconds: number, peak: number): Promise<Result>;
  /** Compiles a workload, for `time`. */
  prepare(name: string): Promise<void>;
  /** Milliseconds of what was prepared last. */
  time(purpose: Purpose, seconds: number): Promise<number>;
  /** Ends its threads. */
  close(): Promise<void>;
}

/** In this process, or in the worker of a page that calls it. */
export async function openRunner(options: BackendOptions, threads: number): Promise<Runner> {
  const backend = await createWasmBackend({ threads, wide: !options.narrow });
  const { engine } = backend;
  let prepared: Record<Purpose, Prepared> | undefined;
  return {
    threads: engine.threads,
    width: widthOf(engine),
    fused: engine.relaxedSimd,
    measurePeak: (seconds) => measurePeak(engine, seconds),
    async planMemory(name) {
      const workload = workloadOf(name);
      return planMemory(backend, workload.network(), workload);
    },
    async measure(name, seconds, peak) {
      const workload = workloadOf(name);
      return measureWorkload(backend, workload, workload.network(), seconds, peak);
    },
    async prepare(name) {
      const workload = workloadOf(name);
      prepared = undefined;
      prepared = await prepareWorkload(backend, workload.network(), workload);
    },
    time: (purpose, seconds) => medianMilliseconds(prepared![purpose], seconds),
    close: () => backend.close(),
  };
}
