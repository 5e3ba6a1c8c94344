import type { Graph, Node } from "../graph/types.js";

/**
 * Rebuilds a graph without the nodes that nothing reads any more, renumbering the rest in order. `nodes` may have been
 * changed by a pass as long as inputs still come first. Graph inputs stay, so that callers can always write them.
 */
export function withoutDeadNodes(graph: Graph): Graph {
  const live = new Set<number>([
    ...Object.values(graph.outputs),
    ...graph.updates.flatMap(({ variable, value }) => [variable, value]),
  ]);
  for (let id = graph.nodes.length - 1; id >= 0; id--) {
    const node = graph.nodes[id]!;
    if (node.op === "input") live.add(id);
    if (live.has(id)) for (const input of node.inputs) live.add(input);
  }
  const order = graph.nodes.filter((node) => live.has(node.id)).map((node) => node.id);
  return renumbered(graph, order);
}

/** The graph with its nodes in `order` (old ids), which must keep inputs before their readers. */
export function renumbered(graph: Graph, order: readonly number[]): Graph {
  const position = new Map(order.map((id, index) => [id, index]));
  const to = (id: number) => position.get(id)!;
  const nodes = order.map((id, index): Node => {
    const node = graph.nodes[id]!;
    return { ...node, id: index, inputs: node.inputs.map(to) };
  });
  const outputs = Object.fromEntries(Object.entries(graph.outputs).map(([name, id]) => [name, to(id)]));
  return {
    nodes,
    outputs,
    updates: graph.updates.map(({ variable, value }) => ({ variable: to(variable), value: to(value) })),
  };
}

/** How often each node is read, by nodes, outputs and updates. */
export function readCounts(graph: Graph): number[] {
  const counts = new Array<number>(graph.nodes.length).fill(0);
  for (const node of graph.nodes) for (const input of node.inputs) counts[input]! += 1;
  for (const id of Object.values(graph.outputs)) counts[id]! += 1;
  for (const { value } of graph.updates) counts[value]! += 1;
  return counts;
}
