import type { Graph, NodeId, TensorType, Update } from "../graph/types.js";
import type { LeafName, OpName } from "../ops/index.js";

/** What a kernel may look at when it is chosen: one node and the types around it. */
export interface NodeContext<Attributes extends object = object> {
  readonly op: string;
  readonly name: string;
  readonly attributes: Attributes;
  readonly inputs: readonly TensorType[];
  readonly output: TensorType;
  /** Positions of inputs that no run changes: what kernels pack of these is made once. Default: none. */
  readonly fixed?: readonly number[];
}

/** A way to compute one op on one backend. The planner sees this much of it; the backend knows how to emit it. */
export interface Kernel {
  /** Systematic: `f32_conv2d_direct_4x8_simd128`. */
  readonly name: string;
  /** Whether to compute it so. */
  accepts(node: NodeContext): Acceptance;
  /** Working memory beside inputs and output. */
  scratchBytes?(node: NodeContext): number;
  /** Memory for what the kernel makes of one input alone before it computes: weights in another order. */
  packs?(node: NodeContext): PackedInput | undefined;
  /** Positions of inputs that the output may overwrite, element by element. */
  overwrites?(node: NodeContext): readonly number[];
}

/** True, or why not: a text where the kernel cannot compute it. */
export type Acceptance = true | string | Unprofitable;

/** Why a kernel is not chosen although it can compute the node: it is thought to take longer. Measuring may prove it wrong. */
export interface Unprofitable {
  readonly unprofitable: string;
}

export interface PackedInput {
  /** Position among the inputs. */
  readonly input: number;
  readonly bytes: number;
}

/** A node, and the kernels that can compute it. */
export interface KernelChoice<K extends Kernel = Kernel> {
  readonly node: NodeContext;
  /** In order of preference; the planner's own choice is among them. */
  readonly candidates: readonly K[];
  /** What the planner takes by itself. */
  readonly planned: K;
}

/** Written in place of kernels for an op that a backend lacks; planning fails with the reason and the op's name. */
export interface Unsupported {
  readonly unsupported: string;
}

/** Ops that need kernels: all but leaves, and `reshape`, which is an alias. */
export type ComputedOp = Exclude<OpName, LeafName | "reshape">;

/** Candidates in order of preference, for every op: an op left out does not compile. */
export type KernelCatalog<K extends Kernel = Kernel> = { readonly [Op in ComputedOp]: readonly K[] | Unsupported };

/** Memory for one tensor. Reshapes share their source's, updated variables their variable's. */
export interface PlanBuffer {
  readonly id: number;
  readonly type: TensorType;
  /** `variable`: in the model's store. The others lie in the arena. */
  readonly kind: "variable" | "input" | "constant" | "temporary" | "output";
  /** Name of the variable, input or output; the node's name otherwise. */
  readonly name: string;
  /** Bytes from the start of the arena; -1 for variables. */
  readonly offset: number;
  readonly bytes: number;
  /** First and last step that touch it: −1 before the first, `steps.length` when it must outlive the run. */
  readonly first: number;
  readonly last: number;
  readonly value?: number;
}

export interface PlanStep {
  readonly node: NodeId;
  readonly kernel: string;
  /** Why this kernel: the candidates before it and what they refused, or what was measured. */
  readonly reason: string;
  readonly inputs: readonly number[];
  readonly output: number;
  readonly scratchOffset: number;
  readonly scratchBytes: number;
  readonly packed?: PackedPlace;
  /** Of all parts. */
  readonly multiplyAdds: number;
}

/**
 * Where a kernel's packed input lies: in the arena, made anew in every run, or, where no run changes the variable that
 * it is made of, in memory of the program's own, kept until somebody writes the model's variables.
 */
export interface PackedPlace {
  readonly kept: boolean;
  /** Bytes from the start of the arena, or of the kept memory. */
  readonly offset: number;
  readonly bytes: number;
}

/** Everything decided before the first step: kernels, order, and the place of every tensor. Immutable. */
export interface Plan {
  readonly graph: Graph;
  /**
   * How often a run goes through the steps, for the next part of the batch each time: 1 but where `graph` is for a part
   * of it. Inputs and outputs have all parts, one after the other; the other tensors are those of one part.
   */
  readonly parts: number;
  readonly backend: string;
  readonly steps: readonly PlanStep[];
  readonly buffers: readonly PlanBuffer[];
  /** Buffer of each node. */
  readonly bufferOf: readonly number[];
  /** Updates that could not be made in place: copied after the last step. */
  readonly copies: readonly Update[];
  /** Bytes of the arena that one run needs. */
  readonly arenaBytes: number;
  /** Bytes that the program keeps beside the arena: see {@link PackedPlace}. */
  readonly keptBytes: number;
  /** Bytes of the variables that the program touches. */
  readonly variableBytes: number;
}
