/**
 * What `npm run bench -- --vs-tfjs` compares with: inference by TensorFlow.js's WebAssembly backend (SIMD), with the
 * workloads of workloads.ts.
 *
 *     node bench/tfjsBench.mjs --directory DIRECTORY [--threads 1] [--only NAME,NAME] [--seconds 2]
 *
 * DIRECTORY has @tensorflow/tfjs-core and @tensorflow/tfjs-backend-wasm among its packages. One JSON line per workload,
 * medians in milliseconds, from the call to the values of the last layer. The networks are written as TensorFlow.js's
 * converter leaves them, which is the fastest it has: bias and activation are part of the convolution, and a batch
 * normalisation with running averages is folded into filter and bias.
 */
import { createRequire } from "node:module";
import os from "node:os";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import workerThreads from "node:worker_threads";

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

// --- layers: each draws its weights and gives a function of tensors (NHWC) ---

const random = (...shape) => tf.randomUniform(shape, -0.1, 0.1);

function conv(channels, filters, size, { strides = 1, pad = 0, activation = "relu" } = {}) {
  const filter = random(size, size, channels, filters);
  const bias = random(filters);
  return (x) => tf.fused.conv2d({ x, filter, strides, pad, bias, activation });
}

function dense(inputs, units, activation = "linear") {
  const b = random(inputs, units);
  const bias = random(units);
  return (a) => tf.fused.matMul({ a, b, bias, activation });
}

const maxPool = (size, strides, pad) => (x) => tf.maxPool(x, size, strides, pad);
const globalAveragePool = (x) => tf.avgPool(x, x.shape.slice(1, 3), 1, "valid");
const flatten = (x) => tf.reshape(x, [x.shape[0], -1]);

const sequential =
  (...layers) =>
  (x) =>
    layers.reduce((value, layer) => layer(value), x);

// --- networks ---

const mnistShallow = () =>
  sequential(conv(1, 10, 5, { strides: 2, pad: 2 }), flatten, dense(10 * 14 * 14, 50, "relu"), dense(50, 10));

const mnistDeep = () =>
  sequential(
    conv(1, 10, 5, { strides: 2, pad: 2 }), // 14 × 14
    conv(10, 40, 5, { strides: 2, pad: 2 }), // 7 × 7
    conv(40, 80, 5, { pad: 2 }),
    flatten,
    dense(80 * 7 * 7, 50, "relu"),
    dense(50, 10),
  );

const cifar = () =>
  sequential(
    conv(3, 64, 5), // 28 × 28
    maxPool(2, 2, 0),
    conv(64, 64, 5), // 10 × 10
    maxPool(2, 2, 0),
    flatten,
    dense(64 * 5 * 5, 10),
  );

/** Two 3 × 3 convolutions with a shortcut, which is a 1 × 1 convolution where the shape changes. */
function basicBlock(channels, filters, strides) {
  const first = conv(channels, filters, 3, { strides, pad: 1 });
  const second = conv(filters, filters, 3, { pad: 1, activation: "linear" });
  const changes = strides !== 1 || channels !== filters;
  const shortcut = changes ? conv(channels, filters, 1, { strides, activation: "linear" }) : (x) => x;
  return (x) => tf.relu(tf.add(second(first(x)), shortcut(x)));
}

function resnet18() {
  const layers = [conv(3, 64, 7, { strides: 2, pad: 3 }), maxPool(3, 2, 1)];
  let channels = 64;
  for (const [filters, strides] of [
    [64, 1],
    [128, 2],
    [256, 2],
    [512, 2],
  ]) {
    layers.push(basicBlock(channels, filters, strides), basicBlock(filters, filters, 1));
    channels = filters;
  }
  return sequential(...layers, globalAveragePool, flatten, dense(channels, 1000));
}

/** name: network, shape of a batch */
const workloads = {
  "mnist-shallow-b50": [mnistShallow, [50, 28, 28, 1]],
  "mnist-deep-b50": [mnistDeep, [50, 28, 28, 1]],
  "cifar-64-64-b32": [cifar, [32, 32, 32, 3]],
  "cifar-64-64-b250": [cifar, [250, 32, 32, 3]],
  "resnet18-224-b4": [resnet18, [4, 224, 224, 3]],
  "resnet18-224-b1": [resnet18, [1, 224, 224, 3]],
};

// --- measuring, as timing.ts does it ---

async function once(run) {
  const began = performance.now();
  await run();
  return performance.now() - began;
}

/** Runs until it gets no faster, for a second at least; then the median over `seconds` and over five runs at least. */
async function medianMilliseconds(run) {
  const began = performance.now();
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) {
      fastest = Math.min(fastest, await once(run));
      await new Promise((done) => setImmediate(done));
    }
    const elapsed = performance.now() - began;
    if ((fastest > 0.97 * before && elapsed >= 1000 * Math.min(2 * seconds, 1)) || elapsed > 15_000) break;
    before = Math.min(before, fastest);
  }
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < 5 || performance.now() < end) times.push(await once(run));
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  return times.length % 2 === 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}

tf.enableProdMode();
tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
wasm.setThreadsCount(threads);
if (!(await tf.setBackend("wasm"))) throw new Error("the wasm backend does not start");
if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("no SIMD");

for (const name of options.only?.split(",") ?? Object.keys(workloads)) {
  const [make, shape] = workloads[name];
  const network = make();
  const images = tf.randomUniform(shape);
  const run = async () => {
    const logits = tf.tidy(() => network(images));
    await logits.data();
    logits.dispose();
  };
  const infer_ms = Number((await medianMilliseconds(run)).toFixed(3));
  const peer = `tfjs-wasm-${tf.version_core}`;
  console.log(JSON.stringify({ peer, threads: wasm.getThreadsCount(), name, infer_ms }));
}
// workers would keep the process
process.exit();
