import fc from "fast-check";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph, Node } from "../../src/graph/types.js";
import { verifyGraph } from "../../src/graph/verify.js";
import { type ConvAttributes, conv } from "../../src/ops/conv.js";
import * as e from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import { softmax } from "../../src/ops/softmax.js";

/** One step in making a random graph; numbers choose among the nodes that fit. */
type Action =
  | { readonly kind: "map"; readonly a: number; readonly b: number; readonly expression: number }
  | { readonly kind: "matmul" | "conv" | "update"; readonly a: number; readonly b: number }
  | { readonly kind: "reduce" | "softmax" | "reshape" | "dropout" | "output"; readonly a: number };

/** What maps do to `$0` and `$1`: bounded, so that long chains stay finite. */
const expressions = [
  e.add(e.x(0), e.x(1)),
  e.subtract(e.x(0), e.x(1)),
  e.maximum(e.add(e.x(0), e.x(1)), 0),
  e.tanh(e.multiply(e.x(0), e.x(1))),
  e.multiply(e.x(0), e.sigmoid(e.x(1))),
  e.select(e.less(e.x(0), e.x(1)), e.x(0), e.multiply(e.x(1), 0.5)),
  e.multiply(e.x(0), 0.5),
];

const node = fc.nat(1000);
const kinds = <K extends Action["kind"]>(...kinds: readonly K[]) => fc.constantFrom(...kinds);
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: kinds("map"), a: node, b: node, expression: fc.nat(expressions.length - 1) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: kinds("matmul", "conv", "update"), a: node, b: node }) },
  { weight: 4, arbitrary: fc.record({ kind: kinds("reduce", "softmax", "reshape", "dropout", "output"), a: node }) },
);

const matrices = [
  [4, 6],
  [6, 4],
  [4, 4],
  [4, 6],
];
const image = [1, 4, 4, 2];
const filters = [3, 3, 2, 2];
const convolution: ConvAttributes = { strides: [1, 1], dilation: [1, 1], padding: [1, 1, 1, 1], groups: 1 };

const same = (a: Node, b: Node) => String(a.shape) === String(b.shape);

function graphOf(actions: readonly Action[]): Graph {
  const builder = new GraphBuilder();
  const variables = [...matrices, filters].map((shape, i) => builder.variable(`v${i}`, shape));
  const nodes: Node[] = [
    ...[...matrices, image].map((shape, i) => builder.input(`in${i}`, shape, "float32")),
    ...variables,
    builder.constant(0),
    builder.constant(1),
    builder.constant(-0.75),
  ];
  const key = builder.input("key", [2], "int32");
  const updated = new Set<Node>();
  const pick = (index: number, fits: (node: Node) => boolean = () => true): Node | undefined => {
    const fitting = nodes.filter(fits);
    return fitting[index % fitting.length];
  };
  for (const made of actions) {
    const a = pick(made.a)!;
    switch (made.kind) {
      case "map": {
        // of the same shape, a scalar or one value per column, as biases are
        const b = pick(made.b, (node) => same(node, a) || node.shape.length === 0 || bias(node, a))!;
        nodes.push(mapNode(builder, [a, b], expressions[made.expression]!));
        break;
      }
      case "dropout": {
        const kept = e.less(e.random(1, nodes.length), 0.5);
        if (a.shape.length > 0) nodes.push(mapNode(builder, [a, key], e.select(kept, e.x(0), 0)));
        break;
      }
      case "matmul": {
        const left = pick(made.a, ({ shape }) => shape.length === 2)!;
        const right = pick(made.b, ({ shape }) => shape.length === 2 && shape[0] === left.shape[1]);
        if (right !== undefined) nodes.push(matmulNode(builder, left, right));
        break;
      }
      case "conv": {
        const source = pick(made.a, ({ shape }) => String(shape) === String(image))!;
        const kernel = pick(made.b, ({ shape }) => String(shape) === String(filters))!;
        nodes.push(builder.add(conv, [source, kernel], convolution));
        break;
      }
      case "reduce":
        if (a.shape.length > 0) nodes.push(reduceNode(builder, a, made.a % 2 === 0 ? "sum" : "mean", [0]));
        break;
      case "softmax":
        if (a.shape.length > 0) nodes.push(builder.add(softmax, [a], {}));
        break;
      case "reshape":
        if (a.shape.length === 2) nodes.push(reshapeNode(builder, a, [a.shape[1]!, a.shape[0]!]));
        break;
      case "output":
        builder.output(`out${a.id}`, a);
        break;
      case "update": {
        const variable = variables[made.a % variables.length]!;
        if (updated.has(variable)) break;
        updated.add(variable);
        builder.update(variable, pick(made.b, (node) => same(node, variable))!);
        break;
      }
    }
  }
  builder.output("last", nodes.at(-1)!);
  return verifyGraph(builder.build(), ops);
}

function bias(node: Node, of: Node): boolean {
  return of.shape.length > 1 && node.shape.length === 1 && node.shape[0] === of.shape.at(-1);
}

/** Graphs of everything that passes and the planner treat specially, with updates, outputs and unused nodes. */
export const randomGraph: fc.Arbitrary<Graph> = fc.array(action, { minLength: 1, maxLength: 30 }).map(graphOf);
