import { describe, expect, it } from "vitest";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Node } from "../../src/graph/types.js";
import { activation, add, dense, multiply, relu, softmax, subtract } from "../../src/model/layers/index.js";
import {
  binaryCrossEntropy,
  checkLoss,
  crossEntropy,
  dice,
  emitAccuracy,
  emitCorrect,
  emitLoss,
  emitLosses,
  huber,
  type Loss,
  type LossOption,
  lossFromJSON,
  lossNames,
  lossOf,
  measuresAccuracy,
  takesLabels,
  targetType,
} from "../../src/model/losses.js";
import { network, sequentialNetwork } from "../../src/model/network.js";
import { objectivesOf, specFromText, specToText } from "../../src/model/objectives.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";

/** Runs a graph over an output and a target in float64. */
async function compute(
  loss: LossOption,
  shape: number[],
  output: number[],
  target: number[],
  emit: (builder: GraphBuilder, output: Node, target: Node) => Node,
  more: Readonly<Record<string, number[]>> = {},
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
  for (const [name, values] of Object.entries(more)) program.input(name).set(values);
  program.run();
  return { shape: result.shape, values: [...program.output("result")] };
}

describe("crossEntropy", () => {
  const logits = [2, 1, 0, 0, 3, 0];
  const perExample = [Math.log(Math.E ** 2 + Math.E + 1) - 1, Math.log(Math.E ** 3 + 2) - 3];

  it("is log Σ e^y − y_label for each example, and the mean of the batch", async () => {
    const each = await compute(
      "crossEntropy",
      [2, 3],
      logits,
      [1, 1],
      (b, y, t) => emitLosses(b, "crossEntropy", y, t).sums,
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
    const each = await compute(
      "crossEntropy",
      [1, 2, 3],
      logits,
      [1, 1],
      (b, y, t) => emitLosses(b, "crossEntropy", y, t).sums,
    );
    expect(each.shape).toEqual([1]);
    expect(each.values[0]).toBeCloseTo((perExample[0]! + perExample[1]!) / 2, 12);
  });
});

describe("meanSquaredError", () => {
  it("is the mean of squares for each example", async () => {
    const emit = (b: GraphBuilder, y: Node, t: Node) => emitLosses(b, "meanSquaredError", y, t).sums;
    expect(await compute("meanSquaredError", [2, 2], [1, 2, 3, 4], [0, 0, 3, 2], emit)).toEqual({
      shape: [2],
      values: [2.5, 2],
    });
  });
});

describe("accuracy", () => {
  it("counts examples whose largest output is the label's, the first one on ties", async () => {
    const outputs = [0, 5, 1, 3, 3, 1, 0, 0, 9];
    expect(
      await compute("crossEntropy", [3, 3], outputs, [1, 0, 0], (b, y, t) => emitCorrect(b, "crossEntropy", y, t).sums),
    ).toEqual({
      shape: [3],
      values: [1, 1, 0],
    });
    const mean = await compute("crossEntropy", [3, 3], outputs, [1, 0, 0], (b, y, t) =>
      emitAccuracy(b, "crossEntropy", y, t),
    );
    expect(mean.shape).toEqual([]);
    expect(mean.values[0]).toBeCloseTo(2 / 3, 12);
  });

  it("leaves out what is ignored, takes the largest probability, and asks whether answers are yes", async () => {
    const outputs = [0, 5, 1, 3, 3, 1, 0, 0, 9];
    const accuracy = (loss: Loss, target: number[]) =>
      compute(loss, [3, 3], outputs, target, (b, y, t) => emitAccuracy(b, loss, y, t));
    expect((await accuracy(crossEntropy({ ignoreIndex: -1 }), [1, -1, 0])).values).toEqual([0.5]);
    const oneHot = [0, 1, 0, 0.2, 0.3, 0.5, 0, 0, 1];
    expect((await accuracy(crossEntropy({ targets: "probabilities" }), oneHot)).values[0]).toBeCloseTo(2 / 3, 12);
    const answers = await accuracy(binaryCrossEntropy(), [0, 1, 1, 1, 1, 1, 1, 0, 0]);
    expect(answers.values[0]).toBeCloseTo(7 / 9, 12);
  });
});

describe("targets", () => {
  it("are labels or values", () => {
    expect(targetType("crossEntropy", [50, 10])).toEqual({ shape: [50], dtype: "int32" });
    expect(targetType("meanSquaredError", [50, 10])).toEqual({ shape: [50, 10], dtype: "float32" });
    expect([takesLabels("crossEntropy"), takesLabels("meanSquaredError")]).toEqual([true, false]);
    expect(targetType(dice({ targets: "labels" }), [2, 8, 8, 3])).toEqual({ shape: [2, 8, 8], dtype: "int32" });
    const labels = lossNames.filter((name) => takesLabels(name));
    expect(labels).toEqual(["crossEntropy", "categoricalHinge"]);
    expect(lossNames.filter((name) => measuresAccuracy(name))).toEqual([
      "crossEntropy",
      "binaryCrossEntropy",
      "categoricalHinge",
    ]);
  });
});

describe("weights of examples", () => {
  it.each(lossNames)("of 0 take examples out of the mean: %s", async (loss) => {
    const output = [0.5, -1, 2, 1, 0.25, -0.5, 3, 1, -2];
    const target = takesLabels(loss) ? [1, 0, 2] : [0.1, 0.5, 0.4, 0.2, 0.2, 0.6, 1, 0, 0];
    const part = <T>(values: T[]) => values.slice(0, (2 * values.length) / 3);
    const whole = await compute(
      loss,
      [3, 3],
      output,
      target,
      (b, y, t) => {
        return emitLoss(b, loss, y, t, { sampleWeight: b.input("weights", [3], "float32") });
      },
      { weights: [1, 1, 0] },
    );
    const alone = await compute(loss, [2, 3], part(output), part(target), (b, y, t) => emitLoss(b, loss, y, t));
    expect(whole.values[0]).toBeCloseTo(alone.values[0]!, 12);
  });
});

describe("a batch without weight", () => {
  it("has the loss 0", async () => {
    const loss = crossEntropy({ ignoreIndex: 9 });
    const { values } = await compute(loss, [2, 3], [1, 2, 3, 4, 5, 6], [9, 9], (b, y, t) => emitLoss(b, loss, y, t));
    expect(values).toEqual([0]);
  });
});

describe("a loss of one's own", () => {
  it("is layers applied to output and target, averaged", async () => {
    const loss = (output: SymbolicTensor, target: SymbolicTensor) => {
      const difference = subtract()(output, target);
      return multiply()(difference, difference, difference);
    };
    const { shape, values } = await compute(loss, [2, 2], [1, 2, 3, 4], [0, 1, 5, 0], (b, y, t) =>
      emitLoss(b, loss, y, t),
    );
    expect(shape).toEqual([]);
    expect(values[0]).toBeCloseTo((1 + 1 - 8 + 64) / 4, 12);
    expect(lossOf("fit", loss).key).toBe(lossOf("fit", loss).key);
    expect(lossOf("fit", loss).key).not.toBe(lossOf("fit", (y: SymbolicTensor) => y).key);
  });
});

describe("descriptions", () => {
  it("round trip through text", () => {
    const losses = [...lossNames, crossEntropy({ classWeights: [1, 2], ignoreIndex: 3 }), huber({ delta: 2 })];
    for (const loss of losses) {
      const text = JSON.stringify(lossOf("fit", loss));
      const copy = lossFromJSON("file", JSON.parse(text));
      expect([copy.key, JSON.stringify(copy)]).toEqual([lossOf("fit", loss).key, text]);
    }
    expect(JSON.stringify(crossEntropy({ labelSmoothing: 0.1 }))).toBe('{"kind":"crossEntropy","labelSmoothing":0.1}');
  });
});

describe("objectives", () => {
  const x = input(4);
  const net = network(x, [dense(3, { name: "a" })(x), dense(2, { name: "b" })(x)]);

  it("stand in the order of outputs, the first with plain names", () => {
    const objectives = objectivesOf(net, { b: "huber", a: "crossEntropy" }, { b: 0.5 }, "fit");
    expect(objectives.map(({ name, weight, target, prefix }) => [name, weight, target, prefix])).toEqual([
      ["a", 1, "target", "loss"],
      ["b", 0.5, "target.b", "loss.b"],
    ]);
    expect(
      objectivesOf(net, { b: "huber" }, undefined, "fit").map(({ position, target }) => [position, target]),
    ).toEqual([[1, "target"]]);
  });

  it("go into files as text, functions excepted", () => {
    for (const spec of [
      "huber",
      huber({ delta: 2 }),
      { a: crossEntropy({ labelSmoothing: 0.1 }), b: "huber" },
    ] as const) {
      const text = specToText(spec)!;
      expect(specToText(specFromText("file", text))).toBe(text);
    }
    expect(specToText("huber")).toBe("huber");
    expect(specToText((y) => y)).toBeUndefined();
  });
});

describe("errors", () => {
  const x = input(4);
  const wordings: readonly [() => unknown, string][] = [
    [
      () => lossOf("fit", "crossentropy"),
      'fit: unknown loss "crossentropy" (expected one of crossEntropy, binaryCrossEntropy, meanSquaredError, meanAbsoluteError, huber, hinge, squaredHinge, categoricalHinge, dice, klDivergence, cosineSimilarity). Did you mean "crossEntropy".',
    ],
    [
      () => lossOf("fit", undefined),
      "fit: wrong loss (expected one of crossEntropy, binaryCrossEntropy, meanSquaredError, meanAbsoluteError, huber, hinge, squaredHinge, categoricalHinge, dice, klDivergence, cosineSimilarity, received nothing).",
    ],
    [
      () => lossOf("fit", crossEntropy),
      "fit: wrong loss (expected a loss, received a function). Call it: crossEntropy().",
    ],
    [
      () => crossEntropy({ labelSmoothing: 2 }),
      "crossEntropy: wrong labelSmoothing (expected a number from 0 to 1, received 2).",
    ],
    [
      () => crossEntropy({ classWeights: [1, -1] }),
      "crossEntropy: wrong classWeights[1] (expected a number ≥ 0, received -1).",
    ],
    [
      () => crossEntropy({ targets: "probabilities", ignoreIndex: 1 }),
      'crossEntropy: ignoreIndex needs labels. Leave out targets: "probabilities".',
    ],
    [
      () => crossEntropy({ ignoreIndex: 0.5 }),
      "crossEntropy: wrong ignoreIndex (expected a whole number from −2²⁴ to 2²⁴, received 0.5).",
    ],
    [() => huber({ delta: 0 }), "huber: wrong delta (expected a number > 0, received 0)."],
    [
      () => binaryCrossEntropy({ posWeight: 0 }),
      "binaryCrossEntropy: wrong posWeight (expected a number > 0, received 0).",
    ],
    [() => dice({ smooth: -1 }), "dice: wrong smooth (expected a number ≥ 0, received -1)."],
    [
      () => checkLoss(sequentialNetwork(x, dense(3)), crossEntropy({ classWeights: [1, 2] })),
      'loss "crossEntropy": classWeights has not one value per class of the output [3] (expected 3, received 2).',
    ],
    [
      () => checkLoss(sequentialNetwork(x, dense(3)), (y: SymbolicTensor, t: SymbolicTensor) => add()(dense(3)(y), t)),
      'loss "custom": layers with weights have no place in a loss.',
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
      () => objectivesOf(network(x, [relu()(x), add()(x, x)]), "meanSquaredError", undefined, "fit"),
      'loss "meanSquaredError": takes a network with one output (received 2 outputs). Give losses by the names of outputs: { "relu": …, "add": … }.',
    ],
    [
      () => objectivesOf(network(x, [relu()(x), add()(x, x)]), { rely: "huber" }, undefined, "fit"),
      'fit: loss names "rely", which is no output with a loss (expected some of relu, add).',
    ],
    [
      () => objectivesOf(network(x, [relu()(x), add()(x, x)]), { relu: "huber" }, { add: 2 }, "fit"),
      'fit: lossWeights names "add", which is no output with a loss (expected some of relu).',
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
