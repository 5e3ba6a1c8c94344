import type { NumericArray } from "../core/dtypes.js";
import { FoveaError, fail } from "../core/errors.js";
import type { Graph, Node, VariableAttributes } from "../graph/types.js";
import type { Program } from "../plan/backend.js";
import type { Session } from "../runtime/session.js";
import { isTable } from "./placed.js";

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
  const place = await findPlace(session, graph, write);
  return fail({
    code: "nan",
    where: "fit",
    problem: `the loss became ${loss} in step ${step} of epoch ${epoch}; ${place}`,
    fix: "Lower the learning rate or look at the data; the model keeps the weights from before this step",
  });
}

async function findPlace(session: Session, graph: Graph, write: (program: Program) => void): Promise<string> {
  let program: Program;
  try {
    program = await session.compile(graph, { keepAll: true });
  } catch (error) {
    if (!(error instanceof FoveaError && error.code === "memory")) throw error;
    return "for want of memory, it cannot be said which layer's values are the first that are not finite";
  }
  write(program);
  program.run();
  const { nodes } = program.plan.graph;
  // of a data set in memory, only what the step has fetched counts
  const culprit = nodes.find(
    (node) => node.dtype === "float32" && !isDataTable(node) && !isFiniteArray(program.node(node.id)),
  );
  const fetched = culprit?.op === "gather" && isDataTable(nodes[culprit.inputs[0]!]!);
  return `the first values that are not finite are ${placeOf(culprit, fetched)}`;
}

function isDataTable({ op, attributes }: Node): boolean {
  return op === "variable" && isTable((attributes as VariableAttributes).variable);
}

function isFiniteArray(values: NumericArray): boolean {
  return values.every((value) => Number.isFinite(value));
}

/** @param fetched whether the node is rows of a data set */
function placeOf(node: Node | undefined, fetched: boolean): string {
  if (node === undefined) return "in the loss";
  if (node.op === "input" || fetched) return `in the input "${node.name}"`;
  if (node.op === "variable") return `in the weight "${(node.attributes as VariableAttributes).variable}"`;
  return node.name === "loss" ? "in the loss itself" : `in the output of layer "${node.name}"`;
}
