import { fail } from "../core/errors.js";
import { type Dataset, take } from "../data/dataset.js";
import { inMemory } from "./reading.js";
import { type Reading, taskOfRun } from "./task.js";

/**
 * The test set of a run, which may lie in files. Errors: code "usage" for a model file, which does not say what it was
 * trained on.
 */
export async function testSet(path: string, reading: Reading): Promise<Dataset> {
  if (path.endsWith(".safetensors")) {
    fail({
      code: "usage",
      where: path,
      problem: "a model file does not say which images it is for",
      fix: "Give a run directory, or an image: a file, or strokes:0",
    });
  }
  return (await (await taskOfRun(path)).test(reading)).data;
}

/** So many examples at most, in memory, drawn by lot where not all are wanted. */
export function some(data: Dataset, count: number, seed?: number): Promise<Dataset> {
  const taken = take(data, Math.min(count, data.length), { seed });
  return inMemory(
    taken,
    Array.from({ length: taken.length }, (_, i) => i),
  );
}
