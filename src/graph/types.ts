import type { DType } from "../core/dtypes.js";
import type { Shape } from "../core/shapes.js";
import type { GraphBuilder } from "./builder.js";

/** Shape and data type of one tensor. */
export interface TensorType {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Position of a node in its graph; inputs always have smaller ids than the nodes that read them. */
export type NodeId = number;

/** One whole-tensor operation with one result: static single assignment. Immutable, and printable as JSON. */
export interface Node<Attributes extends object = object> extends TensorType {
  readonly id: NodeId;
  readonly op: string;
  readonly inputs: readonly NodeId[];
  readonly attributes: Attributes;
  /** The layer (or purpose) that this node serves; what errors and listings show. */
  readonly name: string;
}

/** A variable takes a new value at the end of a step. */
export interface Update {
  readonly variable: NodeId;
  readonly value: NodeId;
}

/** A program over tensors: nodes in topological order, named results, and updates of variables. */
export interface Graph {
  readonly nodes: readonly Node[];
  readonly outputs: Readonly<Record<string, NodeId>>;
  readonly updates: readonly Update[];
}

/** What an op's gradient rule sees: nodes of the forward graph, and a builder to append to. */
export interface GradientContext<Attributes extends object> {
  readonly builder: GraphBuilder;
  readonly node: Node<Attributes>;
  readonly inputs: readonly Node[];
  /** ∂loss/∂node, of the node's shape. */
  readonly gradient: Node;
  /** Whether ∂loss/∂input is wanted; a rule may skip the others. */
  readonly needed: readonly boolean[];
}

/** A gradient rule. Written as a method, so that rules with attributes of their own stand in one {@link OpTable}. */
export type GradientRule<Attributes extends object> = {
  rule(context: GradientContext<Attributes>): readonly (Node | undefined)[];
}["rule"];

/** Arithmetic work of a node, for choosing kernels, splitting work and `summary`. */
export interface Cost {
  /** Multiply-add pairs; elementwise ops count one per element. */
  readonly multiplyAdds: number;
}

/**
 * An op: everything that is true of it on every backend. One op, one file: attributes, formula, shape rule, gradient,
 * cost. Naive loops stand beside it in `<op>.reference.ts`; kernels live with the backends.
 */
export interface OpDefinition<Attributes extends object = object> {
  readonly name: string;
  /** Shape rule; checks inputs and attributes and fails with an error that starts with `where`. */
  infer(inputs: readonly TensorType[], attributes: Attributes, where: string): TensorType;
  /** ∂loss/∂input for each input, as ordinary nodes; or why there is none. */
  readonly gradient: GradientRule<Attributes> | { readonly none: string };
  cost(inputs: readonly TensorType[], attributes: Attributes, output: TensorType): Cost;
}

/**
 * All ops by name. Methods, `gradient` included, let definitions with their own attributes stand here; nodes are
 * checked when they are added.
 */
export type OpTable = Readonly<Record<string, OpDefinition>>;

/** Leaf: a value that the caller writes before each step. */
export interface InputAttributes {
  readonly type: TensorType;
  /** The name that the caller writes to. */
  readonly input: string;
}

/** Leaf: a tensor that lives as long as the model: a weight, a running average, an optimiser's slot. */
export interface VariableAttributes {
  readonly type: TensorType;
  /** Key in the model's store; equal names share storage between programs. */
  readonly variable: string;
}

/** Leaf: a scalar known when the graph is built. */
export interface ConstantAttributes {
  readonly value: number;
}
