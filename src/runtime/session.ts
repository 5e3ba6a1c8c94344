import type { Graph } from "../graph/types.js";
import { optimize } from "../passes/index.js";
import type { Backend, PlanOptions, Program, Store } from "../plan/backend.js";

/** A model's tensors on one backend, and the programs compiled for them. Programs are made once for each key. */
export class Session {
  readonly #programs = new Map<string, Promise<Program>>();

  /** @param store of the backend; models that share weights share one. Default: a new one */
  constructor(
    readonly backend: Backend,
    readonly threads: number,
    readonly store: Store = backend.createStore(),
  ) {}

  /** The program for `key`, compiled from `graph()` the first time: optimised, planned, emitted. */
  program(key: string, graph: () => Graph): Promise<Program> {
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const compiling = this.compile(optimize(graph()));
    this.#programs.set(key, compiling);
    compiling.catch(() => this.#programs.delete(key));
    return compiling;
  }

  /** A program of its own for a graph as it is, for inspection. */
  async compile(graph: Graph, options?: PlanOptions): Promise<Program> {
    return this.backend.compile(this.backend.plan(graph, options), this.store);
  }
}
