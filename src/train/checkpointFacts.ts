import { augmentToJSON } from "../data/augment/augment.js";
import { keyOfObjectives, type Objective } from "../model/objectives.js";
import type { Arranged } from "./arrange.js";
import type { FitOptions } from "./fit.js";

/** The names of what decides a run's results: all of it has to be the same for a run to go on as if never stopped. */
export type FactName =
  | "optimizer"
  | "loss"
  | "regularizers"
  | "batchSize"
  | "seed"
  | "shuffle"
  | "augment"
  | "training data"
  | "validation data"
  | "schedule";

/** What decides a run's results, as texts to compare. */
export type RunFacts = Readonly<Record<FactName, string>>;

/** What has to be the same for a run to go on; a schedule is a function, so its values around a step tell it. */
export function factsOf(
  train: Arranged,
  validation: Arranged | undefined,
  objectives: readonly Objective[],
  options: FitOptions,
): (step: number) => RunFacts {
  const { optimizer, schedule, regularizers = {}, batchSize = 32, seed = 0, shuffle = true, augment } = options;
  let fixed: Omit<RunFacts, "schedule"> | undefined;
  return (step) => {
    fixed ??= {
      optimizer: JSON.stringify(optimizer),
      loss: keyOfObjectives(objectives),
      regularizers: JSON.stringify(regularizers),
      batchSize: String(batchSize),
      seed: String(seed),
      shuffle: String(shuffle),
      augment: augment === undefined ? "none" : augmentToJSON(augment),
      "training data": factOf(train),
      "validation data": validation === undefined ? "none" : factOf(validation),
    };
    const around = [0, step, 2 * step + 1].map((at) => String(schedule?.(at))).join(", ");
    return { ...fixed, schedule: schedule === undefined ? "none" : around };
  };
}

/** A data set as a text that others are told from: its sizes, and a checksum of up to 65,536 values of each array. */
function factOf({ name, length, shape, inputs, targets, columns }: Arranged): string {
  let hash = 0x811c9dc5;
  const word = new Float32Array(1);
  const bits = new Int32Array(word.buffer);
  for (const array of [inputs, targets, ...Object.values(columns).map(({ values }) => values)]) {
    const stride = Math.max(1, Math.floor(array.length / 65_536));
    for (let i = 0; i < array.length; i += stride) {
      word[0] = array[i]!;
      hash = Math.imul(hash ^ bits[0]!, 0x01000193);
    }
  }
  return `${length} × ${shape.join("×")} of ${name}, checksum ${(hash >>> 0).toString(16)}`;
}
