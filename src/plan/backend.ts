import type { NumericArray } from "../core/dtypes.js";
import type { Graph, TensorType } from "../graph/types.js";
import type { Plan } from "./types.js";

/** Where a model's tensors live between steps and between programs: one per model. */
export interface Store {
  /** Makes room for a variable, zeros at first; the same name and type again is no change. */
  declare(name: string, type: TensorType): void;
  /** Gives a variable's memory free for others. Programs that touch it must not run any more. */
  release(name: string): void;
  has(name: string): boolean;
  /** A variable's memory itself. Valid until the next variable is declared or the next program of the store compiled. */
  memoryOf(name: string): NumericArray;
  /** A copy of the values. */
  read(name: string): NumericArray;
  write(name: string, values: ArrayLike<number>): void;
  names(): string[];
  /** Whether there is room for a program of this plan, as far as is known without taking it. */
  fits(plan: Plan): boolean;
}

/** A compiled plan. One call runs the whole step; nothing is allocated by it. */
export interface Program {
  readonly plan: Plan;
  /** The memory of an input, to be filled before `run`, which does not change it. Valid until the next program of the store is compiled. */
  input(name: string): NumericArray;
  run(): void;
  /** The memory of an output, to be read after `run` and before the next run of any program of the store. */
  output(name: string): NumericArray;
  /** The values of any node after `run`, for inspection; they are all there if the plan was made with `keepAll`. */
  node(id: number): NumericArray;
}

/** Runs graphs. Reference, WebAssembly and WebGPU each implement this; everything above speaks only to it. */
export interface Backend {
  readonly name: string;
  /** Whether it lost a thread, or was closed: its stores can still be read, its programs no longer run. */
  readonly failed?: boolean;
  createStore(): Store;
  /** Chooses kernels and places tensors; fails, naming the op, where the backend lacks something. */
  plan(graph: Graph, options?: PlanOptions): Plan;
  /** Where kernels are measured: does so for those of a graph, so that `plan` can choose the fastest. */
  tune?(graph: Graph): Promise<void>;
  compile(plan: Plan, store: Store): Promise<Program>;
  /** Ends threads. The process may also end without this. */
  close(): Promise<void>;
}

export interface PlanOptions {
  /** Give every tensor its own place until the end of the step, so that each can be looked at (inspection). */
  readonly keepAll?: boolean;
}
