import type { NumericArray } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import { sizeOf } from "../../core/shapes.js";
import type { Program } from "../../plan/backend.js";
import type { Plan, PlanBuffer } from "../../plan/types.js";
import type { WasmStore } from "./store.js";
import type { ThreadPool } from "./threads.js";

type RunFunction = (thread: number, arena: number) => void;

/** The exports of a program's module. */
export interface ProgramFunctions {
  /** One run, or a thread's share of it. */
  readonly run: RunFunction;
  /** Makes what is kept from run to run, from the variables as they are. */
  readonly prepare: (arena: number) => void;
}

/** A compiled plan in a store's memory. */
export class WasmProgram implements Program {
  readonly #store: WasmStore;
  readonly #functions: ProgramFunctions;
  /** The store's version at which the kept memory was made. */
  #preparedAt = -1;
  readonly #pool: ThreadPool | undefined;
  readonly #poolIndex: number;
  readonly #buffers = new Map<string, PlanBuffer>();
  readonly #views = new Map<string, { view: NumericArray; arena: number }>();
  readonly #copies: readonly { target: string; source: PlanBuffer }[];

  constructor(
    readonly plan: Plan,
    store: WasmStore,
    functions: ProgramFunctions,
    parallel?: { pool: ThreadPool; index: number },
  ) {
    this.#store = store;
    this.#functions = functions;
    this.#pool = parallel?.pool;
    this.#poolIndex = parallel?.index ?? -1;
    for (const buffer of plan.buffers) {
      if (buffer.kind === "input") this.#buffers.set(`input ${buffer.name}`, buffer);
    }
    for (const [name, id] of Object.entries(plan.graph.outputs)) {
      this.#buffers.set(`output ${name}`, plan.buffers[plan.bufferOf[id]!]!);
    }
    this.#copies = plan.copies.map(({ variable, value }) => ({
      target: plan.buffers[plan.bufferOf[variable]!]!.name,
      source: plan.buffers[plan.bufferOf[value]!]!,
    }));
  }

  input(name: string): NumericArray {
    return this.#view("input", name);
  }

  output(name: string): NumericArray {
    return this.#view("output", name);
  }

  node(id: number): NumericArray {
    return this.#viewOf(this.plan.buffers[this.plan.bufferOf[id]!]!);
  }

  run(): void {
    const arena = this.#store.arena(this.plan.arenaBytes);
    const { run, prepare } = this.#functions;
    if (this.plan.keptBytes > 0 && this.#preparedAt !== this.#store.version) {
      prepare(arena);
      this.#preparedAt = this.#store.version;
    }
    if (this.#pool === undefined) run(0, arena);
    else this.#pool.run(this.#poolIndex, arena, run);
    if (this.plan.graph.updates.length > 0) this.#store.changed();
    if (this.#copies.length === 0) return;
    // one copy's source may be another's target: variables are read before any is written
    const values = this.#copies.map(({ source }) => {
      const view = this.#viewOf(source);
      return source.kind === "variable" ? view.slice() : view;
    });
    this.#copies.forEach(({ target }, index) => {
      this.#store.write(target, values[index]!);
    });
  }

  /** The same view as long as memory and arena stay where they are, so that a step allocates nothing. */
  #view(role: "input" | "output", name: string): NumericArray {
    const key = `${role} ${name}`;
    const known = this.#views.get(key);
    const arena = this.#store.arena(this.plan.arenaBytes);
    if (known !== undefined && known.arena === arena && known.view.buffer === this.#store.memory.buffer) {
      return known.view;
    }
    const buffer =
      this.#buffers.get(key) ?? fail({ code: "usage", where: "program", problem: `has no ${role} "${name}"` });
    const view = this.#viewOf(buffer);
    this.#views.set(key, { view, arena });
    return view;
  }

  #viewOf(buffer: PlanBuffer): NumericArray {
    const { type, kind, name, offset } = buffer;
    const arena = this.#store.arena(this.plan.arenaBytes);
    const address = kind === "variable" ? this.#store.address(name) : arena + offset;
    return this.#store.view(address, sizeOf(type.shape), type.dtype);
  }
}
