import { describe, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import type { NumericArray } from "../../src/core/dtypes.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph, Node } from "../../src/graph/types.js";
import { add, divide, multiply, sqrt, subtract, tanh, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";

interface OptimiserEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly losses: readonly number[];
  readonly after: Readonly<Record<string, readonly number[]>>;
}

/** Adds the update of one parameter. Slots are variables that start at 0. */
type Rule = (builder: GraphBuilder, parameter: Node, gradient: Node) => void;

const slot = (builder: GraphBuilder, parameter: Node, name: string) =>
  builder.variable(`${parameter.name}.${name}`, parameter.shape);

/** v ← 0.9 v + g, then w ← w − 0.1 v; Nesterov: w ← w − 0.1 (g + 0.9 v). */
const momentum =
  (nesterov: boolean): Rule =>
  (builder, parameter, gradient) => {
    const velocity = slot(builder, parameter, "velocity");
    const next = mapNode(builder, [velocity, gradient], add(multiply(0.9, x(0)), x(1)));
    const direction = nesterov ? add(x(2), multiply(0.9, x(1))) : x(1);
    builder.update(velocity, next);
    builder.update(parameter, mapNode(builder, [parameter, next, gradient], subtract(x(0), multiply(0.1, direction))));
  };

/** m ← β₁ m + (1 − β₁) g; s ← β₂ s + (1 − β₂) g²; w ← w − lr · m̂ / (√ŝ + ε), with m̂ = m / (1 − β₁ᵗ), ŝ alike. */
const adam: Rule = (builder, parameter, gradient) => {
  const [beta1, beta2, rate, epsilon] = [0.9, 0.999, 0.01, 1e-8];
  // Powers of β are kept as 1 − βᵗ, which starts at 0 as slots do: c ← 1 − β (1 − c)
  const correction = (beta: number, name: string) => {
    const before = builder.variable(name, []);
    const after = mapNode(builder, [before], subtract(1, multiply(beta, subtract(1, x(0)))));
    if (!builder.build().updates.some(({ variable }) => variable === before.id)) builder.update(before, after);
    return after;
  };
  const [first, second] = [slot(builder, parameter, "first"), slot(builder, parameter, "second")];
  const m = mapNode(builder, [first, gradient], add(multiply(beta1, x(0)), multiply(1 - beta1, x(1))));
  const s = mapNode(builder, [second, gradient], add(multiply(beta2, x(0)), multiply(1 - beta2, multiply(x(1), x(1)))));
  builder.update(first, m);
  builder.update(second, s);
  const step = divide(multiply(rate, divide(x(1), x(3))), add(sqrt(divide(x(2), x(4))), epsilon));
  const inputs = [parameter, m, s, correction(beta1, "correction1"), correction(beta2, "correction2")];
  builder.update(parameter, mapNode(builder, inputs, subtract(x(0), step)));
};

const rules: Readonly<Record<string, Rule>> = {
  SGD: (builder, parameter, gradient) =>
    builder.update(parameter, mapNode(builder, [parameter, gradient], subtract(x(0), multiply(0.5, x(1))))),
  "SGD with momentum": momentum(false),
  "SGD with Nesterov momentum": momentum(true),
  Adam: adam,
};

/** A training step of `tanh(x·w0 + b0)·w1 + b1` with mean cross-entropy. */
function trainingGraph(entry: OptimiserEntry): Graph {
  const builder = new GraphBuilder();
  const parameters = Object.entries(entry.parameters).map(([name, shape]) => builder.variable(name, shape));
  const [w0, b0, w1, b1] = parameters as [Node, Node, Node, Node];
  const input = builder.input("x", [6, 5], "float32");
  const hidden = mapNode(builder, [matmulNode(builder, input, w0), b0], tanh(add(x(0), x(1))));
  const logits = mapNode(builder, [matmulNode(builder, hidden, w1), b1], add(x(0), x(1)));
  const losses = builder.add(ops.softmaxCrossEntropy, [logits, builder.input("labels", [6], "int32")], {});
  const loss = reduceNode(builder, losses, "mean", [0]);
  builder.output("loss", loss);
  const gradients = differentiate(builder, loss, parameters);
  parameters.forEach((parameter, index) => {
    rules[entry.name]!(builder, parameter, gradients[index]!);
  });
  return builder.build();
}

const steps = 10;

type Leaves = Record<string, NumericArray>;

function leavesOf(graph: Graph, entry: OptimiserEntry): Leaves {
  const names = Object.keys(entry.parameters);
  const variables = graph.nodes.filter((node) => node.op === "variable");
  return {
    x: formulaValues(0, [6, 5]),
    labels: Int32Array.from(entry.labels),
    ...Object.fromEntries(
      variables.map(({ name, shape }) => [
        name,
        names.includes(name) ? formulaValues(names.indexOf(name) + 1, shape, 0.5) : new Float32Array(sizeOf(shape)),
      ]),
    ),
  };
}

/** Ten steps on a backend: the loss before each, and the variables at the end. */
async function train(backend: Backend, graph: Graph, leaves: Leaves) {
  const store = backend.createStore();
  const variables = graph.nodes.filter((node) => node.op === "variable");
  for (const node of variables) {
    store.declare(node.name, node);
    store.write(node.name, leaves[node.name]!);
  }
  const program = await backend.compile(backend.plan(graph), store);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    program.input("x").set(leaves.x!);
    program.input("labels").set(leaves.labels!);
    program.run();
    losses.push(program.output("loss")[0]!);
  }
  return { losses, after: Object.fromEntries(variables.map(({ name }) => [name, store.read(name)])) };
}

const { pytorch, entries } = loadFixture<OptimiserEntry>("optimisers.json");

describe(`ten steps, as PyTorch ${pytorch} takes them`, () => {
  const backends = useBackends();
  for (const entry of entries) {
    it(entry.name, async () => {
      const graph = trainingGraph(entry);
      const leaves = leavesOf(graph, entry);
      const { losses, after } = await train(truth, graph, leaves);
      const expectWritten = (what: string, actual: ArrayLike<number>, expected: readonly number[]) =>
        expectWithin(what, actual, expected, (i) => 1e-8 * Math.abs(expected[i]!));
      expectWritten("losses", losses, entry.losses);
      for (const [name, expected] of Object.entries(entry.after)) expectWritten(name, after[name]!, expected);

      for (const [kind, each] of [["as written", graph] as const, ["optimized", optimize(graph)] as const]) {
        const tolerance = steps * relativeErrorOf(graph);
        for (const { name, backend } of backends()) {
          const actual = await train(backend, each, leaves);
          expectClose(`losses, ${kind}, on ${name}`, actual.losses, losses, tolerance);
          for (const parameter of Object.keys(entry.parameters)) {
            expectClose(`${parameter}, ${kind}, on ${name}`, actual.after[parameter]!, after[parameter]!, tolerance);
          }
        }
      }
    });
  }
});
