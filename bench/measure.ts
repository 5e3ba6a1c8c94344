import type { WasmBackend } from "../src/backends/wasm/index.js";
import type { Network } from "../src/model/network.js";
import type { Plan } from "../src/plan/types.js";
import { type Context, forEachRun, widthOf, withBackend } from "./context.js";
import { memoryOf, type StepMemory, tellMemory } from "./memory.js";
import { graphOf, type Prepared, type Purpose, prepare } from "./prepare.js";
import { milliseconds, percent, round, Table, widest } from "./table.js";
import { medianMilliseconds } from "./timing.js";
import type { Workload } from "./workloads.js";

/** A line of `--json`; the first five as `torch_bench.py` prints them. */
export interface Result extends StepMemory {
  readonly peer: "fovea";
  readonly threads: number;
  readonly name: string;
  readonly train_ms: number;
  readonly infer_ms: number;
  /** Bits of a vector. */
  readonly width: 256 | 128;
  /** Of the training step: two operations for each multiply-add of its convolutions and matrix products. */
  readonly gflops: number;
  /** `gflops` as a part of the measured peak of `threads` cores. */
  readonly peak_fraction: number;
  /** From the network's description to the training program. */
  readonly compile_ms: number;
}

/** Compiles a workload's training step and inference. They share weights and arena. */
export async function prepareWorkload(
  backend: WasmBackend,
  network: Network,
  { batchSize }: Workload,
): Promise<Record<Purpose, Prepared>> {
  const store = backend.createStore();
  const compile = (purpose: Purpose) => prepare(backend, store, network, () => graphOf(network, batchSize, purpose));
  return { train: await compile("train"), infer: await compile("infer") };
}

export async function measureWorkload(
  backend: WasmBackend,
  workload: Workload,
  network: Network,
  seconds: number,
  peak: number,
): Promise<Result> {
  const prepared = await prepareWorkload(backend, network, workload);
  const train = await medianMilliseconds(prepared.train, seconds);
  const infer = await medianMilliseconds(prepared.infer, seconds);
  const { plan } = prepared.train.program;
  const { engine } = backend;
  const gflops = (2 * productsOf(plan)) / train / 1e6;
  return {
    peer: "fovea",
    threads: engine.threads,
    name: workload.name,
    train_ms: round(train, 3),
    infer_ms: round(infer, 3),
    width: widthOf(engine),
    gflops: round(gflops, 1),
    peak_fraction: round(gflops / (peak * engine.threads), 3),
    ...memoryOf(plan),
    compile_ms: round(prepared.train.compileMilliseconds, 1),
  };
}

/** Whether an op is a convolution, a gradient of one, or a matrix product. */
export const isProduct = (op: string): boolean => /^(conv|matmul)/.test(op);

/** Multiply-adds of a plan's convolutions and matrix products: what every implementation has to do. */
export function productsOf(plan: Plan): number {
  return plan.steps
    .filter(({ node }) => isProduct(plan.graph.nodes[node]!.op))
    .reduce((sum, { multiplyAdds }) => sum + multiplyAdds, 0);
}

/** Runs `body` in this process for every workload with every thread count. */
export async function forEachWorkload(
  context: Context,
  body: (backend: WasmBackend, workload: Workload, network: Network) => Promise<void>,
): Promise<void> {
  for (const threads of context.options.threads) {
    await withBackend(context.options, threads, async (backend) => {
      for (const workload of context.workloads) await body(backend, workload, workload.network());
    });
  }
}

export async function benchWorkloads(context: Context): Promise<void> {
  const { options, workloads, write } = context;
  if (!options.json) await tellMemory(context);
  const table = options.json
    ? undefined
    : new Table(
        [
          { title: "workload", width: widest(workloads.map(({ name }) => name)) },
          { title: "threads", width: 0 },
          { title: "train ms", width: 0 },
          { title: "infer ms", width: 0 },
          { title: "GFLOP/s", width: 0 },
          { title: "of peak", width: 0 },
          { title: "compile ms", width: 0 },
        ],
        write,
      );
  await forEachRun(context, async (runner, { name }) => {
    const result = await runner.measure(name, options.seconds, context.peak);
    if (table === undefined) return write(JSON.stringify({ ...result, ...context.host.fields }));
    table.row([
      result.name,
      String(result.threads),
      milliseconds(result.train_ms),
      milliseconds(result.infer_ms),
      result.gflops.toFixed(1),
      percent(result.peak_fraction),
      result.compile_ms.toFixed(0),
    ]);
  });
}
