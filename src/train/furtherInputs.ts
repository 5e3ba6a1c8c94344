import type { NumericArray } from "../core/dtypes.js";
import { sizeOf } from "../core/shapes.js";
import { ExampleCopier } from "../data/batches.js";
import type { Objective } from "../model/objectives.js";
import type { Program } from "../plan/backend.js";
import type { Arranged } from "./arrange.js";

interface Vector {
  readonly view: NumericArray;
  readonly values: readonly number[];
}

/** What a program takes beside the first input and the first target: further ones, weights of examples and of classes. */
export interface FurtherInputs {
  readonly copiers: readonly ExampleCopier[];
  readonly vectors: readonly Vector[];
}

export function furtherInputs(
  program: Program,
  data: Pick<Arranged, "columns">,
  objectives: readonly Objective[],
): FurtherInputs {
  return {
    copiers: Object.entries(data.columns).map(
      ([name, { values, shape }]) => new ExampleCopier(values, program.input(name), sizeOf(shape)),
    ),
    vectors: objectives.flatMap(({ loss, prefix }) =>
      Object.entries(loss.vectors).map(([name, values]) => ({ view: program.input(`${prefix}:${name}`), values })),
    ),
  };
}

/** Programs share memory, so that vectors are written before every run. */
export function writeVectors(vectors: readonly Vector[]): void {
  for (const { view, values } of vectors) view.set(values);
}
