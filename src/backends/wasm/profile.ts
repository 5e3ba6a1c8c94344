import { platform } from "#platform";
import type { Plan } from "../../plan/types.js";
import { compileProfile } from "./compile.js";
import type { Engine } from "./kernel.js";
import type { WasmStore } from "./store.js";

/** Where the time of one run goes. */
export interface PhaseTime {
  /** Its node in the plan's graph. */
  readonly node: number;
  /** The layer or purpose that it serves. */
  readonly layer: string;
  readonly op: string;
  readonly kernel: string;
  /** Position among the phases of its kernel: packing, computing, … */
  readonly part: number;
  /** Median milliseconds, on one thread. */
  readonly milliseconds: number;
  /** Multiply-adds of the step, counted with its longest phase. */
  readonly multiplyAdds: number;
}

/**
 * Times every phase of a plan by itself, in order, on one thread: medians over `runs` runs of the whole. Where a plan has
 * parts, the first one is timed, and counts for all.
 */
export async function profilePlan(plan: Plan, store: WasmStore, engine: Engine, runs: number): Promise<PhaseTime[]> {
  for (const { kind, name, type } of plan.buffers) if (kind === "variable") store.declare(name, type);
  const arena = store.arena(plan.arenaBytes);
  const { bytes, phases } = compileProfile(plan, engine, store.addresses);
  const instance = await WebAssembly.instantiate(await WebAssembly.compile(bytes), { fovea: { memory: store.memory } });
  const functions = phases.map((_, index) => instance.exports[`phase${index}`] as (arena: number) => void);
  (instance.exports.prepare as (arena: number) => void)(arena);
  const times = functions.map(() => new Float64Array(runs));
  for (let run = -warmUp; run < runs; run++) {
    functions.forEach((phase, index) => {
      const began = platform.now();
      phase(arena);
      if (run >= 0) times[index]![run] = platform.now() - began;
    });
    if (run < 0) await platform.yield(); // lets the engine swap in optimised code
  }
  const medians = times.map((samples) => samples.sort()[Math.floor(runs / 2)]!);
  return phases.map(({ step, part }, index): PhaseTime => {
    const node = plan.graph.nodes[step.node]!;
    const own = phases.flatMap((phase, i) => (phase.step === step ? [i] : []));
    const longest = own.reduce((best, i) => (medians[i]! > medians[best]! ? i : best), own[0]!);
    return {
      node: node.id,
      layer: node.name,
      op: node.op,
      kernel: step.kernel,
      part,
      milliseconds: plan.parts * medians[index]!,
      multiplyAdds: index === longest ? step.multiplyAdds : 0,
    };
  });
}

const warmUp = 20;
