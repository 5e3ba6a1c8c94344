import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildInto, makeGenerated, root } from "../harness/generated.js";
import { jsonLines, type Machine, makeMachine } from "./machine.js";

/** The real thing: a package that is built, and processes. */
const generated = makeGenerated("cli");
let machine: Machine;

beforeAll(async () => {
  machine = await makeMachine(1500, 40);
  mkdirSync(`${generated.path}/bin`);
  copyFileSync(`${root}bin/fovea.js`, `${generated.path}/bin/fovea.js`);
});

afterAll(async () => {
  generated.remove();
  await machine.close();
});

function start(...argv: string[]) {
  const child = spawn(process.execPath, [`${generated.path}/bin/fovea.js`, ...argv], {
    cwd: machine.directory,
    env: { ...process.env, ...machine.environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    output.stderr += text;
  });
  const done = once(child, "close").then(([code]) => ({ code: code as number | null, ...output }));
  return { child, output, done };
}

test("without a build, it says what to do", async () => {
  expect(await start("--version").done).toEqual({
    code: 1,
    stdout: "",
    stderr: "error: fovea: it is not built yet\nRun npm install and npm run build in the directory of fovea.\n",
  });
});

describe("built", () => {
  beforeAll(() => {
    expect(buildInto(generated.path, ["cli/main.ts"])).toBe("");
    copyFileSync(`${root}package.json`, `${generated.path}/package.json`);
  });

  test("it trains, writes JSON lines, and ends by itself", async () => {
    const { code, stdout, stderr } = await start("train", "lwls", "--epochs", "2", "--train", "100", "--json").done;
    expect(stderr).toBe("");
    expect(jsonLines(stdout).map(({ event }) => event)).toEqual(["start", "epoch", "epoch", "end"]);
    expect(code).toBe(0);
  });

  test("exit codes reach the shell", async () => {
    expect((await start("trian").done).code).toBe(2);
    expect((await start("evaluate", "nope").done).code).toBe(1);
  });

  test("a reader that goes away early is no error", async () => {
    const { child, done } = start("data");
    child.stdout.destroy();
    expect(await done).toMatchObject({ code: 0, stderr: "" });
  });

  test.runIf(process.platform !== "win32")("Ctrl-C stops, measures and saves", async () => {
    const { child, output, done } = start("train", "mnist-deep", "--train", "1500", "--out", "interrupted");
    while (!output.stderr.includes("epoch   1/100")) await once(child.stderr, "data");
    child.kill("SIGINT");
    const { code, stdout, stderr } = await done;
    expect(stderr).toContain("\nStopping: the run will be measured and saved. Press Ctrl-C again to end at once.\n");
    expect(stderr).toContain(": it was interrupted; kept the weights of ");
    expect(stdout).toMatch(/^test accuracy /);
    expect(code).toBe(130);
    expect(existsSync(`${machine.directory}/interrupted/model.safetensors`)).toBe(true);
  });
});
