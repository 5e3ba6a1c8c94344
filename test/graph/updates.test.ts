import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { add, multiply, x } from "../../src/ops/expression.js";
import { mapNode } from "../../src/ops/map.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import type { Backend } from "../../src/plan/backend.js";
import { truth } from "../harness/backends.js";
import { useBackends } from "../harness/check.js";

/** Adds updates of variables a = [1, 2, 3, 4] and b = [10, 20, 30, 40]. */
type Program = (builder: GraphBuilder, a: Node, b: Node) => void;

const doubled = (builder: GraphBuilder, node: Node) => mapNode(builder, [node], multiply(x(0), 2));
const sum = (builder: GraphBuilder, left: Node, right: Node) => mapNode(builder, [left, right], add(x(0), x(1)));

/** What each program leaves in a and b after one step: every right-hand side reads the values from before the step. */
const programs: readonly [string, Program, readonly number[], readonly number[]][] = [
  ["a ← 2a", (g, a) => g.update(a, doubled(g, a)), [2, 4, 6, 8], [10, 20, 30, 40]],
  ["a ← b", (g, a, b) => g.update(a, b), [10, 20, 30, 40], [10, 20, 30, 40]],
  [
    "a ← b, b ← a",
    (g, a, b) => {
      g.update(a, b);
      g.update(b, a);
    },
    [10, 20, 30, 40],
    [1, 2, 3, 4],
  ],
  [
    "a ← 2a, b ← a",
    (g, a, b) => {
      g.update(a, doubled(g, a));
      g.update(b, a);
    },
    [2, 4, 6, 8],
    [1, 2, 3, 4],
  ],
  [
    "b ← a, a ← 2a",
    (g, a, b) => {
      g.update(b, a);
      g.update(a, doubled(g, a));
    },
    [2, 4, 6, 8],
    [1, 2, 3, 4],
  ],
  [
    "a ← 2b, b ← 2a",
    (g, a, b) => {
      g.update(a, doubled(g, b));
      g.update(b, doubled(g, a));
    },
    [20, 40, 60, 80],
    [2, 4, 6, 8],
  ],
  [
    "a ← 2a, b ← 2a",
    (g, a, b) => {
      const value = doubled(g, a);
      g.update(a, value);
      g.update(b, value);
    },
    [2, 4, 6, 8],
    [2, 4, 6, 8],
  ],
  [
    "a ← a + b, b ← a + 2(a + b)",
    (g, a, b) => {
      const total = sum(g, a, b);
      g.update(a, total);
      g.update(b, sum(g, a, doubled(g, total)));
    },
    [11, 22, 33, 44],
    [23, 46, 69, 92],
  ],
  [
    "a ← 2b through a reshape, and out",
    (g, a, b) => {
      const value = reshapeNode(g, doubled(g, reshapeNode(g, b, [2, 2])), [4]);
      g.update(a, value);
      g.output("value", value);
    },
    [20, 40, 60, 80],
    [10, 20, 30, 40],
  ],
  [
    "a ← 2a with a as output",
    (g, a) => {
      g.update(a, doubled(g, a));
      g.output("before", a);
    },
    [2, 4, 6, 8],
    [10, 20, 30, 40],
  ],
  [
    "a ← 2a with a reshaped as output",
    (g, a) => {
      g.output("before", reshapeNode(g, a, [2, 2]));
      g.update(a, doubled(g, a));
    },
    [2, 4, 6, 8],
    [10, 20, 30, 40],
  ],
];

async function run(backend: Backend, program: Program) {
  const builder = new GraphBuilder();
  const [a, b] = [builder.variable("a", [4]), builder.variable("b", [4])];
  program(builder, a, b);
  const store = backend.createStore();
  for (const node of [a, b]) store.declare(node.name, node);
  store.write("a", [1, 2, 3, 4]);
  store.write("b", [10, 20, 30, 40]);
  const compiled = await backend.compile(backend.plan(builder.build()), store);
  compiled.run();
  if ("before" in compiled.plan.graph.outputs) expect([...compiled.output("before")]).toEqual([1, 2, 3, 4]);
  return [[...store.read("a")], [...store.read("b")]];
}

describe("updates read the values from before the step", () => {
  const backends = useBackends();
  for (const [what, program, a, b] of programs) {
    it(what, async () => {
      expect(await run(truth, program)).toEqual([a, b]);
      for (const { name, backend } of backends()) expect(await run(backend, program), name).toEqual([a, b]);
    });
  }
});
