import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { parseHTML } from "linkedom";
import { describe, expect, test } from "vitest";
import { outcomesOf, spreadOf } from "../../src/cli/experiments.js";
import { resolveConfig } from "../../src/cli/trainConfig.js";
import { experiments } from "../../src/zoo/experiments.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

useMachine(200, 60);
const quick = ["--train", "200", "--epochs", "2", "--threads", "1"];

const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

describe("fovea experiment", () => {
  const small = {
    title: "Two rates",
    against: "first",
    seeds: [3, 5],
    variants: [
      { name: "slow", recipe: "mnist-shallow", settings: { learningRate: 0.0001 } },
      { name: "usual", recipe: "mnist-shallow" },
    ],
  };

  test("trains every variant for every seed, and compares them", async () => {
    await writeFile("rates.json", JSON.stringify(small));
    const { code, stdout, stderr } = await fovea("experiment", "rates.json", ...quick);
    expect([code, stderr.split("\n").length]).toEqual([0, 5]);
    expect(stderr).toMatch(/^\[1\/4\] slow, seed 3: test accuracy 0\.\d{4} \(2 epochs, /);
    const lines = stdout.split("\n");
    expect(lines.slice(0, 4)).toEqual([
      "Two rates",
      "Test accuracy, mean ± deviation over seeds 3, 5; change against the first variant, seed by seed",
      "",
      expect.stringMatching(/^Variant +Parameters +Accuracy \(%\) +Change +Epochs +Time$/),
    ]);
    expect(lines[4]).toMatch(/^slow +98,820 +\d+\.\d\d ± \d+\.\d\d +2 +\S+ s$/);
    expect(lines[5]).toMatch(/^usual +98,820 +\d+\.\d\d ± \d+\.\d\d +\+\d+\.\d\d ± \d+\.\d\d +2 +\S+ s$/);

    // the numbers are those of the trainings
    const outcome = await json("runs/rates/experiment.json");
    expect(outcome).toMatchObject({ experiment: "rates", metric: "accuracy", against: "first", seeds: [3, 5] });
    for (const { name, trials, mean, deviation, change } of outcome.variants) {
      const values = await Promise.all(
        [3, 5].map(async (seed) => (await json(`runs/rates/${name}-${seed}/result.json`)).test.accuracy),
      );
      expect(trials.map(({ value }: { value: number }) => value)).toEqual(values);
      expect(mean).toBeCloseTo((values[0] + values[1]) / 2, 12);
      expect(deviation).toBeCloseTo(Math.abs(values[0] - values[1]) / Math.SQRT2, 12);
      expect(change?.from).toBe(name === "usual" ? "slow" : undefined);
    }
    // and each training is that of fovea train
    const flags = ["--learning-rate", "0.0001", "--seed", "5", "--out", "alone", "--quiet"];
    await fovea("train", "mnist-shallow", ...quick, ...flags);
    expect(readFileSync("runs/rates/slow-5/model.safetensors")).toEqual(readFileSync("alone/model.safetensors"));

    const { document } = parseHTML(readFileSync("runs/rates/experiment.svg", "utf8"));
    const texts = [...document.querySelectorAll("text")].map((node) => node.textContent);
    expect(texts).toEqual(expect.arrayContaining(["Two rates", "slow", "usual", "Test accuracy (%)"]));
    expect(document.querySelectorAll("circle").length).toBe(4 + 2);
    expect(readFileSync("runs/rates/experiment.png").subarray(1, 4).toString()).toBe("PNG");
  });

  test("keeps what is there, goes on with what was interrupted, and adds seeds", async () => {
    const written = async () => (await stat("runs/rates/slow-3/result.json")).mtimeMs;
    const first = await written();
    const model = readFileSync("runs/rates/usual-5/model.safetensors");
    // as a kill leaves a training: with its config, and nothing that says that it has ended
    await rm("runs/rates/usual-5/result.json");
    await rm("runs/rates/usual-5/model.safetensors");
    const { code, stdout } = await fovea("experiment", "rates.json", ...quick, "--seeds", "3,5,7", "--json");
    expect(code).toBe(0);
    const events = jsonLines(stdout);
    expect(events.map(({ event, variant, seed, kept }) => [event, variant, seed, kept])).toEqual([
      ["trial", "slow", 3, true],
      ["trial", "usual", 3, true],
      ["trial", "slow", 5, true],
      ["trial", "usual", 5, false],
      ["trial", "slow", 7, false],
      ["trial", "usual", 7, false],
      ["end", undefined, undefined, undefined],
    ]);
    expect(await written()).toBe(first);
    expect(readFileSync("runs/rates/usual-5/model.safetensors")).toEqual(model);
  });

  test("does not mix trainings with other settings", async () => {
    const { code, stderr } = await fovea("experiment", "rates.json", ...quick.slice(0, 2), "--epochs", "3");
    expect([code, stderr]).toEqual([
      2,
      "error: runs/rates/slow-3: the directory holds a training with other settings (expected epochs 3, " +
        "received epochs 2).\nChoose another directory for this experiment with --out, or remove that one.\n",
    ]);
    await mkdir("full/usual-3", { recursive: true });
    await writeFile("full/usual-3/run.lock", "left by a process that was killed");
    await mkdir("full/slow-3", { recursive: true });
    await writeFile("full/slow-3/notes.txt", "mine");
    expect((await fovea("experiment", "rates.json", "--out", "full")).stderr).toMatch(
      /^error: full\/slow-3: is not a run directory/,
    );
    expect(readdirSync("full")).toEqual(["slow-3", "usual-3"]);
  });

  test("climbs the pipeline, with one seed without deviations", async () => {
    const { stdout } = await fovea("experiment", "pipeline", ...quick, "--seeds", "0", "--out", "ladder", "--quiet");
    const lines = stdout.split("\n");
    expect(lines[1]).toBe("Test accuracy, seed 0; change against the variant before, seed by seed");
    expect(lines.slice(4, 13).map((line) => line.split(" ")[0])).toEqual(
      experiments[0]!.variants.map(({ name }) => name),
    );
    expect(lines[4]).toMatch(/^linear +7,850 +\d+\.\d\d +2 /);
    expect(lines[5]).toMatch(/^conv +125,866 +\d+\.\d\d +[+−±]\d+\.\d\d +2 /);
  });

  test("says which experiments there are", async () => {
    const { code, stdout } = await fovea("experiment");
    expect(code).toBe(0);
    for (const { name } of experiments) expect(stdout).toContain(`\n${name} `);
    expect(jsonLines((await fovea("experiment", "--json")).stdout).map(({ name }) => name)).toEqual(
      experiments.map(({ name }) => name),
    );
  });

  test.each([
    [
      ["pipelin"],
      'error: experiment "pipelin": there is no such experiment (expected one of pipeline, all-conv, digit-networks, ' +
        'optimizers, or a file of JSON).\nDid you mean "pipeline".\n',
    ],
    [["nowhere.json"], /^error: nowhere\.json: there is no such config/],
    [["pipeline", "--seeds", "1,1"], /Expected different whole numbers, such as 1,2,3\./],
    [["pipeline", "--seeds", "1,x"], /Expected different whole numbers, such as 1,2,3\./],
    [["pipeline", "--epochs", "0"], /Expected a whole number of at least 1\./],
  ])("refuses %s", async (words, message) => {
    const { code, stderr } = await fovea("experiment", ...words);
    expect(code).not.toBe(0);
    if (typeof message === "string") expect(stderr).toBe(message);
    else expect(stderr).toMatch(message);
  });

  const variant = { name: "a", recipe: "lwls" };
  test.each([
    ["[]", "wrong.json: wrong experiment (expected an object, received [])."],
    [{ variants: [] }, /^wrong\.json: wrong variants \(expected a list such as .*, received \[\]\)\.$/],
    [
      { variants: [variant], against: "last" },
      'wrong.json: wrong against (expected one of previous, first, received "last").',
    ],
    [
      { variants: [variant], seeds: [1, 1] },
      "wrong.json: wrong seeds (expected different whole numbers ≥ 0, such as [1, 2, 3], received [1,1]).",
    ],
    [{ variants: [variant], sedes: [1] }, /^wrong\.json: unknown option "sedes" .*\nDid you mean "seeds"\.$/],
    [{ variants: [{ ...variant, name: "a/b" }] }, /^wrong\.json: variants\[0\]: wrong name .*, received "a\/b"\)\.$/],
    [
      { variants: [variant, variant] },
      'wrong.json: variants[1]: wrong name (expected one that no other variant has, received "a").',
    ],
    [
      { variants: [{ ...variant, settings: { epochs: 0.5 } }] },
      "wrong.json: variants[0]: wrong settings.epochs (expected a whole number ≥ 1, received 0.5).",
    ],
    [
      { variants: [{ ...variant, recipe: "lwsl" }] },
      /^recipe "lwsl": there is no such recipe .*\nDid you mean "lwls"\.$/,
    ],
    [
      { variants: [{ ...variant, settings: { optimizer: "adam", momentum: 0.5 } }] },
      /^settings: momentum does not go with the optimiser /,
    ],
  ])("refuses a file that says %j", async (content, message) => {
    await writeFile("wrong.json", typeof content === "string" ? content : JSON.stringify(content));
    const { code, stderr } = await fovea("experiment", "wrong.json");
    expect(code).toBe(2);
    const text = stderr.replace(/^error: /, "").trimEnd();
    if (typeof message === "string") expect(text).toBe(message);
    else expect(text).toMatch(message);
    expect(existsSync("runs/wrong")).toBe(false);
  });
});

describe("experiments that come along", () => {
  test.each(experiments.map((experiment) => [experiment.name, experiment] as const))(
    "%s can be run",
    (_, { variants }) => {
      expect(new Set(variants.map(({ name }) => name)).size).toBe(variants.length);
      const configs = variants.map(({ name, ...config }) => JSON.stringify(resolveConfig(config)));
      expect(new Set(configs).size).toBe(variants.length);
    },
  );
});

describe("spreads and changes", () => {
  test("are means and sample deviations", () => {
    // as numpy.std(ddof=1) has it
    expect(spreadOf([2, 4, 4, 4, 5, 5, 7, 9])).toEqual({ mean: 5, deviation: expect.closeTo(2.138089935299395, 12) });
    expect(spreadOf([3])).toEqual({ mean: 3, deviation: undefined });
  });

  test("compare trainings of the same seed, as far as there are some", () => {
    const variant = (name: string, values: Readonly<Record<number, number>>) => ({
      name,
      trials: Object.entries(values).map(([seed, value]) => {
        return { seed: Number(seed), value, run: "", parameters: 1, epochs: 1, seconds: 1 };
      }),
    });
    const variants = [variant("a", { 1: 10, 2: 20 }), variant("b", { 1: 11, 2: 23 }), variant("c", { 2: 20, 3: 7 })];
    const changes = (against: "previous" | "first") => outcomesOf(variants, against).map(({ change }) => change);
    expect(changes("previous")).toEqual([
      undefined,
      { from: "a", mean: 2, deviation: Math.SQRT2 },
      { from: "b", mean: -3, deviation: undefined },
    ]);
    expect(changes("first")[2]).toEqual({ from: "a", mean: 0, deviation: undefined });
  });
});
