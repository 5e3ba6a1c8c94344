import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { loadModel } from "../src/index.js";

const folder = mkdtempSync(join(tmpdir(), "fovea-first-"));
const before = process.cwd();
const readme = readFileSync(join(before, "README.md"), "utf8");
const program = readFileSync(join(before, "examples/digits.ts"), "utf8");

beforeAll(() => {
  vi.stubEnv("FOVEA_OFFLINE", "1");
  process.chdir(folder);
});
afterAll(() => {
  process.chdir(before);
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

it("the first program trains, measures and saves", async () => {
  const lines: unknown[] = [];
  const log = vi.spyOn(console, "log").mockImplementation((line) => void lines.push(line));
  await import("../examples/digits.js");
  log.mockRestore();
  expect(lines).toHaveLength(2);
  expect((lines[1] as { accuracy: number }).accuracy).toBeGreaterThan(0.93);
  expect(existsSync("digits.safetensors")).toBe(true);
  expect((await loadModel("digits.safetensors")).parameterCount).toBe(98_820);
});

it("the README shows that program", () => {
  const code = (text: string) =>
    text
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "" && !line.startsWith("//"));
  const shown = code(/```ts\n([\s\S]*?)```/.exec(readme)![1]!);
  // the program says where its data came from, too
  expect(shown).toEqual(code(program).filter((line) => line !== "console.log(train.source);"));
});
