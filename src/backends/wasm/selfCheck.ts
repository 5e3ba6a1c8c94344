import { platform } from "#platform";
import type { Node, Update } from "../../graph/types.js";
import { GraphBuilder } from "../../graph/builder.js";
import { type Conv2dAttributes, conv2d, conv2dFilterGradient, conv2dInputGradient } from "../../ops/conv2d.js";
import { add, exp, maximum, x } from "../../ops/expression.js";
import { mapNode } from "../../ops/map.js";
import { matmulNode } from "../../ops/matmul.js";
import { reduceNode } from "../../ops/reduce.js";
import { planGraph } from "../../plan/plan.js";
import { createReferenceBackend } from "../reference/index.js";
import { catalog } from "./catalog.js";
import { compilePlan } from "./compile.js";
import { bindCatalog, type Engine } from "./kernel.js";
import { WasmProgram } from "./program.js";
import { WasmStore } from "./store.js";

/** What became of 256-bit vectors: `none` where the engine has no such thing. */
export type WideVerdict = "right" | "wrong" | "none";

let verdict: Promise<WideVerdict> | undefined;

/**
 * Switches 256-bit vectors on, if this process's engine has them and computes rightly with them; decided once. V8's
 * revectoriser is an experiment: a mistake of it would be a network that silently learns something else. So one small
 * program with the kernels' full tiles runs as optimised code, and is compared with naive loops. Where they differ, the
 * vectors are switched off again and the user is told.
 *
 * @param distort lets a test put mistakes into the results
 */
export function widen(engine: Engine, distort?: (outputs: Outputs) => void): Promise<WideVerdict> {
  verdict ??= decide(engine, distort);
  return verdict;
}

/** Forgets the verdict, for tests. */
export function forgetVerdict(): void {
  verdict = undefined;
}

async function decide(engine: Engine, distort: ((outputs: Outputs) => void) | undefined): Promise<WideVerdict> {
  if (!platform.widenWasm(true)) return "none";
  if (await isRight({ ...engine, threads: 1, wide: true }, distort)) return "right";
  platform.widenWasm(false);
  platform.warn("fovea: 256-bit vectors give wrong results on this engine; using 128-bit ones");
  return "wrong";
}

export type Outputs = Record<string, Float32Array>;

async function isRight(engine: Engine, distort: ((outputs: Outputs) => void) | undefined): Promise<boolean> {
  const { nodes, outputs, updates } = checkGraph();
  return false;
}
