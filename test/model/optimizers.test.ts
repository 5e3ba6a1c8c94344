import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { dense } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import {
  adadelta,
  adagrad,
  adam,
  adamW,
  lion,
  type Optimizer,
  optimizerFromJSON,
  rmsprop,
  sgd,
} from "../../src/model/optimizers.js";
import { matches } from "../../src/model/patterns.js";
import type { Regularizers } from "../../src/model/regularizers.js";
import { input } from "../../src/model/symbolic.js";

const groups = [
  { match: ["*.bias", "norm*"], weightDecay: 0 },
  { match: "stem.*", learningRateFactor: 0.1 },
];

const optimizers: readonly Optimizer[] = [
  sgd(0.5),
  sgd(0.1, { momentum: 0.9 }),
  sgd(0.1, { momentum: 0.9, nesterov: true, weightDecay: 0.1, groups, clipNorm: 1 }),
  adam(0.01, { clipValue: 0.5 }),
  adam(0.1, { beta1: 0, beta2: 0.5, epsilon: 1e-3 }),
  adamW(),
  adamW(0.1, { weightDecay: 0 }),
  adagrad(0.1, { initialAccumulator: 0.1 }),
  rmsprop(0.1, { centered: true, momentum: 0.5, accumulationSteps: 4 }),
  adadelta(),
  lion(0.1, { averageDecay: 0.99 }),
];

describe("descriptions", () => {
  it("round trip through text", () => {
    for (const optimizer of optimizers) {
      const text = JSON.stringify(optimizer);
      const copy = optimizerFromJSON(JSON.parse(text));
      expect(JSON.stringify(copy)).toBe(text);
      expect([copy.key, copy.options, copy.slots]).toEqual([optimizer.key, optimizer.options, optimizer.slots]);
    }
    expect(JSON.stringify(adam())).toBe(
      '{"kind":"adam","learningRate":0.001,"beta1":0.9,"beta2":0.999,"epsilon":1e-8}',
    );
    expect(JSON.stringify(sgd(0.1))).toBe('{"kind":"sgd","learningRate":0.1,"momentum":0,"nesterov":false}');
  });

  it("have a key that the learning rate is no part of", () => {
    expect(sgd(0.1, { momentum: 0.5 }).key).toBe(sgd(0.2, { momentum: 0.5 }).key);
    expect(sgd(0.1, { momentum: 0.5 }).key).not.toBe(sgd(0.1, { momentum: 0.6 }).key);
    expect(new Set(optimizers.map(({ key }) => key)).size).toBe(optimizers.length);
  });

  it("count updates, and say when to apply", () => {
    const optimizer = sgd(0.5, { accumulationSteps: 3, averageDecay: 0.9 });
    expect([1, 2, 3, 4].map((step) => optimizer.updateOf(step))).toEqual([1, 1, 1, 2]);
    expect([1, 3, 4, 6].map((step) => optimizer.scalars(step))).toEqual([
      { learningRate: 0.5, apply: 0, averageDecay: 0 },
      { learningRate: 0.5, apply: 1, averageDecay: 0 },
      { learningRate: 0.5, apply: 0, averageDecay: 0.9 },
      { learningRate: 0.5, apply: 1, averageDecay: 0.9 },
    ]);
    expect(optimizer.slots).toEqual(["accumulated", "average"]);
  });

  it("give weights the numbers of the first group that matches", () => {
    const optimizer = sgd(1, { weightDecay: 0.5, groups });
    expect(optimizer.groupOf("stem.bias")).toEqual({ rateFactor: 1, weightDecay: 0 });
    expect(optimizer.groupOf("stem.kernel")).toEqual({ rateFactor: 0.1, weightDecay: 0.5 });
    expect(optimizer.groupOf("dense.kernel")).toEqual({ rateFactor: 1, weightDecay: 0.5 });
  });

  it("name their slots and scalars", () => {
    expect([sgd(1).slots, sgd(1, { momentum: 0.5 }).slots, adam().slots]).toEqual([
      [],
      ["momentum"],
      ["mean", "square"],
    ]);
    expect(sgd(0.5).scalars(7)).toEqual({ learningRate: 0.5 });
    expect(sgd(0.5).scalars(7, 0.25)).toEqual({ learningRate: 0.25 });
    const { stepSize, rootScale } = adam(0.5).scalars(1, 0.25);
    expect(stepSize).toBeCloseTo(2.5, 12);
    expect(rootScale).toBeCloseTo(1 / Math.sqrt(0.001), 9);
  });
});

const graphOf = (optimizer: Optimizer, regularizers?: Regularizers) => {
  const net = sequentialNetwork(input(5), dense(4));
  return trainingGraph(net, { loss: "crossEntropy", optimizer, regularizers, batchSize: 6 });
};

describe("errors", () => {
  const wrong = <T>(value: unknown) => value as T;
  const wordings: readonly [() => unknown, string][] = [
    [() => sgd(0), "sgd: wrong learningRate (expected a number > 0, received 0)."],
    [() => sgd(wrong(undefined)), "sgd: wrong learningRate (expected a number > 0, received nothing)."],
    [() => sgd(0.1, { momentum: 1 }), "sgd: wrong momentum (expected a number ≥ 0 and < 1, received 1)."],
    [() => sgd(0.1, { nesterov: true }), "sgd: nesterov needs a momentum above 0. Add momentum: 0.9."],
    [
      () => sgd(0.1, { momentum: 0.9, nesterov: wrong(1) }),
      "sgd: wrong nesterov (expected true or false, received 1).",
    ],
    [
      () => sgd(0.1, wrong({ momentun: 0.9 })),
      'sgd: unknown option "momentun" (expected one of momentum, nesterov, weightDecay, groups, clipValue, clipNorm, accumulationSteps, averageDecay). Did you mean "momentum".',
    ],
    [() => sgd(0.1, wrong(0.9)), "sgd: wrong options (expected an object, received 0.9)."],
    [() => adam(-1), "adam: wrong learningRate (expected a number > 0, received -1)."],
    [() => adam(0.1, { beta1: 1 }), "adam: wrong beta1 (expected a number ≥ 0 and < 1, received 1)."],
    [() => adam(0.1, { beta2: -0.1 }), "adam: wrong beta2 (expected a number ≥ 0 and < 1, received -0.1)."],
    [() => adam(0.1, { epsilon: 0 }), "adam: wrong epsilon (expected a number > 0, received 0)."],
    [
      () => adam(0.1, wrong({ eps: 1 })),
      'adam: unknown option "eps" (expected one of beta1, beta2, epsilon, weightDecay, groups, clipValue, clipNorm, accumulationSteps, averageDecay).',
    ],
    [
      () => adagrad(0.1, { learningRateDecay: -1 }),
      "adagrad: wrong learningRateDecay (expected a number ≥ 0, received -1).",
    ],
    [() => rmsprop(0.1, { rho: 1 }), "rmsprop: wrong rho (expected a number ≥ 0 and < 1, received 1)."],
    [() => adadelta(0), "adadelta: wrong learningRate (expected a number > 0, received 0)."],
    [() => lion(1, { beta2: wrong("a") }), 'lion: wrong beta2 (expected a number ≥ 0 and < 1, received "a").'],
    [() => sgd(1, { weightDecay: -1 }), "sgd: wrong weightDecay (expected a number ≥ 0, received -1)."],
    [() => sgd(1, { clipNorm: 0 }), "sgd: wrong clipNorm (expected a number > 0, received 0)."],
    [() => sgd(1, { clipValue: wrong(null) }), "sgd: wrong clipValue (expected a number > 0, received null)."],
    [() => sgd(1, { averageDecay: 1 }), "sgd: wrong averageDecay (expected a number ≥ 0 and < 1, received 1)."],
    [() => sgd(1, { accumulationSteps: 0 }), "sgd: wrong accumulationSteps (expected a whole number ≥ 1, received 0)."],
    [() => sgd(1, { groups: wrong({}) }), "sgd: wrong groups (expected a list, received an object)."],
    [
      () => sgd(1, { groups: [{ match: "" }] }),
      'sgd: wrong groups[0].match (expected a pattern of names such as "*.bias", or a list of them, received "").',
    ],
    [
      () => sgd(1, { groups: [wrong({ match: "*", momentum: 1 })] }),
      'sgd: groups[0]: unknown option "momentum" (expected one of match, learningRateFactor, weightDecay).',
    ],
    [
      () => graphOf(sgd(1, { groups: [{ match: "conv*" }] })),
      'sgd: no weight is called "conv*" (expected a pattern of dense.kernel, dense.bias). "*" stands for any characters.',
    ],
    [
      () => graphOf(sgd(1), { "*.kernels": { l1: 1 } }),
      'training graph: regularizers: no weight is called "*.kernels" (expected a pattern of dense.kernel, dense.bias). "*" stands for any characters.',
    ],
    [
      () => graphOf(sgd(1), { "*.kernel": { l1: -1 } }),
      'training graph: regularizers["*.kernel"]: wrong l1 (expected a number ≥ 0, received -1).',
    ],
    [() => adam().scalars(0), "adam: wrong step (expected a whole number ≥ 1, received 0)."],
    [() => sgd(1).scalars(0.5), "sgd: wrong step (expected a whole number ≥ 1, received 0.5)."],
    [() => optimizerFromJSON([], "run.json"), "run.json: wrong optimizer (expected an object, received [])."],
    [
      () => optimizerFromJSON({ kind: "Adam", learningRate: 1 }, "run.json"),
      'run.json: unknown kind "Adam" (expected one of sgd, adam, adamW, adagrad, rmsprop, adadelta, lion). Did you mean "adam".',
    ],
    [
      () => optimizerFromJSON({ kind: "adam" }, "run.json"),
      "run.json: wrong learningRate (expected a number > 0, received nothing).",
    ],
    [
      () => optimizerFromJSON({ kind: "sgd", learningRate: 1, beta1: 0.9 }, "run.json"),
      'run.json: sgd: unknown option "beta1" (expected one of momentum, nesterov, weightDecay, groups, clipValue, clipNorm, accumulationSteps, averageDecay).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});

describe("patterns", () => {
  it.each([
    ["dense.kernel", "dense.kernel", true],
    ["dense", "dense.kernel", false],
    ["*", "dense.kernel", true],
    ["*.bias", "dense.bias", true],
    ["*.bias", "dense.kernel", false],
    ["conv2d*", "conv2d_1.kernel", true],
    ["conv2d.*", "conv2d_1.kernel", false],
    ["layer*.conv*.kernel", "layer1.0.conv2.kernel", true],
    ["a*a", "a", false],
    ["a*a", "aa", true],
    ["*a*b*", "xaxbx", true],
    ["*a*b*", "xbxax", false],
  ])("%s of %s: %s", (pattern, name, expected) => {
    expect(matches(pattern, name)).toBe(expected);
  });
});
