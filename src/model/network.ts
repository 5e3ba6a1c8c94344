import { didYouMean, fail } from "../core/errors.js";
import { type Shape, sizeOf } from "../core/shapes.js";
import { describe } from "./check.js";
import { isLayer, type Layer, type LayerWeight, placeOf } from "./layer.js";
import { nameLayers, nextName } from "./names.js";
import type { SuitableChain } from "./shapes/calls.js";
import {
  type Call,
  callOf,
  checkTensor,
  holdsTokens,
  type InputDType,
  type SymbolicTensor,
  tensorsBefore,
} from "./symbolic.js";

/** What a network takes. */
export interface NetworkInput {
  /** Name of the program's input: the user's, or `input`, `input_1`, … */
  readonly name: string;
  /** Shape of one example. */
  readonly shape: Shape;
  readonly dtype: InputDType;
  readonly tensor: SymbolicTensor;
}

/** One use of a layer in a network. */
export interface NetworkCall {
  readonly layer: Layer;
  /** The layer's name in this network. */
  readonly name: string;
  /** 0 for the layer's first use, 1 for the second, which shares the weights of the first, … */
  readonly use: number;
  readonly inputs: readonly SymbolicTensor[];
  readonly output: SymbolicTensor;
  /** Shape of one example of the output. */
  readonly outputShape: Shape;
}

/** A weight of a network: a layer's, with its full name. */
export interface WeightSpec extends LayerWeight {
  /** `conv2d_1.kernel` */
  readonly name: string;
  /** Name of the layer. */
  readonly layer: string;
}

/** A description of a network: immutable, and free of values. */
export interface Network {
  readonly inputs: readonly NetworkInput[];
  readonly outputs: readonly SymbolicTensor[];
  /** Every use of a layer, inputs first. */
  readonly calls: readonly NetworkCall[];
  /** Every weight once, in the order of the layers. */
  readonly weights: readonly WeightSpec[];
}

/**
 * A chain: each layer takes what the one before it gives.
 *
 * Errors: code "usage" where an argument is no input or no layer, code "shape" where a layer cannot take its input.
 *
 * @example sequentialNetwork(input(28, 28, 1), conv2d(10, 5, { stride: 2 }), flatten(), dense(10))
 */
export function sequentialNetwork<S extends Shape, const Layers extends readonly Layer[]>(
  input: SymbolicTensor<S>,
  ...chain: SuitableChain<S, Layers>
): Network {
  const where = "sequential";
  const layers = chain as readonly unknown[] as readonly Layer[];
  if (layers.length === 0) {
    fail({ code: "usage", where, problem: "has no layers", fix: "Pass layers after the input" });
  }
  const start = checkTensor(where, input);
  layers.forEach((layer, position) => {
    if (isLayer(layer)) return;
    fail({
      code: "usage",
      where,
      problem: `argument ${position + 2} is not a layer`,
      expected: "what conv2d(10, 5) or dense(10) returns",
      received: describe(layer),
    });
  });
  return network(
    start,
    layers.reduce((tensor, layer) => layer(tensor), start),
  );
}

/**
 * The network that leads from `inputs` to `outputs`. Layers are ordered depth first from the outputs and named in that
 * order; names depend on nothing but the network.
 *
 * Errors: code "usage" where an output depends on an input that is not listed, where an input leads to no output, and
 * where two layers or inputs have the same name.
 *
 * @param inputs what `input(…)` returned, one or several
 * @param outputs what layers returned, one or several
 * @example
 * const x = input(8, 8, 4);
 * const y = add()(x, conv2d(4, 3)(x));
 * const block = network(x, y);
 */
export function network(
  inputs: SymbolicTensor | readonly SymbolicTensor[],
  outputs: SymbolicTensor | readonly SymbolicTensor[],
): Network {
  const where = "network";
  const sources = several(inputs).map((tensor) => checkTensor(where, tensor));
  const results = several(outputs).map((tensor) => checkTensor(where, tensor));
  const tensors = tensorsBefore(results);
  checkEnds(sources, results, tensors);

  const calls = tensors.flatMap((output) => {
    const call = callOf(output);
    return call === undefined ? [] : [{ ...call, output }];
  });
  const layers = [...new Set(calls.map(({ layer }) => layer))];
  checkNames(sources, layers);
  const named = nameInputs(sources, layers);
  const names = nameLayers(
    layers,
    named.map(({ name }) => name),
  );
  const uses = new Map<Layer, number>();
  return {
    inputs: named,
    outputs: results,
    calls: calls.map(({ layer, inputs, output }) => {
      const use = uses.get(layer) ?? 0;
      uses.set(layer, use + 1);
      return { layer, name: names.get(layer)!, use, inputs, output, outputShape: output.shape };
    }),
    weights: layers.flatMap((layer) => weightsOf(calls.find((call) => call.layer === layer)!, names.get(layer)!)),
  };
}

/**
 * The part of a network that leads to `outputs`, tensors of it: names and weights are the network's.
 *
 * @example subNetwork(digits, [digits.calls[1]!.output])
 */
export function subNetwork(whole: Network, outputs: readonly SymbolicTensor[]): Network {
  const needed = new Set(tensorsBefore(outputs));
  const uses = new Map<string, number>();
  const calls = whole.calls
    .filter(({ output }) => needed.has(output))
    .map((call) => {
      const use = uses.get(call.name) ?? 0;
      uses.set(call.name, use + 1);
      return { ...call, use };
    });
  return {
    inputs: whole.inputs.filter(({ tensor }) => needed.has(tensor)),
    outputs,
    calls,
    weights: whole.weights.filter(({ layer }) => uses.has(layer)),
  };
}

/** The tensor of a name: an input's, a layer's, or `layer@1` for a layer's second use. */
export function tensorOf(whole: Network, name: string, where: string): SymbolicTensor {
  const tensors = [...whole.inputs.map(({ tensor }) => tensor), ...whole.calls.map(({ output }) => output)];
  const found = tensors.find((tensor) => tensorName(whole, tensor) === name);
  if (found !== undefined) return found;
  const names = tensors.map((tensor) => tensorName(whole, tensor));
  return fail({
    code: "usage",
    where,
    problem: `there is no layer "${name}"`,
    expected: `one of ${names.join(", ")}`,
    fix: didYouMean(name, names),
  });
}

/** Whether training changes a weight by its gradient. */
export function isTrained({ trainable, frozen = false }: LayerWeight): boolean {
  return trainable && !frozen;
}

/** The same network with the weights of these names frozen, and all others not. */
export function withFrozen(whole: Network, names: ReadonlySet<string>): Network {
  const weights = whole.weights.map(({ frozen: _, ...weight }): WeightSpec => {
    return names.has(weight.name) ? { ...weight, frozen: true } : weight;
  });
  return { ...whole, weights };
}

/** Names of the weights that keep their values. */
export function frozenWeights({ weights }: Network): string[] {
  return weights.filter(({ frozen }) => frozen).map(({ name }) => name);
}

/** Number of values in all weights, trainable or not. */
export function countParameters(weights: readonly { readonly shape: Shape }[]): number {
  return weights.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

/** The name of a tensor within its network: the input's, the layer's, or `layer@1` for a layer's second use. */
export function tensorName(network: Network, tensor: SymbolicTensor): string {
  const call = network.calls.find(({ output }) => output === tensor);
  if (call !== undefined) return call.use === 0 ? call.name : `${call.name}@${call.use}`;
  return network.inputs.find((input) => input.tensor === tensor)!.name;
}

/** Whether training draws random numbers, so that programs need a `randomKey`. */
export function isRandom({ calls }: Network): boolean {
  return calls.some(({ layer }) => layer.definition.isRandom?.(layer.config) ?? false);
}

/** How many different tokens every layer that reads an input knows; undefined for an input of floats. */
export function vocabularyOf({ calls }: Network, { tensor }: NetworkInput): number | undefined {
  const known = calls.flatMap(({ layer: { definition, config }, inputs }) =>
    inputs.flatMap((each, i) => (each === tensor ? (definition.vocabulary?.(config, i) ?? []) : [])),
  );
  return holdsTokens(tensor) ? Math.min(...known) : undefined;
}

function several<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? value : [value as T];
}

function weightsOf({ layer, inputs }: Call, name: string): WeightSpec[] {
  const shapes = inputs.map(({ shape }) => shape);
  return layer.definition
    .weights(layer.config, shapes)
    .map((weight) => ({ ...weight, name: `${name}.${weight.name}`, layer: name }));
}

function nameInputs(sources: readonly SymbolicTensor[], layers: readonly Layer[]): NetworkInput[] {
  const own = sources.map((tensor) => inputOf(tensor)!);
  const used = new Set([...own, ...layers].flatMap(({ name }) => name ?? []));
  const counts = new Map<string, number>();
  return sources.map((tensor, i) => {
    const { name, dtype } = own[i]!;
    return { name: name ?? nextName("input", used, counts), shape: tensor.shape, dtype, tensor };
  });
}

function inputOf({ origin }: SymbolicTensor) {
  return "input" in origin ? origin.input : undefined;
}

function checkEnds(
  sources: readonly SymbolicTensor[],
  results: readonly SymbolicTensor[],
  tensors: readonly SymbolicTensor[],
): void {
  const wrong = (problem: string, fix: string) => fail({ code: "usage", where: "network", problem, fix });
  if (sources.length === 0 || results.length === 0) wrong("has no inputs or no outputs", "Pass at least one of each");
  sources.forEach((tensor, position) => {
    const at = `input ${position + 1}`;
    const layer = callOf(tensor)?.layer;
    if (layer !== undefined) {
      wrong(`${at} is the output of ${placeOf(layer.kind, layer.name)}`, "Inputs are what input(…) returned");
    }
    if (!tensors.includes(tensor)) wrong(`${at} leads to no output`, "Leave it out, or connect it");
    if (sources.indexOf(tensor) !== position) wrong(`${at} is listed twice`, "List every input once");
  });
  const missing = tensors.find((tensor) => inputOf(tensor) !== undefined && !sources.includes(tensor));
  const tokens = results.findIndex(holdsTokens);
  if (tokens >= 0) wrong(`output ${tokens + 1} is an input of tokens`, "Outputs are what layers make of them");
  if (missing !== undefined) {
    const name = inputOf(missing)!.name;
    const which = name === undefined ? "an input" : `input "${name}"`;
    wrong(`an output depends on ${which} of shape [${missing.shape.join(", ")}] that is not listed`, "List it");
  }
}

function checkNames(sources: readonly SymbolicTensor[], layers: readonly Layer[]): void {
  const places = new Map<string, string>();
  const named = [
    ...sources.map((tensor) => ({ kind: "input", name: inputOf(tensor)?.name })),
    ...layers.map(({ kind, name }) => ({ kind, name })),
  ];
  for (const { kind, name } of named) {
    if (name === undefined) continue;
    const other = places.get(name);
    if (other !== undefined) {
      const problem = `the name "${name}" is taken by another ${other}`;
      fail({ code: "usage", where: placeOf(kind, name), problem, fix: "Give every layer a name of its own" });
    }
    places.set(name, kind);
  }
}
