import { cpus, loadavg } from "node:os";
import { type Host, type Output, withRunner } from "./context.js";
import type { Options } from "./options.js";
import { openRunner } from "./runner.js";

/** This Node. */
export function nodeHost(options: Options): Host {
  const { v8, node } = process.versions;
  return {
    engine: `Node ${node} (V8 ${v8})`,
    fields: {},
    openRunner: (threads) => openRunner(options, threads),
    async close() {},
  };
}

/** What others do on this machine makes times longer, and not evenly. Windows knows no load. */
function noteLoad({ note }: Output): void {
  const [load] = loadavg() as [number, number, number];
  const processors = cpus().length;
  if (load < 0.5 * processors) return;
  note(`note: the machine is busy (load ${load.toFixed(1)} on ${processors} processors); times will be too long`);
}

/** Measures the peak, and tells what it was measured on unless the output is for machines. */
export async function measureMachine(options: Options, host: Host, output: Output): Promise<number> {
  return withRunner(host, 1, async (runner) => {
    const peak = await runner.measurePeak(Math.min(options.seconds, 0.5));
    if (!options.json) {
      noteLoad(output);
      const instructions = runner.fused ? "fused multiply-add" : "multiply and add";
      output.write(`${cpus()[0]?.model.trim() ?? process.arch}, ${host.engine}`);
      output.write(`measured peak: ${peak.toFixed(0)} GFLOP/s per core (${runner.width} bit, ${instructions})`);
      output.write("");
    }
    return peak;
  });
}
