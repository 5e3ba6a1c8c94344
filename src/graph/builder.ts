import type { DType } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { exactJson } from "../core/exactJson.js";
import type { Shape } from "../core/shapes.js";
import { constant, input, variable } from "./leaves.js";
import type { Graph, Node, OpDefinition, Update } from "./types.js";

/**
 * Appends nodes to a graph. `add` infers and checks each node's type as it comes, so that a mistake is reported at the
 * layer that makes it. Structurally equal nodes are made once (except leaves that the caller names).
 */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly #outputs: Record<string, number> = {};
  readonly #updates: Update[] = [];
  readonly #known = new Map<string, Node>();
  #scope = "";

  /** Continues `graph`: its nodes, outputs and updates stay as they are. */
  static from(graph: Graph): GraphBuilder {
    const builder = new GraphBuilder();
    for (const node of graph.nodes) builder.#append(node);
    Object.assign(builder.#outputs, graph.outputs);
    builder.#updates.push(...graph.updates);
    return builder;
  }

  /** Nodes added by `body` belong to the layer or purpose `name`. */
  scope<T>(name: string, body: () => T): T {
    const outer = this.#scope;
    this.#scope = name;
    try {
      return body();
    } finally {
      this.#scope = outer;
    }
  }

  /** Adds a node, or returns the equal one that is there already. */
  add<A extends object>(op: OpDefinition<A>, inputs: readonly Node[], attributes: A, name = this.#scope): Node {
    for (const node of inputs) {
      if (this.nodes[node.id] !== node) {
        fail({ code: "graph", where: `${op.name} "${name}"`, problem: "an input belongs to another graph" });
      }
    }
    const ids = inputs.map((node) => node.id);
    const key = structuralKey(op.name, ids, attributes);
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const where = name === "" ? op.name : `${op.name} "${name}"`;
    const type = op.infer(inputs, attributes, where);
    return this.#append({ id: this.nodes.length, op: op.name, inputs: ids, attributes, name, ...type }, key);
  }

  /** A value written by the caller before each step. */
  input(name: string, shape: Shape, dtype: DType): Node {
    return this.add(input, [], { type: { shape, dtype }, input: name }, name);
  }

  /** A tensor of the model's store. */
  variable(name: string, shape: Shape, dtype: DType = "float32"): Node {
    return this.add(variable, [], { type: { shape, dtype }, variable: name }, name);
  }

  /** A scalar. */
  constant(value: number): Node {
    return this.add(constant, [], { value }, "");
  }

  /** Names a result that the caller can read after a step. */
  output(name: string, node: Node): void {
    this.#outputs[name] = node.id;
  }

  /** `variable` takes `value` at the end of the step. */
  update(variable: Node, value: Node): void {
    this.#updates.push({ variable: variable.id, value: value.id });
  }

  build(): Graph {
    return { nodes: [...this.nodes], outputs: { ...this.#outputs }, updates: [...this.#updates] };
  }

  #append(node: Node, key?: string): Node {
    this.nodes.push(node);
    this.#known.set(key ?? structuralKey(node.op, node.inputs, node.attributes), node);
    return node;
  }
}

/** Equal for nodes that compute the same. */
function structuralKey(op: string, inputs: readonly number[], attributes: object): string {
  return `${op}(${inputs.join()})${exactJson(attributes)}`;
}
