import { Option } from "commander";
import type { Autotune } from "../backends/wasm/index.js";

/** What `--autotune` and `--retune` give. */
export interface AutotuneOptions {
  readonly autotune?: boolean;
  readonly retune?: boolean;
}

export const autotuneOption = new Option("--autotune", "measure kernels on this machine, once; take the fastest");
export const retuneOption = new Option("--retune", "the same, and measure again what was measured before");

export function autotuneOf({ autotune = false, retune = false }: AutotuneOptions): Autotune {
  return retune ? "again" : autotune;
}
