import { existsSync } from "node:fs";
import { appendFile, copyFile, cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { zipSync } from "fflate";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.js";
import { keyOf } from "../../src/core/random.js";
import { drawDigit } from "../../src/data/strokes.js";
import { loadModel } from "../../src/train/model.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

/** Folders of images, from training to prediction, as a user's are: of all kinds, and drawn by our own pen. */
useMachine(10, 10);
const classes = ["eins", "ноль", "三"];
const digits = [1, 0, 3];
const small = ["--image-size", "16", "--batch-size", "8", "--quiet"];
const short = [...small, "--epochs", "3"];

beforeAll(async () => {
  for (const [label, name] of classes.entries()) {
    for (let i = 0; i < 20; i++) await writeDigit(`photos/${name}/${name} ${i}`, digits[label]!, i);
  }
});

/** A digit as a file of one kind or another: grey, RGB, RGBA, JPEG; of several sizes; turned by EXIF. */
async function writeDigit(path: string, digit: number, index: number): Promise<string> {
  const pixels = drawDigit(digit, keyOf(11, "photo", digit, index));
  const picture = sharp(pixels, { raw: { width: 28, height: 28, channels: 1 } });
  const kinds = [
    [".png", picture.clone()],
    [".png", picture.clone().toColourspace("srgb").resize(20, 20)],
    [".png", picture.clone().toColourspace("srgb").ensureAlpha().resize(56, 40, { fit: "contain" })],
    [".jpg", picture.clone().resize(64, 64)],
    // stored lying on its side, with a note to turn it
    [".jpg", picture.clone().rotate(-90).withMetadata({ orientation: 6 })],
  ] as const;
  const [extension, made] = kinds[index % kinds.length]!;
  await mkdir(dirname(path), { recursive: true });
  await made.toFile(path + extension);
  return path + extension;
}

const model = (run: string) => readFile(`${run}/model.safetensors`, "base64");
const json = async (path: string) => JSON.parse(await readFile(path, "utf8"));

/** Runs a command line and presses Ctrl-C when it says something. */
async function interrupted(when: RegExp, ...argv: string[]): Promise<number> {
  const stream = {
    write(text: string) {
      if (when.test(text)) process.emit("SIGINT");
    },
  };
  return main(argv, { stdout: { write: () => {} }, stderr: stream });
}

describe("a folder of images", () => {
  const run = ["train", "--data", "photos", "--image-size", "16", "--batch-size", "8", "--epochs", "12"];

  test("is trained on, and an interrupted run goes on to the same bits", async () => {
    const { code, stdout, stderr } = await fovea(...run, "--out", "whole");
    expect([code, stderr]).toEqual([0, expect.stringContaining("3 classes of images of your own (small, 16 × 16)\n")]);
    expect(stderr).toContain("photos: 48 to train on, 6 to validate, 6 to test\n");
    expect(stdout).toMatch(/^test accuracy \d\.\d{4} \(6 images, photos\)\n/);
    expect(stdout).toMatch(/\n {2}.* predict whole "photos\/eins\/eins \d+\.(png|jpg)"\n/);
    const result = await json("whole/result.json");
    expect(result.recipe).toBe("small on photos");
    expect(result.test.accuracy).toBeGreaterThan(0.6);

    expect(await interrupted(/^epoch {2}3\/12/, ...run, "--out", "parts", "--checkpoint-steps", "4")).toBe(130);
    expect((await json("parts/result.json")).stopped).toBe("it was interrupted");
    const resumed = await fovea("train", "--resume", "parts", "--threads", "1");
    expect([resumed.code, resumed.stderr]).toEqual([0, expect.stringMatching(/\n {2}resumed {3}(in|after) epoch /)]);
    expect(await model("parts")).toBe(await model("whole"));
  });

  test("is kept in the run as a list, and in the config by its way from there", async () => {
    const config = await json("whole/config.json");
    expect(config).toMatchObject({ data: "../photos", model: "small", imageSize: 16, corrupt: "refuse" });
    expect(config.settings).toMatchObject({ optimizer: "adamW", schedule: "oneCycle", patience: 12, test: 0.1 });
    expect(config.fingerprint).toMatch(/^[0-9a-f]{32}$/);
    const [titles, ...lines] = (await readFile("whole/data.csv", "utf8")).trimEnd().split("\n");
    expect(titles).toBe("part,class,file,bytes");
    expect(lines).toHaveLength(60);
    for (const name of classes) {
      const parts = lines
        .filter((line) => line.includes(`,${name},${name}/${name} `))
        .map((line) => line.split(",")[0]);
      expect(["train", "validation", "test"].map((part) => parts.filter((each) => each === part).length)).toEqual([
        16, 2, 2,
      ]);
    }
  });

  test("is trained on again by the run's config, bit for bit, from wherever it is", async () => {
    expect((await fovea("train", "whole/config.json", "--out", "again", "--quiet")).code).toBe(0);
    expect(await model("again")).toBe(await model("whole"));
    expect(await json("again/config.json")).toEqual(await json("whole/config.json"));
  });

  test("is evaluated on the images that were held back", async () => {
    const { code, stdout } = await fovea("evaluate", "whole", "--json");
    expect(code).toBe(0);
    const [event] = jsonLines(stdout);
    const { test: measured } = await json("whole/result.json");
    expect(event).toMatchObject({ event: "evaluation", data: "photos", ...measured });
    const mistakes = event!.mistakes as { file: string; label: string; predicted: string }[];
    expect(mistakes).toHaveLength(Math.round(6 * (1 - measured.accuracy)));
    const text = (await fovea("evaluate", "whole")).stdout;
    for (const name of classes) expect(text).toMatch(new RegExp(`\n${name} +\\d`));
  });

  test("lends pictures of mistakes, if there are any, and other folders to measure on", async () => {
    // every image in the folder of the next class
    for (const [i, name] of classes.entries())
      await cp(`photos/${name}`, `wrong/${classes[(i + 1) % 3]}`, { recursive: true });
    const { stdout } = await fovea("evaluate", "whole", "wrong");
    expect(stdout).toMatch(/^test accuracy 0\.[0-3]\d+, loss \S+ \(60 images, wrong\)\n/);
    expect(stdout).toMatch(/\nWorst mistakes\nImage +is +taken for +with\n\S+ \d+\.(png|jpg) +\S+ +\S+ +\d/);
    expect(stdout).toMatch(/\npicture whole\/mistakes-wrong\.png: the 24 worst mistakes\n$/);
    expect((await sharp("whole/mistakes-wrong.png").metadata()).width).toBeGreaterThan(400);
    const own = await fovea("evaluate", "whole", "photos", "--mistakes", "own.svg");
    expect(own.code).toBe(0);
    expect(own.stderr).toContain("note: the run was trained on 48 of these images; ");
    await rm("wrong", { recursive: true });
  });

  test("with classes that the model does not know is refused, with those it has not noted", async () => {
    await cp("photos/三", "others/Eins", { recursive: true });
    const { code, stderr } = await fovea("evaluate", "whole", "others");
    expect([code, stderr]).toEqual([
      1,
      "error: others: has a class that whole does not know (expected folders among eins, ноль, 三, received Eins).\n" +
        'Rename "Eins" to "eins", or take it out.\n',
    ]);
    await rename("others/Eins", "others/eins");
    const known = await fovea("evaluate", "whole", "others");
    expect(known.stderr).toContain("note: others has no images of ноль, 三\n");
    await rm("others", { recursive: true });
  });

  test("is predicted, files and folders, of any size", async () => {
    const file = await writeDigit("new/три", 3, 104);
    await sharp({ create: { width: 300, height: 7, channels: 4, background: "#abc8" } })
      .webp()
      .toFile("new/wide.webp");
    const { code, stdout } = await fovea("predict", "whole", "new", "photos/ноль", "--json", "--top", "3");
    expect(code).toBe(0);
    const events = jsonLines(stdout) as { image: string; top: { class: string; probability: number }[] }[];
    expect(events).toHaveLength(22);
    expect(events.slice(0, 2).map(({ image }) => image)).toEqual(["new/wide.webp", file]);
    for (const { top } of events) {
      expect(top.map((guess) => guess.class).sort()).toEqual([...classes].sort());
      expect(top.reduce((sum, { probability }) => sum + probability, 0)).toBeCloseTo(1, 5);
    }
    // lying on its side, with a note that says so, as it stands upright
    const upright = "new/upright.png";
    await sharp(file).rotate().png().toFile(upright);
    const [turned, straight] = jsonLines(
      (await fovea("predict", "whole", file, upright, "--json")).stdout,
    ) as typeof events;
    for (const { class: name, probability } of straight!.top) {
      expect(turned!.top.find((guess) => guess.class === name)!.probability).toBeCloseTo(probability, 2);
    }
    await rm(upright);
    const table = (await fovea("predict", "whole", "new", "photos/ноль")).stdout;
    expect(table).toMatch(/^Image +Class +with +or +with +or +with\nnew\/wide/m);
    expect(table.trimEnd().split("\n")).toHaveLength(23);
  });

  test("says what the model says by itself: one file is enough", async () => {
    await copyFile("whole/model.safetensors", "alone.safetensors");
    const lines = async (what: string) => (await fovea("predict", what, "photos/三", "--json")).stdout;
    expect(await lines("alone.safetensors")).toBe(await lines("whole"));
    const { code, stdout } = await fovea("evaluate", "alone.safetensors", "photos", "--json");
    expect(code).toBe(0);
    expect(jsonLines(stdout)[0]).toMatchObject({ examples: 60 });
    expect((await fovea("evaluate", "alone.safetensors")).stderr).toMatch(/does not say what it is measured on/);
  });

  test("lends its features to other classes, frozen at first and tuned then", async () => {
    await cp("photos/eins", "other/one", { recursive: true });
    await cp("photos/三", "other/three", { recursive: true });
    const flags = ["train", "--data", "other", "--image-size", "16", "--epochs", "3", "--batch-size", "8"];
    const { code, stderr } = await fovea(...flags, "--pretrained", "whole", "--out", "head");
    expect(code).toBe(0);
    expect(stderr).toContain("(small, 16 × 16, with the features of whole)\n");
    expect(stderr).toMatch(/ 1,166,312 parameters, 514 of them trained, /);
    const stem = async (run: string) => (await loadModel(`${run}/model.safetensors`)).weight("stem.conv.kernel");
    expect(await stem("head")).toEqual(await stem("whole"));
    const config = await json("head/config.json");
    expect(config).toMatchObject({
      pretrained: "../whole",
      pretrainedChecksum: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect((await fovea("train", "head/config.json", "--out", "head-again", "--quiet")).code).toBe(0);
    expect(await model("head-again")).toBe(await model("head"));
    const tuned = await fovea(...flags, "--pretrained", "head/model.safetensors", "--fine-tune", "--out", "tuned");
    expect([tuned.code, tuned.stderr]).toEqual([0, expect.stringContaining("AdamW 0.0005 in one cycle")]);
    expect(await stem("tuned")).not.toEqual(await stem("head"));
    await copyFile("tuned/model.safetensors", "head/model.safetensors");
    const changed = await fovea(...flags.slice(0, 1), "tuned/config.json");
    expect(changed.stderr).toMatch(
      /^error: head\/model\.safetensors: is not the file that the config was written for /,
    );
    const other = await fovea(
      ...flags,
      "--image-size",
      "32",
      "--model",
      "mobilenet",
      "--pretrained",
      "whole",
      "--out",
      "refused",
    );
    expect(other.stderr).toMatch(/^error: whole\/model\.safetensors: tensor "features\.0\.0\.kernel" is missing/);
    expect(existsSync("refused")).toBe(false);
  });

  test("can be searched for a learning rate, varied as in training", async () => {
    const { code, stdout } = await fovea("train", "--data", "photos", ...small, "--find-lr", "--out", "search");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^the loss falls the most at a learning rate of [\d.e-]+ \(the run has 0\.003\)\n/);
    expect(stdout).toMatch(/\n {2}.* train --data photos --model small --image-size 16 --learning-rate [\d.e-]+\n$/);
    expect(existsSync("search/photos-learning-rate.png")).toBe(true);
  });

  test("can be looked at by every command", async () => {
    expect((await fovea("runs", "list", ".")).stdout).toMatch(/\nwhole +small on photos +finished +12 /);
    expect((await fovea("runs", "show", "whole")).stdout).toContain("recipe      small on photos\n");
    expect((await fovea("summary", "whole")).stdout).toContain("normalization (batchNorm)");
    expect((await fovea("plan", "whole")).stdout).toContain("One step of training, batch 8,");
    expect((await fovea("inspect", "gradcam", "whole", "test:1", "--unit", "三", "--json")).code).toBe(0);
    expect((await fovea("inspect", "dead", "whole", "--json")).code).toBe(0);
  });

  test("that has changed is refused by a run that goes on, and by its config", async () => {
    await fovea("train", "--data", "photos", ...short, "--out", "done");
    await rename("photos/eins/eins 3.jpg", "photos/eins/moved.jpg");
    await appendFile("photos/三/三 0.png", "more");
    const { code, stderr } = await fovea("train", "--resume", "done", "--epochs", "6");
    expect([code, stderr]).toEqual([
      1,
      "error: done: photos has changed since the run began, which can then not go on as if it had never stopped " +
        "(expected the 60 images of done/data.csv, received 1 more (eins/moved.jpg), 1 missing (eins/eins 3.jpg), " +
        "1 of another size (三/三 0.png)).\nPut back what has changed, or begin a new run: fovea train --data photos.\n",
    ]);
    const again = await fovea("train", "done/config.json");
    expect(again.stderr).toMatch(/^error: photos: the files are not those that the config was written for \(expected /);
    await rename("photos/eins/moved.jpg", "photos/eins/eins 3.jpg");
    const tested = /^test,eins,(.*),/m.exec(await readFile("done/data.csv", "utf8"))![1]!;
    await rename(`photos/${tested}`, "away");
    const lost = await fovea("evaluate", "done");
    await rename("away", `photos/${tested}`);
    expect(lost.stderr).toContain(
      `error: photos/${tested}: cannot be read because it does not exist.\nPut the file back, `,
    );
    await writeDigit("photos/三/三 0", 3, 0);
  });

  test("may lie elsewhere when a run goes on", async () => {
    await rename("photos", "pictures");
    const lost = await fovea("train", "--resume", "done", "--epochs", "6");
    expect(lost.stderr).toBe(
      "error: photos: there is no such folder or file.\n" +
        "Give a folder with a folder of images for each class, a CSV list or a .npz file.\n",
    );
    await fovea("train", "--data", "pictures", ...short, "--epochs", "4", "--schedule", "constant", "--out", "longer");
    await rename("pictures", "photos");
    const { code } = await fovea("train", "--resume", "longer", "--epochs", "5", "--data", "photos", "--quiet");
    expect(code).toBe(0);
    expect(await json("longer/config.json")).toMatchObject({ data: "../photos" });
  });

  test.each([
    [["mnist-deep", "--data", "photos"], /^error: --data: a recipe has its own data \(received mnist-deep\)/],
    [["--data", "photos", "--model", "resnet19"], /Expected one of small, mobilenet, resnet18, resnet34\./],
    [
      ["--data", "photos", "--model", "resnet18", "--image-size", "24"],
      /too small for resnet18 .* or take the model small/s,
    ],
    [["--data", "photos", "--train", "100"], /^error: --train: is for recipes\./],
    [["--data", "photos", "--validation", "0.5", "--test", "0.5"], /nothing is left to train on/],
    [["mnist-deep", "--image-size", "32"], /^error: imageSize: recipes have their own data and models/],
    [["--data", "nowhere"], /^error: nowhere: there is no such folder or file/],
    [["--data", "photos", "--fine-tune"], /^error: --fine-tune: is for features that were trained before/],
    [["--data", "photos", "--pretrained", "nowhere"], /^error: nowhere: there is no such run directory/],
    [["--data", " "], /^error: --data: is empty/],
  ])("is not made of %s", async (flags, message) => {
    const { code, stderr } = await fovea("train", ...flags, "--out", "refused");
    expect([stderr, code]).toEqual([expect.stringMatching(message), expect.any(Number)]);
    expect(code).not.toBe(0);
    expect(existsSync("refused")).toBe(false);
  });
});

describe("what folders may be like", () => {
  test("runs do not lie among the images", async () => {
    const { code, stderr } = await fovea("train", "--data", "photos", "--out", "photos/run");
    expect([code, stderr]).toEqual([
      2,
      "error: photos/run: the run would lie among the images, and its pictures be taken for some of them " +
        "(received images in photos).\nChoose another --out, or begin in the folder above: fovea train --data NAME.\n",
    ]);
    expect(existsSync("photos/run")).toBe(false);
  });

  test("corrupt images are refused by name, or left out", async () => {
    await cp("photos", "flawed", { recursive: true });
    await writeFile("flawed/eins/eins 5.png", "no picture");
    await writeFile("flawed/三/empty.jpg", "");
    const refused = await fovea("train", "--data", "flawed", ...short, "--out", "flawed-run");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(
      /^error: flawed: 2 images of 61 cannot be decoded: (eins\/eins 5\.png, 三\/empty\.jpg|三\/empty\.jpg, eins\/eins 5\.png) \(received .*\)\.\nRepair or remove them, or leave them out: --corrupt skip\.\n$/,
    );
    expect(existsSync("flawed-run")).toBe(false);
    const skip = ["--corrupt", "skip"];
    const { code, stderr } = await fovea(
      "train",
      "--data",
      "flawed",
      "--image-size",
      "16",
      "--epochs",
      "1",
      ...skip,
      "--out",
      "flawed-run",
    );
    expect(code).toBe(0);
    expect(stderr).toContain("note: left out eins/eins 5.png: the image cannot be decoded");
    expect((await fovea("evaluate", "flawed-run")).code).toBe(0);
    expect((await fovea("evaluate", "whole", "flawed")).code).toBe(1);
    expect((await fovea("evaluate", "whole", "flawed", ...skip)).stdout).toContain("(59 images, flawed)");
    const one = await fovea("predict", "whole", "flawed/eins");
    expect([one.code, one.stderr]).toEqual([
      1,
      expect.stringContaining("Leave such images out with --corrupt skip.\n"),
    ]);
    const some = await fovea("predict", "whole", "flawed/eins", ...skip, "--json");
    expect([some.code, jsonLines(some.stdout).length]).toEqual([0, 19]);
    expect(some.stderr).toMatch(/^note: left out flawed\/eins\/eins 5\.png: /);
    await rm("flawed", { recursive: true });
  });

  test.each([
    ["empty", async () => {}, "error: empty: holds no images (expected empty/<class>/<file>).\n"],
    [
      "flat",
      async () => void (await writeDigit("flat/1", 1, 0)),
      "error: flat: holds 1 image, but in no folder of a class (expected flat/<class>/<file>).\n",
    ],
    [
      "single",
      async () => void (await writeDigit("single/cat/1", 1, 0)),
      'error: single: all images are of one class, "cat": there is nothing to tell apart (expected a folder for each of two classes or more).\n',
    ],
    [
      "few",
      async () => {
        await writeDigit("few/cat/1", 1, 0);
        await writeDigit("few/dog/1", 3, 0);
      },
      'error: few: there are too few images: none would be left for "validation" (expected at least three of some class).\n',
    ],
    [
      "strange",
      async () => {
        await cp("photos", "strange/train", { recursive: true });
        await writeDigit("strange/test/zwei/1", 2, 0);
      },
      'error: strange: the part "test" has the class "zwei", which there is nothing to train on for (expected classes among eins, ноль, 三).\n',
    ],
  ])("%s folders are refused", async (name, make, message) => {
    await mkdir(name);
    await make();
    const { code, stderr } = await fovea("train", "--data", name, ...short);
    expect([code, stderr.slice(0, message.length)]).toEqual([1, message]);
    await rm(name, { recursive: true });
  });

  test("a class of one image is trained on, and images beside the folders are told of", async () => {
    await cp("photos", "rare", { recursive: true });
    await writeDigit("rare/vier/1", 4, 0);
    await writeDigit("rare/stray", 4, 0);
    const { code, stderr } = await fovea(
      "train",
      "--data",
      "rare",
      "--image-size",
      "16",
      "--epochs",
      "1",
      "--out",
      "rare-run",
    );
    expect(code).toBe(0);
    expect(stderr).toContain("note: rare: 1 image in no folder of a class is left out (stray.png)\n");
    expect(stderr).toContain("note: too few images to validate on: vier\n");
    expect(stderr).toContain("note: too few images to measure on: vier\n");
    expect(stderr).toContain("4 classes of images");
    const { stdout } = await fovea("evaluate", "rare-run");
    expect(stdout).toMatch(/\nvier +- +- +- +- +0\n/);
    await rm("rare", { recursive: true });
  });

  test("parts that are there stay as they are, the others are taken off the training part", async () => {
    await cp("photos", "parted/train", { recursive: true });
    for (const name of classes) {
      await mkdir(`parted/Val/${name}`, { recursive: true });
      for (const file of (await readdir(`photos/${name}`)).slice(0, 4)) {
        await rename(`parted/train/${name}/${file}`, `parted/Val/${name}/${file}`);
      }
    }
    expect((await fovea("train", "--data", "parted", ...short, "--epochs", "1", "--out", "parted-run")).code).toBe(0);
    const lines = (await readFile("parted-run/data.csv", "utf8")).split("\n");
    const count = (start: string) => lines.filter((line) => line.startsWith(start)).length;
    expect([count("train,"), count("validation,"), count("test,")]).toEqual([42, 12, 6]);
    expect(lines.filter((line) => line.includes("Val/"))).toHaveLength(12);
    await rm("parted", { recursive: true });
  });

  test("a CSV list names images wherever they are", async () => {
    await mkdir("lists");
    const files = await Promise.all(
      classes.map(async (name) => (await readdir(`photos/${name}`)).map((file) => [name, file])),
    );
    const lines = files
      .flat()
      .map(([name, file]) => `"../photos/${name}/${file}",${name === "三" ? "3" : "other, smaller"}`);
    await writeFile(
      "lists/all.csv",
      `file,kind\n${lines.join("\n").replaceAll(",other, smaller", ',"other, smaller"')}\n`,
    );
    const { code } = await fovea("train", "--data", "lists/all.csv", ...short, "--grey", "--out", "listed");
    expect(code).toBe(0);
    expect(await json("listed/config.json")).toMatchObject({ data: "../lists/all.csv", grey: true });
    expect(jsonLines((await fovea("evaluate", "listed", "--json")).stdout)[0]).toMatchObject({
      data: "all.csv",
      classes: [{ name: "3" }, { name: "other, smaller" }],
    });
    expect((await fovea("predict", "listed", "new")).stdout).toContain("other, smaller");
    await appendFile("lists/all.csv", "nothing.png,3\n");
    const missing = await fovea("train", "--data", "lists/all.csv", ...short);
    expect(missing.stderr).toMatch(/^error: lists\/nothing\.png: lists\/all\.csv names it, but it cannot be read\.\n/);
  });

  test("arrays of NumPy's have their own size, and parts if they say so", async () => {
    const entries = { x_train: 0, x_test: 1000 };
    const files: Record<string, Uint8Array> = {};
    for (const [name, first] of Object.entries(entries)) {
      const count = first === 0 ? 40 : 10;
      const pixels = Array.from({ length: count }, (_, i) => [
        ...drawDigit(i % 2 === 0 ? 1 : 3, keyOf(5, "array", first + i)),
      ]);
      files[`${name}.npy`] = npyFile("|u1", [count, 28, 28], Uint8Array.from(pixels.flat()));
      // classes need not be numbered without gaps
      files[`${name.replace("x", "y")}.npy`] = npyFile(
        "|u1",
        [count],
        Uint8Array.from(pixels, (_, i) => (i % 2 === 0 ? 1 : 3)),
      );
    }
    await writeFile("digits.npz", zipSync(files, { level: 0 }));
    const { code, stderr } = await fovea(
      "train",
      "--data",
      "digits.npz",
      "--epochs",
      "20",
      "--batch-size",
      "8",
      "--out",
      "arrays",
    );
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining("digits.npz: 36 to train on, 4 to validate, 10 to test\n"),
    ]);
    const [event] = jsonLines((await fovea("evaluate", "arrays", "--json")).stdout);
    expect(event).toMatchObject({
      accuracy: 1,
      classes: [
        { name: "1", images: 5 },
        { name: "3", images: 5 },
      ],
    });
    expect(await json("arrays/config.json")).not.toHaveProperty("imageSize");
    expect((await fovea("train", "arrays/config.json", "--out", "arrays-again", "--quiet")).code).toBe(0);
    expect(await model("arrays-again")).toBe(await model("arrays"));
    const sized = await fovea("train", "--data", "digits.npz", "--image-size", "32");
    expect(sized.stderr).toMatch(/^error: --image-size: arrays have a size and channels of their own/);
    const large = await fovea("train", "--data", "digits.npz", "--model", "resnet18", "--out", "large");
    expect(large.stderr).toContain(
      "error: digits.npz: images are too small for resnet18 (expected at least 32 × 32 pixels",
    );
    expect(existsSync("large")).toBe(false);
  });

  test("images that do not fit into memory are read as they are needed, to the same bits", async () => {
    const flags = ["train", "--data", "photos", ...short];
    expect((await fovea(...flags, "--out", "kept", "--in-memory")).code).toBe(0);
    expect((await fovea(...flags, "--out", "read", "--no-in-memory")).code).toBe(0);
    expect(await model("read")).toBe(await model("kept"));
    const [kept, read] = [await json("kept/result.json"), await json("read/result.json")];
    expect(read.test).toEqual(kept.test);
    expect((await fovea("evaluate", "read", "--json")).code).toBe(0);
  });

  test("that do not fit into memory do not take more of it for being more", async () => {
    for (let i = 0; i < 632; i++) {
      const background = { r: i % 256, g: i % 2 === 0 ? 200 : 30, b: 9 };
      // the same number to measure on, for which memory is taken in one piece
      const part = i < 16 ? "val" : i < 32 ? "test" : "train";
      for (const folder of i < 182 ? ["few", "many"] : ["many"]) {
        const to = `${folder}/${part}/${i % 2}`;
        await mkdir(to, { recursive: true });
        await sharp({ create: { width: 8, height: 8, channels: 3, background } })
          .png()
          .toFile(`${to}/${i}.png`);
      }
    }
    const few = await peakWhileTraining("few", "--no-in-memory");
    const many = await peakWhileTraining("many", "--no-in-memory");
    const kept = await peakWhileTraining("many", "--in-memory");
    // 450 images of 160 × 160 × 3 pixels are 35 MB
    expect(many - few).toBeLessThan(2e6);
    expect(kept - few).toBeGreaterThan(30e6);
  }, 240_000);
});

/** A `.npy` file of bytes. */
function npyFile(descr: string, shape: readonly number[], data: Uint8Array): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")},), }`;
  const header = `${text.padEnd(117)}\n`;
  return Buffer.concat([
    Buffer.from([0x93]),
    Buffer.from("NUMPY\x01\x00"),
    Buffer.from([header.length, 0]),
    Buffer.from(header),
    data,
  ]);
}

let peaks = 0;

/** Collects garbage, which would hide what is kept. */
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** The most bytes that buffers have from the first step of an epoch to its last. */
async function peakWhileTraining(folder: string, ...flags: string[]): Promise<number> {
  let peak = 0;
  let timer: NodeJS.Timeout | undefined;
  const stream = {
    write(text: string) {
      if (text.startsWith("  run  "))
        timer = setInterval(() => {
          collect();
          peak = Math.max(peak, process.memoryUsage().arrayBuffers);
        }, 40);
      if (text.startsWith("epoch")) clearInterval(timer);
    },
  };
  const argv = ["train", "--data", folder, "--image-size", "160", "--epochs", "1", "--batch-size", "8", ...flags];
  const code = await main([...argv, "--out", `peak-${++peaks}`], { stdout: { write: () => {} }, stderr: stream });
  expect([code, peak]).toEqual([0, expect.any(Number)]);
  expect(peak).toBeGreaterThan(0);
  return peak;
}
