import { platform } from "#platform";
import { didYouMean, fail } from "../core/errors.js";
import type { LossName } from "../model/losses.js";
import type { Network } from "../model/network.js";
import { loadModel } from "../train/model.js";
import { listedRecipes, recipes } from "../zoo/recipes.js";
import type { TrainingSettings } from "../zoo/training.js";
import { modelFile, readConfig } from "./run.js";

/** A network, by whatever name it was called. */
export interface FoundNetwork {
  readonly title: string;
  readonly network: Network;
  /** How it is trained; undefined for a model file, which does not say. */
  readonly training?: { readonly loss: LossName; readonly settings: TrainingSettings };
}

/**
 * The network of a recipe, a run directory or a model file. Errors: code "usage" where `what` is none of these.
 *
 * @param command for messages: `summary`
 */
export async function findNetwork(what: string, command: string): Promise<FoundNetwork> {
  const recipe = recipes.find(({ name }) => name === what);
  if (recipe !== undefined) {
    const title = `${recipe.name}: ${recipe.title}`;
    return { title, network: recipe.network(), training: recipe };
  }
  if (await platform.files.exists(what)) {
    const file = await modelFile(what);
    return { title: file, network: (await loadModel(file)).network, training: await trainingOf(what, file) };
  }
  const names = listedRecipes.map(({ name }) => name);
  return fail({
    code: "usage",
    where: `${command} "${what}"`,
    problem: "there is no recipe, run directory or model file of this name",
    expected: `a path, or one of ${names.join(", ")}`,
    fix: didYouMean(what, names),
  });
}

async function trainingOf(path: string, file: string): Promise<FoundNetwork["training"]> {
  if (path === file) return undefined;
  const { recipe, settings } = await readConfig(path);
  // images of one's own are of classes
  const loss = recipe === undefined ? "crossEntropy" : recipes.find(({ name }) => name === recipe)?.loss;
  return loss === undefined ? undefined : { loss, settings };
}
