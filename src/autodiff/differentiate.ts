import { fail } from "../core/errors.js";
import { formatShape } from "../core/shapes.js";
import type { GraphBuilder } from "../graph/builder.js";
import type { Node, OpDefinition, OpTable } from "../graph/types.js";
import { add, x } from "../ops/expression.js";
import { ops } from "../ops/index.js";
import { mapNode } from "../ops/map.js";
import type { ReshapeAttributes } from "../ops/reshape.js";

/**
 * Reverse-mode differentiation: appends to the graph the nodes of ∂loss/∂w for each w in `wrt`, in that order.
 * Gradients are ordinary nodes, so planner and backends have no backward mode. Undefined where the loss does not
 * depend on w. The loss is a scalar; only paths that lead to some w are walked, so frozen parts cost nothing, nor does
 * what is behind a `stopGradient`.
 */
export function differentiate(
  builder: GraphBuilder,
  loss: Node,
  wrt: readonly Node[],
  table: OpTable = ops,
): (Node | undefined)[] {
  if (loss.shape.length !== 0) {
    fail({
      code: "shape",
      where: `loss "${loss.name}"`,
      problem: "only a scalar can be differentiated",
      expected: "shape []",
      received: formatShape(loss.shape),
      fix: "Reduce it with a sum or a mean",
    });
  }
  const wanted = dependents(builder.nodes, loss, wrt);
  const gradients = new Map<number, Node>();
  if (wanted.has(loss.id)) gradients.set(loss.id, builder.constant(1));

  for (let id = loss.id; id >= 0; id--) {
    const node = builder.nodes[id]!;
    const gradient = gradients.get(id);
    if (gradient === undefined || !wanted.has(id) || node.inputs.length === 0) continue;
    const needed = node.inputs.map((input) => wanted.has(input) && builder.nodes[input]!.dtype === "float32");
    if (!needed.includes(true)) continue;
    const parts = builder.scope(node.name, () => gradientOf(builder, node, gradient, needed, table));
    node.inputs.forEach((input, position) => {
      const part = parts[position];
      if (part === undefined || !needed[position]) return;
      const known = gradients.get(input);
      const scope = builder.nodes[input]!.name;
      gradients.set(
        input,
        known === undefined ? part : mapNode(builder, [known, part], add(x(0), x(1)), undefined, scope),
      );
    });
  }
  return wrt.map((node) => gradients.get(node.id));
}

function gradientOf(
  builder: GraphBuilder,
  node: Node,
  gradient: Node,
  needed: readonly boolean[],
  table: OpTable,
): readonly (Node | undefined)[] {
  const definition: OpDefinition = table[node.op]!;
  const rule = definition.gradient;
  if (typeof rule !== "function") {
    return fail({ code: "unsupported", where: `${node.op} "${node.name}"`, problem: `has no gradient: ${rule.none}` });
  }
  const inputs = node.inputs.map((id) => builder.nodes[id]!);
  return rule({ builder, node, inputs, gradient, needed });
}

/** Nodes at or before the loss through which some w reaches it. */
function dependents(nodes: readonly Node[], loss: Node, wrt: readonly Node[]): Set<number> {
  const wanted = new Set(wrt.map((node) => node.id));
  for (let id = 0; id <= loss.id; id++) {
    const { inputs, attributes } = nodes[id]!;
    if ((attributes as Partial<ReshapeAttributes>).stopsGradient) continue;
    if (inputs.some((input) => wanted.has(input))) wanted.add(id);
  }
  return wanted;
}
