import { platform } from "#platform";
import { trainingGraph } from "../src/autodiff/trainingGraph.js";
import type { WasmBackend } from "../src/backends/wasm/index.js";
import { keyOf, RandomStream } from "../src/core/random.js";
import { sizeOf } from "../src/core/shapes.js";
import { type Augment, Augmentor, augment, exampleKey, layoutOf } from "../src/data/augment/augment.js";
import { brightness, saturation } from "../src/data/augment/colour.js";
import { flip, randomCrop, rotate } from "../src/data/augment/geometric.js";
import { epochOrder } from "../src/data/batches.js";
import { type Dataset, dataset } from "../src/data/dataset.js";
import type { Network } from "../src/model/network.js";
import { sgd } from "../src/model/optimizers.js";
import { Session } from "../src/runtime/session.js";
import { PlacedData } from "../src/train/placed.js";
import type { Context } from "./context.js";
import { forEachWorkload } from "./measure.js";
import { timed } from "./prepare.js";
import { milliseconds, round, Table, widest } from "./table.js";
import { median } from "./timing.js";
import type { Workload } from "./workloads.js";

/** What photos are usually varied by. */
const usual = augment(randomCrop(4), flip(), rotate(10), brightness(0.2), saturation(0.2));

/** A line of `--json`. */
interface Result {
  readonly name: string;
  readonly threads: number;
  /** A training step on examples that lie there. */
  readonly still_ms: number;
  /** A training step on examples that are varied for it. */
  readonly varied_ms: number;
  /** Median of the ratios of neighbouring stretches. */
  readonly ratio: number;
  /** What augmenting a batch takes on a thread of its own. */
  readonly augment_ms: number;
}

/** Times a training step with and without augmentation: alternately, since machines are not always as fast. */
export async function benchLoader(context: Context): Promise<void> {
  const { options, workloads, write } = context;
  if (!options.json) {
    const names = usual.steps.map(({ kind }) => kind).join(", ");
    write(`augmentation: ${names}`);
    write("");
  }
  const titles = ["threads", "step ms", "augmented", "ratio", "augment ms"];
  const columns = [
    { title: "workload", width: widest(workloads.map(({ name }) => name)) },
    ...titles.map((title) => ({ title, width: 0 })),
  ];
  const table = options.json ? undefined : new Table(columns, write);
  await forEachWorkload(context, async (backend, workload, network) => {
    const result = await measureLoader(backend, workload, network, options.seconds);
    if (table === undefined) return write(JSON.stringify(result));
    const { name, threads, still_ms, varied_ms, ratio, augment_ms } = result;
    const times = [still_ms, varied_ms].map(milliseconds);
    table.row([name, String(threads), ...times, ratio.toFixed(3), milliseconds(augment_ms)]);
  });
}

/** Pairs of stretches. */
const pairs = 9;

async function measureLoader(
  backend: WasmBackend,
  { name, batchSize }: Workload,
  network: Network,
  seconds: number,
): Promise<Result> {
  const { threads } = backend.engine;
  const data = randomImages(network);
  const session = new Session(backend, threads);
  const placed = await PlacedData.place(session, network, data, { name: "training data", batchSize, augment: usual });
  try {
    const spec = {
      loss: "crossEntropy",
      optimizer: sgd(0.01, { momentum: 0.9, nesterov: true }),
      metrics: [],
    } as const;
    const graph = (size: number) => trainingGraph(network, { ...spec, ...placed.graphOptions, batchSize: size });
    const program = await session.program("train", graph, batchSize);
    for (const { name, shape } of network.weights)
      session.store.write(name, new Float32Array(sizeOf(shape)).fill(0.01));
    timed(program).prepare();
    const indices = program.input("indices") as Int32Array;
    let epoch = 0;
    /** Milliseconds of a step, over a stretch of steps that begins when the first batch is there. */
    const stretch = async (varied: boolean, length: number): Promise<number> => {
      const order = () => epochOrder(data.length, 0, ++epoch, true).subarray(0, stepsOf(data, batchSize) * batchSize);
      indices.forEach((_, i) => {
        indices[i] = i;
      });
      let left = 0;
      let steps = 0;
      let began = Number.NaN;
      for (let now = 0; !(now - began >= length); now = platform.now()) {
        if (varied && left === 0) {
          placed.begin(order(), epoch);
          left = stepsOf(data, batchSize);
        }
        if (varied) await placed.source.next(indices);
        left -= 1;
        if (steps === 0) began = platform.now();
        program.run();
        steps += 1;
        // as `fit` does, now and then
        if (steps % 8 === 0) await platform.yield();
      }
      return (platform.now() - began) / steps;
    };
    const length = (1000 * seconds) / 4;
    for (const varied of [false, true, false, true]) await stretch(varied, 2 * length);
    const still: number[] = [];
    const varied: number[] = [];
    for (let pair = 0; pair < pairs; pair++) {
      // each comes first as often as the other
      for (const isVaried of pair % 2 === 0 ? [false, true] : [true, false]) {
        (isVaried ? varied : still).push(await stretch(isVaried, length));
      }
    }
    return {
      name,
      threads,
      still_ms: round(median(still), 3),
      varied_ms: round(median(varied), 3),
      ratio: round(median(varied.map((time, pair) => time / still[pair]!)), 3),
      augment_ms: round(batchSize * millisecondsToVary(usual, data), 3),
    };
  } finally {
    await placed.close();
  }
}

const stepsOf = (data: Dataset, batchSize: number) => Math.floor(data.length / batchSize);

/** Random images of the network's size, some batches of them. */
function randomImages(network: Network): Dataset {
  const shape = network.inputs[0]!.shape;
  const count = Math.max(64, Math.min(2048, Math.floor(2 ** 24 / sizeOf(shape))));
  const random = new RandomStream(keyOf(0, "images"));
  const inputs = Uint8Array.from({ length: count * sizeOf(shape) }, () => random.integer(256));
  return dataset({ inputs, targets: new Int32Array(count), shape });
}

/** Of one example, once the code is optimised. */
function millisecondsToVary(given: Augment, data: Dataset): number {
  const augmentor = new Augmentor(given, layoutOf(data));
  const size = sizeOf(data.shape);
  const images = data.inputs.slice(0, 32 * size);
  const times: number[] = [];
  for (let pass = 0; pass < 100; pass++) {
    const began = platform.now();
    for (let i = 0; i < 32; i++) {
      augmentor.vary(
        images.subarray(i * size, (i + 1) * size),
        data.targets.subarray(i, i + 1),
        exampleKey(0, pass, i),
      );
    }
    times.push((platform.now() - began) / 32);
  }
  return median(times.slice(50));
}
