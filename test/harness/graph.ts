import { differentiate } from "../../src/autodiff/differentiate.js";
import type { NumericArray } from "../../src/core/dtypes.js";
import { keyOf, uniformAt } from "../../src/core/random.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph, Node, OpTable } from "../../src/graph/types.js";
import { multiply, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { reduceNode } from "../../src/ops/reduce.js";
import type { Backend } from "../../src/plan/backend.js";
import { type AnyCase, valuesOf } from "./case.js";

/** A graph with what to write into its inputs and variables. */
export interface Experiment {
  readonly graph: Graph;
  readonly leaves: Readonly<Record<string, NumericArray>>;
  /** Names of the leaves that gradients are taken for; output `gradient of <name>` exists where there is one. */
  readonly wrt: readonly string[];
}

/**
 * The graph of a case: output `value` is the op's result; with a gradient, `loss = Σ value · r` for fixed random r,
 * and one output per float input. Float inputs after the first are variables, so that both kinds of leaf are used.
 */
export function experimentOf(testCase: AnyCase, gradients = testCase.gradient): Experiment {
  const builder = new GraphBuilder();
  const values = valuesOf(testCase);
  const leaves: Record<string, NumericArray> = {};
  const nodes = testCase.inputs.map(({ shape, dtype = "float32" }, index) => {
    const name = `x${index}`;
    leaves[name] = values[index]!;
    return dtype === "float32" && index > 0 ? builder.variable(name, shape) : builder.input(name, shape, dtype);
  });
  const value = builder.add((ops as OpTable)[testCase.op]!, nodes, testCase.attributes, testCase.name);
  builder.output("value", value);
  const floats = nodes.filter(({ dtype }) => dtype === "float32");
  const wrt = floats.map(({ name }) => name);
  if (!testCase.gradient) return { graph: builder.build(), leaves, wrt: [] };

  const key = keyOf(2, "r");
  const r = Float32Array.from({ length: sizeOf(value.shape) }, (_, i) => 2 * uniformAt(key, i) - 1);
  addLoss(builder, value, gradients ? floats : []);
  return { graph: builder.build(), leaves: { ...leaves, r }, wrt };
}

/** Adds `loss = Σ value · r` with r as input, and the gradients of the loss for `wrt`, all as outputs. */
export function addLoss(builder: GraphBuilder, value: Node, wrt: readonly Node[]): void {
  const weighted = mapNode(builder, [value, builder.input("r", value.shape, "float32")], multiply(x(0), x(1)));
  const axes = value.shape.map((_, axis) => axis);
  const loss = reduceNode(builder, weighted, "sum", axes);
  builder.output("loss", loss);
  addGradients(builder, loss, wrt);
}

/** Adds one output per leaf that the loss depends on. */
export function addGradients(builder: GraphBuilder, loss: Node, wrt: readonly Node[]): void {
  differentiate(builder, loss, wrt).forEach((gradient, index) => {
    if (gradient !== undefined) builder.output(gradientName(wrt[index]!.name), gradient);
  });
}

export const gradientName = (leaf: string) => `gradient of ${leaf}`;

/** A compiled graph that can be run again with other leaves. */
export async function compileGraph(backend: Backend, graph: Graph) {
  const store = backend.createStore();
  const variables = graph.nodes.filter((node) => node.op === "variable");
  for (const node of variables) store.declare((node.attributes as { variable: string }).variable, node);
  const program = await backend.compile(backend.plan(graph), store);
  return (leaves: Readonly<Record<string, NumericArray>>): Record<string, NumericArray> => {
    for (const [name, values] of Object.entries(leaves)) {
      if (store.has(name)) store.write(name, values);
      else program.input(name).set(values);
    }
    program.run();
    return Object.fromEntries(Object.keys(graph.outputs).map((name) => [name, program.output(name).slice()]));
  };
}

/** All outputs of one run on one backend. */
export async function runGraph(backend: Backend, { graph, leaves }: Omit<Experiment, "wrt">) {
  return (await compileGraph(backend, graph))(leaves);
}
