import { describe, it } from "vitest";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { add, maximum, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { reshapeNode } from "../../src/ops/reshape.js";
import { optimize } from "../../src/passes/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { checkNetwork, useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";
import { addGradients, gradientName, runGraph } from "../harness/graph.js";

interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly tensor: number;
  readonly scale: number;
  /** Of the gradient: sum, L2 norm, and [index, value] of a few elements. */
  readonly sum: number;
  readonly norm: number;
  readonly samples: readonly (readonly [number, number])[];
}

interface NetworkEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly convolutions: readonly {
    readonly kernel: number;
    readonly stride: number;
    readonly padding: readonly [number, number, number, number];
  }[];
  readonly dense: readonly number[];
  readonly logits: readonly number[];
  readonly loss: number;
  readonly gradients: readonly ParameterEntry[];
}

/** The network as a graph: convolutions and dense layers with ReLU, cross-entropy, and the gradient of every parameter. */
function networkGraph(entry: NetworkEntry) {
  const builder = new GraphBuilder();
  const batch = entry.labels.length;
  const parameters = entry.gradients.map(({ name, shape }) => builder.variable(name, shape));
  const named = (name: string) => parameters.find((node) => node.name === name)!;
  const biased = (sums: Node, bias: Node, rectified: boolean) => {
    const sum = add(x(0), x(1));
    return mapNode(builder, [sums, bias], rectified ? maximum(sum, 0) : sum);
  };

  let value = builder.input("images", [batch, 28, 28, 1], "float32");
  entry.convolutions.forEach(({ stride, padding }, index) => {
    const attributes = { strides: [stride, stride], padding, dilation: [1, 1], groups: 1 } as const;
    const sums = builder.add(ops.conv, [value, named(`conv${index}.weights`)], attributes, `conv${index}`);
    value = biased(sums, named(`conv${index}.bias`), true);
  });
  value = reshapeNode(builder, value, [batch, sizeOf(value.shape) / batch]);
  entry.dense.forEach((_, index) => {
    const sums = matmulNode(builder, value, named(`dense${index}.weights`), false, false, `dense${index}`);
    value = biased(sums, named(`dense${index}.bias`), index < entry.dense.length - 1);
  });
  builder.output("logits", value);
  const losses = builder.add(ops.softmaxCrossEntropy, [value, builder.input("labels", [batch], "int32")], {}, "loss");
  const loss = reduceNode(builder, losses, "mean", [0]);
  builder.output("loss", loss);
  addGradients(builder, loss, parameters);
  return {
    graph: builder.build(),
    leaves: {
      images: formulaValues(0, [batch, 28, 28, 1], 0.5).map((pixel) => pixel + 0.5),
      labels: Int32Array.from(entry.labels),
      ...Object.fromEntries(
        entry.gradients.map(({ name, shape, tensor, scale }) => [name, formulaValues(tensor, shape, scale)]),
      ),
    },
  };
}

/** 9 significant digits were written. */
const accuracy = 1e-8;

const { pytorch, entries } = loadFixture<NetworkEntry>("networks.json");

describe(`the digits networks, as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();
  for (const entry of entries) {
    it(entry.name, async () => {
      const experiment = networkGraph(entry);
      const actual = await runGraph(truth, experiment);
      const expectWritten = (what: string, values: readonly number[], expected: readonly number[], scale = 0) =>
        expectWithin(what, values, expected, (i) => Math.max(accuracy * Math.abs(expected[i]!), 1e-10 * scale));
      expectWritten("logits", [...actual.logits!], entry.logits);
      expectWritten("loss", [...actual.loss!], [entry.loss]);
      for (const { name, sum, norm, samples } of entry.gradients) {
        const gradient = Float64Array.from(actual[gradientName(name)]!);
        const what = gradientName(name);
        expectWritten(
          `norm of ${what}`,
          [Math.sqrt(gradient.reduce((total, value) => total + value * value, 0))],
          [norm],
        );
        expectWritten(`sum of ${what}`, [gradient.reduce((total, value) => total + value, 0)], [sum], norm);
        const [indices, values] = [samples.map(([index]) => index), samples.map(([, value]) => value)];
        expectWritten(
          `samples of ${what}`,
          indices.map((index) => gradient[index]!),
          values,
          norm,
        );
      }
      await checkNetwork(experiment, backends());

      // the passes may not change what a graph means
      const optimized = { ...experiment, graph: optimize(experiment.graph) };
      const same = await runGraph(truth, optimized);
      for (const [name, values] of Object.entries(actual)) {
        expectClose(`${name}, optimized`, same[name]!, values, 1e-12);
      }
      await checkNetwork(optimized, backends());
    });
  }
});
