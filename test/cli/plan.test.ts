import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.js";
import type { PlanSummary } from "../../src/inspect/planTable.js";
import { loadModel, Model } from "../../src/train/model.js";
import { mnistShallow } from "../../src/zoo/networks.js";
import { listedRecipes } from "../../src/zoo/recipes.js";
import { fovea, jsonLines } from "./machine.js";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "fovea-plan-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function planOf(...argv: string[]) {
  const { code, stdout } = await fovea("plan", ...argv, "--threads", "1", "--json");
  expect(code).toBe(0);
  return jsonLines(stdout)[0] as unknown as PlanSummary & { mode: string; batch: number };
}

/** What a terminal of this width shows. */
async function onTerminal(columns: number, ...argv: string[]): Promise<string[]> {
  let text = "";
  const write = (part: string) => {
    text += part;
  };
  const code = await main(["plan", ...argv, "--threads", "1"], {
    stdout: { write, isTTY: true, columns },
    stderr: { write },
  });
  expect(code).toBe(0);
  return text.split("\n");
}

describe("the plan", () => {
  test("of a recipe is a step of its training", async () => {
    const { code, stdout, stderr } = await fovea("plan", "mnist-deep", "--threads", "1");
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.split("\n");
    expect(lines[0]).toBe("mnist-deep: Deep CNN on 6,000 handwritten digits");
    expect(lines[1]).toMatch(/^One step of training, batch 50, 1 thread, (256|128)-bit vectors$/);
    expect(lines[3]).toMatch(/^Layer +Op +Kernel +Output +Multiply-adds +Memory +Scratch +Why$/);
    expect(stdout).toMatch(
      /\nconv2d +conv +conv2d_(implicit|narrow) +50 × 14 × 14 × 10 +2,450,000 +392\.0 kB .*\[1\]\n/,
    );
    expect(stdout).toMatch(/\ndense_1 +matmul +matmul_tiled +50 × 10 +25,000 +2\.0 kB +– +first\n/);
    expect(stdout).toMatch(/\noptimizer\.dense\.bias +map +map +50 +\d+ +in place +– +first\n/);
    expect(stdout).toContain("\n[1] not f32_conv2d_winograd_panels_simd128: it has strides or dilation; not f32_");
    expect(stdout).toMatch(/\nTotal +700,\d{3},\d{3}\n/);
    expect(stdout).toMatch(/\nArena {6}[\d,]+ bytes \(.* MB\)\nAt least {3}[\d,]+ bytes alive at once: the arena is /);
    expect(stdout).toMatch(/\nVariables {2}[\d,]+ bytes \(2\.3 MB\)\n$/);
  });

  test("is data", async () => {
    const plan = await planOf("mnist-shallow", "--batch", "10");
    expect(plan).toMatchObject({ mode: "train", batch: 10, backend: "wasm" });
    expect(plan.steps[1]).toMatchObject({
      layer: "conv2d",
      op: "conv",
      kernel: expect.stringMatching(/^f32_conv2d_(implicit|narrow)_simd128$/),
      outputShape: [10, 14, 14, 10],
      multiplyAdds: 490_000,
      outputBytes: 78_400,
      reason: expect.stringContaining("not f32_conv2d_winograd_simd128: "),
    });
    expect(plan.multiplyAdds).toBe(plan.steps.reduce((sum, step) => sum + step.multiplyAdds, 0));
    expect(plan.arenaBytes).toBeGreaterThanOrEqual(plan.lowerBoundBytes);
    const largest = Math.max(...plan.steps.map((step) => step.outputBytes + step.scratchBytes));
    expect(plan.lowerBoundBytes).toBeGreaterThan(largest);
  });

  test("of a prediction has no gradients", async () => {
    const plan = await planOf("mnist-shallow", "--infer");
    expect(plan).toMatchObject({ mode: "infer", batch: 1 });
    expect(plan.steps.filter(({ op }) => op.endsWith("Gradient"))).toEqual([]);
    const { stdout } = await fovea("plan", "mnist-shallow", "--infer", "--batch", "7", "--threads", "2");
    expect(stdout).toMatch(/\nOne prediction, batch 7, 2 threads, /);
  });

  test("of a prediction says what it keeps from run to run", async () => {
    const { keptBytes } = await planOf("mnist-deep", "--infer", "--batch", "50");
    expect(keptBytes).toBeGreaterThan(4 * 64 * 40 * 80);
    const { stdout } = await fovea("plan", "mnist-deep", "--infer", "--batch", "50", "--threads", "1");
    expect(stdout).toMatch(/\nKept {7}[\d,]+ bytes \([\d.]+ [kM]B\) of packed weights\n$/);
    expect((await planOf("mnist-deep")).keptBytes).toBe(0);
    expect((await fovea("plan", "mnist-deep", "--threads", "1")).stdout).not.toContain("\nKept ");
  });

  test("of a file is a prediction unless training is asked for", async () => {
    const path = join(directory, "model.safetensors");
    await new Model(mnistShallow()).save(path);
    expect((await loadModel(path)).network.outputs).toHaveLength(1);
    expect(await planOf(path)).toMatchObject({ mode: "infer", batch: 1 });
    expect(await planOf(path, "--train")).toMatchObject({ mode: "train", batch: 32 });
  });
});

describe("the table", () => {
  test.each([60, 80, 100, 140])("fits into %i columns", async (columns) => {
    const lines = await onTerminal(columns, "mnist-deep");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
    expect(lines.some((line) => /^conv2d_2 +(conv +)?conv2d_(winograd|implicit) .*(first|\[\d\])$/.test(line))).toBe(
      true,
    );
  });

  test("cuts names of layers before those of kernels", async () => {
    const text = (await onTerminal(90, "mnist-deep")).join("\n");
    expect(text).toMatch(/\noptimizer\.\S*… {2}map /);
    expect(text).toContain("  softmax_cross_entropy_gradient  ");
  });

  test("spares what can be had elsewhere first", async () => {
    const titles = async (columns: number) => (await onTerminal(columns, "mnist-deep"))[3]!.trim().split(/ {2,}/);
    expect(await titles(200)).toContain("Op");
    expect(await titles(120)).toEqual(["Layer", "Kernel", "Output", "Multiply-adds", "Memory", "Scratch", "Why"]);
    expect(await titles(60)).toEqual(["Layer", "Kernel", "Why"]);
  });
});

describe("mistakes end with code 2", () => {
  test.each([
    [
      ["plan", "mnist-shalow"],
      'error: plan "mnist-shalow": there is no recipe, run directory or model file of this name (expected a path, or ' +
        `one of ${listedRecipes.map(({ name }) => name).join(", ")}).\nDid you mean "mnist-shallow".\n`,
    ],
    [
      ["plan", "lwls", "--train", "--infer"],
      "error: option '--train' cannot be used with option '--infer'\nRun with --help to see what there is.\n",
    ],
  ])("%j", async (argv, message) => {
    expect(await fovea(...argv)).toEqual({ code: 2, stdout: "", stderr: message });
  });
});

test("help teaches by examples", async () => {
  for (const command of ["plan", "doctor"]) {
    const help = await fovea(command, "--help");
    expect(help.code).toBe(0);
    expect(help.stdout).toContain("Examples:\n  fovea");
  }
});
