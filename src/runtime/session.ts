import { FoveaError } from "../core/errors.js";
import type { Graph, TensorType } from "../graph/types.js";
import { sameType } from "../graph/verify.js";
import { optimize } from "../passes/index.js";
import type { Backend, PlanOptions, Program, Store } from "../plan/backend.js";

/** The graph of a step for a number of examples. */
export type BatchGraph = (batchSize: number) => Graph;

/** A model's tensors on one backend, and the programs compiled for them. Programs are made once for each key. */
export class Session {
  #programs = new Map<string, Promise<Program>>();
  #fitting = new Map<string, Promise<number>>();
  #tables = new Map<string, TensorType>();
  /** What keys of programs begin with. */
  #prefix = "";

  constructor(
    readonly backend: Backend,
    readonly threads: number,
    readonly store: Store = backend.createStore(),
  ) {}

  /** The same tensors and tables for another network on them, whose programs are its own: `prefix` tells them apart. */
  within(prefix: string): Session {
    const session = new Session(this.backend, this.threads, this.store);
    session.#programs = this.#programs;
    session.#fitting = this.#fitting;
    session.#tables = this.#tables;
    session.#prefix = `${prefix} `;
    return session;
  }

  /**
   * The program for `key` and a batch size, compiled the first time: optimised, planned, emitted. Where memory does not
   * suffice, the error of code "memory" names the batch size for which it does.
   */
  program(key: string, graph: BatchGraph, batchSize: number): Promise<Program> {
    return once(this.#programs, `${this.#prefix}${key} ${batchSize}`, async () => {
      try {
        return await this.compile(optimize(graph(batchSize)));
      } catch (error) {
        throw this.explain(error, graph, batchSize);
      }
    });
  }

  /** An error, with the batch size that fits in its advice where memory did not suffice for `batchSize`. */
  explain(error: unknown, graph: BatchGraph, batchSize: number): unknown {
    if (!isMemory(error)) return error;
    const largest = this.#largestBatch(graph, batchSize - 1);
    const fix =
      largest > 0
        ? `Use a batch of at most ${largest} instead of ${batchSize}`
        : "Not even one example fits: use a smaller network, or smaller images";
    return new FoveaError({ ...error, fix, cause: error.cause });
  }

  /** `batchSize`, or where memory does not suffice for it the largest that fits: for work whose result is the same. */
  fittingBatch(key: string, graph: BatchGraph, batchSize: number): Promise<number> {
    return once(this.#fitting, `${this.#prefix}${key} ${batchSize}`, async () => {
      try {
        await this.program(key, graph, batchSize);
        return batchSize;
      } catch (error) {
        const largest = isMemory(error) ? this.#largestBatch(graph, batchSize - 1) : 0;
        if (largest === 0) throw error;
        return largest;
      }
    });
  }

  /** The largest batch up to `most` whose plan fits, 0 if none does; by bisection, as if memory always grew with the batch. */
  #largestBatch(graph: BatchGraph, most: number): number {
    const fits = (batchSize: number) => this.store.fits(this.backend.plan(optimize(graph(batchSize))));
    let fitting = 0;
    for (let beyond = most + 1; beyond - fitting > 1; ) {
      const middle = (fitting + beyond) >> 1;
      if (fits(middle)) fitting = middle;
      else beyond = middle;
    }
    return fitting;
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
    await this.backend.tune?.(graph);
    return this.backend.compile(this.backend.plan(graph, options), this.store);
  }
}

const isMemory = (error: unknown): error is FoveaError => error instanceof FoveaError && error.code === "memory";

/** What `make` gives for `key`, made at the first call; a failure is not remembered. */
function once<T>(made: Map<string, Promise<T>>, key: string, make: () => Promise<T>): Promise<T> {
  const known = made.get(key);
  if (known !== undefined) return known;
  const making = make();
  made.set(key, making);
  making.catch(() => made.delete(key));
  return making;
}
