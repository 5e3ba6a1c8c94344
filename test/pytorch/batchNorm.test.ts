import { describe, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { sizeOf } from "../../src/core/shapes.js";
import { GraphBuilder } from "../../src/graph/builder.js";
import type { Graph } from "../../src/graph/types.js";
import { emitNetwork } from "../../src/model/emit.js";
import { add, batchNorm, conv2d, dense, globalAveragePool2d, relu } from "../../src/model/layers/index.js";
import { type Network, network, sequentialNetwork } from "../../src/model/network.js";
import { type Optimizer, sgd } from "../../src/model/optimizers.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend, Program, Store } from "../../src/plan/backend.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { checkBackends, useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";
import { addLoss, gradientName, runGraph } from "../harness/graph.js";

interface LayerEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly momentum: number;
  readonly epsilon: number;
  readonly value: readonly number[];
  readonly gradients: Readonly<Record<"input" | "gamma" | "beta", readonly number[]>>;
  /** After three steps. */
  readonly movingMean: readonly number[];
  readonly movingVariance: readonly number[];
  /** What the layer then makes of the first step's input. */
  readonly inUse: readonly number[];
}

interface NetworkEntry {
  readonly name: string;
  readonly labels: readonly number[];
  readonly parameters: Readonly<Record<string, readonly number[]>>;
  readonly losses: readonly number[];
  /** Of the first step. */
  readonly gradients: Readonly<Record<string, readonly number[]>>;
  readonly after: Readonly<Record<string, readonly number[]>>;
}

const { pytorch, entries } = loadFixture<LayerEntry | NetworkEntry>("batchNorm.json");
const layers = entries.filter((entry) => "momentum" in entry);
const networks = entries.filter((entry) => "losses" in entry);

/** 9 significant digits were written; where a sum cancels, they are those of its terms. */
const written = (expected: readonly number[], scale = 1e-3) => {
  return (i: number) => 1e-8 * Math.max(Math.abs(expected[i]!), scale);
};

/** The input of each step, as generate.py makes it: rounded to float32, which changes nothing but the last digits. */
function inputOf(step: number, { shape }: LayerEntry): Float64Array {
  const channels = shape[shape.length - 1]!;
  return Float64Array.from(
    formulaValues(10 + step, shape),
    (value, i) => value * (1 + (i % channels)) + (i % channels) / 2,
  );
}

/** The layer alone over a batch: in training with its gradients and the updates of its averages, or in use. */
function layerGraph({ shape, momentum, epsilon }: LayerEntry, training: boolean): Graph {
  const net = sequentialNetwork(input(shape.slice(1)), batchNorm({ momentum, epsilon, name: "norm" }));
  const builder = new GraphBuilder();
  const image = builder.input("input", shape, "float32");
  const { outputs, weights, updates } = emitNetwork(net, builder, [image], { training });
  builder.output("value", outputs[0]!);
  if (training) addLoss(builder, outputs[0]!, [image, weights.get("norm.gamma")!, weights.get("norm.beta")!]);
  for (const [name, value] of updates) builder.update(weights.get(name)!, value);
  return builder.build();
}

describe(`batch normalisation, as PyTorch ${pytorch} computes it`, () => {
  const backends = useBackends();

  describe.each(layers)("$name", (entry) => {
    const channels = entry.shape[entry.shape.length - 1]!;
    const leaves = {
      input: inputOf(0, entry),
      r: formulaValues(99, entry.shape),
      "norm.gamma": formulaValues(1, [channels]),
      "norm.beta": formulaValues(2, [channels]),
      "norm.movingMean": new Float32Array(channels),
      "norm.movingVariance": new Float32Array(channels).fill(1),
    };

    it("value and gradients", async () => {
      const graph = layerGraph(entry, true);
      const actual = await runGraph(truth, { graph, leaves });
      expectWithin("value", actual.value!, entry.value, written(entry.value));
      for (const [name, expected] of Object.entries(entry.gradients)) {
        const full = gradientName(name === "input" ? name : `norm.${name}`);
        expectWithin(full, actual[full]!, expected, written(expected));
      }
      const rounded = { ...leaves, input: Float32Array.from(leaves.input) };
      for (const each of [graph, optimize(graph)]) {
        await checkBackends({ graph: { ...each, updates: [] }, leaves: rounded }, backends());
      }
    });

    it("running averages after three steps, and in use", async () => {
      const graph = layerGraph(entry, true);
      const run = async (backend: Backend, training: Graph) => {
        const store = backend.createStore();
        const step = await backend.compile(backend.plan(training), store);
        const use = await backend.compile(backend.plan(optimize(layerGraph(entry, false))), store);
        for (const [name, value] of Object.entries(leaves)) if (store.has(name)) store.write(name, value);
        for (let index = 0; index < 3; index++) {
          step.input("input").set(inputOf(index, entry));
          step.run();
        }
        use.input("input").set(leaves.input);
        use.run();
        const averages = ["movingMean", "movingVariance"].map((name) => store.read(`norm.${name}`));
        return [...averages, use.output("value").slice()] as const;
      };
      const expected = [entry.movingMean, entry.movingVariance, entry.inUse];
      const exact = await run(truth, graph);
      exact.forEach((values, i) => expectWithin("average", values, expected[i]!, written(expected[i]!)));
      const tolerance = 3 * relativeErrorOf(graph);
      for (const { name, backend } of backends()) {
        for (const each of [graph, optimize(graph)]) {
          const actual = await run(backend, each);
          actual.forEach((values, i) => expectClose(`average on ${name}`, values, exact[i]!, tolerance));
        }
      }
    });
  });

  it.each(networks)("$name: gradients of the first of ten steps, losses, and weights after them", async (entry) => {
    const net = residualNetwork();
    const optimizer = sgd(0.1, { momentum: 0.9, nesterov: true });
    const graph = trainingGraph(net, { loss: "crossEntropy", optimizer, batchSize: entry.labels.length, metrics: [] });
    const exact = await train(truth, graph, net, optimizer, entry);
    expectWithin("losses", exact.losses, entry.losses, written(entry.losses));
    for (const [name, expected] of Object.entries(entry.gradients)) {
      expectWithin(`gradient of ${name}`, exact.gradients[name]!, expected, written(expected, 1));
    }
    for (const [name, expected] of Object.entries(entry.after)) {
      expectWithin(name, exact.after[name]!, expected, written(expected, 1));
    }
    const tolerance = steps * relativeErrorOf(graph);
    for (const each of [graph, optimize(graph)]) {
      for (const { name, backend } of backends()) {
        const actual = await train(backend, each, net, optimizer, entry);
        expectClose(`losses on ${name}`, actual.losses, exact.losses, tolerance);
        for (const weight of Object.keys(entry.after)) {
          expectClose(`${weight} on ${name}`, actual.after[weight]!, exact.after[weight]!, tolerance);
        }
      }
    }
  });
});

const steps = 10;

function residualNetwork(): Network {
  const image = input(6, 5, 3);
  const block = (index: number, x: SymbolicTensor) => {
    const sums = conv2d(4, 3, { useBias: false, name: `conv${index}` })(x);
    return batchNorm({ momentum: 0.9, epsilon: 1e-5, name: `norm${index}` })(sums);
  };
  const stem = relu()(block(0, image));
  const joined = relu()(add()(block(1, stem), stem));
  return network(image, dense(3, { name: "dense" })(globalAveragePool2d()(joined)));
}

/** Ten steps on one batch. A gradient is what the slot of the momentum holds after the first step. */
async function train(backend: Backend, graph: Graph, net: Network, optimizer: Optimizer, entry: NetworkEntry) {
  const store: Store = backend.createStore();
  const program: Program = await backend.compile(backend.plan(graph), store);
  const names = Object.keys(entry.parameters);
  for (const { name, shape } of net.weights) {
    const tensor = names.indexOf(name) + 1;
    const average = new Float32Array(sizeOf(shape)).fill(name.endsWith("Variance") ? 1 : 0);
    store.write(name, tensor > 0 ? formulaValues(tensor, shape, 0.5) : average);
  }
  const losses: number[] = [];
  const gradients: Record<string, ArrayLike<number>> = {};
  for (let step = 1; step <= steps; step++) {
    program.input("input").set(formulaValues(0, [4, 6, 5, 3]));
    program.input("target").set(entry.labels);
    for (const [name, value] of Object.entries(optimizer.scalars(step))) program.input(`optimizer.${name}`)[0] = value;
    program.run();
    losses.push(program.output("loss")[0]!);
    if (step === 1) for (const name of names) gradients[name] = store.read(`optimizer.momentum.${name}`);
  }
  return { losses, gradients, after: Object.fromEntries(net.weights.map(({ name }) => [name, store.read(name)])) };
}
