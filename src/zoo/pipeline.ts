import { choice } from "../model/check.js";
import type { Layer } from "../model/layer.js";
import { batchNorm, conv2d, dense, dropout, flatten, maxPool2d, relu } from "../model/layers/index.js";
import { type Network, sequentialNetwork } from "../model/network.js";
import { input } from "../model/symbolic.js";

/** What the lectures' pipeline adds from step to step; "linear" is the output layer alone, which all steps have. */
export const pipelineSteps = ["linear", "conv", "relu", "bn", "pool", "fc1", "do1", "fc2", "do2"] as const;

export type PipelineStep = (typeof pipelineSteps)[number];

const additions: Readonly<Record<PipelineStep, () => readonly Layer[]>> = {
  linear: () => [],
  conv: () => [conv2d(16, 5, { name: "conv" })],
  relu: () => [relu({ name: "relu" })],
  bn: () => [batchNorm({ momentum: 0.9, name: "bn" })],
  pool: () => [maxPool2d(2, { name: "pool" })],
  fc1: () => [flatten(), dense(100, { activation: "relu", name: "fc1" })],
  do1: () => [dropout(0.5, { name: "do1" })],
  fc2: () => [dense(100, { activation: "relu", name: "fc2" })],
  do2: () => [dropout(0.5, { name: "do2" })],
};

/**
 * The lectures' pipeline (D20), INPUT ⇒ CONV ⇒ RELU ⇒ BN ⇒ POOL ⇒ FC ⇒ DO ⇒ FC ⇒ DO and an output layer, or its
 * beginning: 16 filters of 5 × 5, 2 × 2 pooling, twice 100 units, of which half are dropped; 325,338 parameters in all.
 *
 * Errors: code "option" for an unknown step.
 *
 * @param last the last step that the network has; all before it are there, too
 * @example pipeline("pool") // convolution, rectifier, norm, pooling and 10 outputs
 */
export function pipeline(last: PipelineStep = "do2"): Network {
  const count = pipelineSteps.indexOf(choice("pipeline", "last", last, pipelineSteps)) + 1;
  const layers = pipelineSteps.slice(0, count).flatMap((step) => additions[step]());
  const isFlat = layers.some(({ kind }) => kind === "flatten");
  return sequentialNetwork(input(28, 28, 1), ...layers, ...(isFlat ? [] : [flatten()]), dense(10, { name: "output" }));
}
