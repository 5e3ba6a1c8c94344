import { fail } from "../core/errors.js";
import { checkpointKey, checkpointPrefix, encodeModel, type ModelContents, modelOf } from "./modelFile.js";
import { readSafetensors } from "./safetensors.js";

/** Of the state in a checkpoint. A change that older versions of fovea cannot read makes it one higher. */
export const checkpointVersion = 1;

/** A model in training: a model file with more tensors, and one more entry of metadata. */
export interface CheckpointContents extends ModelContents {
  /** What the optimiser keeps, by the names in the model's store. */
  readonly slots: ReadonlyMap<string, Float32Array>;
  /** Weights that callbacks have put aside, of all or of none. */
  readonly kept: ReadonlyMap<string, Float32Array> | undefined;
  /** All that is no tensor. Numbers may be infinite or NaN, which JSON itself cannot say. */
  readonly state: object;
}

/** The bytes of a checkpoint: the same contents give the same bytes. */
export function encodeCheckpoint({ slots, kept, state, ...model }: CheckpointContents): Uint8Array<ArrayBuffer> {
  const tensor = (name: string, data: Float32Array) => ({
    name: `${checkpointPrefix}${name}`,
    dtype: "F32" as const,
    shape: [data.length],
    data,
  });
  const others = [
    ...[...slots].map(([name, data]) => tensor(name, data)),
    ...[...(kept ?? [])].map(([name, data]) => tensor(`kept.${name}`, data)),
  ];
  const text = JSON.stringify({ version: checkpointVersion, ...state }, (_, value: unknown) =>
    typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value,
  );
  return encodeModel({ ...model, metadata: { ...model.metadata, [checkpointKey]: text } }, others);
}

/**
 * Reads a checkpoint, checking tensors and version before anything is returned; the state is for the caller to check.
 *
 * Errors start with `where` and have code "format": a damaged file, a model without a checkpoint, a newer version.
 */
export function decodeCheckpoint(bytes: Uint8Array, where: string): CheckpointContents {
  const file = readSafetensors(bytes, where);
  const text = file.metadata[checkpointKey];
  if (text === undefined) {
    const fix = "Give a file that training with checkpoints has written";
    return fail({ code: "format", where, problem: "is no checkpoint", expected: `metadata "${checkpointKey}"`, fix });
  }
  // the version comes first: what a newer fovea has written need not look like anything that this one knows
  const { version, ...state } = stateOf(text, where);
  if (version !== checkpointVersion) {
    fail({
      code: "format",
      where,
      problem: "was written in a version of checkpoints that this fovea does not know",
      expected: `version ${checkpointVersion}`,
      received: String(version),
      fix: typeof version === "number" && version > checkpointVersion ? "Use a newer fovea" : undefined,
    });
  }
  const { metadata, ...model } = modelOf(file, where);
  const { [checkpointKey]: _, ...notes } = metadata;
  const slots = new Map<string, Float32Array>();
  const kept = new Map<string, Float32Array>();
  for (const [name, { data }] of file.tensors) {
    if (!name.startsWith(checkpointPrefix) || !(data instanceof Float32Array)) continue;
    const own = name.slice(checkpointPrefix.length);
    if (own.startsWith("kept.")) kept.set(own.slice("kept.".length), data);
    else slots.set(own, data);
  }
  const lacking = [...model.weights].find(([name, { length }]) => kept.size > 0 && kept.get(name)?.length !== length);
  if (lacking !== undefined) {
    fail({ code: "format", where, problem: `the weights put aside lack "${lacking[0]}", or not all of it is there` });
  }
  return { ...model, metadata: notes, slots, kept: kept.size === 0 ? undefined : kept, state };
}

function stateOf(text: string, where: string): { readonly [name: string]: unknown } {
  try {
    const state: unknown = JSON.parse(text, (_, value) =>
      typeof value?.number === "string" ? Number(value.number) : value,
    );
    if (typeof state === "object" && state !== null) return { ...state };
  } catch {
    // said below
  }
  return fail({ code: "format", where, problem: `metadata "${checkpointKey}" is no JSON object` });
}
