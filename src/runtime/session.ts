import type { Graph, TensorType } from "../graph/types.js";
import { sameType } from "../graph/verify.js";
import { optimize } from "../passes/index.js";
import type { Backend, PlanOptions, Program, Store } from "../plan/backend.js";

/** A model's tensors on one backend, and the programs compiled for them. Programs are made once for each key. */
export class Session {
  readonly store: Store;
  readonly #programs = new Map<string, Promise<Program>>();
  readonly #tables = new Map<string, TensorType>();

  constructor(
    readonly backend: Backend,
    readonly threads: number,
  ) {
    this.store = backend.createStore();
  }

  /** The program for `key`, compiled from `graph()` the first time: optimised, planned, emitted. */
  program(key: string, graph: () => Graph): Promise<Program> {
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const compiling = this.compile(optimize(graph()));
    this.#programs.set(key, compiling);
    compiling.catch(() => this.#programs.delete(key));
    return compiling;
  }

  /**
   * Makes room for data that programs read beside the weights. What lies there under the same name stays if its type is
   * the same; otherwise it goes, with the programs that read it.
   */
  async placeTables(types: Readonly<Record<string, TensorType>>): Promise<void> {
    const changed = Object.keys(types).filter((name) => {
      const known = this.#tables.get(name);
      return known !== undefined && !sameType(known, types[name]!);
    });
    // all that go before any that comes: what was a whole has room for a whole
    await this.releaseTables(changed);
    for (const [name, type] of Object.entries(types)) {
      this.store.declare(name, type);
      this.#tables.set(name, type);
    }
  }

  /** Gives the memory of tables free, and forgets the programs that read them. */
  async releaseTables(names: readonly string[]): Promise<void> {
    const released = names.filter((name) => this.#tables.delete(name));
    for (const name of released) this.store.release(name);
    for (const [key, compiling] of this.#programs) {
      const { buffers } = (await compiling).plan;
      if (buffers.some(({ kind, name }) => kind === "variable" && released.includes(name))) this.#programs.delete(key);
    }
  }

  /** A program of its own for a graph as it is, for inspection. */
  async compile(graph: Graph, options?: PlanOptions): Promise<Program> {
    return this.backend.compile(this.backend.plan(graph, options), this.store);
  }
}
