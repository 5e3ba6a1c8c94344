import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import { platform } from "#platform";
import { CopiedBatches } from "../../src/data/batches.js";
import { type Dataset, recordDataset, split, strokes } from "../../src/data/index.js";
import { checkpointVersion, decodeCheckpoint } from "../../src/formats/checkpointFile.js";
import { readSafetensors, writeSafetensors } from "../../src/formats/safetensors.js";
import {
  adam,
  add,
  batchNorm,
  type Callback,
  conv2d,
  cosineDecay,
  dense,
  dropout,
  earlyStopping,
  type FitOptions,
  flatten,
  type History,
  input,
  loadModel,
  type Model,
  maxPool2d,
  model,
  reduceOnPlateau,
  sequential,
  sgd,
} from "../../src/index.js";
import { fit } from "../../src/train/fit.js";
import type { Feeding } from "../../src/train/placed.js";
import { Weights } from "../../src/train/weights.js";
import { messageOf } from "./messages.js";

const digits = await strokes({ train: 240, test: 10, seed: 3 });
const place = mkdtempSync(join(tmpdir(), "fovea-checkpoints-"));
let places = 0;
const newPlace = () => join(place, String(places++));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const small = () =>
  sequential(
    input(28, 28, 1),
    conv2d(4, 5, { stride: 2 }),
    batchNorm(),
    maxPool2d(2),
    flatten(),
    dropout(0.2),
    dense(10),
  );

/** Everything that a run can remember: slots, averages, accumulated gradients, a schedule, callbacks, dropout. */
const options = (more: Partial<FitOptions> = {}): FitOptions => ({
  loss: "crossEntropy",
  optimizer: adam(0.01, { averageDecay: 0.9, accumulationSteps: 2, clipNorm: 1 }),
  schedule: cosineDecay({ steps: 20, warmUp: 3 }),
  callbacks: [
    reduceOnPlateau({ patience: 0, factor: 0.5, threshold: 0.5 }),
    earlyStopping({ monitor: "validationAccuracy", patience: 2 }),
  ],
  batchSize: 50,
  epochs: 5,
  validation: 0.1,
  seed: 7,
  progress: false,
  threads: 1,
  ...more,
});

/** What a run came to, but for times. */
function outcome(net: Model, { epochs, end }: History) {
  return {
    bytes: Buffer.from(net.toBytes()).toString("base64"),
    epochs: epochs.map(({ seconds: _, examplesPerSecond: __, ...measured }) => measured),
    end: { epochs: end.epochs, stopped: end.stopped, weightsOfEpoch: end.weightsOfEpoch },
  };
}

async function run(more: Partial<FitOptions> = {}) {
  const net = small();
  return outcome(net, await net.fit(digits.train, options(more)));
}

describe("a resumed run", () => {
  test("ends in the same bits from any step, with any number of threads", async () => {
    const undisturbed = await run();
    expect(undisturbed.epochs.length).toBeGreaterThan(2);
    const directory = newPlace();
    expect(await run({ checkpoint: { directory, every: { steps: 1 }, keep: 1000 } })).toEqual(undisturbed);
    const files = readdirSync(directory).filter((name) => name.startsWith("checkpoint-"));
    // five steps an epoch, the last of them smaller
    expect(files).toHaveLength(5 * undisturbed.epochs.length);
    for (const [i, name] of files.entries()) {
      if (i % 3 === 2 && i + 1 < files.length) continue;
      const resumed = await run({ resume: join(directory, name), threads: 1 + (i % 3) });
      expect(resumed, name).toEqual(undisturbed);
    }
  });

  test("goes on after an interruption, and saves the same checkpoints", async () => {
    const directory = newPlace();
    const control = new AbortController();
    const interrupt: Callback = { onStep: ({ epoch }) => epoch === 2 && control.abort() };
    const checkpoint = { directory, every: { epochs: 2 } };
    const { callbacks = [] } = options();
    const net = small();
    const { end } = await net.fit(
      digits.train,
      options({ checkpoint, signal: control.signal, callbacks: [...callbacks, interrupt] }),
    );
    expect(end).toMatchObject({ stopped: "it was interrupted", epochs: 2 });
    expect(end.checkpoint).toMatch(/checkpoint-0000000(06|07|08|09|10)\.safetensors$/);
    expect(await run({ checkpoint, resume: true })).toEqual(await run());
  });

  test("goes on after an interruption in an epoch that would have ended it", async () => {
    const directory = newPlace();
    const control = new AbortController();
    const interrupt: Callback = {
      onStart: () => control.abort(),
      onEpoch: (_, run) => run.stop("of a part of an epoch"),
    };
    const checkpoint = { directory };
    // signals are looked at every 60 ms: the third step takes longer
    const schedule = (step: number) => {
      for (const began = performance.now(); step === 1 && performance.now() - began < 70; );
      return 1;
    };
    const long = { callbacks: [], schedule, epochs: 2 };
    const net = small();
    const { end } = await net.fit(
      digits.train,
      options({ ...long, checkpoint, signal: control.signal, callbacks: [interrupt] }),
    );
    expect(end.stopped).toBe("it was interrupted");
    expect(await run({ ...long, checkpoint, resume: true })).toEqual(await run(long));
  });

  test("gives callbacks back what they remember, those of classes too", async () => {
    class Count implements Callback {
      readonly name = "count";
      epochs = 0;
      onEpoch(): void {
        this.epochs += 1;
      }
      state() {
        return this.epochs;
      }
      restore(state: unknown): void {
        this.epochs = state as number;
      }
    }
    const directory = newPlace();
    await run({ epochs: 2, callbacks: [new Count()], checkpoint: { directory } });
    const count = new Count();
    await run({ epochs: 5, callbacks: [count], resume: directory });
    expect(count.epochs).toBe(5);
  });

  test("can have more epochs than were planned", async () => {
    const directory = newPlace();
    const plain = { callbacks: [], schedule: undefined };
    await run({ ...plain, epochs: 2, checkpoint: { directory } });
    expect(await run({ ...plain, epochs: 4, resume: directory })).toEqual(await run({ ...plain, epochs: 4 }));
  });

  test("tells callbacks where it goes on, and what was before", async () => {
    const directory = newPlace();
    await run({ epochs: 2, checkpoint: { directory } });
    const starts: unknown[] = [];
    const watch: Callback = {
      onStart: ({ history, resumed }) => void starts.push([history.map(({ epoch }) => epoch), resumed]),
    };
    await run({ resume: directory, callbacks: [...options().callbacks!, watch] });
    const checkpoint = `${directory}/checkpoint-000000010.safetensors`;
    expect(starts).toEqual([[[1, 2], { checkpoint, epoch: 3, step: 0 }]]);
  });

  test("begins anew with true where there is nothing yet", async () => {
    const directory = newPlace();
    expect(await run({ checkpoint: { directory }, resume: true })).toEqual(await run());
  });
});

describe("a resumed run reads the same examples", () => {
  test("of batches that are copied, or filled by a source of one's own", async () => {
    const train = async (checkpointing: Partial<FitOptions>, feeding: Feeding) => {
      const description = small().network;
      const weights = new Weights(description);
      weights.initialize(7);
      await fit(description, weights, digits.train, options({ epochs: 2, ...checkpointing }), feeding);
      return weights.readAll();
    };
    const directory = newPlace();
    const undisturbed = await train({ checkpoint: { directory, every: { steps: 3 }, keep: 9 } }, {});
    const resume = `${directory}/checkpoint-000000003.safetensors`;
    expect(await train({ resume }, { residentBytes: 0 })).toEqual(undisturbed);
    const source = (data: Dataset, batchSize: number) => new CopiedBatches(data, batchSize);
    expect(await train({ resume }, { residentBytes: 0, source })).toEqual(undisturbed);
  });

  test("of several inputs, with weights of examples", async () => {
    const count = 30;
    const values = (size: number) => Float32Array.from({ length: count * size }, (_, i) => Math.sin(1 + i * i));
    const records = recordDataset({
      inputs: { left: { values: values(3), shape: [3] }, right: { values: values(4), shape: [4] } },
      targets: {
        sum: { values: values(1), shape: [1] },
        kind: { values: Int32Array.from(values(1), Math.round).map(Math.abs) },
      },
      sampleWeights: values(1).map(Math.abs),
    });
    const train = async (more: Partial<FitOptions>) => {
      const [a, b] = [input([3], { name: "left" }), input([4], { name: "right" })];
      const joined = add()(dense(5, { name: "a" })(a), dense(5, { name: "b" })(b));
      const net = model([a, b], [dense(3, { name: "kind" })(joined), dense(1, { name: "sum" })(joined)]);
      const loss = { kind: "crossEntropy", sum: "meanSquaredError" } as const;
      return outcome(net, await net.fit(records, options({ loss, batchSize: 8, callbacks: [], ...more })));
    };
    const directory = newPlace();
    const undisturbed = await train({ checkpoint: { directory, every: { steps: 1 }, keep: 99 } });
    const files = readdirSync(directory).filter((name) => name.startsWith("checkpoint-"));
    for (const name of files.slice(0, 6)) {
      expect(await train({ resume: join(directory, name) }), name).toEqual(undisturbed);
    }
  });
});

describe("a directory of checkpoints", () => {
  test("keeps the newest ones, and the best epoch as a model of what was measured", async () => {
    const directory = newPlace();
    const best = "validationLoss" as const;
    const { epochs } = await run({ callbacks: [], checkpoint: { directory, keep: 2, best } });
    expect(readdirSync(directory)).toEqual([
      "best.safetensors",
      "checkpoint-000000020.safetensors",
      "checkpoint-000000025.safetensors",
    ]);
    const lowest = Math.min(...epochs.map(({ validationLoss }) => validationLoss!));
    const net = await loadModel(join(directory, "best.safetensors"));
    const [, validation] = split(digits.train, 0.1, { seed: 7 });
    expect((await net.evaluate(validation, { threads: 1 })).loss).toBeCloseTo(lowest, 6);
    const { state } = decodeCheckpoint(readFileSync(join(directory, "best.safetensors")), "best");
    expect(epochs[(state as { epoch: number }).epoch - 2]!.validationLoss).toBe(lowest);
  });

  test("is cleared of what a killed process was writing", async () => {
    const directory = newPlace();
    mkdirSync(directory);
    writeFileSync(join(directory, ".checkpoint-000000005.safetensors.123-abc.tmp"), "half");
    writeFileSync(join(directory, "mine.txt"), "");
    await run({ epochs: 1, checkpoint: { directory, best: false }, resume: true });
    expect(readdirSync(directory)).toEqual(["checkpoint-000000005.safetensors", "mine.txt"]);
  });

  test("gives the one before a damaged one, and says so", async () => {
    const directory = newPlace();
    await run({ checkpoint: { directory } });
    const newest = readdirSync(directory).at(-1)!;
    writeFileSync(join(directory, newest), readFileSync(join(directory, newest)).subarray(0, 5000));
    const warn = vi.spyOn(platform, "warn").mockImplementation(() => {});
    expect(await run({ resume: directory })).toEqual(await run());
    expect(warn.mock.calls[0]![0]).toMatch(/ the file ends .* Going on from the checkpoint before it\.$/);
    warn.mockRestore();
  });

  test("keeps what it has where nothing more can be written", async () => {
    const directory = newPlace();
    await run({ epochs: 1, checkpoint: { directory } });
    const before = readdirSync(directory);
    const full = vi.spyOn(platform.files, "writeAtomic").mockRejectedValue(new Error("no space left"));
    await expect(run({ checkpoint: { directory }, resume: true })).rejects.toThrow("no space left");
    full.mockRestore();
    expect(readdirSync(directory)).toEqual(before);
    expect(await run({ checkpoint: { directory }, resume: true })).toEqual(await run());
  });
});

describe("what cannot be resumed is refused before any work", () => {
  test("another setting, by name", async () => {
    const directory = newPlace();
    await run({ epochs: 1, checkpoint: { directory } });
    const messages: Record<string, string> = {};
    const tries: Record<string, Partial<FitOptions>> = {
      batch: { batchSize: 60 },
      optimizer: { optimizer: sgd(0.1) },
      schedule: { schedule: cosineDecay({ steps: 30, warmUp: 3 }) },
      data: { validation: 0.2 },
      callbacks: { callbacks: [earlyStopping()] },
    };
    for (const [name, more] of Object.entries(tries)) {
      messages[name] = await messageOf(run({ ...more, resume: directory }));
    }
    const file = `${directory}/checkpoint-000000005.safetensors`;
    const fix = "Go on with what it was begun with, or begin a new run.";
    expect(messages.batch).toBe(`${file}: the run was begun with another batchSize (expected 50, received 60). ${fix}`);
    expect(messages.optimizer).toContain("begun with another optimizer (expected {");
    expect(messages.schedule).toContain("begun with another schedule (expected 0, ");
    expect(messages.data).toContain("begun with another training data (expected 216 × 28×28×1 of ");
    expect(messages.callbacks).toBe(
      `${file}: the run was begun with other callbacks that remember something ` +
        `(expected reduceOnPlateau, earlyStopping, received earlyStopping). ${fix}`,
    );
    const other = sequential(input(28, 28, 1), flatten(), dense(10));
    expect(await messageOf(other.fit(digits.train, options({ resume: directory })))).toBe(
      `${file}: the run was begun with another network. ${fix}`,
    );
    expect(await messageOf(run({ checkpoint: { directory } }))).toBe(
      `${directory}: holds the checkpoints of another run. Pass resume: true to go on with it, or choose another directory.`,
    );
  });

  test("files that are none, and those of a newer fovea", async () => {
    const directory = newPlace();
    await run({ epochs: 1, checkpoint: { directory } });
    const file = join(directory, "checkpoint-000000005.safetensors");
    const { tensors, metadata } = readSafetensors(readFileSync(file), file);
    const all = [...tensors].map(([name, tensor]) => ({ name, ...tensor }));
    const state = JSON.parse(metadata["fovea.checkpoint"]!);
    expect(state.version).toBe(checkpointVersion);
    const write = (text: string) =>
      writeFileSync(file, writeSafetensors(all, { ...metadata, "fovea.checkpoint": text }));
    write(JSON.stringify({ version: 2, state: "looks otherwise" }));
    const newer =
      `${file}: was written in a version of checkpoints that this fovea does not know ` +
      "(expected version 1, received 2). Use a newer fovea.";
    expect(await messageOf(run({ resume: file }))).toBe(newer);
    // no silent step back either
    copyFileSync(file, join(directory, "checkpoint-000000004.safetensors"));
    expect(await messageOf(run({ resume: directory }))).toBe(newer);
    write(JSON.stringify({ ...state, progress: {} }));
    expect(await messageOf(run({ resume: file }))).toBe(
      `${file}: the state of the run lacks "progress", or it is damaged.`,
    );
    const net = small();
    const model = join(directory, "model.safetensors");
    await net.save(model);
    expect(await messageOf(run({ resume: model }))).toBe(
      `${model}: is no checkpoint (expected metadata "fovea.checkpoint"). Give a file that training with checkpoints has written.`,
    );
    expect(await messageOf(run({ resume: join(directory, "nope") }))).toBe(
      `${join(directory, "nope")}: there are no checkpoints. Check the path.`,
    );
  });

  test("options out of range", async () => {
    const wrong = (checkpoint: object) => messageOf(run({ checkpoint: checkpoint as FitOptions["checkpoint"] }));
    expect(await wrong({})).toBe("fit: checkpoint: directory is missing (expected a path).");
    expect(await wrong({ directory: "x", evry: 1 })).toMatch(/unknown option "evry".* Did you mean "every"\.$/);
    expect(await wrong({ directory: "x", every: { steps: 0 } })).toBe(
      "fit: checkpoint: wrong every.steps (expected a whole number ≥ 1, received 0).",
    );
    expect(await wrong({ directory: "x", best: "f1" })).toMatch(/^fit: checkpoint: unknown metric to monitor /);
    const unmeasured = { checkpoint: { directory: "x", best: "validationLoss" }, validation: undefined } as const;
    expect(await messageOf(run(unmeasured))).toBe(
      "fit: checkpoint: this run does not measure validationLoss. Pass validation: 0.1 to fit, or best: false.",
    );
    expect(await messageOf(run({ resume: true }))).toBe(
      "fit: resume: does not say from what (expected a checkpoint's path, a directory, or true with checkpoint, received true).",
    );
  });

  test.runIf(process.platform !== "win32" && process.getuid?.() !== 0)("a directory that is read-only", async () => {
    const directory = newPlace();
    await run({ epochs: 1, checkpoint: { directory } });
    chmodSync(directory, 0o500);
    expect(await messageOf(run({ checkpoint: { directory }, resume: true }))).toMatch(/cannot be written/);
    chmodSync(directory, 0o700);
  });
});
