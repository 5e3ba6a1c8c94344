import { differentiate } from "../autodiff/differentiate.js";
import { checkOptions, fail } from "../core/errors.js";
import { keyOf } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import type { Dataset } from "../data/dataset.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph } from "../graph/types.js";
import { wholeNumber } from "../model/check.js";
import { emitInputs, emitNetwork } from "../model/emit.js";
import { emitLoss, type Loss, type LossOption } from "../model/losses.js";
import { isRandom, isTrained, type Network, type NetworkCall, tensorName } from "../model/network.js";
import { objectivesOf } from "../model/objectives.js";
import { multiply, sqrt, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import type { Program } from "../plan/backend.js";
import type { Model } from "../train/model.js";
import { checkExamples, overExamples } from "./examples.js";
import { normalized, Probe, type ViewOptions, viewOptionNames } from "./probe.js";

/** How often values fall into intervals of one length. */
export interface Histogram {
  /** Of a weight, or of a layer. */
  readonly name: string;
  readonly values: number;
  /** Ends of the intervals: the least and the largest value. */
  readonly low: number;
  readonly high: number;
  readonly counts: readonly number[];
  readonly mean: number;
  readonly deviation: number;
}

export interface Histograms {
  readonly view: "histograms";
  readonly weights: readonly Histogram[];
  /** Of what layers give; empty without data. */
  readonly activations: readonly Histogram[];
  /** Images that the activations are of. */
  readonly examples: number;
}

export interface HistogramOptions extends ViewOptions {
  /** Intervals. Default: 40. */
  readonly bins?: number;
}

const batch = 32;

/**
 * Histograms of all weights, and of the activations of all layers over a data set. Views of a tensor (flatten, reshape,
 * dropout in use) are left out: their values are those of the layer before.
 *
 * Errors: code "shape" for data that do not fit the network.
 *
 * @param data what to measure activations on. Default: none, weights alone
 * @example const { weights, activations } = await histograms(net, digits.test, { bins: 20 });
 */
export async function histograms(model: Model, data?: Dataset, options: HistogramOptions = {}): Promise<Histograms> {
  const where = "histograms";
  checkOptions(where, options, ["bins", ...viewOptionNames]);
  const bins = wholeNumber(where, "bins", options.bins ?? 40);
  const { network } = model;
  const weights = model.weightNames.map((name) => {
    const counter = new Counter(bins);
    const values = model.weight(name);
    counter.measure(values);
    counter.count(values);
    return counter.result(name);
  });
  if (data === undefined) return { view: "histograms", weights, activations: [], examples: 0 };
  checkExamples(model, data, where);
  const calls = network.calls.filter(makesValues);
  const tensors = calls.map(({ output }) => output);
  const counters = calls.map(() => new Counter(bins));
  const probe = await Probe.of(model, where, options);
  for (const step of ["measure", "count"] as const) {
    await overExamples(probe, data, tensors, batch, (values, _start, examples) => {
      counters.forEach((counter, i) => {
        counter[step](values[i]!, examples * sizeOf(tensors[i]!.shape));
      });
    });
  }
  const activations = calls.map(({ output }, i) => counters[i]!.result(tensorName(network, output)));
  return { view: "histograms", weights, activations, examples: data.length };
}

const views = new Set([
  "flatten",
  "reshape",
  "stopGradient",
  "dropout",
  "spatialDropout1d",
  "spatialDropout2d",
  "spatialDropout3d",
]);
const makesValues = ({ layer }: NetworkCall) => !views.has(layer.kind);

/** A histogram in two walks: the ends first, then the counts. */
class Counter {
  #low = Number.POSITIVE_INFINITY;
  #high = Number.NEGATIVE_INFINITY;
  #sum = 0;
  #squares = 0;
  #values = 0;
  readonly #counts: number[];

  constructor(bins: number) {
    this.#counts = new Array<number>(bins).fill(0);
  }

  measure(values: ArrayLike<number>, length = values.length): void {
    for (let i = 0; i < length; i++) {
      const value = values[i]!;
      this.#low = Math.min(this.#low, value);
      this.#high = Math.max(this.#high, value);
      this.#sum += value;
    }
    this.#values += length;
  }

  count(values: ArrayLike<number>, length = values.length): void {
    const bins = this.#counts.length;
    const mean = this.#sum / this.#values;
    const scale = this.#high > this.#low ? bins / (this.#high - this.#low) : 0;
    for (let i = 0; i < length; i++) {
      const value = values[i]!;
      this.#counts[Math.min(bins - 1, Math.floor((value - this.#low) * scale))]! += 1;
      this.#squares += (value - mean) ** 2;
    }
  }

  result(name: string): Histogram {
    const mean = this.#sum / this.#values;
    const deviation = Math.sqrt(this.#squares / this.#values);
    return { name, values: this.#values, low: this.#low, high: this.#high, counts: this.#counts, mean, deviation };
  }
}

/** Units of a layer that do nothing, or cannot do more. */
export interface LayerHealth {
  readonly layer: string;
  readonly activation: string;
  /** Channels, or elements of a layer without maps. */
  readonly units: number;
  /** Those that give the lower bound of a rectifier, 0, for every example and at every place. */
  readonly dead: readonly number[];
  /** Part of all values that are 0, for rectifiers. */
  readonly zeros?: number;
  /** Part of all values within 1 % of an end of the activation's range, for activations that have two ends. */
  readonly saturated?: number;
}

export interface UnitReport {
  readonly view: "unitReport";
  readonly layers: readonly LayerHealth[];
  readonly examples: number;
}

/** Ends of what activations give. */
const ranges: Readonly<Record<string, readonly [number, number]>> = {
  relu: [0, Number.POSITIVE_INFINITY],
  relu6: [0, 6],
  sigmoid: [0, 1],
  hardSigmoid: [0, 1],
  tanh: [-1, 1],
  hardTanh: [-1, 1],
  softsign: [-1, 1],
};

/**
 * Dead and saturated units over a data set: of every layer that has, or is, a rectifier or an activation with two ends
 * (relu, relu6, sigmoid, hardSigmoid, tanh, hardTanh, softsign). A dead unit learns nothing: no gradient passes it.
 *
 * Errors: code "unsupported" for a network without such activations; code "shape" for data that do not fit.
 *
 * @example const { layers } = await unitReport(net, digits.test);
 */
export async function unitReport(model: Model, data: Dataset, options: ViewOptions = {}): Promise<UnitReport> {
  const where = "unitReport";
  checkOptions(where, options, viewOptionNames);
  checkExamples(model, data, where);
  const found = model.network.calls.flatMap(({ layer, output }) => {
    const activation = activationOf(layer.kind, layer.config);
    return activation === undefined ? [] : [{ output, activation }];
  });
  if (found.length === 0) {
    fail({
      code: "unsupported",
      where,
      problem: "the network has no activation that can die or saturate",
      expected: `one of ${Object.keys(ranges).join(", ")}`,
    });
  }
  const probe = await Probe.of(model, where, options);
  const tallies = found.map(({ output, activation }) => new Tally(output.shape.at(-1)!, ranges[activation]!));
  const tensors = found.map(({ output }) => output);
  await overExamples(probe, data, tensors, batch, (values, _start, examples) => {
    tallies.forEach((tally, i) => {
      tally.add(values[i]!, examples * sizeOf(tensors[i]!.shape));
    });
  });
  const layers = found.map(({ output, activation }, i) => {
    return { layer: tensorName(model.network, output), activation, ...tallies[i]!.result() };
  });
  return { view: "unitReport", layers, examples: data.length };
}

function activationOf(kind: string, config: object): string | undefined {
  const name = "activation" in config ? String(config.activation) : kind;
  return name in ranges ? name : undefined;
}

class Tally {
  readonly #alive: Uint8Array;
  #values = 0;
  #zeros = 0;
  #saturated = 0;

  constructor(
    units: number,
    readonly range: readonly [number, number],
  ) {
    this.#alive = new Uint8Array(units);
  }

  add(values: ArrayLike<number>, length: number): void {
    const [low, high] = this.range;
    const margin = Number.isFinite(high) ? (high - low) / 100 : 0;
    const units = this.#alive.length;
    for (let i = 0; i < length; i++) {
      const value = values[i]!;
      if (value > low) this.#alive[i % units] = 1;
      if (value === 0) this.#zeros += 1;
      if (value <= low + margin || value >= high - margin) this.#saturated += 1;
    }
    this.#values += length;
  }

  result() {
    const [low, high] = this.range;
    const units = this.#alive.length;
    const rectifies = low === 0 && (high === Number.POSITIVE_INFINITY || high === 6);
    const dead = rectifies ? [...this.#alive.keys()].filter((unit) => this.#alive[unit] === 0) : [];
    return {
      units,
      dead,
      ...(rectifies ? { zeros: this.#zeros / this.#values } : {}),
      ...(Number.isFinite(high) ? { saturated: this.#saturated / this.#values } : {}),
    };
  }
}

export interface GradientNorm {
  /** Full name of the weight. */
  readonly weight: string;
  /** Euclidean norm of ∂loss/∂weight; 0 where the loss does not depend on it. */
  readonly gradient: number;
  /** Euclidean norm of the weight. */
  readonly norm: number;
}

export interface GradientNorms {
  readonly view: "gradientNorms";
  readonly loss: number;
  readonly examples: number;
  /** In the order of the layers. */
  readonly weights: readonly GradientNorm[];
}

export interface GradientNormOptions extends ViewOptions {
  /** Default: "crossEntropy". */
  readonly loss?: LossOption;
  /** Decides what dropout drops. Default: 0. */
  readonly seed?: number;
}

/**
 * Norms of the gradients of a step of training on these examples, all in one batch, weight by weight: where gradients
 * vanish or explode on their way back. Nothing is changed.
 *
 * Errors: those of `fit` for data that suit neither network nor loss; code "memory" where the batch does not fit.
 *
 * @example const { weights } = await gradientNorms(net, digits.test);
 */
export async function gradientNorms(
  model: Model,
  data: Dataset,
  options: GradientNormOptions = {},
): Promise<GradientNorms> {
  const where = "gradientNorms";
  checkOptions(where, options, ["loss", "seed", ...viewOptionNames]);
  const { loss: option = "crossEntropy", seed = 0 } = options;
  const { network } = model;
  checkExamples(model, data, where);
  const [objective] = objectivesOf(network, option, undefined, where);
  const { loss } = objective!;
  checkTargets(data, loss, network, where);
  const probe = await Probe.of(model, where, options);
  const key = `gradient norms ${loss.key}`;
  const program = await probe.program(key, (count) => normGraph(network, loss, count), data.length);
  program.input(probe.input().name).set(normalized(data.inputs));
  program.input("target").set(data.targets);
  if (isRandom(network)) program.input("randomKey").set(keyOf(seed, where));
  for (const [name, values] of Object.entries(loss.vectors)) program.input(`loss:${name}`).set(values);
  program.run();
  const weights = network.weights.filter(isTrained).map(({ name }): GradientNorm => {
    return { weight: name, gradient: scalar(program, `gradient ${name}`), norm: scalar(program, `weight ${name}`) };
  });
  return { view: "gradientNorms", loss: scalar(program, "loss"), examples: data.length, weights };
}

function checkTargets({ name, targets, length }: Dataset, loss: Loss, { outputs }: Network, where: string): void {
  const size = sizeOf(loss.target([1, ...outputs[0]!.shape]).shape);
  const isLabels = targets instanceof Int32Array;
  if (targets.length === length * size && loss.labels === isLabels) return;
  fail({
    code: "shape",
    where,
    problem: `targets of "${name}" do not suit the loss "${loss.kind}"`,
    expected: `${loss.labels ? "labels" : "numbers"}, ${size} for each example`,
    received: `${isLabels ? "labels" : "numbers"}, ${targets.length / length}`,
  });
}

/** The norm where the program has it, 0 otherwise. */
function scalar(program: Program, name: string): number {
  return name in program.plan.graph.outputs ? program.output(name)[0]! : 0;
}

function normGraph(network: Network, loss: LossOption, batchSize: number): Graph {
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, batchSize, "float32");
  const randomKey = isRandom(network) ? builder.input("randomKey", [2], "int32") : undefined;
  const { outputs, weights } = emitNetwork(network, builder, inputs, { training: true, randomKey });
  const { shape, dtype } = objectivesOf(network, loss, undefined, "loss")[0]!.loss.target(outputs[0]!.shape);
  const value = emitLoss(builder, loss, outputs[0]!, builder.input("target", shape, dtype));
  builder.output("loss", value);
  const trained = network.weights.filter(isTrained).map(({ name }) => weights.get(name)!);
  const gradients = differentiate(builder, value, trained);
  trained.forEach((weight, i) => {
    for (const [what, node] of [
      ["weight", weight],
      ["gradient", gradients[i]],
    ] as const) {
      if (node === undefined) continue;
      const axes = node.shape.map((_, axis) => axis);
      const squares = reduceNode(builder, mapNode(builder, [node], multiply(x(0), x(0))), "sum", axes);
      builder.output(`${what} ${weight.name}`, mapNode(builder, [squares], sqrt(x(0))));
    }
  });
  return builder.build();
}
