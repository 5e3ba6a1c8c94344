import { describe, expect, test } from "vitest";
import { type Dataset, dataset, split, strokes } from "../../src/data/index.js";
import {
  adam,
  type Callback,
  conv2d,
  dense,
  dropout,
  earlyStopping,
  type FitOptions,
  flatten,
  input,
  type Model,
  maxPool2d,
  modelFromBytes,
  sequential,
  sgd,
  stepDecay,
} from "../../src/index.js";
import { messageOf } from "./messages.js";

const digits = await strokes({ train: 630, test: 200, seed: 3 });

const small = () =>
  sequential(
    input(28, 28, 1),
    conv2d(4, 5, { stride: 2, activation: "relu" }),
    maxPool2d(2),
    flatten(),
    dropout(0.1),
    dense(10),
  );

const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: "crossEntropy",
  optimizer: sgd(0.05, { momentum: 0.9, nesterov: true }),
  batchSize: 50,
  epochs: 3,
  validation: 0.1,
  seed: 7,
  progress: false,
  threads: 1,
  ...more,
});

const sameBytes = (a: Model, b: Model) => Buffer.compare(a.toBytes(), b.toBytes()) === 0;

describe("fit", () => {
  test("learns, and says how each epoch went", async () => {
    const net = small();
    const { epochs, end } = await net.fit(digits.train, options({ epochs: 12 }));
    expect(epochs).toHaveLength(12);
    expect(epochs[11]!.loss).toBeLessThan(epochs[0]!.loss / 2);
    expect(epochs[11]!.validationAccuracy).toBeGreaterThan(0.6);
    expect(end).toMatchObject({ epochs: 12, stopped: undefined, weightsOfEpoch: 12 });
    const { accuracy, examples } = await net.evaluate(digits.test, { threads: 1 });
    expect(examples).toBe(200);
    expect(accuracy).toBeGreaterThan(0.6);
  });

  test("takes its learning rate from schedule and callbacks, without compiling again", async () => {
    const rates: number[] = [];
    const halving: Callback = {
      onEpoch(log, control) {
        rates.push(log.learningRate);
        control.setLearningRate(control.learningRate / 2);
      },
    };
    const net = small();
    // 12 steps an epoch
    const schedule = stepDecay({ every: 24, factor: 0.1 });
    await net.fit(digits.train, options({ optimizer: sgd(0.08), schedule, callbacks: [halving] }));
    rates.forEach((rate, i) => {
      expect(rate).toBeCloseTo([0.08, 0.04, 0.002][i]!, 12);
    });
    const frozen = small().initialize(7);
    const before = frozen.toBytes();
    await frozen.fit(digits.train, options({ schedule: () => 0, epochs: 1 }));
    expect(frozen.weight("dense.kernel")).toEqual(modelFromBytes(before).weight("dense.kernel"));
  });

  test("ends with averages of the weights, which are what validation measures", async () => {
    const averaged = small();
    const optimizer = sgd(0.05, { momentum: 0.9, averageDecay: 0.8 });
    const history = await averaged.fit(digits.train, options({ optimizer, epochs: 2 }));
    const plain = small();
    await plain.fit(digits.train, options({ optimizer: sgd(0.05, { momentum: 0.9 }), epochs: 2 }));
    expect(sameBytes(averaged, plain)).toBe(false);
    const [, validation] = split(digits.train, 0.1, { seed: 7 });
    const { loss } = await averaged.evaluate(validation, { threads: 1 });
    expect(loss).toBe(history.epochs[1]!.validationLoss);

    // an average that follows at once is the weight itself
    const immediate = small();
    await immediate.fit(digits.train, options({ optimizer: sgd(0.05, { momentum: 0.9, averageDecay: 0 }), epochs: 2 }));
    expect(sameBytes(immediate, plain)).toBe(true);

    const restored = small();
    const callbacks = [earlyStopping({ patience: 1, minDelta: 100 })];
    const { end } = await restored.fit(digits.train, options({ optimizer, callbacks }));
    expect(end.weightsOfEpoch).toBe(1);
    const first = small();
    await first.fit(digits.train, options({ optimizer, epochs: 1 }));
    expect(sameBytes(restored, first)).toBe(true);
  });

  test("adds penalties to the loss, and draws weights to 0", async () => {
    const norm = (net: Model) => net.weight("dense.kernel").reduce((sum, value) => sum + value * value, 0);
    const [plain, drawn] = [small(), small()];
    const without = await plain.fit(digits.train, options());
    const withPenalty = await drawn.fit(digits.train, options({ regularizers: { "*.kernel": { l2: 0.02 } } }));
    expect(norm(drawn)).toBeLessThan(0.7 * norm(plain));
    expect(withPenalty.epochs[0]!.loss).toBeGreaterThan(without.epochs[0]!.loss);
  });

  test("gives the same bits for the same seed on one and two threads, and others for another seed", async () => {
    const runs: Model[] = [];
    for (const more of [{ threads: 1 }, { threads: 2 }, { threads: 1 }, { threads: 1, seed: 8 }]) {
      const net = small();
      await net.fit(digits.train, options(more));
      runs.push(net);
    }
    expect(sameBytes(runs[0]!, runs[1]!)).toBe(true);
    expect(sameBytes(runs[0]!, runs[2]!)).toBe(true);
    expect(sameBytes(runs[0]!, runs[3]!)).toBe(false);
  });

  test("follows the reference backend step by step", async () => {
    const losses = async (backend: "wasm" | "reference") => {
      const net = small();
      const part: Dataset = await strokes({ train: 120, test: 10, seed: 5 }).then(({ train }) => train);
      const history = await net.fit(part, options({ backend, epochs: 3, validation: undefined, batchSize: 24 }));
      return history.epochs.map(({ loss }) => loss);
    };
    const [wasm, reference] = [await losses("wasm"), await losses("reference")];
    // fifteen steps of a network whose loss is about 2: rounding differs in the seventh digit of each operation
    wasm.forEach((loss, epoch) => expect(Math.abs(loss - reference[epoch]!)).toBeLessThan(2e-5));
  });

  test("a last batch that is smaller counts by its size", async () => {
    const examples = 5;
    const data = dataset({
      inputs: Float32Array.from({ length: examples * 2 }, (_, i) => i / 10),
      targets: new Float32Array(examples).fill(1),
      shape: [2],
      targetShape: [1],
    });
    const net = sequential(input(2), dense(1, { kernelInitializer: "zeros" }));
    const { epochs } = await net.fit(data, {
      loss: "meanSquaredError",
      optimizer: sgd(1e-12),
      batchSize: 2,
      epochs: 1,
      progress: false,
    });
    expect(epochs[0]!.loss).toBeCloseTo(1, 6);
    expect(epochs[0]!.accuracy).toBeUndefined();
  });

  test("tells callbacks what is going on, in order", async () => {
    const calls: string[] = [];
    const callback: Callback = {
      onStart: (run) => void calls.push(`start ${run.examples}+${run.validationExamples} ${run.stepsPerEpoch}`),
      onStep: (log) => void (log.step === log.steps && calls.push(`step ${log.step}/${log.steps}`)),
      onEpoch: (log, control) => {
        calls.push(`epoch ${log.epoch}`);
        if (log.epoch === 2) control.stop("enough");
      },
      onEnd: (end) => void calls.push(`end ${end.epochs} ${end.stopped}`),
    };
    await small().fit(digits.train, options({ callbacks: [callback] }));
    expect(calls).toEqual(["start 567+63 12", "step 12/12", "epoch 1", "step 12/12", "epoch 2", "end 2 enough"]);
  });

  test("stops when it is told to, after the step", async () => {
    const stop = new AbortController();
    const net = small();
    const callback: Callback = { onStep: ({ epoch }) => epoch === 2 && stop.abort() };
    const { end } = await net.fit(digits.train, options({ epochs: 50, signal: stop.signal, callbacks: [callback] }));
    expect(end).toMatchObject({ epochs: 2, stopped: "it was interrupted" });
  });

  test("starts again with fresh optimiser state", async () => {
    const first = small();
    await first.fit(digits.train, options({ epochs: 1 }));
    const again = modelFromBytes(first.toBytes());
    await first.fit(digits.train, options({ epochs: 1, seed: 9 }));
    await again.fit(digits.train, options({ epochs: 1, seed: 9 }));
    expect(sameBytes(first, again)).toBe(true);
  });
});

describe("earlyStopping", () => {
  test("restores the weights of the best epoch", async () => {
    const net = small();
    const { epochs, end } = await net.fit(
      digits.train,
      options({ epochs: 60, optimizer: adam(0.02), callbacks: [earlyStopping({ patience: 3 })] }),
    );
    const losses = epochs.map(({ validationLoss }) => validationLoss!);
    const best = losses.indexOf(Math.min(...losses));
    expect(end.weightsOfEpoch).toBe(best + 1);
    expect(end.epochs).toBe(best + 4);
    expect(end.stopped).toBe("validationLoss has not improved for 3 epochs");
    // the restored weights are those of the best epoch: a run that ends there has the same
    const short = small();
    await short.fit(digits.train, options({ epochs: best + 1, optimizer: adam(0.02) }));
    expect(sameBytes(net, short)).toBe(true);
  });

  test("refuses a metric that the run does not measure, and bad options", async () => {
    const run = small().fit(digits.train, options({ validation: undefined, callbacks: [earlyStopping()] }));
    expect(await messageOf(run)).toBe(
      "earlyStopping: this run does not measure validationLoss. Pass validation: 0.1 to fit.",
    );
    expect(() => earlyStopping({ patience: 0 })).toThrow(
      "earlyStopping: patience is out of range (expected a whole number of epochs ≥ 1, received 0).",
    );
    expect(() => earlyStopping({ patince: 3 } as object)).toThrow(
      'earlyStopping: unknown option "patince" (expected one of monitor, patience, minDelta, restoreBest). Did you mean "patience".',
    );
  });
});

describe("what fit refuses", () => {
  const message = (data: Dataset, more: object = {}) => messageOf(small().fit(data, { ...options(), ...more }));
  const tiny = (inputs: Float32Array, targets: Int32Array) =>
    dataset({ inputs, targets, shape: [28, 28, 1], classes: 12, name: "tiny" });

  test("examples of another shape", async () => {
    const data = dataset({ inputs: new Float32Array(64), targets: Int32Array.of(1), shape: [8, 8, 1], classes: 10 });
    expect(await message(data, { validation: undefined })).toBe(
      'fit: examples of "data" do not fit the network\'s input (expected [28, 28, 1], received [8, 8, 1]).',
    );
  });

  test("labels that are no classes", async () => {
    const data = tiny(new Float32Array(2 * 784), Int32Array.of(3, 11));
    expect(await message(data, { validation: undefined })).toBe(
      'fit: label 11 of example 1 of "tiny" is not a class of the network (expected 0 to 9, received 11). Give the last layer 12 units, or correct the labels.',
    );
  });

  test("targets of the wrong kind", async () => {
    const data = dataset({ inputs: new Float32Array(784), targets: Float32Array.of(1), shape: [28, 28, 1] });
    expect(await message(data, { validation: undefined })).toBe(
      'fit: targets of "data" are not the labels that crossEntropy takes (expected int32 [], received float32 [1]). Pass targets as an Int32Array, or use meanSquaredError.',
    );
    expect(await message(digits.train, { loss: "meanSquaredError" })).toBe(
      'fit: targets of "strokes train" do not fit the network\'s output under meanSquaredError (expected float32 [10], received int32 []).',
    );
  });

  test("options out of range or unknown", async () => {
    expect(await message(digits.train, { batchSize: 0 })).toBe(
      "fit: batchSize is out of range (expected a whole number ≥ 1, received 0).",
    );
    expect(await message(digits.train, { epochs: 1.5 })).toBe(
      "fit: epochs is out of range (expected a whole number ≥ 1, received 1.5).",
    );
    expect(await message(digits.train, { seed: -1 })).toBe(
      "fit: seed is out of range (expected a whole number from 0 to 2^53 − 1, received -1).",
    );
    expect(await message(digits.train, { validation: 1 })).toBe(
      "fit: validation is out of range (expected a part above 0 and below 1, or a data set, received 1).",
    );
    expect(await message(digits.train, { schedule: () => Number.NaN })).toBe(
      "fit: the schedule gives no factor for step 0 (expected a number ≥ 0, received NaN).",
    );
    expect(await message(digits.train, { batchsize: 5 })).toBe(
      'fit: unknown option "batchsize" (expected one of loss, lossWeights, optimizer, schedule, regularizers, batchSize, epochs, validation, seed, shuffle, augment, loaderWorkers, callbacks, progress, signal, checkpoint, resume, backend, threads, autotune). Did you mean "batchSize".',
    );
    expect(await message(digits.train, { optimizer: undefined })).toBe(
      "fit: optimizer is missing (expected what sgd(0.01) or adam() returns).",
    );
    expect(await message(digits.train, { threads: 0 })).toBe(
      "option threads: is out of range (expected a whole number from 1 to 64, received 0).",
    );
    expect(await message(digits.train, { backend: "cuda" })).toBe(
      'fit: unknown backend "cuda" (expected "wasm" or "reference").',
    );
    expect(await message(digits.train, { loss: "crossentropy" })).toMatch(/^fit: unknown loss/);
  });

  test("a loss that is not finite: names the layer and the step, and keeps the weights", async () => {
    const net = sequential(input(28, 28, 1), flatten(), dense(30, { activation: "relu", name: "hidden" }), dense(10));
    const before = net.initialize(7).weight("hidden.kernel");
    // one example with values whose products overflow
    const inputs = new Float32Array(4 * 784).fill(0.5);
    inputs.fill(3e38, 784, 2 * 784);
    const data = tiny(inputs, Int32Array.of(1, 2, 3, 4));
    const failures: unknown[] = [];
    const callbacks: Callback[] = [
      { onFailure: (error) => failures.push(error), onEnd: () => void failures.push("end") },
    ];
    const run = net.fit(data, options({ validation: undefined, batchSize: 4, shuffle: false, callbacks }));
    expect(await messageOf(run)).toBe(
      'fit: the loss became NaN in step 1 of epoch 1; the first values that are not finite are in the output of layer "hidden". Lower the learning rate or look at the data; the model keeps the weights from before this step.',
    );
    expect(net.weight("hidden.kernel")).toEqual(before);
    expect(failures).toEqual([expect.objectContaining({ code: "nan" })]);
  });

  test("a second call while the first is running", async () => {
    const net = small();
    const first = net.fit(digits.train, options({ epochs: 1 }));
    expect(await messageOf(net.evaluate(digits.test))).toBe(
      "evaluate: the model is busy. Await the call before, or load a second model.",
    );
    await first;
  });
});
