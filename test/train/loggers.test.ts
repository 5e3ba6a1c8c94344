import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { strokes } from "../../src/data/index.js";
import {
  type Callback,
  csvLogger,
  dense,
  type FitOptions,
  flatten,
  input,
  jsonLinesLogger,
  sequential,
  sgd,
  tensorBoardLogger,
} from "../../src/index.js";
import { messageOf } from "./messages.js";

const { train } = await strokes({ train: 60, test: 10, seed: 3 });
const place = mkdtempSync(join(tmpdir(), "fovea-loggers-"));
afterAll(() => rmSync(place, { recursive: true, force: true }));

const fit = (callbacks: readonly Callback[], more: Partial<FitOptions> = {}) =>
  sequential(input(28, 28, 1), flatten(), dense(10)).fit(train, {
    loss: "crossEntropy",
    optimizer: sgd(0.05),
    epochs: 3,
    progress: false,
    threads: 1,
    callbacks,
    ...more,
  });

const lines = (path: string) => readFileSync(path, "utf8").trimEnd().split("\n");

describe("tables of epochs", () => {
  test("as CSV, with empty cells for what is not measured", async () => {
    const path = join(place, "epochs.csv");
    const { epochs } = await fit([csvLogger(path)], { validation: 0.2 });
    const [header, ...rows] = lines(path);
    expect(header).toBe("epoch,loss,accuracy,validationLoss,validationAccuracy,learningRate,seconds,examplesPerSecond");
    expect(rows.map((row) => row.split(",").map(Number))).toEqual(
      epochs.map((log) => header!.split(",").map((name) => log[name as keyof typeof log])),
    );
    await fit([csvLogger(path)], { epochs: 1 });
    expect(lines(path)).toHaveLength(2);
    expect(lines(path)[1]!.split(",")[3]).toBe("");
  });

  test("as JSON Lines", async () => {
    const path = join(place, "epochs.jsonl");
    const { epochs } = await fit([jsonLinesLogger(path)]);
    expect(lines(path).map((line) => JSON.parse(line))).toEqual(epochs);
  });

  test("go on with the run, from where its checkpoint stands", async () => {
    const path = join(place, "resumed.csv");
    const checkpoint = { directory: join(place, "checkpoints"), every: { epochs: 2 }, best: false as const };
    await fit([csvLogger(path)], { epochs: 2, checkpoint });
    const before = lines(path);
    await fit([csvLogger(path)], { epochs: 4, checkpoint, resume: true });
    expect(lines(path).slice(0, 3)).toEqual(before);
    expect(lines(path).map((line) => line.split(",")[0])).toEqual(["epoch", "1", "2", "3", "4"]);
  });
});

test("event files for TensorBoard: one for each process, the later ones after the earlier", async () => {
  const directory = join(place, "events");
  const checkpoint = { directory: join(place, "more checkpoints") };
  await fit([tensorBoardLogger(directory)], { epochs: 2, validation: 0.2, checkpoint });
  await fit([tensorBoardLogger(directory)], { epochs: 3, validation: 0.2, checkpoint, resume: true });
  const names = readdirSync(directory).sort();
  expect(names).toHaveLength(2);
  for (const name of names) expect(name).toMatch(/^events\.out\.tfevents\.\d{10}\.fovea\.\d$/);
  const [first, second] = names.map((name) => readFileSync(join(directory, name)));
  const epochsIn = (bytes: Buffer) => bytes.toString("latin1").split("loss/validation").length - 1;
  expect([epochsIn(first!), epochsIn(second!)]).toEqual([2, 1]);
});

test("a place that cannot be written to is refused before the first step", async () => {
  let steps = 0;
  const count: Callback = {
    onStep() {
      steps += 1;
    },
  };
  expect(await messageOf(fit([csvLogger(join(place, "no", "such", "place.csv")), count]))).toMatch(
    /cannot be written because/,
  );
  expect(steps).toBe(0);
  expect(() => csvLogger("")).toThrow("csvLogger: does not say where to write (expected a path, received ).");
});
