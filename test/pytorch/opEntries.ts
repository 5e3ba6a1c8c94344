import { differentiate } from "../../src/autodiff/differentiate.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node, OpTable } from "../../src/graph/types.js";
import { leakyRelu } from "../../src/model/activations.js";
import { batchMatmulNode } from "../../src/ops/batchMatmul.js";
import { add, maximum, multiply, sigmoid, subtract, tanh, x } from "../../src/ops/expression.js";
import { ops } from "../../src/ops/index.js";
import { mapNode } from "../../src/ops/map.js";
import { matmulNode } from "../../src/ops/matmul.js";
import { reduceNode } from "../../src/ops/reduce.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { addLoss, type Experiment } from "../harness/graph.js";

export interface OpEntry {
  readonly name: string;
  readonly op: string;
  readonly attributes: object;
  readonly inputs: readonly (readonly number[])[];
  readonly labels?: readonly number[];
  readonly shape: readonly number[];
  readonly value: readonly number[];
  /** Empty for values that do not vary smoothly. */
  readonly gradients: readonly (readonly number[])[];
}

/** What PyTorch computes, in fovea's ops; entries that are missing here are ops by their own name. */
const builders: Readonly<Record<string, (builder: GraphBuilder, inputs: readonly Node[]) => Node>> = {
  dense: (builder, [image, weights, bias]) =>
    mapNode(builder, [matmulNode(builder, image!, weights!), bias!], add(x(0), x(1))),
  broadcastMatmul: (builder, [a, b]) => batchMatmulNode(builder, a!, b!, false, true),
  relu: (builder, inputs) => mapNode(builder, inputs, maximum(x(0), 0)),
  tanh: (builder, inputs) => mapNode(builder, inputs, tanh(x(0))),
  sigmoid: (builder, inputs) => mapNode(builder, inputs, sigmoid(x(0))),
  leakyRelu: (builder, inputs) => mapNode(builder, inputs, leakyRelu(x(0), 0.01)),
  rowSums: (builder, inputs) => builder.add(ops.scatterAdd, inputs, { rows: 8 }),
  crossEntropy: (builder, inputs) => builder.add(ops.softmaxCrossEntropy, inputs, {}),
  crossEntropyGradient: (builder, [logits, weights, labels]) => {
    const losses = builder.add(ops.softmaxCrossEntropy, [logits!, labels!], {});
    const weighted = mapNode(builder, [losses, weights!], multiply(x(0), x(1)));
    return differentiate(builder, reduceNode(builder, weighted, "sum", [0]), [logits!])[0]!;
  },
  meanCrossEntropy: (builder, inputs) =>
    reduceNode(builder, builder.add(ops.softmaxCrossEntropy, inputs, {}), "mean", [0]),
  meanSquaredError: (builder, inputs) => {
    const difference = subtract(x(0), x(1));
    return reduceNode(builder, mapNode(builder, inputs, multiply(difference, difference)), "mean", [0, 1]);
  },
};

export const opFixture = loadFixture<OpEntry>("ops.json");

/** The entry as a graph: output `value`, and the gradients for its inputs `x0`, `x1`, … */
export function opExperiment(entry: OpEntry): Experiment {
  const builder = new GraphBuilder();
  const floats = entry.inputs.map((shape, index) => builder.input(`x${index}`, shape, "float32"));
  const labels = entry.labels === undefined ? [] : [builder.input("labels", [entry.labels.length], "int32")];
  const inputs = [...floats, ...labels];
  const build = builders[entry.op];
  const value =
    build?.(builder, inputs) ?? builder.add((ops as OpTable)[entry.op]!, inputs, entry.attributes, entry.name);
  builder.output("value", value);
  const wrt = entry.gradients.length === 0 ? [] : floats;
  addLoss(builder, value, wrt);
  return {
    graph: builder.build(),
    leaves: {
      ...Object.fromEntries(entry.inputs.map((shape, index) => [`x${index}`, formulaValues(index, shape)])),
      ...(entry.labels === undefined ? {} : { labels: Int32Array.from(entry.labels) }),
      r: formulaValues(99, value.shape),
    },
    wrt: wrt.map(({ name }) => name),
  };
}

interface IndicesEntry {
  readonly shape: readonly number[];
  readonly pooled: readonly number[];
  readonly indices: readonly number[];
}

const windows = { kernel: [3, 3], strides: [2, 2], padding: [1, 1, 1, 1], dilation: [1, 1] };

export const [indicesEntry] = loadFixture<IndicesEntry>("poolIndices.json").entries as [IndicesEntry];

/** Max pooling with its indices: outputs `pooled` and `indices`. */
export function indicesExperiment({ shape }: IndicesEntry): Experiment {
  const builder = new GraphBuilder();
  const image = builder.input("x", shape, "float32");
  const largest = builder.add(ops.maxPool, [image], windows);
  builder.output("pooled", largest);
  builder.output("indices", builder.add(ops.maxPoolIndices, [image, largest], windows));
  return { graph: builder.build(), leaves: { x: formulaValues(0, shape) }, wrt: [] };
}
