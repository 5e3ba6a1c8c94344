import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph } from "../../src/graph/types.js";
import {
  binaryCrossEntropy,
  categoricalHinge,
  cosineSimilarity,
  crossEntropy,
  dice,
  emitLoss,
  hinge,
  huber,
  klDivergence,
  type LossOption,
  lossNames,
  lossOf,
  meanAbsoluteError,
  meanSquaredError,
  squaredHinge,
} from "../../src/model/losses.js";
import { optimize } from "../../src/passes/index.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectWithin } from "../harness/compare.js";
import { addGradients, gradientName, runGraph } from "../harness/graph.js";

interface LossEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly labels?: readonly number[];
  readonly sampleWeights?: readonly number[];
  readonly loss: number;
  readonly gradient: readonly number[];
}

const classWeights = [0.5, 2, 0.25, 1, 3];

/** By the names of generate.py. */
const losses: Readonly<Record<string, LossOption>> = {
  "cross-entropy": "crossEntropy",
  "cross-entropy, smoothed": crossEntropy({ labelSmoothing: 0.1 }),
  "cross-entropy, class weights": crossEntropy({ classWeights }),
  "cross-entropy, smoothed, class weights": crossEntropy({ classWeights, labelSmoothing: 0.2 }),
  "cross-entropy, ignoring": crossEntropy({ ignoreIndex: -1 }),
  "cross-entropy, ignoring a class": crossEntropy({ ignoreIndex: 4 }),
  "cross-entropy, everything": crossEntropy({ classWeights, labelSmoothing: 0.2, ignoreIndex: -1 }),
  "cross-entropy of pixels": crossEntropy(),
  "cross-entropy of pixels, ignoring": crossEntropy({ ignoreIndex: 7 }),
  "cross-entropy of pixels, everything": crossEntropy({
    classWeights: classWeights.slice(0, 3),
    labelSmoothing: 0.1,
    ignoreIndex: 7,
  }),
  "cross-entropy of probabilities": crossEntropy({ targets: "probabilities" }),
  "cross-entropy of probabilities, everything": crossEntropy({
    targets: "probabilities",
    classWeights,
    labelSmoothing: 0.1,
  }),
  "cross-entropy of probabilities, pixels": crossEntropy({ targets: "probabilities" }),
  "cross-entropy, sample weights": crossEntropy(),
  "binary cross-entropy": binaryCrossEntropy(),
  "binary cross-entropy, weighted": binaryCrossEntropy({ posWeight: 3 }),
  "binary cross-entropy, class weights": binaryCrossEntropy({ posWeight: classWeights }),
  "binary cross-entropy, smoothed": binaryCrossEntropy({ labelSmoothing: 0.2 }),
  "binary cross-entropy, sample weights": binaryCrossEntropy(),
  "mean squared error": meanSquaredError(),
  "mean absolute error": meanAbsoluteError(),
  huber: huber(),
  "huber, wide": huber({ delta: 2.5 }),
  hinge: hinge(),
  "squared hinge": squaredHinge(),
  "categorical hinge": categoricalHinge(),
  "categorical hinge of pixels": categoricalHinge(),
  dice: dice(),
  "dice, sigmoid": dice({ activation: "sigmoid", smooth: 0.5 }),
  "dice of labels": dice({ targets: "labels" }),
  "Kullback-Leibler divergence": klDivergence(),
  "cosine similarity": cosineSimilarity(),
};

const isHinge = (name: string) => name === "hinge" || name === "squared hinge";

/** The mean loss of a batch and its gradient. */
function graphOf({ name, shape, sampleWeights }: LossEntry): Graph {
  const builder = new GraphBuilder();
  const loss = lossOf("test", losses[name]);
  const output = builder.input("output", shape, "float32");
  const { shape: targetShape, dtype } = loss.target(shape);
  const target = builder.input("target", targetShape, dtype);
  const sampleWeight = sampleWeights && builder.input("sampleWeight", [shape[0]!], "float32");
  const mean = emitLoss(builder, loss, output, target, sampleWeight && { sampleWeight });
  builder.output("loss", mean);
  addGradients(builder, mean, [output]);
  return builder.build();
}

function leavesOf({ name, shape, labels, sampleWeights }: LossEntry) {
  const numbers = () => formulaValues(1, shape, 0.5).map((value) => value + 0.5);
  const signs = () => numbers().map((value) => (value < 0.5 ? -1 : 1));
  const vectors = Object.entries(lossOf("test", losses[name]).vectors);
  return {
    output: formulaValues(0, shape, 4),
    target: labels !== undefined ? Int32Array.from(labels) : isHinge(name) ? signs() : numbers(),
    ...(sampleWeights === undefined ? {} : { sampleWeight: Float32Array.from(sampleWeights) }),
    ...Object.fromEntries(vectors.map(([vector, values]) => [`loss:${vector}`, Float32Array.from(values)])),
  };
}

const { pytorch, entries } = loadFixture<LossEntry>("losses.json");

describe(`losses, as PyTorch ${pytorch} computes them`, () => {
  const backends = useBackends();

  it("every entry has a loss, and every kind of loss an entry", () => {
    expect(Object.keys(losses).sort()).toEqual(entries.map(({ name }) => name).sort());
    expect(new Set(Object.values(losses).map((loss) => lossOf("test", loss).kind))).toEqual(new Set(lossNames));
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (_, entry) => {
    const graph = graphOf(entry);
    const leaves = leavesOf(entry);
    for (const each of [graph, optimize(graph)]) {
      const actual = await runGraph(truth, { graph: each, leaves });
      // 9 significant digits were written; where a sum cancels, they are those of its terms
      const written = (expected: number) => 1e-8 * Math.max(Math.abs(expected), 1e-2);
      expectWithin("loss", actual.loss!, [entry.loss], () => written(entry.loss));
      const gradient = actual[gradientName("output")]!;
      expectWithin("gradient", gradient, entry.gradient, (i) => written(entry.gradient[i]!));
      await checkBackends({ graph: each, leaves }, backends());
    }
  });

  it("hinges take 0 for −1", async () => {
    for (const name of ["hinge", "squared hinge"]) {
      const entry = entries.find((candidate) => candidate.name === name)!;
      const { output, target } = leavesOf(entry);
      const zeros = Float32Array.from(target, (value) => Math.max(0, value));
      const actual = await runGraph(truth, { graph: graphOf(entry), leaves: { output, target: zeros } });
      expect(actual.loss![0]).toBeCloseTo(entry.loss, 8);
    }
  });
});
