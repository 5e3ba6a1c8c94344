import { sizeOf } from "../core/shapes.js";
import type { Graph, Node } from "../graph/types.js";
import { renumbered } from "./rewrite.js";

/** Elements from which on a new value is computed as soon as it can be; smaller ones share one pass at the end. */
const largeFrom = 64 * 1024;

const leaves: ReadonlySet<string> = new Set(["input", "variable", "constant"]);

/**
 * Moves the updates of large variables behind the last node that they wait for. A gradient's memory is free for others
 * as soon as its update has read it, and the gradient is still in cache; with all updates at the end, all gradients
 * would be there at once. An update waits for its inputs and, so that it can be made in place, for all that read the
 * variable's old value.
 */
export function updateEarly(graph: Graph): Graph {
  const { nodes } = graph;
  const readers = nodes.map((): number[] => []);
  for (const node of nodes) for (const input of node.inputs) readers[input]!.push(node.id);
  const variablesOf = new Map<number, number[]>();
  for (const { variable, value } of graph.updates)
    variablesOf.set(value, [...(variablesOf.get(value) ?? []), variable]);

  const outputs = new Set(Object.values(graph.outputs));
  const serveUpdates = new Set<number>();
  for (const { id, op } of nodes.toReversed()) {
    const isRead = variablesOf.has(id) || readers[id]!.length > 0;
    if (op === "map" && isRead && !outputs.has(id) && readers[id]!.every((reader) => serveUpdates.has(reader))) {
      serveUpdates.add(id);
    }
  }
  /** Readers of a variable's old value, by whatever shape. */
  const readersOf = (id: number): number[] =>
    readers[id]!.flatMap((reader) => (nodes[reader]!.op === "reshape" ? [reader, ...readersOf(reader)] : [reader]));
  const waitsFor = (node: Node): number[] => [
    ...node.inputs,
    ...(variablesOf.get(node.id) ?? []).flatMap(readersOf).filter((reader) => reader < node.id),
  ];
  const moved = nodes.filter((node) => serveUpdates.has(node.id) && sizeOf(node.shape) >= largeFrom);
  if (moved.length === 0) return graph;

  const placed = new Set<number>();
  const order: number[] = [];
  const place = ({ id }: Node) => {
    placed.add(id);
    order.push(id);
  };
  let waiting = moved;
  const placeReady = () => {
    for (const node of waiting) if (waitsFor(node).every((id) => placed.has(id))) place(node);
    waiting = waiting.filter(({ id }) => !placed.has(id));
  };
  for (const node of nodes) if (leaves.has(node.op)) place(node);
  for (const node of nodes) {
    if (leaves.has(node.op) || placed.has(node.id)) continue;
    if (waiting.includes(node)) {
      // nothing before it was left out, so that it is ready
      waiting = waiting.filter((other) => other !== node);
    }
    place(node);
    placeReady();
  }
  return renumbered(graph, order);
}
