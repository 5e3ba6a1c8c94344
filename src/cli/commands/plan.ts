import { predictionGraph, trainingGraph } from "../../autodiff/trainingGraph.js";
import { createWasmBackend } from "../../backends/wasm/index.js";
import type { Graph } from "../../graph/types.js";
import { formatPlan, summarizePlan } from "../../inspect/planTable.js";
import { sgd } from "../../model/optimizers.js";
import { optimize } from "../../passes/index.js";
import { recipeObjective } from "../../zoo/training.js";
import { type AutotuneOptions, autotuneOf } from "../autotune.js";
import { exitCodes, type Io, printJson, printLine } from "../io.js";
import { type FoundNetwork, findNetwork } from "../network.js";

export interface PlanCommandOptions extends AutotuneOptions {
  readonly train?: boolean;
  readonly infer?: boolean;
  readonly batch?: number;
  readonly threads?: number;
  readonly json?: boolean;
}

/** What one step of a network's program does: which kernels, why, and with how much memory. Nothing is run but kernels, to measure them. */
export async function plan(what: string, options: PlanCommandOptions, io: Io): Promise<number> {
  const found = await findNetwork(what, "plan");
  const train = options.train ?? (options.infer !== true && found.training !== undefined);
  const batch = options.batch ?? (train ? (found.training?.settings.batchSize ?? 32) : 1);
  const graph = optimize(train ? graphToTrain(found, batch) : graphToInfer(found, batch));
  const backend = await createWasmBackend({ threads: options.threads, autotune: autotuneOf(options) });
  try {
    const { threads, wide } = backend.engine;
    await backend.tune(graph);
    const summary = summarizePlan(backend.plan(graph));
    const mode = train ? "train" : "infer";
    if (options.json === true) {
      printJson(io, { event: "plan", name: what, mode, batch, threads, vectorBits: wide ? 256 : 128, ...summary });
      return exitCodes.ok;
    }
    const purpose = train ? "One step of training" : "One prediction";
    const engine = `${threads} ${threads === 1 ? "thread" : "threads"}, ${wide ? 256 : 128}-bit vectors`;
    printLine(io.stdout, found.title);
    printLine(io.stdout, `${purpose}, batch ${batch}, ${engine}`);
    printLine(io.stdout);
    // A pipe has no width, and what reads it should get everything.
    io.stdout.write(formatPlan(summary, { width: io.stdout.isTTY === true ? (io.stdout.columns ?? 100) : 1000 }));
    return exitCodes.ok;
  } finally {
    await backend.close();
  }
}

/** As `fovea train` does it; a model file does not say how, so it gets stochastic gradient descent on labels. */
function graphToTrain({ network, training }: FoundNetwork, batchSize: number): Graph {
  if (training === undefined) {
    return trainingGraph(network, { loss: "crossEntropy", optimizer: sgd(0.01), batchSize });
  }
  const { loss, optimizer } = recipeObjective(training, training.settings);
  return trainingGraph(network, { loss, optimizer, batchSize, inputDtype: "uint8" });
}

function graphToInfer({ network, training }: FoundNetwork, batchSize: number): Graph {
  return predictionGraph(network, { batchSize, inputDtype: training === undefined ? undefined : "uint8" });
}
