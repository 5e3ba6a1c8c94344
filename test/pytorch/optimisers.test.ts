import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import type { Graph } from "../../src/graph/types.js";
import { dense } from "../../src/model/layers/index.js";
import { sequentialNetwork } from "../../src/model/network.js";
import { adadelta, adagrad, adam, adamW, lion, type Optimizer, rmsprop, sgd } from "../../src/model/optimizers.js";
import type { Regularizers } from "../../src/model/regularizers.js";
import { input } from "../../src/model/symbolic.js";
import { slotName } from "../../src/model/updates.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import {
  cosineDecay,
  exponentialDecay,
  oneCycle,
  polynomialDecay,
  type Schedule,
  stepDecay,
} from "../../src/train/schedules.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";

type Values = Readonly<Record<string, ArrayLike<number>>>;

interface OptimiserEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly losses: readonly number[];
  readonly after: Readonly<Record<string, readonly number[]>>;
  readonly averages?: Readonly<Record<string, readonly number[]>>;
}

interface Setting {
  readonly optimizer: Optimizer;
  readonly schedule?: Schedule;
  readonly regularizers?: Regularizers;
}

const steps = 20;

/** By the names of generate.py. */
const settings: Readonly<Record<string, Setting>> = {
  SGD: { optimizer: sgd(0.5) },
  "SGD with momentum": { optimizer: sgd(0.1, { momentum: 0.9 }) },
  "SGD with Nesterov momentum": { optimizer: sgd(0.1, { momentum: 0.9, nesterov: true }) },
  "SGD with decay": { optimizer: sgd(0.1, { momentum: 0.9, nesterov: true, weightDecay: 0.05 }) },
  "SGD, plain, with decay": { optimizer: sgd(0.3, { weightDecay: 0.1 }) },
  Adam: { optimizer: adam(0.01) },
  "Adam with decay": { optimizer: adam(0.02, { beta1: 0.8, beta2: 0.99, epsilon: 1e-6, weightDecay: 0.05 }) },
  AdamW: { optimizer: adamW(0.02, { weightDecay: 0.3 }) },
  Adagrad: { optimizer: adagrad(0.1) },
  "Adagrad with everything": {
    optimizer: adagrad(0.2, { learningRateDecay: 0.1, weightDecay: 0.05, initialAccumulator: 0.1, epsilon: 1e-7 }),
  },
  RMSprop: { optimizer: rmsprop(0.01) },
  "RMSprop with momentum": { optimizer: rmsprop(0.002, { rho: 0.9, momentum: 0.8, weightDecay: 0.05 }) },
  "RMSprop, centred": { optimizer: rmsprop(0.005, { rho: 0.9, epsilon: 1e-3, centered: true }) },
  "RMSprop, centred, with momentum": {
    optimizer: rmsprop(0.002, { rho: 0.9, epsilon: 1e-3, centered: true, momentum: 0.5 }),
  },
  Adadelta: { optimizer: adadelta() },
  "Adadelta with decay": { optimizer: adadelta(2, { rho: 0.8, epsilon: 1e-4, weightDecay: 0.05 }) },
  Lion: { optimizer: lion(0.01) },
  "Lion with decay": { optimizer: lion(0.01, { beta1: 0.8, beta2: 0.95, weightDecay: 0.5 }) },
  "clipped by value": { optimizer: sgd(0.3, { momentum: 0.5, clipValue: 0.05 }) },
  "clipped by norm": { optimizer: sgd(0.3, { momentum: 0.5, weightDecay: 0.01, clipNorm: 0.1 }) },
  "clipped by both": { optimizer: adam(0.02, { clipValue: 0.03, clipNorm: 0.08 }) },
  accumulated: { optimizer: sgd(0.3, { momentum: 0.9, accumulationSteps: 2 }) },
  "accumulated, clipped, averaged": {
    optimizer: adamW(0.03, { weightDecay: 0.1, accumulationSteps: 3, clipNorm: 0.1, averageDecay: 0.7 }),
  },
  averaged: { optimizer: adam(0.02, { averageDecay: 0.9 }) },
  "under steps": { optimizer: sgd(0.3, { momentum: 0.5 }), schedule: stepDecay({ every: 6, factor: 0.5 }) },
  "under an exponential": { optimizer: adam(0.05), schedule: exponentialDecay({ factor: 0.9 }) },
  "under a warm cosine": {
    optimizer: adamW(0.05),
    schedule: cosineDecay({ steps: 20, warmUp: 5, warmUpFrom: 0.1 }),
  },
  "under one cycle": { optimizer: sgd(0.5, { momentum: 0.9, clipNorm: 0.2 }), schedule: oneCycle({ steps: 20 }) },
  "under a polynomial": {
    optimizer: rmsprop(0.02, { accumulationSteps: 2 }),
    schedule: polynomialDecay({ steps: 20, power: 2 }),
  },
  "with penalties": {
    optimizer: sgd(0.2, { momentum: 0.5 }),
    regularizers: { "*.kernel": { l1: 0.01 }, "dense.kernel": { l2: 0.03 } },
  },
  "in groups": {
    optimizer: adamW(0.01, {
      weightDecay: 0.1,
      groups: [{ match: "*.bias", learningRateFactor: 2, weightDecay: 0 }],
    }),
  },
};

/** Weights by the names of generate.py. */
const weights = { w0: "dense.kernel", b0: "dense.bias", w1: "dense_1.kernel", b1: "dense_1.bias" } as const;

const net = sequentialNetwork(input(5), dense(4, { activation: "tanh" }), dense(3));

function graphOf({ optimizer, regularizers }: Setting): Graph {
  return trainingGraph(net, { loss: "crossEntropy", optimizer, regularizers, batchSize: 6, metrics: [] });
}

/** Twenty steps on a backend: the loss before each, and all variables at the end. */
async function train(backend: Backend, graph: Graph, { optimizer, schedule }: Setting, labels: readonly number[]) {
  const store = backend.createStore();
  const program = await backend.compile(backend.plan(graph), store);
  Object.values(weights).forEach((name, i) => {
    store.write(name, formulaValues(i + 1, net.weights.find((spec) => spec.name === name)!.shape, 0.5));
  });
  const losses: number[] = [];
  for (let step = 1; step <= steps; step++) {
    program.input("input").set(formulaValues(step % 2 === 1 ? 0 : 5, [6, 5]));
    program.input("target").set(labels);
    const rate = optimizer.learningRate * (schedule?.(optimizer.updateOf(step) - 1) ?? 1);
    for (const [name, value] of Object.entries(optimizer.scalars(step, rate))) {
      program.input(`optimizer.${name}`)[0] = value;
    }
    program.run();
    losses.push(program.output("loss")[0]!);
  }
  const after: Values = Object.fromEntries(store.names().map((name) => [name, store.read(name)]));
  return { losses, after };
}

const { pytorch, entries } = loadFixture<OptimiserEntry>("optimisers.json");

describe(`twenty steps, as PyTorch ${pytorch} takes them`, () => {
  const backends = useBackends();

  it("have a setting for every entry", () => {
    expect(Object.keys(settings).sort()).toEqual(entries.map(({ name }) => name).sort());
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
    const setting = settings[name]!;
    const graph = graphOf(setting);
    const exact = await train(truth, graph, setting, entry.labels);
    const expectWritten = (what: string, actual: ArrayLike<number>, expected: readonly number[]) =>
      expectWithin(what, actual, expected, (i) => 1e-8 * Math.max(Math.abs(expected[i]!), 1e-2));
    expectWritten("losses", exact.losses, entry.losses);
    for (const [parameter, weight] of Object.entries(weights)) {
      expectWritten(parameter, exact.after[weight]!, entry.after[parameter]!);
      const average = entry.averages?.[parameter];
      if (average !== undefined) expectWritten("average", exact.after[slotName("average", weight)]!, average);
    }
    const { slots } = setting.optimizer;
    const names = Object.values(weights).flatMap((weight) => [weight, ...slots.map((slot) => slotName(slot, weight))]);
    expect(Object.keys(exact.after).sort()).toEqual(names.sort());

    const tolerance = steps * relativeErrorOf(graph);
    const optimized = optimize(graph);
    const results = new Map<string, Awaited<ReturnType<typeof train>>>();
    for (const { name: on, sameAs, backend } of backends()) {
      const actual = await train(backend, optimized, setting, entry.labels);
      results.set(on, actual);
      if (sameAs !== undefined) expect(actual, `${on}, as on ${sameAs}`).toEqual(results.get(sameAs));
      expectClose(`losses on ${on}`, actual.losses, exact.losses, tolerance);
      for (const weight of Object.values(weights)) {
        expectClose(`${weight} on ${on}`, actual.after[weight]!, exact.after[weight]!, tolerance);
      }
    }
  });

  it("the passes change nothing", async () => {
    for (const [name, setting] of Object.entries(settings)) {
      const labels = entries.find((entry) => entry.name === name)!.labels;
      const graph = graphOf(setting);
      const [plain, optimized] = [
        await train(truth, graph, setting, labels),
        await train(truth, optimize(graph), setting, labels),
      ];
      expectClose(name, optimized.losses, plain.losses, 1e-12);
    }
  });

  it("updates are elementwise, but for the global norm", () => {
    for (const [name, setting] of Object.entries(settings)) {
      const { nodes } = graphOf(setting);
      const ops = new Set(nodes.filter((node) => node.name.startsWith("optimizer.")).map(({ op }) => op));
      for (const op of ops) expect(["input", "variable", "map"], name).toContain(op);
    }
  });
});
