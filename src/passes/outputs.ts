import type { Graph, Node } from "../graph/types.js";
import { x } from "../ops/expression.js";
import type { MapAttributes } from "../ops/map.js";

/**
 * Gives outputs that name an updated variable a copy of their own: an output is the value from before the step, and
 * the variable's memory holds the new one by the time it is read.
 */
export function separateOutputs(graph: Graph): Graph {
  const updated = new Set(graph.updates.map(({ variable }) => variable));
  const nodes = [...graph.nodes];
  const outputs = { ...graph.outputs };
  for (const [name, id] of Object.entries(graph.outputs)) {
    if (!updated.has(sourceOf(id, graph))) continue;
    const node = graph.nodes[id]!;
    const copy: Node<MapAttributes> = {
      ...node,
      id: nodes.length,
      op: "map",
      inputs: [id],
      attributes: { expression: x(0) },
    };
    outputs[name] = nodes.push(copy) - 1;
  }
  return { ...graph, nodes, outputs };
}

/** The node whose memory a chain of reshapes shows. */
function sourceOf(id: number, graph: Graph): number {
  const node = graph.nodes[id]!;
  return node.op === "reshape" ? sourceOf(node.inputs[0]!, graph) : id;
}
