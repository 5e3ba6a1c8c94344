import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { invocation } from "../../src/cli/invocation.js";
import { listedRecipes } from "../../src/zoo/recipes.js";
import { root } from "../harness/generated.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

const machine = useMachine(200, 60, { LC_ALL: "C.UTF-8" });

const quick = ["--epochs", "3", "--train", "200", "--threads", "1"];
const recipeNames = listedRecipes.map(({ name }) => name).join(", ");

describe("help", () => {
  test("teaches by examples, and names the exit codes", async () => {
    const { code, stdout, stderr } = await fovea("--help");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toContain("Examples:\n  fovea train mnist-shallow ");
    expect(stdout).toContain("Exit codes:\n  0    done\n  1    failed");
    for (const command of ["train", "experiment", "evaluate", "runs", "predict", "summary", "data"]) {
      const help = await fovea(command, "--help");
      expect(help.code).toBe(0);
      expect(help.stdout).toContain("Examples:\n  fovea");
    }
  });

  test("stands in for a command that is missing, as an error", async () => {
    const { code, stdout, stderr } = await fovea();
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^Usage: fovea/);
  });

  test("lists the recipes", async () => {
    const { stdout } = await fovea("train", "--help");
    for (const name of recipeNames.split(", ")) expect(stdout).toContain(`\n${name} `);
    // of use in a comparison alone
    expect(stdout).not.toContain("\nall-conv-pool ");
  });

  test("--version is that of package.json", async () => {
    const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    expect(await fovea("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("mistakes on the command line end with code 2", () => {
  const hint = "Run with --help to see what there is.\n";

  test.each([
    [["trian"], `error: unknown command 'trian'\n(Did you mean train?)\n${hint}`],
    [["train"], `error: missing required argument 'recipe'\n${hint}`],
    [["train", "lwls", "--epoch", "3"], `error: unknown option '--epoch'\n(Did you mean --epochs?)\n${hint}`],
    [
      ["train", "lwls", "--epochs", "0"],
      `error: option '--epochs <n>' argument '0' is invalid. Expected a whole number of at least 1.\n${hint}`,
    ],
    [
      ["train", "lwls", "--learning-rate", "-1"],
      `error: option '--learning-rate <x>' argument '-1' is invalid. Expected a number above 0.\n${hint}`,
    ],
    [
      ["train", "mnist-shalow"],
      `error: recipe "mnist-shalow": there is no such recipe (expected one of ${recipeNames}).\nDid you mean "mnist-shallow".\n`,
    ],
    [
      ["train", "resnet"],
      `error: recipe "resnet": there is no such recipe (expected one of ${recipeNames}).\nRun fovea train --help for what each one does.\n`,
    ],
    [
      ["summary", "lwsl"],
      `error: summary "lwsl": there is no recipe, run directory or model file of this name (expected a path, or one of ${recipeNames}).\nDid you mean "lwls".\n`,
    ],
    [
      ["data", "info", "mnits"],
      'error: data set "mnits": there is no such data set, folder or file (expected one of mnist, fashion-mnist, cifar10, strokes, or a path).\nDid you mean "mnist".\n',
    ],
  ])("%j", async (argv, message) => {
    expect(await fovea(...argv)).toEqual({ code: 2, stdout: "", stderr: message });
  });

  test("with --json, as an object", async () => {
    const { code, stdout } = await fovea("train", "mnist-shalow", "--json");
    expect(code).toBe(2);
    expect(jsonLines(stdout)).toMatchObject([{ event: "error", error: "usage", fix: 'Did you mean "mnist-shallow"' }]);
    const option = await fovea("train", "lwls", "--epochs", "x", "--json");
    expect(jsonLines(option.stdout)).toEqual([
      {
        event: "error",
        error: "usage",
        message: "option '--epochs <n>' argument 'x' is invalid. Expected a whole number of at least 1.",
      },
    ]);
  });

  test("and leave no run directory", () => {
    expect(existsSync("runs")).toBe(false);
  });
});

describe("a run", () => {
  test("is trained, measured and written down", async () => {
    const { code, stdout, stderr } = await fovea("train", "mnist-shallow", ...quick);
    expect(code).toBe(0);
    expect(stdout.split("\n")[0]).toMatch(
      new RegExp(`^test accuracy 0\\.\\d{4} \\(60 images, MNIST from ${machine.data}\\)$`),
    );
    expect(stdout).toContain("\nrun directory runs/mnist-shallow-1: the model, its learning curves (curves.png)");
    expect(stdout).toMatch(/Try next:\n {2}.*fovea.* evaluate runs\/mnist-shallow-1\n/);
    expect(stdout).toContain(" predict runs/mnist-shallow-1 runs/mnist-shallow-1/test-image-0.png\n");
    expect(stderr).toContain("Shallow CNN on 6,000 handwritten digits (mnist-shallow, D1)\n");
    expect(stderr).toContain(`MNIST from ${machine.data}: 180 to train on, 20 to validate, 60 to test\n`);
    expect(stderr).toMatch(/\nepoch 3\/3 {2}loss .* acc .* val loss .* val acc .* img\/s\nfinished 3 epochs in /);

    const files = await readdir("runs/mnist-shallow-1");
    expect(files).toEqual([
      "checkpoints",
      "config.json",
      "curves.png",
      "curves.svg",
      "environment.json",
      "metrics.jsonl",
      "model.safetensors",
      "result.json",
      "test-image-0.png",
    ]);
    const read = async (name: string) => JSON.parse(await readFile(`runs/mnist-shallow-1/${name}`, "utf8"));
    expect(await read("config.json")).toMatchObject({
      recipe: "mnist-shallow",
      threads: 1,
      settings: { seed: 4487, train: 200, validation: 0.1, epochs: 3, batchSize: 50, learningRate: 0.02 },
    });
    expect(await read("result.json")).toMatchObject({ parameters: 98820, epochs: 3, test: { examples: 60 } });
    expect(await read("environment.json")).toMatchObject({ node: process.version });
    const metrics = jsonLines(await readFile("runs/mnist-shallow-1/metrics.jsonl", "utf8"));
    expect(metrics.map(({ epoch }) => epoch)).toEqual([1, 2, 3]);
  });

  test("is the same again from the same seed, and counts up", async () => {
    const { code, stdout, stderr } = await fovea("train", "mnist-shallow", ...quick, "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const events = jsonLines(stdout);
    expect(events.map(({ event }) => event)).toEqual(["start", "epoch", "epoch", "epoch", "end"]);
    expect(events[0]).toMatchObject({
      run: "runs/mnist-shallow-2",
      parameters: 98820,
      data: { train: 180, validation: 20, test: 60 },
    });
    const result = async (run: string) => JSON.parse(await readFile(`runs/${run}/result.json`, "utf8"));
    const [first, second] = [await result("mnist-shallow-1"), await result("mnist-shallow-2")];
    expect(second.test).toEqual(first.test);
    expect(events[4]).toMatchObject({ run: "runs/mnist-shallow-2", test: first.test });
    const model = (run: string) => readFile(`runs/${run}/model.safetensors`);
    expect(await model("mnist-shallow-2")).toEqual(await model("mnist-shallow-1"));
  });

  test("takes another directory, and --quiet leaves the result only", async () => {
    const { code, stdout, stderr } = await fovea("train", "lwls", ...quick, "--out", "deep/er/run", "--quiet");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(/^test accuracy /);
    expect(existsSync("deep/er/run/model.safetensors")).toBe(true);
  });

  test("is not written over another, nor where nothing can be written", async () => {
    expect(await fovea("train", "lwls", ...quick, "--out", "runs/mnist-shallow-1")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "error: runs/mnist-shallow-1: the directory is not empty, and a run would overwrite what is in it.\n" +
        "Choose another --out, or remove the directory.\n",
    });
    await writeFile("file", "");
    const blocked = await fovea("train", "lwls", ...quick, "--out", "file/run");
    expect(blocked.stderr).toBe(
      "error: file/run: cannot be made because a part of the path is a file, not a directory.\nCheck the path.\n",
    );
    expect(blocked.code).toBe(1);
  });

  test("that cannot begin leaves nothing behind", async () => {
    const { code, stderr } = await fovea("train", "mnist-shallow", "--train", "201");
    expect(code).toBe(1 + 1);
    expect(stderr).toMatch(/^error: take from "MNIST train": count is out of range \(expected an integer in 0 … 200/);
    expect(await readdir("runs")).toEqual(["mnist-shallow-1", "mnist-shallow-2"]);
  });
});

describe("evaluate", () => {
  test("repeats the result, and shows each class and what is confused", async () => {
    const { code, stdout, stderr } = await fovea("evaluate", "runs/mnist-shallow-1", "--threads", "1");
    expect([code, stderr]).toEqual([0, ""]);
    const { test: measured } = JSON.parse(await readFile("runs/mnist-shallow-1/result.json", "utf8"));
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(
      `test accuracy ${measured.accuracy.toFixed(4)}, loss ${measured.loss.toFixed(4)} (60 images, MNIST from ${machine.data})`,
    );
    expect(lines[1]).toMatch(/^the right class is among the first 3 for \d+\.\d\d %$/);
    expect(lines[3]).toMatch(/^Class {2}Precision +Recall +F1 +AUC {2}Images$/);
    expect(lines[14]).toMatch(/^mean( +\d+\.\d\d %){3} +0\.\d{4}$/);
    expect(lines[16]).toBe("Most often confused");
    expect(lines[17]).toBe("Class  taken for  Images  of the class");
    const matrix = lines.indexOf("Confusion matrix: a row for each true class, a column for each prediction");
    const mistakes = lines.indexOf("Worst mistakes");
    expect(mistakes).toBe(matrix + 13);
    expect(lines[mistakes + 1]).toMatch(/^Image +is +taken for +with$/);
    expect(lines.at(-2)).toBe("picture runs/mnist-shallow-1/mistakes.png: the 24 worst mistakes");
    expect(existsSync("runs/mnist-shallow-1/mistakes.png")).toBe(true);
  });

  test("gives all numbers with --json", async () => {
    const [result] = jsonLines((await fovea("evaluate", "runs/mnist-shallow-1", "--json")).stdout);
    const confusion = result!.confusion as number[][];
    expect(confusion.map((row) => row.reduce((sum, count) => sum + count))).toEqual(new Array(10).fill(6));
    const right = confusion.reduce((sum, row, i) => sum + row[i]!, 0);
    expect(result!.accuracy).toBeCloseTo(right / 60);
  });

  test("says what is no run", async () => {
    expect(await fovea("evaluate", "nope")).toEqual({
      code: 1,
      stdout: "",
      stderr:
        "error: nope: there is no such run directory.\n" +
        "Train first (fovea train mnist-shallow), and give the directory that it names.\n",
    });
    await mkdir("empty");
    expect((await fovea("evaluate", "empty")).stderr).toBe(
      "error: empty: is not a run directory: it has no config.json.\n" +
        "Give a directory that fovea train has written, for instance runs/mnist-shallow-1.\n",
    );
    await writeFile("empty/config.json", '{"recipe": "lwls", "settings": {}}');
    expect((await fovea("evaluate", "empty")).stderr).toBe(
      "error: empty: has no model.safetensors: the run did not get to its end.\nTrain again, or choose another run.\n",
    );
    await writeFile("empty/config.json", "{");
    expect((await fovea("evaluate", "empty")).stderr).toMatch(/^error: empty\/config\.json: is not JSON \(received /);
  });
});

describe("predict", () => {
  const run = "runs/mnist-shallow-1";
  const image = `${run}/test-image-0.png`;

  test("shows the most probable classes as bars", async () => {
    const { code, stdout, stderr } = await fovea("predict", run, image, "--top", "2");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout).toMatch(
      /^runs\/mnist-shallow-1\/test-image-0\.png\n( {2}\d {2}[█▉▊▋▌▍▎▏ ]{24} {2} {0,3}\d+\.\d\d %\n){2}$/,
    );
  });

  test("gives probabilities with --json, of a model file too", async () => {
    const { stdout } = await fovea("predict", `${run}/model.safetensors`, image, image, "--top", "10", "--json");
    const [first, second] = jsonLines(stdout);
    const top = first!.top as { probability: number }[];
    expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1);
    expect(second).toEqual(first);
  });

  test("notices paper, and inverts it", async () => {
    await sharp(image).negate().toFile("paper.png");
    const { stdout, stderr } = await fovea("predict", run, "paper.png");
    expect(stderr).toBe(
      "note: paper.png has a bright background, but models like this learn light ink on black: try --invert\n",
    );
    const inverted = await fovea("predict", run, "paper.png", "--invert");
    expect(inverted.stderr).toBe("");
    expect(inverted.stdout).not.toBe(stdout);
    expect(inverted.stdout.split("\n").slice(1)).toEqual(
      (await fovea("predict", run, image)).stdout.split("\n").slice(1),
    );
    const twice = await fovea("predict", run, image, "--invert");
    expect(twice.stderr).toBe(`note: ${image} has a dark background already: --invert makes it bright\n`);
  });

  test("fails for files that are no pictures", async () => {
    expect(await fovea("predict", run, "nope.png")).toEqual({
      code: 1,
      stdout: "",
      stderr: "error: nope.png: cannot be read because it does not exist.\nCheck the path.\n",
    });
  });
});

test("summary takes recipes, runs and model files", async () => {
  const recipe = await fovea("summary", "mnist-shallow", "--batch", "50");
  expect(recipe.stdout).toMatch(/^mnist-shallow: Shallow CNN on 6,000 handwritten digits\n\nLayer /);
  expect(recipe.stdout).toMatch(/\nTotal +98,820 /);
  const table = (text: string) => text.split("\n").slice(2);
  const run = await fovea("summary", "runs/mnist-shallow-1", "--batch", "50");
  expect(table(run.stdout)).toEqual(table(recipe.stdout));
  const [json] = jsonLines((await fovea("summary", "runs/mnist-shallow-1/model.safetensors", "--json")).stdout);
  expect(json).toMatchObject({ event: "summary", parameters: 98820, batchSize: 1 });
});

describe("data", () => {
  test("lists sets and their places without loading from the network", async () => {
    const { code, stdout } = await fovea("data");
    expect(code).toBe(0);
    const [, digits, , , generated] = stdout.split("\n");
    expect(digits).toBe(`mnist          handwritten digits, 60,000 + 10,000         ${machine.data}`);
    expect(generated).toBe("strokes        digits drawn by fovea itself, any number    generated");
    expect(jsonLines((await fovea("data", "list", "--json")).stdout)).toHaveLength(4);
    expect(process.env.FOVEA_OFFLINE).toBe("1");
  });

  test("shows one", async () => {
    const { stdout } = await fovea("data", "info", "mnist");
    const lines = stdout.split("\n");
    expect(lines[0]).toBe(`MNIST from ${machine.data}`);
    expect(lines[1]).toBe("200 to train on, 60 to test; each [28, 28, 1], uint8 pixels 0 … 255");
    expect(lines[2]).toMatch(/^mean 0\.\d{4}, deviation 0\.\d{4}, as networks see it$/);
    expect(lines.slice(4, 6)).toEqual(["Class  Train  Test", "0         20     6"]);
    const [json] = jsonLines((await fovea("data", "info", "mnist", "--json")).stdout);
    expect(json).toMatchObject({ train: 200, test: 60, shape: [28, 28, 1], skipped: [] });
    expect(json!.classes).toHaveLength(10);
  });

  /** Two classes of pictures, each in parts to train on and to test, and one damaged file. */
  async function writePictures(): Promise<void> {
    for (const [folder, background] of [
      ["pets/train/cat", "red"],
      ["pets/train/dog", "blue"],
      ["pets/test/dog", "green"],
    ] as const) {
      await mkdir(folder, { recursive: true });
      await sharp({ create: { width: 40, height: 20, channels: 3, background } }).toFile(`${folder}/1.png`);
    }
    await writeFile("pets/train/cat/2.jpg", "no picture");
  }

  test("describes a folder of images, and names files that are damaged", async () => {
    await writePictures();
    const { code, stdout, stderr } = await fovea("data", "info", "pets/");
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.split("\n")).toEqual([
      "pets",
      "2 to train on, 1 to test; images of 40 × 20 pixels",
      "mean 0.5000, 0.0000, 0.5000, deviation 0.5000, 0.0000, 0.5000, as networks see it",
      "",
      "Class  Train  Test",
      "cat        1     0",
      "dog        1     1",
      "",
      "1 damaged, left out:",
      expect.stringMatching(/^ {2}pets\/train\/cat\/2\.jpg: the image cannot be decoded \(10 bytes: /),
      "",
    ]);
  });

  test("draws a sheet of examples, and of variations", async () => {
    const { stdout } = await fovea("data", "show", "mnist", "--columns", "4");
    expect(stdout).toBe("mnist.png: 10 classes of train\n");
    const sheet = await sharp("mnist.png").metadata();
    expect([sheet.format, sheet.height]).toEqual(["png", 700]);
    // the first digit lies right of its class's name, ink on black
    const { data, info } = await sharp("mnist.png").raw().toBuffer({ resolveWithObject: true });
    const brightest = (left: number, top: number, side: number) => {
      let most = 0;
      for (let y = top; y < top + side; y++)
        for (let x = left; x < left + side; x++) most = Math.max(most, data[(y * info.width + x) * 3]!);
      return most;
    };
    expect(data[(82 * info.width + 69) * 3]).toBe(0);
    expect(brightest(69, 82, 50)).toBeGreaterThan(200);

    await writePictures();
    const options = ["--augment", "rotate:10,flip(),mixUp:1", "--out", "varied.png", "--part", "train", "--json"];
    const varied = await fovea("data", "show", "pets", ...options);
    expect(jsonLines(varied.stdout)).toEqual([
      { event: "sheet", name: "pets", part: "train", file: "varied.png", rows: 2, columns: 12 },
    ]);
    expect(varied.stderr).toMatch(/^note: pets\/train\/cat\/2\.jpg: the image cannot be decoded/);
    expect((await sharp("varied.png").metadata()).format).toBe("png");
  });

  test.each([
    [["--augment", "rotat:3"], /"rotat:3" is no augmentation .*\nDid you mean "rotate"\.\n$/],
    [["--augment", "rotate:999"], /rotate: degrees is out of range/],
    [["--part", "val"], /--part: there is no part "val" \(expected one of train, test\)/],
  ])("show %j says what is wrong", async (options, message) => {
    const { code, stderr } = await fovea("data", "show", "mnist", ...options);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});

test("commands to copy are those that this user can run", () => {
  expect(invocation("/usr/local/bin/fovea")).toBe("fovea");
  expect(invocation(join("/project", "node_modules", ".bin", "fovea"))).toBe("npx fovea");
  expect(invocation(join(process.cwd(), "bin", "fovea.js"))).toBe("npx fovea");
  expect(invocation("/elsewhere/bin/fovea.js")).toBe("node /elsewhere/bin/fovea.js");
});
