import { expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { multiply, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { stopGradient } from "../../src/ops/reshape.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { runGraph } from "../harness/graph.js";

const backends = useBackends();

it("stopGradient: the same values, and a constant for gradients", async () => {
  const builder = new GraphBuilder();
  const a = builder.input("a", [3], "float32");
  const held = stopGradient(builder, a);
  const loss = reduceNode(builder, mapNode(builder, [a, held], multiply(x(0), x(1))), "sum", [0]);
  builder.output("loss", loss);
  const count = builder.nodes.length;
  const [gradient] = differentiate(builder, loss, [a]);
  builder.output("gradient", gradient!);
  // ∂(a·held)/∂a = held, and nothing is computed for the other factor
  expect(builder.nodes.slice(count).map(({ op }) => op)).toEqual(["constant", "reshape", "map", "map"]);
  const graph = verifyGraph(builder.build(), ops);
  const leaves = { a: Float32Array.of(1, -2, 3) };
  const { loss: value, gradient: slope } = await runGraph(truth, { graph, leaves });
  expect([...value!, ...slope!]).toEqual([14, 1, -2, 3]);
  await checkBackends({ graph, leaves }, backends());
});

it("nothing leads back through stopGradient alone", () => {
  const builder = new GraphBuilder();
  const a = builder.input("a", [], "float32");
  expect(differentiate(builder, mapNode(builder, [stopGradient(builder, a)], multiply(x(0), x(0))), [a])).toEqual([
    undefined,
  ]);
});
