import { describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { activation, add, dense, relu, softmax } from "../../src/model/layers/index.js";
import {
  checkLoss,
  checkLossName,
  emitAccuracy,
  emitCorrect,
  emitLoss,
  emitLosses,
  type LossName,
  takesLabels,
  targetType,
} from "../../src/model/losses.js";
import { network, sequentialNetwork } from "../../src/model/network.js";
import { input } from "../../src/model/symbolic.js";

/** Runs a graph over an output and a target in float64. */
async function compute(
  loss: LossName,
  shape: number[],
  output: number[],
  target: number[],
  emit: (builder: GraphBuilder, output: Node, target: Node) => Node,
) {
  const backend = createReferenceBackend({ precision: "float64" });
  const builder = new GraphBuilder();
  const type = targetType(loss, shape);
  const result = emit(
    builder,
    builder.input("output", shape, "float32"),
    builder.input("target", type.shape, type.dtype),
  );
  builder.output("result", result);
  const program = await backend.compile(backend.plan(builder.build()), backend.createStore());
  program.input("output").set(output);
  program.input("target").set(target);
  program.run();
  return { shape: result.shape, values: [...program.output("result")] };
}

describe("crossEntropy", () => {
  const logits = [2, 1, 0, 0, 3, 0];
  const perExample = [Math.log(Math.E ** 2 + Math.E + 1) - 1, Math.log(Math.E ** 3 + 2) - 3];

  it("is log Σ e^y − y_label for each example, and the mean of the batch", async () => {
    const each = await compute("crossEntropy", [2, 3], logits, [1, 1], (b, y, t) =>
      emitLosses(b, "crossEntropy", y, t),
    );
    expect(each.shape).toEqual([2]);
    each.values.forEach((value, i) => {
      expect(value).toBeCloseTo(perExample[i]!, 12);
    });
    const mean = await compute("crossEntropy", [2, 3], logits, [1, 1], (b, y, t) => emitLoss(b, "crossEntropy", y, t));
    expect(mean.shape).toEqual([]);
    expect(mean.values[0]).toBeCloseTo((perExample[0]! + perExample[1]!) / 2, 12);
  });

  it("averages over pixels, where each has a label", async () => {
    const each = await compute("crossEntropy", [1, 2, 3], logits, [1, 1], (b, y, t) =>
      emitLosses(b, "crossEntropy", y, t),
    );
    expect(each.shape).toEqual([1]);
    expect(each.values[0]).toBeCloseTo((perExample[0]! + perExample[1]!) / 2, 12);
  });
});

describe("meanSquaredError", () => {
  it("is the mean of squares for each example", async () => {
    const emit = (b: GraphBuilder, y: Node, t: Node) => emitLosses(b, "meanSquaredError", y, t);
    expect(await compute("meanSquaredError", [2, 2], [1, 2, 3, 4], [0, 0, 3, 2], emit)).toEqual({
      shape: [2],
      values: [2.5, 2],
    });
  });
});

describe("accuracy", () => {
  it("counts examples whose largest output is the label's, the first one on ties", async () => {
    const outputs = [0, 5, 1, 3, 3, 1, 0, 0, 9];
    expect(await compute("crossEntropy", [3, 3], outputs, [1, 0, 0], emitCorrect)).toEqual({
      shape: [3],
      values: [1, 1, 0],
    });
    const mean = await compute("crossEntropy", [3, 3], outputs, [1, 0, 0], emitAccuracy);
    expect(mean.shape).toEqual([]);
    expect(mean.values[0]).toBeCloseTo(2 / 3, 12);
  });
});

describe("targets", () => {
  it("are labels or values", () => {
    expect(targetType("crossEntropy", [50, 10])).toEqual({ shape: [50], dtype: "int32" });
    expect(targetType("meanSquaredError", [50, 10])).toEqual({ shape: [50, 10], dtype: "float32" });
    expect([takesLabels("crossEntropy"), takesLabels("meanSquaredError")]).toEqual([true, false]);
  });
});

describe("errors", () => {
  const x = input(4);
  const wordings: readonly [() => unknown, string][] = [
    [
      () => checkLossName("fit", "crossentropy"),
      'fit: unknown loss "crossentropy" (expected one of crossEntropy, meanSquaredError). Did you mean "crossEntropy".',
    ],
    [
      () => checkLossName("fit", undefined),
      "fit: wrong loss (expected one of crossEntropy, meanSquaredError, received nothing).",
    ],
    [
      () => checkLoss(sequentialNetwork(x, dense(10, { activation: "softmax" })), "crossEntropy"),
      'loss "crossEntropy": the network ends in a softmax, dense "dense". Remove the softmax: crossEntropy takes logits.',
    ],
    [
      () => checkLoss(sequentialNetwork(x, dense(10), softmax()), "crossEntropy"),
      'loss "crossEntropy": the network ends in a softmax, softmax "softmax". Remove the softmax: crossEntropy takes logits.',
    ],
    [
      () => checkLoss(sequentialNetwork(x, dense(10), activation("softmax", { name: "out" })), "crossEntropy"),
      'loss "crossEntropy": the network ends in a softmax, activation "out". Remove the softmax: crossEntropy takes logits.',
    ],
    [
      () => checkLoss(sequentialNetwork(x, dense(1)), "crossEntropy"),
      'loss "crossEntropy": output [1] has one class only, so that the loss is always 0 (expected 2 classes or more, received 1). Give the last layer one unit per class.',
    ],
    [
      () => checkLoss(network(x, [relu()(x), add()(x, x)]), "meanSquaredError"),
      'loss "meanSquaredError": takes a network with one output (received 2 outputs).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });

  it("none where the softmax is not the end, or the loss is another", () => {
    checkLoss(sequentialNetwork(x, dense(3, { activation: "softmax" }), dense(2)), "crossEntropy");
    checkLoss(sequentialNetwork(x, dense(1), softmax()), "meanSquaredError");
  });
});
