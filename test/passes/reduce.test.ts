import { describe, expect, it } from "vitest";
import { differentiate } from "../../src/autodiff/differentiate.js";
import type { DType } from "../../src/core/dtypes.js";
import type { Shape } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import { printGraph } from "../../src/graph/print.js";
import type { Graph, Node } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { add, type Expression, less, multiply, random, subtract, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { fuse } from "../../src/passes/fuse.js";
import { formulaValues } from "../fixtures/formula.js";
import { checkBackends, useBackends } from "../harness/check.js";

/** The fused graph of `reduce(map(expression, inputs))`. */
function fused(
  expression: Expression,
  inputs: readonly (readonly [Shape, DType])[],
  axes: readonly number[],
  also: (builder: GraphBuilder, map: Node) => void = () => {},
  shape?: Shape,
): Graph {
  const builder = new GraphBuilder();
  const nodes = inputs.map(([of, dtype], i) => builder.input(`x${i}`, of, dtype));
  const mapped = mapNode(builder, nodes, expression, shape);
  also(builder, mapped);
  builder.output("value", reduceNode(builder, mapped, "sum", axes));
  return verifyGraph(fuse(builder.build()), ops);
}

const shape = [4, 6, 8];
const full = [shape, "float32"] as const;
const channel = [[8], "float32"] as const;
const names = ({ nodes }: Graph) => nodes.map(({ op }) => op).filter((op) => op !== "input");
const difference = subtract(x(0), x(1));

describe("fuse: a map that one reduce alone reads", () => {
  it("becomes its prologue", () => {
    expect(printGraph(fused(multiply(difference, difference), [full, channel], [0, 1]))).toMatchInlineSnapshot(`
      "%0 = input() {input: "x0"} : float32[4, 6, 8]  # x0
      %1 = input() {input: "x1"} : float32[8]  # x1
      %2 = reduce(%0, %1) {kind: "sum", axes: [0, 1], prologue: multiply(subtract($0, $1), subtract($0, $1))} : float32[8]
      output value = %2
      "
    `);
    expect(names(fused(multiply(x(0), x(1)), [full, full], [2]))).toEqual(["reduce"]);
    expect(names(fused(multiply(x(0), x(1)), [full, [[], "float32"]], [1]))).toEqual(["reduce"]);
  });

  it("with what was written into it before", () => {
    const builder = new GraphBuilder();
    const [a, b] = [builder.input("a", shape, "float32"), builder.input("b", shape, "float32")];
    const gradient = mapNode(builder, [a, b], multiply(x(0), less(0, x(1))));
    builder.output("value", reduceNode(builder, mapNode(builder, [gradient, a], multiply(x(0), x(1))), "sum", [0]));
    expect(names(fuse(builder.build()))).toEqual(["reduce"]);
  });

  it("stays where anything else reads it", () => {
    const graph = fused(multiply(x(0), x(1)), [full, full], [0], (builder, map) => builder.output("products", map));
    expect(names(graph)).toEqual(["map", "reduce"]);
    const twice = fused(multiply(x(0), x(1)), [full, full], [0], (builder, map) => {
      builder.output("other", reduceNode(builder, map, "max", [0]));
    });
    expect(names(twice)).toEqual(["map", "reduce", "reduce"]);
  });

  it("stays where kernels cannot read its operands: integers, random keys, other broadcasting", () => {
    expect(names(fused(add(x(0), x(1)), [full, [shape, "int32"]], [0]))).toEqual(["map", "reduce"]);
    expect(names(fused(multiply(x(0), random(1, 0)), [full, [[2], "int32"]], [0]))).toEqual(["map", "reduce"]);
    expect(names(fused(add(x(0), x(1)), [full, [[6, 1], "float32"]], [0]))).toEqual(["map", "reduce"]);
    expect(names(fused(add(x(0), x(1)), [channel, [[6, 1], "float32"]], [0]))).toEqual(["map", "reduce"]);
    expect(names(fused(multiply(x(0), 2), [channel], [0], undefined, shape))).toEqual(["map", "reduce"]);
    expect(names(fused({ kind: "constant", value: 2 }, [], [0], undefined, shape))).toEqual(["map", "reduce"]);
  });
});

describe("a fused reduction on every backend", () => {
  const backends = useBackends();
  it.each([[[0, 1]], [[1]], [[2]], [[0, 2]], [[0, 1, 2]]])("over axes %j", async (axes) => {
    const graph = fused(multiply(x(0), subtract(x(1), x(2))), [full, full, channel], axes);
    expect(names(graph)).toEqual(["reduce"]);
    const leaves = { x0: formulaValues(0, shape), x1: formulaValues(1, shape), x2: formulaValues(2, [8]) };
    await checkBackends({ graph, leaves }, backends());
  });
});

describe("a reduction with a prologue", () => {
  const product = multiply(x(0), x(1));
  const reduced = (inputs: readonly Shape[], prologue?: Expression) => {
    const builder = new GraphBuilder();
    const nodes = inputs.map((of, i) => builder.input(`x${i}`, of, "float32"));
    return { builder, node: builder.add(ops.reduce, nodes, { kind: "sum", axes: [0, 1, 2], prologue }, "norm"), nodes };
  };

  it("says what it cannot take", () => {
    const wordings: readonly (readonly [() => unknown, string])[] = [
      [() => reduced([shape, shape]), 'reduce "norm": has too many inputs.'],
      [
        () => reduced([shape, [6, 1]], product),
        'reduce "norm": an operand of the prologue does not fit what is reduced (expected one value, one per channel, or [4, 6, 8], received [6, 1]).',
      ],
      [
        () => {
          const { builder, node, nodes } = reduced([shape, shape], product);
          differentiate(builder, node, nodes);
        },
        'reduce "norm": has a prologue, which comes after differentiation.',
      ],
    ];
    for (const [body, message] of wordings) expect(body).toThrow(expect.objectContaining({ message }));
  });
});
