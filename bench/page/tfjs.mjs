/** TensorFlow.js in a page: in a new one for each measurement, since a backend starts once. */
import * as wasm from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { platform } from "#platform";
import { measureInference, startBackend } from "../tfjsNetworks.mjs";

export const methods = {
  /** `threads` undefined: as many as it takes by itself. */
  async measure(name, seconds, threads) {
    // its binary takes half of the processors that it sees, whatever it is told
    if (threads !== undefined) Object.defineProperty(navigator, "hardwareConcurrency", { value: 2 * threads });
    wasm.setWasmPaths(new URL("/tfjs/", location.href).href);
    await startBackend(tf, wasm, threads);
    // a millisecond, as in timing.ts
    return measureInference(tf, wasm, name, seconds, 1, platform.yield);
  },
};
