import type { NumericArray } from "../../core/dtypes.js";
import { fail } from "../../core/errors.js";
import type { ConstantAttributes, InputAttributes, Node, VariableAttributes } from "../../graph/types.js";
import { type Epilogue, epilogueInputs } from "../../ops/epilogue.js";
import type { Expression } from "../../ops/expression.js";
import { withFloat32Constants } from "../../ops/expression.reference.js";
import { map } from "../../ops/map.reference.js";
import type { Program } from "../../plan/backend.js";
import type { Plan } from "../../plan/types.js";
import { loopsOf } from "./kernels.js";
import { allocate, type ReferenceStore } from "./store.js";

/** Every op that takes an epilogue has two inputs of its own; the epilogue's come after them. */
const inputsBeforeEpilogue = 2;

/**
 * Runs a graph by the book: nodes in order, each into an array of its own, then the updates. The plan's arena is
 * ignored, so that no mistake of the planner can show here.
 */
export class ReferenceProgram implements Program {
  readonly #nodes: readonly Node[];
  readonly #values: readonly NumericArray[];

  constructor(
    readonly plan: Plan,
    readonly store: ReferenceStore,
  ) {
    const { nodes } = plan.graph;
    this.#nodes = store.precision === "float32" ? nodes.map(withRoundedConstants) : nodes;
    const updated = new Set(plan.graph.updates.map(({ variable }) => variable));
    this.#values = nodes.map((node) => {
      if (!isVariable(node)) return allocate(node, store.precision);
      const { variable } = node.attributes;
      store.declare(variable, node);
      // what a step does not change need not be copied before it: a data set may be among it
      return updated.has(node.id) ? allocate(node, store.precision) : store.memoryOf(variable);
    });
  }

  input(name: string): NumericArray {
    const { nodes } = this.plan.graph;
    const node = nodes.find((node) => isInput(node) && node.attributes.input === name);
    if (node !== undefined) return this.#values[node.id]!;
    return missing(
      "input",
      name,
      nodes.filter(isInput).map((node) => node.attributes.input),
    );
  }

  output(name: string): NumericArray {
    const { outputs } = this.plan.graph;
    return Object.hasOwn(outputs, name) ? this.#values[outputs[name]!]! : missing("output", name, Object.keys(outputs));
  }

  node(id: number): NumericArray {
    return this.#values[id]!;
  }

  run(): void {
    const { nodes, updates } = this.plan.graph;
    for (const node of this.#nodes) this.#compute(node);
    // Nodes hold copies of the variables, so that all updates see the values from before the step.
    for (const { variable, value } of updates) {
      const { attributes } = nodes[variable] as Node<VariableAttributes>;
      this.store.memoryOf(attributes.variable).set(this.#values[value]!);
    }
  }

  #compute(node: Node): void {
    const data = this.#values[node.id]!;
    switch (node.op) {
      case "input":
        return; // written by the caller
      case "constant":
        data[0] = (node as Node<ConstantAttributes>).attributes.value;
        return;
      case "variable":
        data.set(this.store.memoryOf((node as Node<VariableAttributes>).attributes.variable));
        return;
      case "reshape":
        data.set(this.#values[node.inputs[0]!]!);
        return;
      default:
        computeNode(
          node,
          node.inputs.map((id) => this.#values[id]!),
          this.#nodes,
          data,
        );
    }
  }
}

/** Runs the naive loops of one node, and its epilogue after them: `$0` is the result, `$1…` the remaining inputs. */
export function computeNode(
  node: Node,
  values: readonly NumericArray[],
  nodes: readonly Node[],
  data: NumericArray,
): void {
  const inputs = node.inputs.map((id, position) => ({ data: values[position]!, shape: nodes[id]!.shape }));
  const output = { data, shape: node.shape };
  const { attributes } = node as Node<{ epilogue?: Epilogue }>;
  loopsOf(node.op)({ inputs, output, attributes });
  if (attributes.epilogue !== undefined) {
    const operands = [output, ...epilogueInputs(inputs, inputsBeforeEpilogue)];
    map({ inputs: operands, output, attributes: { expression: attributes.epilogue } });
  }
}

/** The attributes that are expressions. */
const expressions = ["expression", "epilogue", "prologue"] as const;

/** The node with the constants of its expressions as float32 holds them. */
function withRoundedConstants(node: Node): Node {
  const attributes = { ...node.attributes } as { [Key in (typeof expressions)[number]]?: Expression };
  for (const key of expressions) {
    if (attributes[key] !== undefined) attributes[key] = withFloat32Constants(attributes[key]);
  }
  return { ...node, attributes };
}

function isInput(node: Node): node is Node<InputAttributes> {
  return node.op === "input";
}

function isVariable(node: Node): node is Node<VariableAttributes> {
  return node.op === "variable";
}

function missing(kind: "input" | "output", name: string, known: readonly string[]): never {
  const expected = known.length > 0 ? `one of ${known.join(", ")}` : `a program with ${kind}s`;
  return fail({ code: "usage", where: `${kind} "${name}"`, problem: `the program has no such ${kind}`, expected });
}
