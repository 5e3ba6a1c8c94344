import type { Acceptance, ComputedOp, Kernel, KernelCatalog, NodeContext, PackedInput } from "../../plan/types.js";
import type { FunctionBuilder, I32, V128 } from "./assembler/index.js";

/** What kernels are emitted for: decided once per backend. */
export interface Engine {
  /** a · b + c: one instruction where the engine has relaxed SIMD, multiply and add elsewhere. */
  readonly multiplyAdd: (a: V128, b: V128, c: V128) => V128;
  readonly relaxedSimd: boolean;
  /** Whether the engine joins neighbouring 128-bit operations into 256-bit ones; kernels then take wider tiles. */
  readonly wide: boolean;
  /** Whether the engine moves arithmetic behind later loads: see `platform.sinksWasm`. Kernels then take other tiles. */
  readonly sinks: boolean;
  readonly threads: number;
  /** Phases shorter than this many cycles are done by the first thread alone: a barrier would cost more. */
  readonly worthSharing: number;
}

/** What a phase's code may use. Addresses are byte addresses. */
export interface PhaseScope {
  readonly f: FunctionBuilder;
  readonly engine: Engine;
  /** The tasks of this call: begin ≤ task < end. */
  readonly begin: I32;
  readonly end: I32;
  /** Number of the calling thread, 0 … threads − 1: which part of a scratch memory is its own. */
  readonly thread: I32;
  readonly inputs: readonly I32[];
  readonly output: I32;
  readonly scratch: I32;
  /** Memory of what the kernel packs: see {@link WasmKernel.packs}. */
  readonly packed: I32;
  /** A number in all four lanes, in a form that engines can widen. */
  constant(value: number): V128;
}

/**
 * A stretch of a kernel without internal dependencies. Its work is cut into tasks, whose number and content do not
 * depend on the number of threads; threads take contiguous ranges of them, so results do not either. A barrier
 * separates phases that touch the same memory.
 */
export interface Phase {
  readonly tasks: number;
  /** Estimated cycles of all tasks together: small phases run on one thread. */
  readonly cycles: number;
  /**
   * Elements of the output, where the phase is elementwise: a task computes a stretch of them, as long as in every such
   * phase, from the same stretch of those inputs that are as large, and from scalars.
   */
  readonly elements?: number;
  /** Whether it reads or writes the scratch memory (taken as yes). */
  readonly usesScratch?: boolean;
  /** Whether it makes the packed input: it reads that input alone, and writes `packed` memory alone. */
  readonly packs?: boolean;
  emit(scope: PhaseScope): void;
}

/** A way to compute one op. The planner sees it with the engine filled in: see `bindCatalog`. */
export interface WasmKernel {
  readonly name: string;
  accepts(node: NodeContext, engine: Engine): Acceptance;
  /** Working memory beside inputs and output, for all threads together. */
  scratchBytes?(node: NodeContext, engine: Engine): number;
  /**
   * Memory for what phases marked `packs` make of one input: weights in another order. Programs that change no variable
   * keep it from run to run.
   */
  packs?(node: NodeContext, engine: Engine): PackedInput | undefined;
  overwrites?(node: NodeContext): readonly number[];
  phases(node: NodeContext, engine: Engine): readonly Phase[];
}

/** The WebAssembly kernels of every op, in order of preference. */
export type WasmCatalog = { readonly [Op in ComputedOp]: readonly WasmKernel[] };

/** The catalog as the planner takes it: kernels that know what they are emitted for. */
export function bindCatalog(catalog: WasmCatalog, engine: Engine): KernelCatalog {
  const bind = (kernel: WasmKernel): Kernel => ({
    name: kernel.name,
    accepts: (node) => kernel.accepts(node, engine),
    scratchBytes: (node) => kernel.scratchBytes?.(node, engine) ?? 0,
    packs: (node) => kernel.packs?.(node, engine),
    overwrites: (node) => kernel.overwrites?.(node) ?? [],
  });
  const entries = Object.entries(catalog).map(([op, kernels]) => [op, kernels.map(bind)]);
  return Object.fromEntries(entries) as KernelCatalog;
}

/** Attributes as a kernel's own op declares them. The catalog guarantees that a kernel sees only nodes of its op. */
export function attributesOf<A extends object>(node: NodeContext): A {
  return node.attributes as A;
}

/** Whether what a kernel packs of an input stays from run to run. */
export function isKept({ fixed = [] }: NodeContext, { input }: Pick<PackedInput, "input">): boolean {
  return fixed.includes(input);
}

/** The layout of a node that was accepted, where a text would say why there is none. */
export function certain<Layout extends object>(layout: Layout | string): Layout {
  if (typeof layout === "string") throw new TypeError(layout);
  return layout;
}
