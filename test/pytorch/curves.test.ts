import { describe, expect, it } from "vitest";
import { trainingGraph } from "../../src/autodiff/trainingGraph.js";
import { sizeOf } from "../../src/core/shapes.js";
import type { Graph } from "../../src/graph/types.js";
import {
  add,
  batchNorm,
  concatenate,
  conv1d,
  conv2d,
  conv3d,
  convTranspose2d,
  dense,
  depthwiseConv2d,
  flatten,
  globalAveragePool2d,
  groupNorm,
  hardSwish,
  leakyRelu,
  maxPool2d,
  maxPool3d,
  relu,
  relu6,
  upSampling2d,
} from "../../src/model/layers/index.js";
import { type Network, network, sequentialNetwork } from "../../src/model/network.js";
import { adadelta, adagrad, adam, adamW, type Optimizer, rmsprop, sgd } from "../../src/model/optimizers.js";
import { input, type SymbolicTensor } from "../../src/model/symbolic.js";
import { optimize } from "../../src/passes/index.js";
import type { Backend } from "../../src/plan/backend.js";
import { formulaValues } from "../fixtures/formula.js";
import { loadFixture } from "../fixtures/load.js";
import { truth } from "../harness/backends.js";
import { relativeErrorOf } from "../harness/bounds.js";
import { useBackends } from "../harness/check.js";
import { expectClose, expectWithin } from "../harness/compare.js";

interface ParameterEntry {
  readonly name: string;
  readonly shape: readonly number[];
  /** First values are `offset + formula(tensor, shape, scale)`. */
  readonly tensor: number;
  readonly scale: number;
  readonly offset: number;
  /** After the last step: sum, L2 norm, and [index, value] of a few elements. */
  readonly sum: number;
  readonly norm: number;
  readonly samples: readonly (readonly [number, number])[];
}

interface CurveEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly classes: number;
  readonly batch: number;
  /** Of a batch. */
  readonly labels: number;
  /** Before each step. */
  readonly losses: readonly number[];
  readonly parameters: readonly ParameterEntry[];
  /** Running averages after the last step. */
  readonly averages: Readonly<Record<string, readonly number[]>>;
}

interface Setting {
  readonly network: () => Network;
  readonly optimizer: Optimizer;
}

/** By the names of generate.py; layers have the names of its parameters. A network is one entry here and one there. */
const settings: Readonly<Record<string, Setting>> = {
  "D1, Nesterov": { network: shallow, optimizer: sgd(0.02, { momentum: 0.9, nesterov: true }) },
  "D1, Adam": { network: shallow, optimizer: adam(0.001) },
  "batch normalisation and residuals, Nesterov": {
    network: residual,
    optimizer: sgd(0.05, { momentum: 0.9, nesterov: true, weightDecay: 1e-3 }),
  },
  "batch normalisation and residuals, AdamW": {
    network: residual,
    optimizer: adamW(0.002, { weightDecay: 0.1 }),
  },
  "depthwise, Nesterov": { network: depthwise, optimizer: sgd(0.05, { momentum: 0.9, nesterov: true }) },
  "dilated and causal, Adam": { network: causal, optimizer: adam(0.01) },
  "three axes, Adadelta": { network: volumes, optimizer: adadelta() },
  "transposed, Adagrad": { network: decoding, optimizer: adagrad(0.02) },
  "U-Net, RMSprop": { network: segmenting, optimizer: rmsprop(0.002, { momentum: 0.5 }) },
};

function shallow(): Network {
  const layers = [conv2d(10, 5, { stride: 2, activation: "relu" }), flatten()];
  return sequentialNetwork(input(28, 28, 1), ...layers, dense(50, { activation: "relu" }), dense(10));
}

function residual(): Network {
  const convolved = (name: string, index: string, x: SymbolicTensor, filters: number, kernel: number, stride = 1) => {
    const sums = conv2d(filters, kernel, { stride, useBias: false, name: `${name}.conv${index}` })(x);
    return batchNorm({ momentum: 0.9, epsilon: 1e-5, name: `${name}.norm${index}` })(sums);
  };
  const block = (name: string, x: SymbolicTensor, filters: number, stride: number) => {
    const y = convolved(name, "2", relu()(convolved(name, "1", x, filters, 3, stride)), filters, 3);
    return relu()(add()(stride > 1 ? convolved(name, "3", x, filters, 1, stride) : x, y));
  };
  const x = input(10, 9, 3);
  const stem = relu()(convolved("stem", "", x, 8, 3));
  const blocks = block("two", block("one", stem, 8, 1), 12, 2);
  return network(x, dense(4, { name: "dense" })(globalAveragePool2d()(blocks)));
}

function segmenting(): Network {
  const x = input(8, 6, 2);
  const wide = conv2d(6, 3, { activation: "silu", name: "down" })(x);
  const deep = conv2d(8, 3, { activation: "silu", name: "deep" })(maxPool2d(2)(wide));
  const norm = groupNorm({ groups: 2, epsilon: 1e-3, name: "norm" })(deep);
  const up = upSampling2d(2, { interpolation: "bilinear" })(norm);
  return network(x, conv2d(3, 1, { name: "classes" })(concatenate()(wide, up)));
}

function depthwise(): Network {
  const norm = (index: number) => batchNorm({ momentum: 0.9, epsilon: 1e-5, name: `norm${index}` });
  const stem = [conv2d(8, 3, { name: "stem" }), norm(0), hardSwish()];
  const middle = [depthwiseConv2d(3, { stride: 2, name: "depthwise" }), norm(1), relu6()];
  const end = [conv2d(12, 1, { name: "pointwise" }), norm(2), globalAveragePool2d()];
  return sequentialNetwork(input(8, 10, 3), ...stem, ...middle, ...end, dense(4, { name: "dense" }));
}

function causal(): Network {
  const steps = input(17, 2);
  let x = conv1d(6, 2, { padding: "causal", name: "stem" })(steps);
  for (const [index, dilation] of [1, 2, 4].entries()) {
    const options = { padding: "causal", dilation, activation: "tanh", name: `dilated${index}` } as const;
    x = add()(x, conv1d(6, 2, options)(x));
  }
  return network(steps, conv1d(3, 1, { name: "classes" })(x));
}

function volumes(): Network {
  const first = conv3d(4, 3, { activation: "elu", name: "first" });
  const second = conv3d(6, 2, { padding: "valid", activation: "elu", name: "second" });
  return sequentialNetwork(input(6, 5, 7, 2), first, maxPool3d(2), second, flatten(), dense(3, { name: "dense" }));
}

function decoding(): Network {
  const down = [conv2d(6, 3, { stride: 2, name: "down" }), leakyRelu({ negativeSlope: 0.2 })];
  const up = [convTranspose2d(5, 4, { stride: 2, name: "up" }), leakyRelu({ negativeSlope: 0.2 })];
  return sequentialNetwork(input(8, 6, 2), ...down, ...up, conv2d(3, 1, { name: "classes" }));
}

/** The images of a step in [0, 1), and their labels. */
function batchOf({ batch, shape, classes, labels }: CurveEntry, step: number) {
  const images = formulaValues(1000 + (step % 3), [batch, ...shape], 0.5).map((value) => value + 0.5);
  return { images, labels: Array.from({ length: labels }, (_, i) => (7 * i + (step % 3)) % classes) };
}

/** The loss before each step, and all weights after the last. */
async function train(backend: Backend, graph: Graph, net: Network, optimizer: Optimizer, entry: CurveEntry) {
  const store = backend.createStore();
  const program = await backend.compile(backend.plan(graph), store);
  for (const { name, shape } of net.weights) {
    const parameter = entry.parameters.find((candidate) => candidate.name === name);
    const first = new Float32Array(sizeOf(shape)).fill(name.endsWith("movingVariance") ? 1 : 0);
    store.write(
      name,
      parameter === undefined
        ? first
        : Float64Array.from(formulaValues(parameter.tensor, shape, parameter.scale), (v) => v + parameter.offset),
    );
  }
  const losses = entry.losses.map((_, step) => {
    const { images, labels } = batchOf(entry, step);
    program.input("input").set(images);
    program.input("target").set(labels);
    for (const [name, value] of Object.entries(optimizer.scalars(step + 1))) {
      program.input(`optimizer.${name}`)[0] = value;
    }
    program.run();
    return program.output("loss")[0]!;
  });
  return { losses, after: new Map(net.weights.map(({ name }) => [name, store.read(name)])) };
}

const { pytorch, entries } = loadFixture<CurveEntry>("curves.json");

describe(`training curves, as PyTorch ${pytorch} draws them`, () => {
  const backends = useBackends();

  it("every entry has a network of the same parameters", () => {
    expect(Object.keys(settings).sort()).toEqual(entries.map(({ name }) => name).sort());
    for (const { name, parameters, averages } of entries) {
      const { weights } = settings[name]!.network();
      const described = parameters.map((parameter) => [parameter.name, parameter.shape] as const);
      const all = [...described, ...Object.entries(averages).map(([key, { length }]) => [key, [length]] as const)];
      expect(new Map(weights.map((weight) => [weight.name, weight.shape]))).toEqual(new Map(all));
    }
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, entry) => {
    const { network: build, optimizer } = settings[name]!;
    const net = build();
    const graph = trainingGraph(net, { loss: "crossEntropy", optimizer, batchSize: entry.batch, metrics: [] });
    const exact = await train(truth, graph, net, optimizer, entry);

    // 9 significant digits were written; where a sum cancels, they are those of its terms
    const expectWritten = (what: string, actual: ArrayLike<number>, expected: readonly number[], scale = 1e-3) =>
      expectWithin(what, actual, expected, (i) => 1e-8 * Math.max(Math.abs(expected[i]!), scale));
    expectWritten("losses", exact.losses, entry.losses);
    for (const { name: weight, sum, norm, samples } of entry.parameters) {
      const values = Float64Array.from(exact.after.get(weight)!);
      const total = values.reduce((a, b) => a + b, 0);
      const length = Math.sqrt(values.reduce((a, b) => a + b * b, 0));
      expectWritten(`${weight}: sum and norm`, [total, length], [sum, norm], norm);
      const [indices, expected] = [samples.map(([i]) => i), samples.map(([, value]) => value)];
      expectWritten(
        weight,
        indices.map((i) => values[i]!),
        expected,
        1e-2,
      );
    }
    for (const [weight, expected] of Object.entries(entry.averages)) {
      expectWritten(weight, exact.after.get(weight)!, expected, 1e-2);
    }

    const optimized = optimize(graph);
    const tolerance = relativeErrorOf(graph);
    for (const { name: on, backend } of backends()) {
      const actual = await train(backend, optimized, net, optimizer, entry);
      // the error of step s is that of s + 1 runs of the graph, one upon the other
      actual.losses.forEach((loss, step) => {
        expectClose(`loss of step ${step} on ${on}`, [loss], [exact.losses[step]!], (step + 1) * tolerance);
      });
      for (const [weight, values] of exact.after) {
        expectClose(`${weight} on ${on}`, actual.after.get(weight)!, values, entry.losses.length * tolerance);
      }
    }
  });
});
