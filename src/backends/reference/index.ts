import { fail } from "../../core/errors.js";
import type { Backend } from "../../plan/backend.js";
import { planGraph } from "../../plan/plan.js";
import { referenceCatalog } from "./kernels.js";
import { ReferenceProgram } from "./program.js";
import { type Precision, ReferenceStore } from "./store.js";

export interface ReferenceOptions {
  /** What floats are kept in; sums are float64 in both. Default: float32, as on every other backend. */
  readonly precision?: Precision;
}

/** Runs graphs with the naive loops of `src/ops/*.reference.ts`: slow, synchronous inside, and meant to be read. */
export function createReferenceBackend({ precision = "float32" }: ReferenceOptions = {}): Backend {
  return {
    name: "reference",
    createStore: () => new ReferenceStore(precision),
    plan: (graph, options) => planGraph(graph, "reference", referenceCatalog, options),
    async compile(plan, store) {
      if (store instanceof ReferenceStore) return new ReferenceProgram(plan, store);
      return fail({ code: "usage", where: "reference backend", problem: "the store belongs to another backend" });
    },
    async close() {},
  };
}
