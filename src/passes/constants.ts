import type { ConstantAttributes, Graph, Node } from "../graph/types.js";
import { type Expression, simplify, substitute, usedInputs, x } from "../ops/expression.js";
import type { MapAttributes } from "../ops/map.js";
import { withoutDeadNodes } from "./rewrite.js";

/**
 * Writes constants into the expressions that read them (also through reshapes and maps of constants alone), and turns
 * those that other ops read into maps without inputs. Afterwards the graph has no `constant` nodes.
 */
export function foldConstants(graph: Graph): Graph {
  const constants = new Map<number, number>();
  const nodes = graph.nodes.map((node): Node => {
    if (node.op === "constant") {
      const { value } = node.attributes as ConstantAttributes;
      constants.set(node.id, value);
      return filled(node, value);
    }
    if (node.op === "reshape" && constants.has(node.inputs[0]!)) {
      const value = constants.get(node.inputs[0]!)!;
      constants.set(node.id, value);
      return filled(node, value);
    }
    if (node.op !== "map") return node;
    const folded = foldInputs(node as Node<MapAttributes>, constants);
    const { expression } = folded.attributes;
    if (expression.kind === "constant") constants.set(node.id, expression.value);
    return folded;
  });
  return withoutDeadNodes({ ...graph, nodes });
}

function filled(node: Node, value: number): Node<MapAttributes> {
  return { ...node, op: "map", inputs: [], attributes: { expression: { kind: "constant", value }, shape: node.shape } };
}

function foldInputs(node: Node<MapAttributes>, constants: ReadonlyMap<number, number>): Node<MapAttributes> {
  const value = (index: number): Expression => {
    const constant = constants.get(node.inputs[index]!);
    return constant === undefined ? x(index) : { kind: "constant", value: constant };
  };
  const expression = simplify(substitute(node.attributes.expression, value, (key) => key));
  const { values, keys } = usedInputs(expression);
  const kept = [...new Set([...values, ...keys])].sort((a, b) => a - b);
  const renumbered = substitute(
    expression,
    (index) => x(kept.indexOf(index)),
    (key) => kept.indexOf(key),
  );
  const inputs = kept.map((index) => node.inputs[index]!);
  return { ...node, inputs, attributes: { expression: renumbered, shape: node.shape } };
}
