/**
 * TensorFlow.js's side of the benchmark, for Node (tfjsBench.mjs) and for a page (page/tfjs.mjs): the
 * networks of workloads.ts, and how their inference is timed. The networks are written as TensorFlow.js's converter
 * leaves them, which is the fastest it has: bias and activation are part of the convolution, and a batch normalisation
 * with running averages is folded into filter and bias.
 */

/** Of each workload, by name: what makes its network, and the shape of a batch. */
export function workloadsOf(tf) {
  // layers: each draws its weights and gives a function of tensors (NHWC)

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

  return {
    "mnist-shallow-b50": [mnistShallow, [50, 28, 28, 1]],
    "mnist-deep-b50": [mnistDeep, [50, 28, 28, 1]],
    "cifar-64-64-b32": [cifar, [32, 32, 32, 3]],
    "cifar-64-64-b250": [cifar, [250, 32, 32, 3]],
    "resnet18-224-b4": [resnet18, [4, 224, 224, 3]],
    "resnet18-224-b1": [resnet18, [1, 224, 224, 3]],
  };
}

/**
 * Starts the WebAssembly backend, and gives its threads. `threads` undefined leaves it as it comes; with one it is the
 * binary without threads.
 */
export async function startBackend(tf, wasm, threads) {
  tf.enableProdMode();
  if (threads !== undefined) {
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
    wasm.setThreadsCount(threads);
  }
  if (!(await tf.setBackend("wasm"))) throw new Error("the wasm backend does not start");
  if (!(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT"))) throw new Error("no SIMD");
  return wasm.getThreadsCount();
}

/**
 * The line of results of one workload: the median in milliseconds, from the call to the values of the last layer.
 *
 * @param shortest milliseconds of a sample at least, as the mean of several runs; 0 for single runs
 * @param turn gives the event loop its turn
 */
export async function measureInference(tf, wasm, name, seconds, shortest, turn) {
  const [make, shape] = workloadsOf(tf)[name];
  const network = make();
  const images = tf.randomUniform(shape);
  const run = async () => {
    const logits = tf.tidy(() => network(images));
    await logits.data();
    logits.dispose();
  };
  const infer_ms = Number((await medianMilliseconds(run, seconds, shortest, turn)).toFixed(3));
  return { peer: `tfjs-wasm-${tf.version_core}`, threads: wasm.getThreadsCount(), name, infer_ms };
}

// measuring, as timing.ts does it

async function meanOf(run, runs) {
  const began = performance.now();
  for (let i = 0; i < runs; i++) await run();
  return (performance.now() - began) / runs;
}

/** Runs until it gets no faster, for a second at least; then the median over `seconds` and over five samples at least. */
async function medianMilliseconds(run, seconds, shortest, turn) {
  const began = performance.now();
  let before = Number.POSITIVE_INFINITY;
  for (;;) {
    let fastest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) {
      fastest = Math.min(fastest, await meanOf(run, 1));
      await turn();
    }
    const slower = fastest > 0.97 * before;
    before = Math.min(before, fastest);
    const elapsed = performance.now() - began;
    if ((slower && elapsed >= 1000 * Math.min(2 * seconds, 1)) || elapsed > 15_000) break;
  }
  const runs = Math.max(1, Math.ceil(shortest / Math.max(before, 0.005)));
  const times = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < 5 || performance.now() < end) times.push(await meanOf(run, runs));
  times.sort((a, b) => a - b);
  const middle = times.length >> 1;
  return times.length % 2 === 1 ? times[middle] : (times[middle - 1] + times[middle]) / 2;
}
