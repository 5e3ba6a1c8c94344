import { describe, expect, it } from "vitest";
import { slotName, trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { dense } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { adam, type Optimizer, optimizerFromJSON, sgd } from "../../src/model/optimizers.js";
import { input } from "../../src/model/symbolic.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";

interface OptimiserEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly losses: readonly number[];
  readonly after: Readonly<Record<string, readonly number[]>>;
}

const optimizers: Readonly<Record<string, Optimizer>> = {
  SGD: sgd(0.5),
  "SGD with momentum": sgd(0.1, { momentum: 0.9 }),
  "SGD with Nesterov momentum": sgd(0.1, { momentum: 0.9, nesterov: true }),
  Adam: adam(0.01),
};

describe("ten steps of training, as PyTorch takes them", () => {
  const { entries } = loadFixture<OptimiserEntry>("optimisers.json");
  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
    const optimizer = optimizers[name]!;
    const net = sequentialNetwork(input(5), dense(4, { activation: "tanh" }), dense(3));
    const backend = createReferenceBackend({ precision: "float64" });
    const store = backend.createStore();
    const graph = trainingGraph(net, { loss: "crossEntropy", optimizer, batchSize: 6 });
    const program = await backend.compile(backend.plan(graph), store);
    const parameters = { w0: "dense.kernel", b0: "dense.bias", w1: "dense_1.kernel", b1: "dense_1.bias" };
    Object.values(parameters).forEach((weight, i) => {
      const { shape } = net.weights.find((spec) => spec.name === weight)!;
      store.write(weight, formulaValues(i + 1, shape, 0.5));
    });
    for (let step = 1; step <= 10; step++) {
      program.input("input").set(formulaValues(0, [6, 5]));
      program.input("target").set(entry.labels);
      for (const [scalar, value] of Object.entries(optimizer.scalars(step))) {
        program.input(`optimizer.${scalar}`)[0] = value;
      }
      program.run();
      expect(program.output("loss")[0]).toBeCloseTo(entry.losses[step - 1]!, 8);
    }
    for (const [parameter, weight] of Object.entries(parameters)) {
      const values = store.read(weight);
      entry.after[parameter]!.forEach((expected, i) => {
        expect(values[i]).toBeCloseTo(expected, 8);
      });
    }
    expect(store.names().sort()).toEqual(
      Object.values(parameters)
        .flatMap((weight) => [weight, ...optimizer.slots.map((slot) => slotName(slot, weight))])
        .sort(),
    );
  });
});

describe("descriptions", () => {
  it("round trip through text", () => {
    for (const optimizer of [...Object.values(optimizers), adam(0.1, { beta1: 0, beta2: 0.5, epsilon: 1e-3 })]) {
      const text = JSON.stringify(optimizer);
      expect(JSON.stringify(optimizerFromJSON(JSON.parse(text)))).toBe(text);
    }
    expect(JSON.stringify(adam())).toBe(
      '{"kind":"adam","learningRate":0.001,"beta1":0.9,"beta2":0.999,"epsilon":1e-8}',
    );
    expect(JSON.stringify(sgd(0.1))).toBe('{"kind":"sgd","learningRate":0.1,"momentum":0,"nesterov":false}');
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
      'sgd: unknown option "momentun" (expected one of momentum, nesterov). Did you mean "momentum".',
    ],
    [() => sgd(0.1, wrong(0.9)), "sgd: wrong options (expected an object, received 0.9)."],
    [() => adam(-1), "adam: wrong learningRate (expected a number > 0, received -1)."],
    [() => adam(0.1, { beta1: 1 }), "adam: wrong beta1 (expected a number ≥ 0 and < 1, received 1)."],
    [() => adam(0.1, { beta2: -0.1 }), "adam: wrong beta2 (expected a number ≥ 0 and < 1, received -0.1)."],
    [() => adam(0.1, { epsilon: 0 }), "adam: wrong epsilon (expected a number > 0, received 0)."],
    [() => adam(0.1, wrong({ eps: 1 })), 'adam: unknown option "eps" (expected one of beta1, beta2, epsilon).'],
    [() => adam().scalars(0), "adam: wrong step (expected a whole number ≥ 1, received 0)."],
    [() => sgd(1).scalars(0.5), "sgd: wrong step (expected a whole number ≥ 1, received 0.5)."],
    [() => optimizerFromJSON([], "run.json"), "run.json: wrong optimizer (expected an object, received [])."],
    [
      () => optimizerFromJSON({ kind: "Adam", learningRate: 1 }, "run.json"),
      'run.json: unknown kind "Adam" (expected one of sgd, adam). Did you mean "adam".',
    ],
    [
      () => optimizerFromJSON({ kind: "adam" }, "run.json"),
      "run.json: wrong learningRate (expected a number > 0, received nothing).",
    ],
    [
      () => optimizerFromJSON({ kind: "sgd", learningRate: 1, beta1: 0.9 }, "run.json"),
      'run.json: sgd: unknown option "beta1" (expected one of momentum, nesterov).',
    ],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
