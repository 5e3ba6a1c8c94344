import { existsSync, readFileSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { unzipSync } from "fflate";
import { parseHTML } from "linkedom";
import { beforeAll, describe, expect, test } from "vitest";
import { fovea, jsonLines, useMachine } from "./machine.js";

useMachine(200, 60);
const quick = ["--train", "200", "--threads", "1", "--quiet"];

beforeAll(async () => {
  await fovea("train", "mnist-shallow", "--epochs", "3", ...quick);
  await fovea("train", "mnist-shallow", "--epochs", "2", "--learning-rate", "0.1", "--tensorboard", ...quick);
  await fovea("train", "lwls", "--epochs", "1", ...quick);
});

describe("runs", () => {
  test("are listed, the newest last", async () => {
    const { code, stdout, stderr } = await fovea("runs");
    expect([code, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    expect(lines[0]).toMatch(/^Run +Recipe +State +Epochs +Best validation +Test +Started$/);
    const day = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d`;
    expect(lines[1]).toMatch(
      new RegExp(`^runs/mnist-shallow-1  mnist-shallow  finished +3 +\\d+\\.\\d\\d % +\\d+\\.\\d\\d %  ${day}$`),
    );
    expect(lines).toHaveLength(4);
    const events = jsonLines((await fovea("runs", "list", "--json")).stdout);
    expect(events.map(({ run, epochs }) => [run, epochs])).toEqual([
      ["runs/mnist-shallow-1", 3],
      ["runs/mnist-shallow-2", 2],
      ["runs/lwls-1", 1],
    ]);
    expect((await fovea("runs", "nowhere")).stdout).toMatch(/^there are no runs in nowhere; begin one: /);
  });

  test("that are damaged do not hide the others", async () => {
    await mkdir("runs/broken");
    await writeFile("runs/broken/config.json", "{");
    const { code, stdout, stderr } = await fovea("runs");
    expect(code).toBe(0);
    expect(stdout.trimEnd().split("\n")).toHaveLength(4);
    expect(stderr).toMatch(/^note: runs\/broken\/config\.json: is not JSON /);
    await rm("runs/broken", { recursive: true });
  });

  test("are shown by name, with what they hold", async () => {
    const { stdout } = await fovea("runs", "show", "mnist-shallow-2");
    expect(stdout).toMatch(/^runs\/mnist-shallow-2\n {2}recipe +mnist-shallow\n {2}state +finished, 2 epochs\n/);
    expect(stdout).toContain("learningRate 0.1,");
    expect(stdout).toMatch(/\n {2}tensorboard\/events\.out\.tfevents\.\S+ +\d+ B\n/);
    expect(stdout).not.toContain("Go on with it");
    await mkdir("runs/cut");
    await writeFile("runs/cut/config.json", await readFile("runs/lwls-1/config.json"));
    // a killed process may have cut the last line
    await writeFile("runs/cut/metrics.jsonl", '{"epoch":1,"loss":2}\n{"epoch":2,"lo');
    const cut = await fovea("runs", "show", "cut");
    expect(cut.stdout).toContain("\n  state       unfinished, 1 epoch\n");
    expect(cut.stdout).toMatch(/\nGo on with it: .* train --resume runs\/cut\n$/);
    await rm("runs/cut", { recursive: true });
  });

  test("are compared, and drawn over one another", async () => {
    const { code, stdout } = await fovea("runs", "compare", "mnist-shallow-1", "mnist-shallow-2", "runs/lwls-1");
    expect(code).toBe(0);
    const lines = stdout.split("\n");
    expect(lines[0]).toMatch(/^Run +Recipe +epochs +learningRate +Epochs +Best +Validation +Test$/);
    expect(lines[2]).toMatch(/^runs\/mnist-shallow-2 +mnist-shallow +2 +0\.1 +2 +[12] /);
    expect(stdout).toMatch(/\ncurves runs\/comparison\.svg and runs\/comparison\.png\n$/);
    const { document } = parseHTML(readFileSync("runs/comparison.svg", "utf8"));
    const texts = [...document.querySelectorAll("text")].map((node) => node.textContent);
    expect(texts).toEqual(
      expect.arrayContaining(["Validation loss", "Validation accuracy (%)", "runs/mnist-shallow-1", "runs/lwls-1"]),
    );
    const strokes = [...document.querySelectorAll("svg svg path, svg > line")].map((node) =>
      node.getAttribute("stroke"),
    );
    expect(new Set(strokes).size).toBeGreaterThanOrEqual(3);
    expect(readFileSync("runs/comparison.png").subarray(1, 4).toString()).toBe("PNG");
  });

  test("are exported without checkpoints, or with them", async () => {
    expect((await fovea("runs", "export", "mnist-shallow-1")).stdout).toMatch(
      /^mnist-shallow-1\.zip: 8 files, .* kB\n$/,
    );
    const entries = unzipSync(readFileSync("mnist-shallow-1.zip"));
    expect(Object.keys(entries)).toContain("mnist-shallow-1/config.json");
    expect(Buffer.from(entries["mnist-shallow-1/model.safetensors"]!)).toEqual(
      readFileSync("runs/mnist-shallow-1/model.safetensors"),
    );
    await fovea("runs", "export", "mnist-shallow-1", "--checkpoints", "--out", "all.zip");
    const all = Object.keys(unzipSync(readFileSync("all.zip")));
    expect(all.filter((name) => name.startsWith("mnist-shallow-1/checkpoints/"))).toHaveLength(1);
  });

  test("are deleted with --yes only, where nobody can be asked", async () => {
    expect(await fovea("runs", "delete", "lwls-1")).toEqual({
      code: 2,
      stdout: "",
      stderr:
        "error: runs delete: would delete without asking, and there is nobody to ask.\n" +
        "Pass --yes to delete all the same.\n",
    });
    // nothing goes where one of the names is wrong
    expect((await fovea("runs", "delete", "lwls-1", "nope", "--yes")).code).toBe(1);
    expect(existsSync("runs/lwls-1")).toBe(true);
    // and nothing that is no run
    await mkdir("precious");
    expect((await fovea("runs", "delete", "precious", "--yes")).stderr).toMatch(
      /^error: precious: is not a run directory/,
    );
    expect(await fovea("runs", "delete", "lwls-1", "--yes")).toEqual({
      code: 0,
      stdout: "deleted runs/lwls-1\n",
      stderr: "",
    });
    expect(existsSync("runs/lwls-1")).toBe(false);
  });
});
