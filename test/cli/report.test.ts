import { existsSync } from "node:fs";
import { chmod, readdir, readFile, stat } from "node:fs/promises";
import { parseHTML } from "linkedom";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { measurements } from "../../src/cli/commands/robustness.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

useMachine(120, 30, { LC_ALL: "C.UTF-8" });
const run = "runs/small";
const few = ["--images", "8", "--attacked", "4", "--threads", "1"];

beforeAll(async () => {
  const options = ["--epochs", "2", "--train", "100", "--threads", "1", "--quiet", "--out", run];
  expect((await fovea("train", "mnist-shallow", ...options)).code).toBe(0);
});

describe("robustness", () => {
  test("measures everything, and draws it", async () => {
    const { code, stdout, stderr } = await fovea("robustness", run, ...few);
    expect(code).toBe(0);
    expect(stderr).toMatch(/^note: curves over 8 test images, attacks on 4\n(note: takes [\d.]+ [kM]B of memory\n)+$/);
    expect(stdout).toContain("Noise, over 8 images\n");
    expect(stdout).toMatch(/\n>?Largest change \(1: the range of pixels\) {2}Accuracy {2}Confidence +Succeed\n/);
    expect(stdout).toMatch(/\nCalibration: expected calibration error [\d.]+ %, largest [\d.]+ %, over 30 images\n/);
    const files = ["adversarial", "fooling", "calibration", "rejection", "robustness"].map(
      (name) => `${run}/${name}.png`,
    );
    expect(stdout.endsWith(`\npictures ${files.join(", ")}\n`)).toBe(true);
    for (const file of files) {
      const { width, height } = await sharp(file).metadata();
      expect(Math.min(width, height)).toBeGreaterThan(300);
    }
  });

  test("what was asked for, as numbers, and as pictures elsewhere", async () => {
    const only = ["--only", "scale,pgd,rejection", "--scale", "1,0.5", "--epsilon", "0,0.2", "--target", "3"];
    const argv = ["robustness", run, ...few, ...only, "--error", "0.2", "--json"];
    const { code, stdout, stderr } = await fovea(...argv);
    expect([code, stderr]).toEqual([0, ""]);
    const lines = jsonLines(stdout);
    expect(lines).toMatchObject([
      { event: "view", view: "robustnessCurve", change: "scale", levels: [1, 0.5], examples: 8 },
      { view: "robustnessCurve", change: "pgd", target: "3", levels: [0, 0.2], examples: 4 },
      { view: "rejection", wanted: 0.2, examples: 30 },
    ]);
    expect(lines.every((line) => !("samples" in line))).toBe(true);
    expect((await fovea(...argv)).stdout).toBe(stdout);
    await fovea(...argv, "--out", "pictures", "--format", "svg", "--theme", "dark");
    expect((await readdir("pictures")).sort()).toEqual(["rejection.svg", "robustness.svg"]);
    expect(await readFile("pictures/robustness.svg", "utf8")).toContain("PGD towards “3”");
  });

  test.each([
    [
      ["--only", "nois"],
      /^error: --only: there is no measurement "nois" \(expected some of noise, .*\)\.\nDid you mean "noise"\.\n$/,
    ],
    [
      ["--target", "eleven"],
      /^error: --target: there is no such class \(expected one of 0, 1, .*received eleven\)\.\n$/,
    ],
    [["--target", "10"], /error: attackCurve: there is no such target \(expected 0 … 9, received 10\)\.\n$/],
    [["--epsilon", "0,x"], /option '--epsilon <list>' argument '0,x' is invalid\. Expected numbers with commas/],
    [
      ["--noise", "-1"],
      /error: noiseCurve: wrong levels \(expected levels that the change can have, received -1\)\.\n$/,
    ],
    [["--error", "2"], /error: rejection: wrong error \(expected a number from 0 to 1, received 2\)\.\n$/],
    [["--attacked", "0"], /Expected a whole number of at least 1/],
  ])("refuses %j", async (argv, message) => {
    const only = argv[0] === "--only" ? [] : ["--only", "noise,fgsm,rejection"];
    const { code, stderr } = await fovea(
      "robustness",
      run,
      ...few.slice(argv[0] === "--attacked" ? 4 : 0),
      ...only,
      ...argv,
    );
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });

  test("refuses a model file, and says all its measurements", async () => {
    const { code, stderr } = await fovea("robustness", `${run}/model.safetensors`);
    expect(stderr).toMatch(/model\.safetensors: a model file does not say which images it is for\.\n/);
    expect(code).toBe(2);
    const { stdout } = await fovea("robustness", "--help");
    for (const name of Object.keys(measurements)) expect(stdout).toMatch(new RegExp(`\\n${name} `));
  });
});

describe("report", () => {
  test("is one file in the run's directory", async () => {
    const { code, stdout, stderr } = await fovea("report", run, "--tested", "20", ...few);
    expect(stderr).toMatch(
      /^note: looks at 20 test images, changes 8 and attacks 4: about a minute at most\n(note: takes [\d.]+ [kM]B of memory from “[A-Z][^”]+” on\n)+$/,
    );
    expect(stdout).toMatch(/^report runs\/small\/report\.html: \d+\.\d kB, [\d.]+ s; open it in a browser\n$/);
    expect(code).toBe(0);
    const { document } = parseHTML(await readFile(`${run}/report.html`, "utf8"));
    expect(document.querySelector("h1")!.textContent).toBe(run);
    const texts = (id: string) => document.querySelector(`#${id}`)?.textContent ?? "";
    expect(texts("summary")).toContain("test accuracy");
    expect(texts("facts-0")).toContain("mnist-shallow");
    expect(texts("facts-1")).toContain(process.version);
    expect(document.querySelectorAll(".missing").length).toBe(0);
    expect((await readdir(run)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("takes another name, and tells of itself as JSON", async () => {
    const { stdout, stderr } = await fovea(
      "report",
      run,
      "--tested",
      "20",
      ...few,
      "--out",
      "pages/own.html",
      "--json",
    );
    expect(stderr).toBe("");
    const [line] = jsonLines(stdout);
    expect(line).toMatchObject({ event: "report", run, file: "pages/own.html" });
    expect((line as { bytes: number }).bytes).toBe((await stat("pages/own.html")).size);
  });

  test.each([
    [[run, "--out", "page.pdf"], 2, /^error: --out: is no page's name \(expected \*\.html, received page\.pdf\)\.\n$/],
    [
      [`${run}/model.safetensors`],
      2,
      /^error: .*: a model file does not say how it was trained, and on which images\.\n/,
    ],
    [["runs/none"], 1, /^error: runs\/none: there is no such run directory\.\n/],
  ])("refuses %j", async (argv, code, message) => {
    const outcome = await fovea("report", ...argv);
    expect(outcome.stderr).toMatch(message);
    expect([outcome.code, outcome.stdout]).toEqual([code, ""]);
  });

  test.skipIf(process.getuid?.() === 0)("refuses a directory that it cannot write to before it begins", async () => {
    const outcome = fovea("train", "mnist-shallow", "--epochs", "1", "--train", "50", "--quiet", "--out", "runs/shut");
    expect((await outcome).code).toBe(0);
    await chmod("runs/shut", 0o500);
    const { code, stderr } = await fovea("report", "runs/shut");
    await chmod("runs/shut", 0o700);
    expect(code).toBe(1);
    expect(stderr).not.toContain("looks at");
    expect(existsSync("runs/shut/report.html")).toBe(false);
  });
});
