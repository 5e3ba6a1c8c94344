import { fail } from "../core/errors.js";
import { formatShape, sameShape } from "../core/shapes.js";
import { printNode } from "./print.js";
import type { Graph, Node, OpTable, TensorType } from "./types.js";

/** Checks that a graph is well formed: order, known ops, types as the ops infer them, outputs and updates in range. */
export function verifyGraph(graph: Graph, ops: OpTable): Graph {
  graph.nodes.forEach((node, position) => {
    const wrong = (problem: string): never => fail({ code: "graph", where: `node ${printNode(node)}`, problem });
    if (node.id !== position) wrong(`stands at position ${position}`);
    const op = ops[node.op] ?? wrong(`op "${node.op}" is unknown`);
    const inputs = node.inputs.map((id): Node => {
      if (!(id >= 0 && id < position)) wrong(`reads node ${id}, which is not before it`);
      return graph.nodes[id]!;
    });
    const inferred = op.infer(inputs, node.attributes, `${node.op} "${node.name}"`);
    if (!sameType(inferred, node)) wrong(`has type ${formatType(node)}, the op infers ${formatType(inferred)}`);
  });
  for (const [name, id] of Object.entries(graph.outputs)) {
    if (graph.nodes[id] === undefined) fail({ code: "graph", where: `output "${name}"`, problem: `no node ${id}` });
  }
  const updated = new Set<number>();
  for (const { variable, value } of graph.updates) {
    const [target, source] = [graph.nodes[variable], graph.nodes[value]];
    const where = `update of "${target?.name}"`;
    if (target?.op !== "variable") fail({ code: "graph", where, problem: "its target is not a variable" });
    if (source === undefined || !sameType(target!, source)) {
      fail({ code: "graph", where, problem: "the new value has another type" });
    }
    if (updated.has(variable)) fail({ code: "graph", where, problem: "the variable is updated twice" });
    updated.add(variable);
  }
  return graph;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}

/** `float32 [32, 10]` */
export function formatType({ dtype, shape }: TensorType): string {
  return `${dtype} ${formatShape(shape)}`;
}
