/** fovea in a page: a `Runner` that is opened by a call. */
import { openRunner, type Runner } from "../runner.js";

let runner: Runner;

type Method = "measurePeak" | "planMemory" | "measure" | "prepare" | "time";

/** Those of the runner pass on what they are given. */
export const methods: Pick<Runner, Method> & { open(threads: number): Promise<Partial<Runner>> } = {
  async open(threads) {
    runner = await openRunner({ narrow: true }, threads);
    const { width, fused } = runner;
    return { threads: runner.threads, width, fused };
  },
  measurePeak: (...args) => runner.measurePeak(...args),
  planMemory: (...args) => runner.planMemory(...args),
  measure: (...args) => runner.measure(...args),
  prepare: (...args) => runner.prepare(...args),
  time: (...args) => runner.time(...args),
};
