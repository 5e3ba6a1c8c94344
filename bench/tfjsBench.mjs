/**
 * What `npm run bench -- --vs-tfjs` compares with: inference by TensorFlow.js's WebAssembly backend (SIMD) in Node, with
 * the workloads of tfjsNetworks.mjs.
 *
 *     node bench/tfjsBench.mjs --directory DIRECTORY [--threads 1] [--only NAME,NAME] [--seconds 2]
 *
 * DIRECTORY has @tensorflow/tfjs-core and @tensorflow/tfjs-backend-wasm among its packages. One JSON line per workload,
 * medians in milliseconds.
 */
import { createRequire } from "node:module";
import os from "node:os";
import { dirname, join, resolve } from "node:path";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import workerThreads from "node:worker_threads";
import { measureInference, startBackend, workloadsOf } from "./tfjsNetworks.mjs";

const { values: options } = parseArgs({
  options: {
    directory: { type: "string", default: "." },
    threads: { type: "string", default: "1" },
    only: { type: "string" },
    seconds: { type: "string", default: "2" },
  },
});
const threads = Number(options.threads);
const seconds = Number(options.seconds);

const require = createRequire(join(resolve(options.directory), "package.json"));
if (threads > 1) allowThreads();
const tf = require("@tensorflow/tfjs-core");
const wasm = require("@tensorflow/tfjs-backend-wasm");

/**
 * TensorFlow.js has a threaded binary, but keeps to one thread in Node, because there its workers do not start: they are
 * to be loaded from blobs. Loaded from the package they work. The binary takes half of the processors that it sees.
 */
function allowThreads() {
  const binaries = join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "..", "wasm-out");
  const threaded = join(binaries, "tfjs-backend-wasm-threaded-simd.js");
  const { wasmWorkerContents } = require(join(binaries, "tfjs-backend-wasm-threaded-simd.worker.js"));
  workerThreads.Worker = class extends workerThreads.Worker {
    constructor() {
      super(wasmWorkerContents.replaceAll("\n", "\\n"), { eval: true });
    }
    postMessage(message) {
      super.postMessage(message.cmd === "load" ? { ...message, urlOrBlob: threaded } : message);
    }
  };
  os.cpus = () => new Array(2 * threads).fill({});
}

await startBackend(tf, wasm, threads);
for (const name of options.only?.split(",") ?? Object.keys(workloadsOf(tf))) {
  console.log(JSON.stringify(await measureInference(tf, wasm, name, seconds, 0, setImmediate)));
}
// workers would keep the process
process.exit();
