import { fail } from "../core/errors.js";
import type { Dataset } from "../data/dataset.js";
import { findRecipe } from "../zoo/recipes.js";
import { downloadProgress } from "./download.js";
import type { Io } from "./io.js";
import { readConfig } from "./run.js";

/**
 * The test set of a run. Errors: code "usage" for a model file, which does not say what it was trained on.
 *
 * @param path run directory
 * @param io where a download is told of; undefined for nowhere
 */
export async function testSet(path: string, io: Io | undefined): Promise<Dataset> {
  if (path.endsWith(".safetensors")) {
    fail({
      code: "usage",
      where: path,
      problem: "a model file does not say which images it is for",
      fix: "Give a run directory, or an image: a file, or strokes:0",
    });
  }
  const { recipe, settings } = await readConfig(path);
  const onProgress = io === undefined ? undefined : downloadProgress(io);
  // only the test set is wanted, and data sets come in pairs
  return (await findRecipe(recipe).data({ seed: settings.seed, train: 1, onProgress })).test;
}
