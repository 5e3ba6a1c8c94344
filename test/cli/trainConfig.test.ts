import { readFileSync, writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { configSchema } from "../../src/cli/trainOptions.js";
import { root } from "../harness/generated.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

useMachine(200, 60);

const model = (run: string) => readFile(`${run}/model.safetensors`, "base64");
const configOf = async (run: string) => JSON.parse(await readFile(`${run}/config.json`, "utf8"));

describe("a config", () => {
  test("of a run does it again, bit for bit", async () => {
    const flags = ["--epochs", "2", "--train", "200", "--momentum", "0.5", "--no-nesterov", "--checkpoint-keep", "1"];
    expect((await fovea("train", "lwls", ...flags, "--out", "first", "--quiet")).code).toBe(0);
    expect((await fovea("train", "first/config.json", "--out", "second", "--quiet")).code).toBe(0);
    expect(await model("second")).toBe(await model("first"));
    expect(await configOf("second")).toEqual(await configOf("first"));
    expect(await configOf("first")).toMatchObject({
      recipe: "lwls",
      settings: { seed: 4487, epochs: 2, train: 200, momentum: 0.5, nesterov: false, batchSize: 50 },
      checkpoint: { keep: 1 },
    });
  });

  test("may leave out what the recipe says, and the command line comes last", async () => {
    const given = { $schema: "…", recipe: "mnist-shallow", settings: { epochs: 9, train: 200, seed: 3 }, threads: 1 };
    await writeFile("given.json", JSON.stringify(given));
    const { code, stdout } = await fovea("train", "given.json", "--epochs", "1", "--out", "third", "--json");
    expect(code).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ threads: 1, settings: { epochs: 1, seed: 3, patience: 10 } });
  });

  test("takes another optimiser with its own rate, a schedule, and varied examples, which repeat and resume", async () => {
    const flags = ["--optimizer", "adamW", "--weight-decay", "0.05", "--schedule", "oneCycle", "--warm-up", "0.2"];
    flags.push("--augment", "shift:0.1,mixUp:0.4", "--label-smoothing", "0.1", "--average-decay", "0.9", "--balance");
    flags.push("--epochs", "3", "--train", "200", "--clip-norm", "1", "--accumulation-steps", "2");
    const { stderr, code } = await fovea("train", "lwls", ...flags, "--out", "varied");
    expect(code).toBe(0);
    expect(stderr).toContain(
      "AdamW 0.001 in one cycle, weight decay 0.05, label smoothing 0.1, averaged weights (0.9), batch 50, at most 3 epochs",
    );
    expect(stderr).toContain("varied    shift:0.1,mixUp:0.4\n");
    const { settings } = await configOf("varied");
    expect(settings).toMatchObject({ optimizer: "adamW", learningRate: 0.001, balance: true });
    expect(settings).not.toHaveProperty("momentum");
    expect((await fovea("train", "varied/config.json", "--out", "again", "--quiet", "--threads", "1")).code).toBe(0);
    expect(await model("again")).toBe(await model("varied"));
    const { stdout } = await fovea("evaluate", "varied", "--json");
    const { test } = JSON.parse(await readFile("varied/result.json", "utf8"));
    expect(jsonLines(stdout)[0]).toMatchObject(test);
  });

  test.each([
    [
      ["--optimizer", "adam", "--momentum", "0.5"],
      /momentum does not go with the optimiser \(expected one of sgd, rmsprop, received adam\)/,
    ],
    [
      ["--optimizer", "rmsprop", "--nesterov"],
      /nesterov does not go with the optimiser \(expected sgd, received rmsprop\)/,
    ],
    [["--augment", "rotat:3"], /"rotat:3" is no augmentation .*\nDid you mean "rotate"\.\n$/],
    [["--schedule", "cyclic"], /Expected one of constant, oneCycle, cosine, linear, plateau\./],
  ])("is not made of %s", async (flags, message) => {
    const { stderr, code } = await fovea("train", "lwls", ...flags);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
  });

  test("may be a module", async () => {
    await writeFile("given.mjs", 'export default { recipe: "lwls", settings: { epochs: 1, train: 200 } };');
    expect((await fovea("train", "given.mjs", "--quiet")).code).toBe(0);
    await writeFile("none.mjs", "export const recipe = 1;");
    expect((await fovea("train", "none.mjs")).stderr).toMatch(/^error: none\.mjs: has no default export /);
  });

  test("may be in TypeScript where Node runs that", async () => {
    const { typescript } = process.features as { readonly typescript?: unknown };
    const settings = "{ epochs: 1 as number, train: 200 }";
    await writeFile("given.mts", `export default { recipe: "lwls", settings: ${settings} };`);
    const { code, stderr } = await fovea("train", "given.mts", "--quiet");
    const refusal =
      "error: given.mts: a config in TypeScript needs a Node that runs it " +
      `(expected 22.18 or later, received ${process.version}).\nUse a newer Node, or write the config as JSON.\n`;
    expect({ code, stderr }).toEqual(typescript ? { code: 0, stderr: "" } : { code: 1, stderr: refusal });
  });

  test.each([
    ["[]", "wrong config (expected an object, received [])."],
    ['{"recipe": "lwls", "setings": {}}', /unknown option "setings" .*\nDid you mean "settings"\.\n$/],
    ['{"recipe": "lwls", "settings": {"epoch": 1}}', /settings: unknown option "epoch" .*\nDid you mean "epochs"\.\n$/],
    ['{"settings": {}}', /wrong recipe \(expected data, or one of mnist-shallow, .*, received nothing\)\.\n$/],
    [
      '{"recipe": "lwls", "settings": {"epochs": 1.5}}',
      "wrong settings.epochs (expected a whole number ≥ 1, received 1.5).",
    ],
    [
      '{"recipe": "lwls", "settings": {"validation": 1}}',
      "wrong settings.validation (expected a number > 0 and below 1, received 1).",
    ],
    [
      '{"recipe": "lwls", "settings": {"monitor": "f1"}}',
      'wrong settings.monitor (expected one of loss, accuracy, validationLoss, validationAccuracy, received "f1").',
    ],
    [
      '{"recipe": "lwls", "settings": {"augment": "rotat"}}',
      'wrong settings.augment (expected augmentations as in rotate:10,flip, or none, received "rotat").',
    ],
    ['{"recipe": "lwls", "checkpoint": 3}', "wrong checkpoint (expected an object, received 3)."],
    ["{", /wrong\.json: is not JSON \(received /],
  ])("that says what it should not is refused: %s", async (text, message) => {
    await writeFile("wrong.json", text);
    const { code, stderr } = await fovea("train", "wrong.json");
    expect(code).not.toBe(0);
    if (typeof message === "string") expect(stderr).toBe(`error: wrong.json: ${message}\n`);
    else expect(stderr).toMatch(message);
  });

  test("has a published schema, which says the same", () => {
    const path = `${root}docs/config.schema.json`;
    // after a change, then: npx biome check --write docs
    if (process.env.FOVEA_WRITE_SCHEMA === "1") writeFileSync(path, JSON.stringify(configSchema()));
    expect(JSON.parse(readFileSync(path, "utf8"))).toEqual(configSchema());
  });
});

describe("--resume", () => {
  test("is refused with what would change the run", async () => {
    expect((await fovea("train", "--resume", "first", "--momentum", "0.1")).stderr).toBe(
      'error: train --resume: "--momentum" does not go with it: a run goes on as it was begun ' +
        "(expected --epochs, --threads, --quiet or --json, and --data where images have been moved).\n",
    );
    expect((await fovea("train", "lwls", "--resume", "first")).code).toBe(2);
    expect((await fovea("train", "--resume", "nowhere")).stderr).toMatch(
      /^error: nowhere: there is no such run directory/,
    );
  });

  test("goes on with more epochs", async () => {
    const { code, stdout } = await fovea("train", "--resume", "first", "--epochs", "4", "--json");
    expect(code).toBe(0);
    expect(jsonLines(stdout).filter(({ event }) => event === "epoch")).toHaveLength(2);
    const flags = ["--epochs", "4", "--train", "200", "--momentum", "0.5", "--no-nesterov"];
    await fovea("train", "lwls", ...flags, "--out", "long", "--quiet");
    expect(await model("first")).toBe(await model("long"));
    expect((await configOf("first")).settings.epochs).toBe(4);
  });

  test("begins where nothing was done yet", async () => {
    await mkdir("early");
    await writeFile("early/.result.json.12-ab.tmp", "{");
    await writeFile("early/config.json", JSON.stringify(await configOf("long")));
    expect((await fovea("train", "--resume", "early", "--quiet")).code).toBe(0);
    expect(await model("early")).toBe(await model("long"));
    expect((await readdir("early")).filter((name) => name.startsWith("."))).toEqual([]);
  });
});

test("--find-lr names a rate, and draws the search", async () => {
  const { code, stdout } = await fovea("train", "mnist-shallow", "--train", "200", "--find-lr", "--out", "search");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^the loss falls the most at a learning rate of [\d.e-]+ \(the recipe has 0\.02\)\n/);
  expect(stdout).toContain(
    "picture search/mnist-shallow-learning-rate.svg and search/mnist-shallow-learning-rate.png\n",
  );
  expect(await readFile("search/mnist-shallow-learning-rate.svg", "utf8")).toContain("Loss over the learning rate");
});
