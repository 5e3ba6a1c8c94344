import { sameShape } from "../core/shapes.js";
import type { Graph, Node } from "../graph/types.js";
import { fitsEpilogue } from "../ops/epilogue.js";
import { type Expression, operationCount, substitute, usedInputs, x } from "../ops/expression.js";
import type { MapAttributes } from "../ops/map.js";
import { fitsPrologue, type ReduceAttributes, reducedShape } from "../ops/reduce.js";
import { readCounts, withoutDeadNodes } from "./rewrite.js";

/** Ops whose kernels apply an expression to their result while it is still in registers. */
const fusible = new Set(["matmul", "conv", "convInputGradient", "gather"]);

/** Expressions larger than this stay apart: recomputing costs more than a pass over memory. */
const maximumOperations = 48;

/**
 * Joins elementwise work with what feeds it:
 * a `map` read by one `map` alone is written into it, and a `map` that is the only reader of a matrix product or a
 * convolution becomes its epilogue (bias, activation, the rectifier's gradient). A `map` that a `reduce` alone reads
 * becomes its prologue (squared deviations, products with gradients). One pass over memory instead of two.
 * Goes on until nothing is left to join: two readers that become one may make a third join.
 */
export function fuse(graph: Graph): Graph {
  const fused = fusePrologues(fuseEpilogues(fuseMaps(graph)));
  return fused.nodes.length < graph.nodes.length ? fuse(fused) : fused;
}

function fuseMaps(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  const reads = readCounts(graph);
  for (const original of graph.nodes) {
    if (original.op !== "map") continue;
    // inputs of a fused producer were themselves fused already: nodes come in order
    let node = nodes[original.id] as Node<MapAttributes>;
    for (const producerId of [...node.inputs]) {
      const producer = nodes[producerId] as Node<MapAttributes>;
      if (producer.op !== "map" || reads[producerId] !== 1 || !node.inputs.includes(producerId)) continue;
      if (!sameShape(producer.shape, node.shape) || usesKey(node, producerId)) continue;
      // a random value depends on the element's position, which is the same only for equal shapes (checked above)
      const joined = inline(node, producer);
      if (operationCount(joined.attributes.expression) > maximumOperations && !isCheap(producer)) continue;
      node = joined;
    }
    nodes[original.id] = node;
  }
  return withoutDeadNodes({ ...graph, nodes });
}

function usesKey(node: Node<MapAttributes>, producer: number): boolean {
  return usedInputs(node.attributes.expression).keys.some((key) => node.inputs[key] === producer);
}

function isCheap(producer: Node<MapAttributes>): boolean {
  return operationCount(producer.attributes.expression) <= 4;
}

/** `node` with the expression of `producer` in the place of its value. */
function inline(node: Node<MapAttributes>, producer: Node<MapAttributes>): Node<MapAttributes> {
  const inputs = [...new Set([...node.inputs.filter((id) => id !== producer.id), ...producer.inputs])];
  const at = (id: number) => inputs.indexOf(id);
  const inner = substitute(
    producer.attributes.expression,
    (i) => x(at(producer.inputs[i]!)),
    (i) => at(producer.inputs[i]!),
  );
  const expression = substitute(
    node.attributes.expression,
    (i) => (node.inputs[i] === producer.id ? inner : x(at(node.inputs[i]!))),
    (i) => at(node.inputs[i]!),
  );
  return { ...node, inputs, attributes: { ...node.attributes, expression, shape: node.shape } };
}

function fuseEpilogues(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  const reads = readCounts(graph);
  for (const node of graph.nodes) {
    if (node.op !== "map") continue;
    const { expression } = node.attributes as MapAttributes;
    if (usedInputs(expression).keys.length > 0) continue;
    const producerId = lastFusible(node, nodes, reads);
    if (producerId === undefined) continue;
    const producer = nodes[producerId]!;
    const extras = node.inputs.filter((id) => id !== producerId);
    const operands = extras.map((id) => nodes[id]!);
    if (!operands.every((operand) => operand.dtype === "float32" && fitsEpilogue(operand.shape, node.shape))) continue;
    const epilogue: Expression = substitute(
      expression,
      (i) => (node.inputs[i] === producerId ? x(0) : x(1 + extras.indexOf(node.inputs[i]!))),
      (i) => i,
    );
    // the joined node stands where the map stood, since its operands may come after the producer
    nodes[node.id] = {
      ...producer,
      id: node.id,
      dtype: node.dtype,
      inputs: [...producer.inputs, ...extras],
      attributes: { ...producer.attributes, epilogue },
    };
  }
  return withoutDeadNodes({ ...graph, nodes });
}

/** The latest producer that this map alone reads and whose kernel can take an epilogue. */
function lastFusible(node: Node, nodes: readonly Node[], reads: readonly number[]): number | undefined {
  return [...node.inputs]
    .sort((a, b) => b - a)
    .find((id) => {
      const producer = nodes[id]!;
      return (
        fusible.has(producer.op) &&
        reads[id] === 1 &&
        !("epilogue" in producer.attributes) &&
        sameShape(producer.shape, node.shape)
      );
    });
}

function fusePrologues(graph: Graph): Graph {
  const nodes = [...graph.nodes];
  const reads = readCounts(graph);
  for (const node of graph.nodes) {
    if (node.op !== "reduce") continue;
    const attributes = node.attributes as ReduceAttributes;
    const producer = nodes[node.inputs[0]!] as Node<MapAttributes>;
    if (attributes.prologue !== undefined || producer.op !== "map" || reads[producer.id] !== 1) continue;
    const { expression } = producer.attributes;
    const operands = producer.inputs.map((id) => nodes[id]!);
    if (operands.length === 0 || usedInputs(expression).keys.length > 0) continue;
    // some operand must have the shape that is reduced, since the prologue does not say it
    if (!sameShape(reducedShape(operands), producer.shape)) continue;
    if (!operands.every(({ shape, dtype }) => dtype === "float32" && fitsPrologue(shape, producer.shape))) continue;
    nodes[node.id] = { ...node, inputs: producer.inputs, attributes: { ...attributes, prologue: expression } };
  }
  return withoutDeadNodes({ ...graph, nodes });
}
