import { differentiate } from "../autodiff/differentiate.js";
import type { DataArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { formatShape, type Shape, sizeOf } from "../core/shapes.js";
import { GraphBuilder } from "../graph/builder.js";
import type { Graph, Node } from "../graph/types.js";
import { trueOrFalse } from "../model/check.js";
import { type EmittedNetwork, emitCall, emitInputs, emitNetwork } from "../model/emit.js";
import { endsInSoftmax } from "../model/losses.js";
import { type Network, type NetworkCall, tensorName, tensorOf } from "../model/network.js";
import { holdsTokens, type SymbolicTensor } from "../model/symbolic.js";
import { multiply, x } from "../ops/expression.js";
import { mapNode } from "../ops/map.js";
import { reduceNode } from "../ops/reduce.js";
import { optimize } from "../passes/index.js";
import type { Program } from "../plan/backend.js";
import { backendFor, type ExecutionOptions } from "../runtime/backends.js";
import { Session } from "../runtime/session.js";
import type { Model } from "../train/model.js";
import { opsUnder, type RectifierRule } from "./rectifiers.js";

/** What all views take that run the model. */
export interface ViewOptions extends ExecutionOptions {
  /** Told the bytes that the view's program needs (arena, packed weights, weights) before any of them is taken. */
  readonly onMemory?: (bytes: number) => void;
}

export const viewOptionNames = ["backend", "threads", "onMemory"] as const;

/** One picture of a model's input: values as the network takes them. */
export interface Picture {
  /** [height, width, channels] */
  readonly shape: Shape;
  readonly values: Float32Array;
}

/** What is differentiated or measured: one element of a layer's output. */
export interface TargetOptions {
  /** Default: the network's first output. */
  readonly layer?: string;
  /**
   * Whether the layer's value before its activation is meant. Default: true for the output of a network that ends in a
   * softmax, whose slope vanishes when it is sure, otherwise false.
   */
  readonly preActivation?: boolean;
  /**
   * Which element: a place in the output, or one number: the index along the last axis (a class, a channel; of a map the
   * place where it is largest). Default: the largest element, so the predicted class.
   */
  readonly unit?: number | readonly number[];
}

/** The element that was chosen, and what the model gives there. */
export interface Target {
  readonly layer: string;
  readonly index: readonly number[];
  readonly value: number;
  /** The class's name, where the element is a class that has one. */
  readonly name?: string;
  /** Whether the value is that before the layer's activation. */
  readonly preActivation?: true;
}

/** The name of the program's input that says what the differentiated scalar is: the sum of its products with the target layer. */
const seedName = "seed of the gradient";

/** Sessions of models that were looked into: programs are compiled once. The weights are copied anew for every view. */
const sessions = new WeakMap<Model, Session[]>();

/** A model to look into: its network, and a session with a copy of its weights as they are now. */
export class Probe {
  /** Programs whose memory was told. */
  readonly #told = new Set<string>();

  private constructor(
    readonly model: Model,
    readonly where: string,
    readonly session: Session,
    readonly onMemory: ((bytes: number) => void) | undefined,
  ) {}

  static async of(model: Model, where: string, options: ViewOptions): Promise<Probe> {
    const { backend, threads } = await backendFor(options, where);
    const known = sessions.get(model) ?? [];
    let session = known.find((each) => each.backend === backend);
    if (session === undefined) {
      session = new Session(backend, threads);
      sessions.set(model, [...known, session]);
    }
    for (const { name, shape } of model.network.weights) {
      session.store.declare(name, { shape, dtype: "float32" });
      session.store.write(name, model.weight(name));
    }
    return new Probe(model, where, session, options.onMemory);
  }

  get network(): Network {
    return this.model.network;
  }

  /** The input, for views of networks that have one only. */
  input(): { readonly name: string; readonly shape: Shape; readonly tensor: SymbolicTensor } {
    return onlyInput(this.network, this.where);
  }

  tensor(layer: string | undefined): SymbolicTensor {
    return layer === undefined ? this.network.outputs[0]! : tensorOf(this.network, layer, this.where);
  }

  /** The layer of a unit, after a check that it has the unit, and whether its value before the activation is meant. */
  target(options: TargetOptions): { readonly target: SymbolicTensor; readonly preActivation: boolean } {
    const target = this.tensor(options.layer);
    checkUnit(options.unit, target.shape, this.where);
    return { target, preActivation: this.#isBefore(options) };
  }

  #isBefore({ layer, preActivation }: TargetOptions): boolean {
    if (preActivation !== undefined) return trueOrFalse(this.where, "preActivation", preActivation);
    const last = this.network.calls.find(({ output }) => output === this.tensor(layer));
    return last !== undefined && last.output === this.network.outputs[0] && endsInSoftmax(last);
  }

  name(tensor: SymbolicTensor): string {
    return tensorName(this.network, tensor);
  }

  /** A program, after its memory was told. */
  async program(key: string, graph: (batchSize: number) => Graph, batchSize: number): Promise<Program> {
    if (this.onMemory !== undefined && !this.#told.has(key)) {
      this.#told.add(key);
      const { arenaBytes, keptBytes, variableBytes } = this.session.backend.plan(optimize(graph(batchSize)));
      this.onMemory(arenaBytes + keptBytes + variableBytes);
    }
    return this.session.program(key, graph, batchSize);
  }

  /** What layers give: outputs `0`, `1`, … of the program. */
  forward(tensors: readonly SymbolicTensor[], batchSize: number, preActivation = false): Promise<Program> {
    const key = `forward${preActivation ? " before" : ""} ${tensors.map((tensor) => this.name(tensor)).join()}`;
    return this.program(key, (count) => forwardGraph(this.network, tensors, count, preActivation), batchSize);
  }

  /** Gradients of elements of `target` with respect to `wrt`. */
  async gradients(options: GradientOptions): Promise<GradientProgram> {
    const { target, wrt, rule = "gradient", batchSize = 1, preActivation = false } = options;
    const names = [...(preActivation ? ["before"] : []), ...[target, ...wrt].map((tensor) => this.name(tensor))];
    const graph = (count: number) => gradientGraph(this.network, { ...options, batchSize: count }, this.where);
    const program = await this.program(`gradient ${rule} ${names.join()}`, graph, batchSize);
    return new GradientProgram(program, this.input().name);
  }

  /** The element that the user means, found from the values of its layer for one example. */
  choose(options: TargetOptions, values: ArrayLike<number>): Target & { readonly offset: number } {
    const { layer, unit } = options;
    const before = this.#isBefore(options) ? ({ preActivation: true } as const) : {};
    const tensor = this.tensor(layer);
    const { shape } = tensor;
    const offset = offsetOf(unit, shape, values);
    const index: number[] = [];
    for (let axis = shape.length - 1, rest = offset; axis >= 0; axis--) {
      index.unshift(rest % shape[axis]!);
      rest = Math.floor(rest / shape[axis]!);
    }
    const isClass = this.network.outputs[0] === tensor && shape.length === 1;
    const name = isClass ? this.model.classes[offset] : undefined;
    const value = values[offset]!;
    return { layer: this.name(tensor), index, value, offset, ...(name === undefined ? {} : { name }), ...before };
  }

  /** One example as the network takes it; uint8 divided by 255. */
  picture(image: DataArray): Picture {
    return pictureFor(this.input().shape, image, this.where);
  }
}

export interface GradientOptions {
  readonly target: SymbolicTensor;
  /** Whether its value before its activation is meant. Default: false. */
  readonly preActivation?: boolean;
  /** Inputs, or layers. */
  readonly wrt: readonly SymbolicTensor[];
  readonly rule?: RectifierRule;
  readonly batchSize?: number;
}

/** A compiled {@link gradientGraph}. */
class GradientProgram {
  constructor(
    readonly program: Program,
    readonly inputName: string,
  ) {}

  /** Values of the target for these inputs. */
  values(inputs: Float32Array): Float32Array {
    this.program.input(this.inputName).set(inputs);
    this.program.input(seedName).fill(0);
    this.program.run();
    return floats(this.program.output("value"));
  }

  /** Gradients of the elements at `offset` in each example, summed over examples: they do not mix. */
  gradients(inputs: Float32Array, offset: number): Float32Array[] {
    const seed = this.program.input(seedName);
    const { shape } = this.program.plan.buffers.find(({ kind, name }) => kind === "input" && name === seedName)!.type;
    seed.fill(0);
    // the plan's graph may be that of a part of the batch; the input is whole
    const size = sizeOf(shape.slice(1));
    for (let at = offset; at < seed.length; at += size) seed[at] = 1;
    this.program.input(this.inputName).set(inputs);
    this.program.run();
    const names = Object.keys(this.program.plan.graph.outputs).filter((name) => name.startsWith("gradient "));
    return names.map((name) => floats(this.program.output(name)));
  }

  value(): Float32Array {
    return floats(this.program.output("value"));
  }

  activation(position: number): Float32Array {
    return floats(this.program.output(`activation ${position}`));
  }
}

/**
 * Values of `target` and their gradients. Inputs: the network's, in float32; `seed of the gradient` of the target's
 * shape. Outputs: `value`; `gradient <i>`, that of Σ seed · target with respect to the i-th of `wrt`; and
 * `activation <i>`, the value of each that is no input.
 *
 * Errors: code "unsupported" where the target does not depend on one of them.
 */
export function gradientGraph(network: Network, options: GradientOptions, where: string): Graph {
  const { target, wrt, rule = "gradient", batchSize = 1, preActivation = false } = options;
  const builder = new GraphBuilder();
  const emitted = emitNetwork(network, builder, emitInputs(network, builder, batchSize, "float32"), {
    training: false,
  });
  const { nodes } = emitted;
  const value = preActivation ? beforeActivation(network, builder, emitted, target) : nodes.get(target)!;
  const seed = builder.input(seedName, value.shape, "float32");
  const axes = value.shape.map((_, axis) => axis);
  const scalar = reduceNode(builder, mapNode(builder, [value, seed], multiply(x(0), x(1))), "sum", axes);
  const sources = wrt.map((tensor) => nodes.get(tensor)!);
  const gradients = differentiate(builder, scalar, sources, opsUnder(rule));
  builder.output("value", value);
  gradients.forEach((gradient, i) => {
    const [of, by] = [target, wrt[i]!].map((tensor) => tensorName(network, tensor));
    if (gradient === undefined) {
      const fix = "Choose a layer that lies before it";
      fail({ code: "unsupported", where, problem: `"${of}" does not depend on "${by}"`, fix });
    }
    builder.output(`gradient ${i}`, gradient);
    if (!network.inputs.some(({ tensor }) => tensor === wrt[i])) builder.output(`activation ${i}`, sources[i]!);
  });
  return builder.build();
}

/** Values of tensors of a network, as outputs `0`, `1`, …; where asked for, those before their activations. */
export function forwardGraph(
  network: Network,
  tensors: readonly SymbolicTensor[],
  batchSize: number,
  preActivation = false,
): Graph {
  const builder = new GraphBuilder();
  const inputs = emitInputs(network, builder, batchSize, "float32");
  const emitted = emitNetwork(network, builder, inputs, { training: false });
  tensors.forEach((tensor, i) => {
    const node = preActivation ? beforeActivation(network, builder, emitted, tensor) : emitted.nodes.get(tensor)!;
    builder.output(String(i), node);
  });
  return builder.build();
}

/**
 * What a layer's activation is taken of; the layer's output where it has none. An activation within a layer is emitted
 * with it, so the layer is emitted once more without.
 */
export function beforeActivation(
  network: Network,
  builder: GraphBuilder,
  { nodes, weights }: Pick<EmittedNetwork, "nodes" | "weights">,
  tensor: SymbolicTensor,
): Node {
  const node = nodes.get(tensor)!;
  const call = network.calls.find(({ output }) => output === tensor);
  if (call !== undefined && "activation" in call.layer.config) {
    const { kind, definition, config } = call.layer;
    const layer = { kind, definition, config: { ...config, activation: "linear" } } as NetworkCall["layer"];
    const inputs = call.inputs.map((each) => nodes.get(each)!);
    return emitCall({ ...call, layer }, builder, inputs, weights, { training: false });
  }
  const isActivation = node.op === "softmax" || (node.op === "map" && node.inputs.length === 1);
  return isActivation ? builder.nodes[node.inputs[0]!]! : node;
}

/** A copy: programs reuse their memory. */
export function floats(values: ArrayLike<number>): Float32Array {
  return Float32Array.from(values);
}

/** The input of a network that takes one thing only. */
export function onlyInput({ inputs }: Network, where: string) {
  const [input] = inputs;
  if (input !== undefined && holdsTokens(input.tensor)) {
    fail({ code: "unsupported", where, problem: "looks at networks that take numbers", received: "tokens" });
  }
  if (inputs.length === 1 && input !== undefined) return input;
  return fail({
    code: "unsupported",
    where,
    problem: "looks at networks with one input",
    received: inputs.map(({ name }) => name).join(", "),
  });
}

/** Checks that a shape is that of an image: [height, width, channels]. */
export function checkImage(shape: Shape, where: string): readonly [number, number, number] {
  if (shape.length === 3) return shape as readonly [number, number, number];
  return fail({
    code: "unsupported",
    where,
    problem: "needs a network that takes images",
    expected: "[height, width, channels]",
    received: formatShape(shape),
  });
}

/** One example as a network takes it; uint8 divided by 255. Errors: code "shape" for another number of values. */
export function pictureFor(shape: Shape, image: DataArray, where: string): Picture {
  if (image.length !== sizeOf(shape)) {
    fail({
      code: "shape",
      where,
      problem: "the image does not fit the network's input",
      expected: `${sizeOf(shape)} values for ${formatShape(shape)}`,
      received: String(image.length),
    });
  }
  return { shape, values: normalized(image) };
}

/** Values as the network takes them: uint8 divided by 255. */
export function normalized(values: DataArray): Float32Array {
  return values instanceof Uint8Array ? Float32Array.from(values, (value) => value / 255) : Float32Array.from(values);
}

function checkUnit(unit: TargetOptions["unit"], shape: Shape, where: string): void {
  if (unit === undefined) return;
  const isWithin = (value: number, extent: number) => Number.isInteger(value) && value >= 0 && value < extent;
  const last = shape[shape.length - 1]!;
  const fits =
    typeof unit === "number"
      ? isWithin(unit, last)
      : unit.length === shape.length && unit.every((value, axis) => isWithin(value, shape[axis]!));
  if (fits) return;
  fail({
    code: "option",
    where,
    problem: "there is no such unit",
    expected: shape.length === 1 ? `0 … ${last - 1}` : `0 … ${last - 1}, or a place in ${formatShape(shape)}`,
    received: JSON.stringify(unit),
  });
}

/** Where the unit is; of a channel, and without a unit, where the value is largest. */
function offsetOf(unit: TargetOptions["unit"], shape: Shape, values: ArrayLike<number>): number {
  if (typeof unit === "object") return unit.reduce((offset, value, axis) => offset * shape[axis]! + value, 0);
  const step = unit === undefined ? 1 : shape[shape.length - 1]!;
  let best = unit ?? 0;
  for (let i = best; i < values.length; i += step) if (values[i]! > values[best]!) best = i;
  return best;
}
