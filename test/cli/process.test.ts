import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
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
    expect(stderr).toContain(
      "\nStopping: a checkpoint will be saved, and the model measured. Press Ctrl-C again to end at once.\n",
    );
    expect(stderr).toContain(": it was interrupted; kept the weights of ");
    expect(stdout).toMatch(/^test accuracy /);
    expect(stdout).toMatch(/\nTry next:\n {2}\S.* train --resume interrupted\n/);
    expect(code).toBe(130);
    expect(existsSync(`${machine.directory}/interrupted/model.safetensors`)).toBe(true);
  });

  test.runIf(process.platform !== "win32")("an experiment goes on after Ctrl-C", async () => {
    const settings = { train: 1500, epochs: 15, patience: 15 };
    const variants = [{ name: "a", recipe: "lwls", settings }];
    writeFileSync(`${machine.directory}/one.json`, JSON.stringify({ variants, seeds: [4] }));
    const metrics = `${machine.directory}/runs/one/a-4/metrics.jsonl`;
    const first = start("experiment", "one.json");
    while (!existsSync(metrics)) await new Promise((resolve) => setTimeout(resolve, 5));
    first.child.kill("SIGINT");
    expect(await first.done).toEqual({
      code: 130,
      stdout: "",
      stderr:
        "Stopping: a checkpoint will be saved, for the same command to go on from. Press Ctrl-C again to end at once.\n" +
        "note: 0 of 1 trainings are done; the same command goes on with the rest\n",
    });
    const next = await start("experiment", "one.json", "--json").done;
    expect([next.code, jsonLines(next.stdout).map(({ event }) => event)]).toEqual([0, ["trial", "end"]]);
    expect(readFileSync(metrics, "utf8").split("\n")).toHaveLength(16);
    const flags = ["--train", "1500", "--epochs", "15", "--patience", "15", "--seed", "4", "--out", "straight"];
    await start("train", "lwls", ...flags, "--quiet").done;
    expect(readFileSync(`${machine.directory}/runs/one/a-4/model.safetensors`)).toEqual(
      readFileSync(`${machine.directory}/straight/model.safetensors`),
    );
  });

  test.runIf(process.platform !== "win32")("two processes never train in one directory", async () => {
    const first = start(
      "train",
      "mnist-deep",
      "--train",
      "1500",
      "--out",
      "shared",
      "--checkpoint-steps",
      "5",
      "--json",
    );
    while (!first.output.stdout.includes('"epoch":1,')) await once(first.child.stdout, "data");
    const refused = {
      code: 2,
      stdout: "",
      stderr: expect.stringMatching(
        new RegExp(
          `^error: shared: process ${first.child.pid} is training in this directory, since \\S+\\.\nWait until`,
        ),
      ),
    };
    expect(await start("train", "--resume", "shared", "--epochs", "200").done).toEqual(refused);
    expect(await start("runs", "delete", "shared", "--yes").done).toEqual(refused);
    first.child.kill("SIGKILL");
    await first.done;
    expect(existsSync(`${machine.directory}/shared/run.lock`)).toBe(true);
    const next = start("train", "--resume", "shared");
    while (!next.output.stderr.includes("  resumed ")) await once(next.child.stderr, "data");
    next.child.kill("SIGINT");
    expect((await next.done).code).toBe(130);
    expect(existsSync(`${machine.directory}/shared/run.lock`)).toBe(false);
  });

  test.runIf(process.platform !== "win32")(
    "an interrupted run goes on to the model of an undisturbed one",
    async () => {
      const argv = ["train", "mnist-shallow", "--train", "1500", "--epochs", "12", "--patience", "12"];
      expect((await start(...argv, "--out", "whole", "--quiet").done).code).toBe(0);
      const { child, output, done } = start(...argv, "--out", "parts", "--checkpoint-steps", "10");
      while (!output.stderr.includes("epoch  3/12")) await once(child.stderr, "data");
      child.kill("SIGINT");
      expect((await done).code).toBe(130);
      const killed = start("train", "--resume", "parts", "--json");
      while (!killed.output.stdout.includes('"epoch":6')) await once(killed.child.stdout, "data");
      killed.child.kill("SIGKILL");
      await killed.done;
      const last = await start("train", "--resume", "parts", "--threads", "1").done;
      expect([last.code, last.stderr]).toEqual([0, expect.stringMatching(/\n {2}resumed {3}(after|in) epoch \d+/)]);
      const read = (run: string, name: string) => readFileSync(`${machine.directory}/${run}/${name}`);
      expect(Buffer.compare(read("parts", "model.safetensors"), read("whole", "model.safetensors"))).toBe(0);
      const measured = (run: string) =>
        jsonLines(read(run, "metrics.jsonl").toString()).map(({ epoch, loss, validationLoss }) => [
          epoch,
          loss,
          validationLoss,
        ]);
      expect(measured("parts")).toEqual(measured("whole"));
      const again = await start("train", "--resume", "parts").done;
      expect(again).toEqual({
        code: 2,
        stdout: "",
        stderr:
          "error: parts: the run has come to its end after 12 epochs.\nGive more epochs to train on: --epochs 24.\n",
      });
    },
  );
});
