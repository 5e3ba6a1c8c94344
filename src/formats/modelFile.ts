import { fail } from "../core/errors.js";
import { formatShape, sameShape } from "../core/shapes.js";
import { fromArchitecture, toArchitecture } from "../model/architecture.js";
import type { Network } from "../model/network.js";
import { slotName } from "../model/updates.js";
import { type NamedTensor, readSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.js";

/** What a model file holds: a safetensors file whose metadata carries the architecture, so that one file is enough. */
export interface ModelContents {
  readonly network: Network;
  /** float32 values of every weight by name. */
  readonly weights: ReadonlyMap<string, Float32Array>;
  /** Names of the classes, if the network tells classes apart. */
  readonly classes: readonly string[];
  /** Whatever else the writer noted. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Keys of the metadata that fovea itself uses. */
const architectureKey = "fovea.architecture";
const classesKey = "fovea.classes";

/** Names of tensors and of metadata that a checkpoint has beside its model. */
export const checkpointPrefix = "checkpoint.";
export const checkpointKey = "fovea.checkpoint";

/** The bytes of a model file: the same contents give the same bytes. */
export function encodeModel(
  { network, weights, classes, metadata }: ModelContents,
  others: readonly NamedTensor[] = [],
): Uint8Array<ArrayBuffer> {
  const tensors = network.weights.map(({ name, shape }) => ({
    name,
    dtype: "F32" as const,
    shape,
    data: weights.get(name)!,
  }));
  return writeSafetensors([...tensors, ...others], {
    ...metadata,
    [architectureKey]: JSON.stringify(toArchitecture(network)),
    [classesKey]: JSON.stringify(classes),
  });
}

/**
 * Reads a model file, checking all of it before anything is returned. Nothing in the file is executed. Of a checkpoint,
 * the model is that which its run measured: with averages in place of weights, where the optimiser keeps any.
 *
 * Errors start with `where` and have code "format": damaged safetensors, no architecture, weights that do not fit it.
 */
export function decodeModel(bytes: Uint8Array, where: string): ModelContents {
  const file = readSafetensors(bytes, where);
  const { metadata, ...contents } = modelOf(file, where);
  const { [checkpointKey]: state, ...notes } = metadata;
  if (state === undefined) return { ...contents, metadata };
  const weights = new Map(contents.weights);
  for (const name of weights.keys()) {
    const average = file.tensors.get(`${checkpointPrefix}${slotName("average", name)}`)?.data;
    if (average instanceof Float32Array) weights.set(name, average);
  }
  return { ...contents, weights, metadata: notes };
}

/** The model in a safetensors file, checked. */
export function modelOf({ tensors, metadata }: SafetensorsFile, where: string): ModelContents {
  const { [architectureKey]: architecture, [classesKey]: classNames, ...rest } = metadata;
  if (architecture === undefined) {
    return fail({
      code: "format",
      where,
      problem: "holds tensors but no fovea architecture",
      expected: `metadata "${architectureKey}"`,
      fix: "Open files that model.save wrote",
    });
  }
  const network = fromArchitecture(parseJson(architecture, where, architectureKey), where);
  const weights = new Map<string, Float32Array>();
  for (const { name, shape } of network.weights) {
    const tensor = tensors.get(name);
    if (tensor === undefined || !(tensor.data instanceof Float32Array) || !sameShape(tensor.shape, shape)) {
      return fail({
        code: "format",
        where,
        problem: `weight "${name}" ${tensor === undefined ? "is missing" : "does not fit the architecture"}`,
        expected: `F32 ${formatShape(shape)}`,
        received: tensor === undefined ? undefined : `${tensor.dtype} ${formatShape(tensor.shape)}`,
      });
    }
    weights.set(name, tensor.data);
  }
  const isCheckpoint = checkpointKey in metadata;
  for (const name of tensors.keys()) {
    if (!weights.has(name) && !(isCheckpoint && name.startsWith(checkpointPrefix))) {
      fail({ code: "format", where, problem: `tensor "${name}" belongs to no layer of the architecture` });
    }
  }
  return { network, weights, classes: readClasses(classNames, where), metadata: rest };
}

function readClasses(text: string | undefined, where: string): string[] {
  if (text === undefined) return [];
  const classes = parseJson(text, where, classesKey);
  if (Array.isArray(classes) && classes.every((name) => typeof name === "string")) return classes;
  return fail({ code: "format", where, problem: `metadata "${classesKey}" is no list of names` });
}

function parseJson(text: string, where: string, key: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    return fail({ code: "format", where, problem: `metadata "${key}" is no JSON`, cause });
  }
}
