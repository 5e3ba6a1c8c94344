import { formatSummary, summarize } from "../../inspect/summary.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";
import { findNetwork } from "../network.js";

export interface SummaryOptions {
  readonly batch: number;
  readonly json?: boolean;
}

/** The table of layers of a recipe, a run or a model file. */
export async function summary(what: string, { batch, json }: SummaryOptions, io: Io): Promise<number> {
  const { title, network } = await findNetwork(what, "summary");
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
