import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import { keyOf, normalAt } from "../../src/core/random.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { dense } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { sgd } from "../../src/model/optimizers.js";
import { input } from "../../src/model/symbolic.js";
import { add, multiply, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { passes } from "../../src/passes/index.js";
import { updateEarly } from "../../src/passes/updates.js";

const large = 64 * 1024;

/** Everything before the pass, which is the last. */
const before = (graph: Graph): Graph => passes.slice(0, -1).reduce((current, { run }) => run(current), graph);

describe("updates of large variables", () => {
  it("move to where their inputs and the readers of the old value are done", () => {
    const builder = new GraphBuilder();
    const [v, w] = [builder.variable("v", [large]), builder.variable("w", [large])];
    const first = mapNode(builder, [v], multiply(x(0), 2));
    const lastReader = reduceNode(builder, v, "sum", [0]);
    const unrelated = mapNode(builder, [first], add(x(0), 1));
    const newV = mapNode(builder, [v, first], add(x(0), x(1)));
    const newW = mapNode(builder, [w, newV], add(x(0), x(1)));
    builder.output("sum", lastReader);
    builder.output("unrelated", reduceNode(builder, unrelated, "sum", [0]));
    builder.update(v, newV);
    builder.update(w, newW);
    const graph = builder.build();
    const moved = updateEarly(graph);
    verifyGraph(moved, ops);
    const computed = moved.nodes.filter(({ op }) => op !== "variable");
    expect(computed.map(({ op }) => op)).toEqual(["map", "reduce", "map", "map", "map", "reduce"]);
    const places = moved.updates.map(({ value }) => computed.findIndex(({ id }) => id === value));
    expect(places).toEqual([2, 3]);
  });

  it("stay where they are if they are small, or results too", () => {
    const builder = new GraphBuilder();
    const [v, w] = [builder.variable("v", [large - 1]), builder.variable("w", [large])];
    const newV = mapNode(builder, [v], multiply(x(0), 2));
    const newW = mapNode(builder, [w], multiply(x(0), 2));
    builder.output("w", newW);
    builder.output("other", reduceNode(builder, builder.input("a", [5], "float32"), "sum", [0]));
    builder.update(v, newV);
    builder.update(w, newW);
    const graph = builder.build();
    expect(updateEarly(graph)).toEqual(graph);
  });

  it("give the same bits in less memory, and in place", async () => {
    const network = sequentialNetwork(input(300), ...Array.from({ length: 5 }, () => dense(300)), dense(10));
    const options = {
      loss: "crossEntropy",
      optimizer: sgd(0.1, { momentum: 0.9, nesterov: true }),
      batchSize: 5,
    } as const;
    const backend = await createWasmBackend({ threads: 1 });
    const late = before(trainingGraph(network, options));
    const runs = [];
    for (const graph of [late, updateEarly(late)]) {
      const plan = backend.plan(graph);
      expect(plan.copies).toEqual([]);
      const store = backend.createStore();
      const program = await backend.compile(plan, store);
      for (const name of store.names()) {
        const values = store.read(name);
        store.write(
          name,
          values.map((_, i) => normalAt(keyOf(1, name), i) / 10),
        );
      }
      for (let step = 0; step < 3; step++) {
        const values = program.input("input");
        for (let i = 0; i < values.length; i++) values[i] = normalAt(keyOf(2, step), i);
        program.run();
      }
      runs.push({ plan, variables: Object.fromEntries(store.names().map((name) => [name, store.read(name)])) });
    }
    expect(runs[1]!.variables).toEqual(runs[0]!.variables);
    expect(runs[1]!.plan.arenaBytes).toBeLessThan(0.8 * runs[0]!.plan.arenaBytes);
  });
});
