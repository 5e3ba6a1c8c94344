import { platform } from "#platform";
import { predictionGraph, trainingGraph } from "../src/autodiff/trainingGraph.js";
import type { WasmBackend } from "../src/backends/wasm/index.js";
import type { NumericArray } from "../src/core/dtypes.js";
import { keyOf, uniformAt } from "../src/core/random.js";
import { sizeOf } from "../src/core/shapes.js";
import type { Graph } from "../src/graph/types.js";
import { initialize } from "../src/model/initializers.js";
import type { Network } from "../src/model/network.js";
import { sgd } from "../src/model/optimizers.js";
import { optimize } from "../src/passes/index.js";
import type { Program, Store } from "../src/plan/backend.js";
import type { Timed } from "./timing.js";

export type Purpose = "train" | "infer";

/** What `purpose` computes, optimised: with training, what PyTorch's side does, and no metrics. */
export function graphOf(network: Network, batchSize: number, purpose: Purpose): Graph {
  const inputDtype = "float32";
  if (purpose === "infer") return optimize(predictionGraph(network, { batchSize, inputDtype }));
  return optimize(trainingGraph(network, { loss: "crossEntropy", optimizer, batchSize, inputDtype, metrics: [] }));
}

const optimizer = sgd(0.01, { momentum: 0.9, nesterov: true });

export interface Prepared extends Timed {
  readonly program: Program;
  /** Time from the network's description to the program that can run. */
  readonly compileMilliseconds: number;
}

/**
 * Compiles what `graph` gives, and draws the network's weights. Programs of one store share weights and arena, as a
 * model's do.
 */
export async function prepare(
  backend: WasmBackend,
  store: Store,
  network: Network,
  graph: () => Graph,
): Promise<Prepared> {
  const began = platform.now();
  const program = await backend.compile(backend.plan(graph()), store);
  const compileMilliseconds = platform.now() - began;
  for (const { name, shape, initializer, fanIn, fanOut } of network.weights) {
    store.write(name, initialize(initializer, shape, { fanIn, fanOut }, keyOf(0, name)));
  }
  return { program, compileMilliseconds, ...timed(program) };
}

/** A program with random inputs: numbers in [0, 1), labels below the number of classes, the optimiser's scalars. */
export function timed(program: Program): Timed {
  const { nodes } = program.plan.graph;
  const classes = nodes.find(({ op }) => op === "softmaxCrossEntropy")?.inputs[0];
  const labels = classes === undefined ? 1 : nodes[classes]!.shape.at(-1)!;
  const inputs = program.plan.buffers
    .filter(({ kind }) => kind === "input")
    .map(
      ({ name, type }) => [name, randomValues(name, sizeOf(type.shape), type.dtype === "int32" ? labels : 0)] as const,
    );
  return {
    prepare() {
      for (const [name, values] of inputs) program.input(name).set(values);
    },
    run: () => program.run(),
  };
}

function randomValues(name: string, length: number, labels: number): NumericArray {
  if (name.startsWith("optimizer.")) {
    return Float32Array.of(optimizer.scalars(1)[name.slice("optimizer.".length)]!);
  }
  const key = keyOf(0, name);
  if (labels === 0) return Float32Array.from({ length }, (_, i) => uniformAt(key, i));
  return Int32Array.from({ length }, (_, i) => Math.floor(labels * uniformAt(key, i)));
}
