import { platform } from "#platform";
import { closest, fail } from "../../core/errors.js";
import { formatSummary, summarize } from "../../inspect/summary.js";
import type { Network } from "../../model/network.js";
import { loadModel } from "../../train/model.js";
import { recipes } from "../../zoo/recipes.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";
import { modelFile } from "../run.js";

export interface SummaryOptions {
  readonly batch: number;
  readonly json?: boolean;
}

/** The table of layers of a recipe, a run or a model file. */
export async function summary(what: string, { batch, json }: SummaryOptions, io: Io): Promise<number> {
  const { title, network } = await find(what);
  const sizes = summarize(network, { batchSize: batch });
  if (json === true) {
    printJson(io, { event: "summary", name: what, ...sizes });
    return exitCodes.ok;
  }
  printLine(io.stdout, title);
  printLine(io.stdout);
  io.stdout.write(formatSummary(sizes, { width: io.stdout.isTTY === true ? (io.stdout.columns ?? 100) : 100 }));
  return exitCodes.ok;
}

async function find(what: string): Promise<{ title: string; network: Network }> {
  const recipe = recipes.find(({ name }) => name === what);
  if (recipe !== undefined) return { title: `${recipe.name}: ${recipe.title}`, network: recipe.network() };
  if (await platform.files.exists(what)) {
    const file = await modelFile(what);
    return { title: file, network: (await loadModel(file)).network };
  }
  const names = recipes.map(({ name }) => name);
  const near = closest(what, names);
  return fail({
    code: "usage",
    where: `summary "${what}"`,
    problem: "there is no recipe, run directory or model file of this name",
    expected: `a path, or one of ${names.join(", ")}`,
    fix: near === undefined ? undefined : `Did you mean "${near}"`,
  });
}
