import type { Graph, Node } from "./types.js";

/** A graph as text, one node a line: `%12 = conv2d(%3, %4) {strides: [2, 2]} : float32[50, 14, 14, 10]  # conv`. */
export function printGraph(graph: Graph): string {
  const lines = graph.nodes.map((node) => printNode(node));
  for (const { variable, value } of graph.updates) lines.push(`update ${graph.nodes[variable]!.name} <- %${value}`);
  for (const [name, id] of Object.entries(graph.outputs)) lines.push(`output ${name} = %${id}`);
  return lines.join("\n") + "\n";
}

export function printNode(node: Node): string {
  const inputs = node.inputs.map((id) => `%${id}`).join(", ");
  const type = `${node.dtype}[${node.shape.join(", ")}]`;
  const comment = node.name === "" ? "" : `  # ${node.name}`;
  return `%${node.id} = ${node.op}(${inputs})${printAttributes(node.attributes)} : ${type}${comment}`;
}

function printAttributes(attributes: object): string {
  const parts = Object.entries(attributes)
    .filter(([key, value]) => key !== "type" && value !== undefined)
    .map(([key, value]) => `${key}: ${printValue(value)}`);
  return parts.length > 0 ? ` {${parts.join(", ")}}` : "";
}

/** Expressions know how to print themselves; everything else prints as JSON. */
function printValue(value: unknown): string {
  if (typeof value === "object" && value !== null && "kind" in value) return printExpression(value as Printable);
  if (Array.isArray(value)) return `[${value.map(printValue).join(", ")}]`;
  return JSON.stringify(value);
}

/** The shape that expressions of `map` have, seen from here only as something to print. */
interface Printable {
  kind: string;
  [part: string]: unknown;
}

function printExpression(expression: Printable): string {
  const part = (key: string) => printExpression(expression[key] as Printable);
  switch (expression.kind) {
    case "input":
      return `$${expression.index}`;
    case "constant":
      return String(expression.value);
    case "unary":
      return `${expression.fn}(${part("a")})`;
    case "binary":
      return `${expression.fn}(${part("a")}, ${part("b")})`;
    case "select":
      return `select(${part("condition")}, ${part("a")}, ${part("b")})`;
    case "random":
      return `random($${expression.key}, ${expression.salt})`;
    default:
      return JSON.stringify(expression);
  }
}
