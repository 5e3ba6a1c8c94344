import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { strokes } from "../../src/data/index.js";
import { conv2d, dense, type FitOptions, flatten, input, type Model, sequential, sgd } from "../../src/index.js";
import { expectClose } from "../harness/compare.js";

const digits = await strokes({ train: 60, test: 20, seed: 3 });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "fovea-autotune-"));
  vi.stubEnv("FOVEA_CACHE", directory);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(directory, { recursive: true, force: true });
});

/**
 * Without rectifiers: where the images are blank, their inputs are 0 in the first step but for the kernels' rounding, which
 * would decide whether a gradient passes.
 */
async function train(options: Pick<FitOptions, "threads" | "autotune">): Promise<Model> {
  const net = sequential(
    input(28, 28, 1),
    conv2d(16, 5, { stride: 2, activation: "tanh" }),
    conv2d(16, 3, { activation: "tanh" }),
    flatten(),
    dense(10),
  );
  const fit = {
    loss: "crossEntropy",
    optimizer: sgd(0.02),
    batchSize: 20,
    epochs: 1,
    seed: 2,
    progress: false,
  } as const;
  await net.fit(digits.train, { ...fit, ...options });
  return net;
}

test("fit measures what it runs, once, and learns the same on any number of threads", async () => {
  const tuned = await train({ threads: 1, autotune: true });
  const file = await readFile(join(directory, "kernels.json"), "utf8");
  for (const op of ["conv", "convInputGradient", "convFilterGradient"]) expect(file).toContain(`"${op} float32[`);
  const shared = await train({ threads: 2, autotune: true });
  expect(await readFile(join(directory, "kernels.json"), "utf8")).toBe(file);
  expect(Buffer.compare(shared.toBytes(), tuned.toBytes())).toBe(0);

  const plain = await train({ threads: 1 });
  for (const name of plain.weightNames) {
    expectClose(name, tuned.weight(name), plain.weight(name), 1e-5);
  }
});

test("only what autotuning means is taken", async () => {
  await expect(train({ threads: 1, autotune: "yes" as "again" })).rejects.toThrow(
    'autotune: is unknown (expected true, false or "again", received "yes").',
  );
});
