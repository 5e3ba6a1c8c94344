import { cpus, loadavg } from "node:os";
import { createWasmBackend, type WasmBackend } from "../src/backends/wasm/index.js";
import type { Engine } from "../src/backends/wasm/kernel.js";
import { measurePeak } from "../src/backends/wasm/peak.js";
import type { Options } from "./options.js";
import type { Workload } from "./workloads.js";

/** Where results (`write`) and everything else (`note`) go, a line each. */
export interface Output {
  write(line: string): void;
  note(line: string): void;
}

export interface Context extends Output {
  readonly options: Options;
  /** GFLOP/s of one core at most, in the mode that is measured. */
  readonly peak: number;
  readonly workloads: readonly Workload[];
}

export const widthOf = ({ wide }: Engine): 256 | 128 => (wide ? 256 : 128);

/** Runs `body` with a backend, and ends its threads. */
export async function withBackend<T>(
  options: Options,
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

/** What others do on this machine makes times longer, and not evenly. Windows knows no load. */
function noteLoad({ note }: Output): void {
  const [load] = loadavg() as [number, number, number];
  const processors = cpus().length;
  if (load < 0.5 * processors) return;
  note(`note: the machine is busy (load ${load.toFixed(1)} on ${processors} processors); times will be too long`);
}

/** Measures the peak, and tells what it was measured on unless the output is for machines. */
export async function measureMachine(options: Options, output: Output): Promise<number> {
  return withBackend(options, 1, async ({ engine }) => {
    const peak = await measurePeak(engine, Math.min(options.seconds, 0.5));
    if (!options.json) {
      noteLoad(output);
      const { v8, node } = process.versions;
      const instructions = engine.relaxedSimd ? "fused multiply-add" : "multiply and add";
      output.write(`${cpus()[0]?.model.trim() ?? process.arch}, Node ${node} (V8 ${v8})`);
      output.write(`measured peak: ${peak.toFixed(0)} GFLOP/s per core (${widthOf(engine)} bit, ${instructions})`);
      output.write("");
    }
    return peak;
  });
}
