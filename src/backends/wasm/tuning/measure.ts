import { platform } from "#platform";
import { FoveaError } from "../../../core/errors.js";
import type { Graph, Node } from "../../../graph/types.js";
import { planGraph } from "../../../plan/plan.js";
import type { KernelChoice, NodeContext, Plan } from "../../../plan/types.js";
import { catalog } from "../catalog.js";
import { compilePlan } from "../compile.js";
import { bindCatalog, type Engine, isKept } from "../kernel.js";
import type { ProgramFunctions } from "../program.js";
import { WasmStore } from "../store.js";
import { shortestTimes } from "./timing.js";

/** Milliseconds of kernels by their names; infinite where there was no memory to try one. */
export type KernelTimes = Readonly<Record<string, number>>;

/** Times the kernels that can compute a node. */
export type MeasureKernels = (choice: KernelChoice) => Promise<KernelTimes>;

/**
 * Measures on one thread, whatever the engine has, since a choice that depended on the number of threads would make
 * results do so. A kernel runs in a program of this one node; what it packs counts where it would be packed in every
 * run. Memory is shared by all that one such function measures. What lies in caches is pushed out between samples, as
 * the other steps of a large network do: else kernels that need much memory would seem faster than they are there.
 */
export function measureOn(engine: Engine): MeasureKernels {
  // filled, since pages that were never written to are all the same one
  const elsewhere = new Float32Array(evictedBytes / 4).fill(1);
  const evict = () => void readLines(elsewhere);
  const single = { ...engine, threads: 1 };
  const store = new WasmStore(false);
  return async (choice) => {
    try {
      return await measureIn(store, single, choice, evict);
    } catch (error) {
      if (!(error instanceof FoveaError && error.code === "memory")) throw error;
      return Object.fromEntries(choice.candidates.map(({ name }) => [name, Number.POSITIVE_INFINITY]));
    }
  };
}

/** More than the caches of a core and its share of the common one hold. */
const evictedBytes = 2 ** 25;

/** Reads a number of every cache line. */
function readLines(memory: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < memory.length; i += 16) sum += memory[i]!;
  return sum;
}

async function measureIn(
  store: WasmStore,
  engine: Engine,
  { node, candidates }: KernelChoice,
  evict: () => void,
): Promise<KernelTimes> {
  const graph = graphOf(node);
  const plans = candidates.map(({ name }) => planOf(graph, engine, name));
  const kept: { address: number; bytes: number }[] = [];
  try {
    // first, so that inputs are not filled in vain where it is too large
    const arena = store.arena(Math.max(...plans.map(({ arenaBytes }) => arenaBytes)));
    declareInputs(store, node);
    const runs = plans.map((plan, i) => {
      const pack = candidates[i]!.packs?.(node);
      const packsEachTime = pack !== undefined && !isKept(node, pack);
      const compiled = compilePlan(plan, engine, store.addresses);
      kept.push(compiled.kept);
      return optimizedRun(compiled.bytes, store, arena, packsEachTime);
    });
    const times = await shortestTimes(runs, platform, evict);
    return Object.fromEntries(candidates.map(({ name }, i) => [name, times[i]!]));
  } finally {
    for (const stretch of kept) store.forget(stretch);
    for (const name of store.names()) store.release(name);
  }
}

const inputName = (position: number) => `input ${position}`;

/** The node alone, on variables, so that what it packs is kept apart and can be made or not. */
function graphOf({ op, name, attributes, inputs, output }: NodeContext): Graph {
  const leaves = inputs.map(({ shape, dtype }, id): Node => {
    const variable = inputName(id);
    return {
      id,
      op: "variable",
      name: variable,
      inputs: [],
      attributes: { type: { shape, dtype }, variable },
      shape,
      dtype,
    };
  });
  const { shape, dtype } = output;
  const node = { id: leaves.length, op, name, attributes, inputs: leaves.map(({ id }) => id), shape, dtype };
  return { nodes: [...leaves, node], outputs: { output: node.id }, updates: [] };
}

function planOf(graph: Graph, engine: Engine, name: string): Plan {
  return planGraph(graph, "wasm", bindCatalog(catalog, engine), {
    choose: ({ candidates }) => ({ kernel: candidates.find((kernel) => kernel.name === name)!, reason: "measured" }),
  });
}

/** Numbers of both signs, none of them so small that a processor is slow at it; indices are 0. */
function declareInputs(store: WasmStore, { inputs }: NodeContext): void {
  inputs.forEach(({ shape, dtype }, position) => {
    const name = inputName(position);
    store.declare(name, { shape, dtype });
    if (dtype === "int32") return;
    const values = store.memoryOf(name);
    for (let i = 0; i < values.length; i++) values[i] = (((i + 3) * 7919) % 61) / 32 - 0.9375;
  });
}

function optimizedRun(bytes: Uint8Array<ArrayBuffer>, { memory }: WasmStore, arena: number, packsEachTime: boolean) {
  return platform.optimizingWasm(() => {
    const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { fovea: { memory, stalled() {} } });
    const { run, prepare } = instance.exports as unknown as ProgramFunctions;
    const whole = () => {
      prepare(arena);
      run(0, arena);
    };
    whole();
    whole();
    return packsEachTime ? whole : () => run(0, arena);
  });
}
