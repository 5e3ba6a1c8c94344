import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PlanSummary } from "../../src/inspect/planTable.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

const machine = useMachine(40, 20);

async function planOf(...options: string[]): Promise<PlanSummary> {
  const { code, stdout } = await fovea("plan", "mnist-shallow", "--infer", "--threads", "1", "--json", ...options);
  expect(code).toBe(0);
  return jsonLines(stdout)[0] as unknown as PlanSummary;
}

const reasonsOf = ({ steps }: PlanSummary) => steps.map(({ reason }) => reason);
const measured = expect.stringMatching(/^measured: (f32_\w+ [\d.e-]+ ms(, |; )){2,}(as|not f32_\w+ as) estimated$/);

test("plan --autotune says what was measured, once", async () => {
  expect(reasonsOf(await planOf())).not.toContainEqual(measured);
  const plan = await planOf("--autotune");
  expect(reasonsOf(plan)).toContainEqual(measured);
  expect(await planOf("--autotune")).toEqual(plan);
  expect(reasonsOf(await planOf("--retune"))).toContainEqual(measured);
  expect(reasonsOf(await planOf())).not.toContainEqual(measured);
  const { stdout } = await fovea("plan", "mnist-shallow", "--infer", "--autotune");
  expect(stdout).toMatch(/\n\[\d\] measured: f32_conv2d_\w+ [\d.]+ ms, /);
});

test("doctor says where times are kept, and how many", async () => {
  await planOf("--autotune");
  const path = join(machine.environment.FOVEA_CACHE!, "kernels.json");
  const { machines } = JSON.parse(await readFile(path, "utf8"));
  const count = Object.values<object>(machines).reduce((sum, steps) => sum + Object.keys(steps).length, 0);
  expect(count).toBeGreaterThan(0);
  const [report] = jsonLines((await fovea("doctor", "--json")).stdout);
  expect(report).toMatchObject({ tuning: { path, steps: count } });
  const { stdout } = await fovea("doctor");
  expect(stdout).toContain(`\nAutotuning\n  Times of kernels           ${path}: ${count} step`);
});

test("train --autotune notes in the run that it was on", async () => {
  const options = ["--epochs", "1", "--train", "40", "--threads", "1"];
  const { code, stderr } = await fovea("train", "mnist-shallow", "--autotune", "--out", "tuned", ...options);
  expect(code).toBe(0);
  expect(stderr).toContain("note: kernels that were not measured before are measured first\n");
  expect(JSON.parse(await readFile("tuned/config.json", "utf8"))).toMatchObject({ autotune: true });
  expect((await fovea("train", "mnist-shallow", "--out", "plain", ...options)).code).toBe(0);
  expect(JSON.parse(await readFile("plain/config.json", "utf8"))).not.toHaveProperty("autotune");
});
