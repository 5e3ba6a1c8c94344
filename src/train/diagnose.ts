import type { NumericArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import type { Graph, Node, VariableAttributes } from "../graph/types.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";

/**
 * Says where a loss that is not finite comes from, by running the same step again with every tensor kept, and fails
 * with code "nan". The weights are those from before the step, which the step's guard has kept.
 *
 * @param write fills the program's inputs as the failed step had them
 */
export async function failWithNaN(
  session: Session,
  graph: Graph,
  write: (program: Program) => void,
  { loss, epoch, step }: { loss: number; epoch: number; step: number },
): Promise<never> {
  const program = await session.compile(graph, { keepAll: true });
  write(program);
  program.run();
  const { nodes } = program.plan.graph;
  // of a data set in memory, only what the step has fetched counts
  const tables = new Set(nodes.flatMap(({ op, inputs }) => (op === "gather" ? [inputs[0]!] : [])));
  const culprit = nodes.find(
    ({ id, dtype }) => dtype === "float32" && !tables.has(id) && !isFiniteArray(program.node(id)),
  );
  return fail({
    code: "nan",
    where: "fit",
    problem: `the loss became ${loss} in step ${step} of epoch ${epoch}; the first values that are not finite are ${placeOf(culprit)}`,
    fix: "Lower the learning rate or look at the data; the model keeps the weights from before this step",
  });
}

function isFiniteArray(values: NumericArray): boolean {
  return values.every((value) => Number.isFinite(value));
}

function placeOf(node: Node | undefined): string {
  if (node === undefined) return "in the loss";
  if (node.op === "input" || node.op === "gather") return `in the input "${node.name}"`;
  if (node.op === "variable") return `in the weight "${(node.attributes as VariableAttributes).variable}"`;
  return node.name === "loss" ? "in the loss itself" : `in the output of layer "${node.name}"`;
}
