import { checkOptions, didYouMean, fail } from "../core/errors.js";
import { choice, describe, list, located, namedParts, wholeNumber, wrongOption } from "./check.js";
import { definedKind } from "./customLayer.js";
import { type Layer, type LayerKind, restoreLayer } from "./layer.js";
import { layerKinds } from "./layers/index.js";
import { frozenWeights, type Network, type NetworkCall, network, tensorName, withFrozen } from "./network.js";
import { type InputDType, input, inputDTypes, type SymbolicTensor } from "./symbolic.js";

/**
 * The newest version of the format: 2 has `frozen`. Every older one can be read, and each network is written in the
 * oldest that can hold it.
 */
export const architectureVersion = 2;

/**
 * A network as JSON, without its weights. `layers` lists every use of a layer, inputs first. A tensor is called after
 * the input or the layer that makes it; the second use of a layer (which shares its weights) makes `name@1`.
 */
export interface Architecture {
  readonly format: "fovea";
  readonly version: 1 | typeof architectureVersion;
  readonly inputs: readonly { readonly name: string; readonly shape: readonly number[]; readonly dtype: InputDType }[];
  readonly layers: readonly LayerRecord[];
  /** Names of tensors. */
  readonly outputs: readonly string[];
  /** Names of the weights that keep their values in training. Default: none. */
  readonly frozen?: readonly string[];
}

/** A new layer, or the next use of one that came before. */
export type LayerRecord =
  | { readonly kind: string; readonly name: string; readonly config: object; readonly inputs: readonly string[] }
  | { readonly name: string; readonly use: number; readonly inputs: readonly string[] };

/**
 * Describes a network so that {@link fromArchitecture} can make it again, names included.
 *
 * @example JSON.stringify(toArchitecture(digits))
 */
export function toArchitecture(network: Network): Architecture {
  const frozen = frozenWeights(network);
  // layers that were frozen networks would freeze their weights again
  const saysFrozen = frozen.length > 0 || network.calls.some(startsFrozen);
  return {
    format: "fovea",
    version: saysFrozen ? 2 : 1,
    inputs: network.inputs.map(({ name, shape, dtype }) => ({ name, shape, dtype })),
    layers: network.calls.map(({ layer, name, use, inputs }): LayerRecord => {
      const names = inputs.map((tensor) => tensorName(network, tensor));
      if (use > 0) return { name, use, inputs: names };
      return { kind: layer.kind, name, config: layer.config, inputs: names };
    }),
    outputs: network.outputs.map((tensor) => tensorName(network, tensor)),
    ...(saysFrozen ? { frozen } : {}),
  };
}

/** Whether a layer has frozen weights of itself. */
function startsFrozen({ layer, inputs }: NetworkCall): boolean {
  const shapes = inputs.map(({ shape }) => shape);
  return layer.definition.weights(layer.config, shapes).some(({ frozen }) => frozen);
}

/**
 * Makes a network of JSON that may come from anywhere. Everything is checked; nothing in it is executed.
 *
 * Errors start with `where`. Code "format": not an architecture, a newer version, an unknown kind of layer, a name
 * that nothing has. Code "option": a value of the wrong type or an unknown part. Code "shape": layers that do not fit
 * together.
 *
 * @param json the parsed JSON
 * @param where what errors name: a file. Default: "architecture"
 * @example fromArchitecture(JSON.parse(text), "digits.json")
 */
export function fromArchitecture(json: unknown, where = "architecture"): Network {
  const parts = located(where, () => checkHeader(json, where));
  const tensors = new Map<string, SymbolicTensor>();
  const define = (name: string, tensor: SymbolicTensor) => {
    if (tensors.has(name)) fail({ code: "format", where, problem: `two layers or inputs are called "${name}"` });
    tensors.set(name, tensor);
  };
  const find = (name: unknown, place: string): SymbolicTensor => {
    if (typeof name !== "string") return wrongOption(place, "inputs", name, "names of inputs or layers before it");
    const tensor = tensors.get(name);
    if (tensor !== undefined) return tensor;
    return fail({
      code: "format",
      where: place,
      problem: `reads "${name}", which no input or layer before it is called`,
      expected: `one of ${[...tensors.keys()].join(", ")}`,
    });
  };

  const sources = list(where, "inputs", parts.inputs).map((record, i) => readInput(record, `${where}: inputs[${i}]`));
  for (const { name, tensor } of sources) define(name, tensor);
  const layers = new Map<string, { readonly layer: Layer; uses: number }>();
  list(where, "layers", parts.layers).forEach((value, i) => {
    const place = `${where}: layers[${i}]`;
    const record = namedParts(place, "layer", value);
    const layer = readLayer(record, layers, where, place);
    const inputs = list(place, "inputs", record.inputs).map((name) => find(name, place));
    const entry = layers.get(layer.name!) ?? { layer, uses: 0 };
    define(
      entry.uses === 0 ? layer.name! : `${layer.name!}@${entry.uses}`,
      located(where, () => layer(inputs)),
    );
    layers.set(layer.name!, { layer, uses: entry.uses + 1 });
  });
  const outputs = list(where, "outputs", parts.outputs).map((name) => find(name, `${where}: outputs`));
  const result = located(where, () =>
    network(
      sources.map(({ tensor }) => tensor),
      outputs,
    ),
  );
  checkUsed(result, tensors, where);
  return parts.frozen === undefined ? result : withFrozen(result, readFrozen(result, parts.frozen, where));
}

function readFrozen(network: Network, value: unknown, where: string): ReadonlySet<string> {
  const names = list(where, "frozen", value);
  const unknown = names.find((name) => !network.weights.some((weight) => weight.name === name));
  if (unknown !== undefined) {
    fail({ code: "format", where, problem: `freezes ${describe(unknown)}, which no weight is called` });
  }
  return new Set(names as string[]);
}

function checkHeader(json: unknown, where: string): Readonly<Record<string, unknown>> {
  const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
  const parts = isObject ? (json as Readonly<Record<string, unknown>>) : {};
  if (parts.format !== "fovea") {
    fail({
      code: "format",
      where,
      problem: "is not the architecture of a fovea network",
      expected: 'an object with format "fovea"',
      received: isObject ? `format ${describe(parts.format)}` : describe(json),
    });
  }
  const version = wholeNumber(where, "version", parts.version);
  if (version > architectureVersion) {
    fail({
      code: "format",
      where,
      problem: "was written by a newer fovea",
      expected: `version ${architectureVersion}`,
      received: `version ${version}`,
      fix: "Update fovea",
    });
  }
  checkOptions(where, parts, ["format", "version", "inputs", "layers", "outputs", "frozen"]);
  return parts;
}

function readInput(value: unknown, where: string): { name: string; tensor: SymbolicTensor } {
  const { name, shape, dtype, ...rest } = namedParts(where, "input", value);
  checkOptions(where, rest, ["name", "shape", "dtype"]);
  if (typeof name !== "string") return wrongOption(where, "name", name, "a name");
  const sizes = list(where, "shape", shape) as readonly number[];
  const checkedDType = dtype === undefined ? undefined : choice(where, "dtype", dtype, inputDTypes);
  return { name, tensor: located(where, () => input(sizes, { name, dtype: checkedDType })) };
}

function readLayer(
  record: Readonly<Record<string, unknown>>,
  layers: ReadonlyMap<string, { readonly layer: Layer; readonly uses: number }>,
  where: string,
  place: string,
): Layer {
  if (record.use !== undefined) {
    checkOptions(place, record, ["name", "use", "inputs"]);
    const known = layers.get(String(record.name));
    if (known === undefined) {
      const problem = `is another use of ${describe(record.name)}, which no layer before it is called`;
      return fail({ code: "format", where: place, problem });
    }
    if (record.use === known.uses) return known.layer;
    return wrongOption(place, "use", record.use, `${known.uses}, the next use of "${known.layer.name}"`);
  }
  checkOptions(place, record, ["kind", "name", "config", "inputs"]);
  const definition = kindNamed(record.kind, place);
  return located(where, () => restoreLayer(definition, record.name, record.config));
}

/** A kind of fovea's, or one that the program has defined. */
function kindNamed(name: unknown, place: string): LayerKind {
  if (typeof name !== "string") return wrongOption(place, "kind", name, "the name of a kind of layer");
  const definition = Object.hasOwn(layerKinds, name) ? layerKinds[name] : definedKind(name);
  if (definition !== undefined) return definition;
  return fail({
    code: "option",
    where: place,
    problem: `unknown kind of layer "${name}"`,
    fix:
      didYouMean(name, Object.keys(layerKinds)) ??
      `If it is a layer of your own, run defineLayer({ name: "${name}", … }) before loading`,
  });
}

/** Layers that lead nowhere would silently lose their weights. */
function checkUsed(network: Network, tensors: ReadonlyMap<string, SymbolicTensor>, where: string): void {
  const reached = new Set([
    ...network.inputs.map(({ tensor }) => tensor),
    ...network.calls.map(({ output }) => output),
  ]);
  for (const [name, tensor] of tensors) {
    if (!reached.has(tensor)) fail({ code: "format", where, problem: `layer "${name}" leads to no output` });
  }
}
