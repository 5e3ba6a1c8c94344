import { platform } from "#platform";
import { fail } from "../../core/errors.js";
import type { Graph } from "../../graph/types.js";
import { foldConstants } from "../../passes/constants.js";
import { separateOutputs } from "../../passes/outputs.js";
import type { Backend, PlanOptions, Program, Store } from "../../plan/backend.js";
import { inParts } from "../../plan/parts.js";
import { choicesOf, planGraph } from "../../plan/plan.js";
import type { Plan } from "../../plan/types.js";
import { f32x4 } from "./assembler/index.js";
import { catalog } from "./catalog.js";
import { compilePlan } from "./compile.js";
import { detectFeatures } from "./features.js";
import { bindCatalog, type Engine } from "./kernel.js";
import { forcedOptions } from "./mode.js";
import { type ProgramFunctions, WasmProgram } from "./program.js";
import { fuse, widen } from "./selfCheck.js";
import { WasmStore } from "./store.js";
import { resolveThreads, ThreadPool } from "./threads.js";
import { Tuner } from "./tuning/tuner.js";

export interface WasmOptions {
  /** Threads that share each step; by default the number of processors, at most 8; 1 where memory cannot be shared. */
  readonly threads?: number;
  /** Use fused multiply-add where the engine has it, on Node 20 by a flag of V8 (default true). Results differ in rounding between the two. */
  readonly relaxedSimd?: boolean;
  /** Use 256-bit vectors where the engine joins 128-bit ones, and rightly so: V8 ≥ 13, Node ≥ 24 (default true). */
  readonly wide?: boolean;
  /** Cycles of work from which a phase is shared between threads (default 30,000). Results do not depend on it. */
  readonly worthSharing?: number;
  /** Choose kernels by measuring them: see {@link Autotune} (default false). */
  readonly autotune?: Autotune;
}

/**
 * Whether kernels are chosen by measuring instead of by the planner's estimate. With `true`, each step that several
 * kernels can compute has them timed on this machine, on one thread, before its program is planned: seconds to a minute
 * for a large network. Times are kept in the user's cache (`$FOVEA_CACHE/kernels.json`), where there is one, for the
 * next time; `"again"` forgets those of this machine and measures anew. `plan` says what was measured.
 *
 * Another kernel rounds otherwise. So the last bits of results depend on the machine and on what was measured, which
 * they do not without this; they never depend on the number of threads.
 */
export type Autotune = boolean | "again";

/**
 * The CPU backend: kernels emitted as WebAssembly when a plan is compiled, run by one call per step and thread.
 * Fails with code "unsupported" where the engine lacks 128-bit vectors. The environment variable FOVEA_WASM wins over
 * the options: `narrow` for 128-bit vectors, `plain` for these without fused multiply-add.
 */
export async function createWasmBackend(asked: WasmOptions = {}): Promise<WasmBackend> {
  const options = { ...asked, ...forcedOptions() };
  const { autotune = false } = options;
  if (typeof autotune !== "boolean" && autotune !== "again") {
    const received = JSON.stringify(autotune);
    fail({ code: "option", where: "autotune", problem: "is unknown", expected: 'true, false or "again"', received });
  }
  const features = detectFeatures();
  if (!features.simd) {
    fail({
      code: "unsupported",
      where: "wasm backend",
      problem: "this engine has no WebAssembly SIMD",
      fix: "Use Node 20 or newer, or a browser of 2021 or newer",
    });
  }
  const plain: Engine = {
    threads: resolveThreads(options.threads, features.threads),
    relaxedSimd: false,
    wide: false,
    sinks: platform.sinksWasm,
    worthSharing: options.worthSharing ?? 30_000,
    multiplyAdd: (a, b, c) => f32x4.add(f32x4.mul(a, b), c),
  };
  const fused: Engine = { ...plain, relaxedSimd: true, multiplyAdd: f32x4.relaxedMadd };
  const relaxedSimd =
    options.relaxedSimd !== false && ((await fuse(fused)) === "right" || detectFeatures().relaxedSimd);
  const narrow = relaxedSimd ? fused : plain;
  const wide = relaxedSimd && options.wide !== false && (await widen(narrow)) === "right";
  const engine = { ...narrow, wide };
  const tuner = autotune === false ? undefined : await Tuner.create(engine, autotune === "again");
  return new WasmBackend(engine, engine.threads > 1 ? await ThreadPool.start(engine.threads) : undefined, tuner);
}

export class WasmBackend implements Backend {
  readonly name = "wasm";
  readonly #pool: ThreadPool | undefined;

  constructor(
    readonly engine: Engine,
    pool: ThreadPool | undefined,
    readonly tuner?: Tuner,
  ) {
    this.#pool = pool;
  }

  get failed(): boolean {
    return this.#pool?.failed === true;
  }

  createStore(): Store {
    return new WasmStore(this.#pool !== undefined);
  }

  plan(graph: Graph, options?: PlanOptions): Plan {
    const { tuner } = this;
    const whole = prepared(graph);
    // who looks at every tensor wants the whole batch of each
    const { graph: part, parts } = options?.keepAll === true ? { graph: whole, parts: 1 } : inParts(whole);
    return planGraph(part, this.name, bindCatalog(catalog, this.engine), {
      ...options,
      parts,
      choose: tuner && ((choice) => tuner.choose(choice)),
    });
  }

  async tune(graph: Graph): Promise<void> {
    await this.tuner?.tune(choicesOf(inParts(prepared(graph)).graph, this.name, bindCatalog(catalog, this.engine)));
  }

  async compile(plan: Plan, store: Store): Promise<Program> {
    if (!(store instanceof WasmStore)) {
      return fail({ code: "usage", where: "wasm backend", problem: "the store belongs to another backend" });
    }
    for (const { kind, name, type } of plan.buffers) if (kind === "variable") store.declare(name, type);
    store.arena(plan.arenaBytes);
    const { bytes, parallel, kept } = compilePlan(plan, this.engine, store.addresses);
    const module = await WebAssembly.compile(bytes);
    const { memory } = store;
    const stalled = this.#pool?.stalled ?? (() => {});
    const instance = new WebAssembly.Instance(module, { fovea: { memory, stalled } });
    const functions = instance.exports as unknown as ProgramFunctions;
    if (!parallel || this.#pool === undefined) return keeping(new WasmProgram(plan, store, functions), store, kept);
    const pool = this.#pool;
    const index = await pool.add(module, memory);
    const program = new WasmProgram(plan, store, functions, { pool, index });
    // workers keep an instance, and so the model's memory, until the program is gone
    abandoned.register(program, () => pool.remove(index));
    return keeping(program, store, kept);
  }

  async close(): Promise<void> {
    await this.#pool?.close();
  }
}

/** What is planned of a graph. */
const prepared = (graph: Graph): Graph => separateOutputs(foldConstants(graph));

/** Lets the store have back what a program keeps once the program is gone. */
function keeping(program: WasmProgram, store: WasmStore, kept: { address: number; bytes: number }): WasmProgram {
  if (kept.bytes > 0) abandoned.register(program, () => store.forget(kept));
  return program;
}

const abandoned = new FinalizationRegistry<() => void>((release) => release());
