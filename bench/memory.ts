import type { WasmBackend } from "../src/backends/wasm/index.js";
import type { Network } from "../src/model/network.js";
import type { Plan } from "../src/plan/types.js";
import { type Context, withRunner } from "./context.js";
import { graphOf } from "./prepare.js";
import { type Column, round, Table, widest } from "./table.js";
import type { Workload } from "./workloads.js";

/** What a training step needs, in 10⁶ bytes. */
export interface StepMemory {
  /** Inputs, activations, gradients and scratch: all but the variables. */
  readonly arena_mb: number;
  /** With the variables: weights, running averages and the optimiser's state. */
  readonly memory_mb: number;
}

export function memoryOf({ arenaBytes, variableBytes }: Plan): StepMemory {
  return { arena_mb: round(arenaBytes / 1e6, 3), memory_mb: round((arenaBytes + variableBytes) / 1e6, 3) };
}

/** The same without compiling or running anything. */
export function planMemory(backend: WasmBackend, network: Network, { batchSize }: Workload): StepMemory {
  return memoryOf(backend.plan(graphOf(network, batchSize, "train")));
}

/** Columns of a table of memory, the workload's name before them. */
export const memoryColumns: readonly Column[] = [
  { title: "arena MB", width: 0 },
  { title: "with variables", width: 0 },
];

export function memoryCells({ arena_mb, memory_mb }: StepMemory): string[] {
  return [arena_mb.toFixed(1), memory_mb.toFixed(1)];
}

/** Tells the memory of every workload's training step before the first one runs: threads have scratch of their own. */
export async function tellMemory({ host, options, workloads, write }: Context): Promise<void> {
  const name = { title: "workload", width: widest(workloads.map((workload) => workload.name)) };
  const table = new Table([name, { title: "threads", width: 0 }, ...memoryColumns], write);
  for (const threads of options.threads) {
    await withRunner(host, threads, async (runner) => {
      for (const { name } of workloads) {
        table.row([name, String(threads), ...memoryCells(await runner.planMemory(name))]);
      }
    });
  }
  write("");
}
