import { createReferenceBackend } from "../../src/backends/reference/index.js";
import { createWasmBackend } from "../../src/backends/wasm/index.js";
import type { Backend } from "../../src/plan/backend.js";

/** A backend that every case runs on. */
export interface TestedBackend {
  readonly name: string;
  /** An earlier one in the list, whose results it must repeat bit for bit. */
  readonly sameAs?: string;
  create(): Promise<Backend>;
}

/** The measure of truth: naive loops in float64. */
export const truth: Backend = createReferenceBackend({ precision: "float64" });

/** All backends under test; a new one is one line here. */
export const testedBackends: readonly TestedBackend[] = [
  { name: "reference float32", create: async () => createReferenceBackend() },
  { name: "wasm, 1 thread", create: () => createWasmBackend({ threads: 1 }) },
  // shares even the smallest phase, so that every kernel is cut into tasks
  {
    name: "wasm, 2 threads",
    sameAs: "wasm, 1 thread",
    create: () => createWasmBackend({ threads: 2, worthSharing: 0 }),
  },
  { name: "wasm, multiply and add", create: () => createWasmBackend({ threads: 1, relaxedSimd: false }) },
];
