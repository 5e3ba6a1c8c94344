import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { beforeAll, describe, expect, test } from "vitest";
import { viewCommands } from "../../src/cli/commands/inspect.js";
import { main } from "../../src/cli/main.js";
import { fovea, jsonLines, useMachine } from "./machine.js";

useMachine(120, 30, { LC_ALL: "C.UTF-8" });
const run = "runs/small";

beforeAll(async () => {
  const options = ["--epochs", "1", "--train", "100", "--threads", "1", "--quiet", "--out", run];
  expect((await fovea("train", "mnist-shallow", ...options)).code).toBe(0);
});

describe("inspect", () => {
  test.each(Object.keys(viewCommands))("%s writes a picture into the run's directory", async (view) => {
    const { code, stdout, stderr } = await fovea("inspect", view, run, "--threads", "1");
    expect(stderr.replace(/^(note: takes [\d.]+ [kMG]?B of memory\n)+/, "")).toBe("");
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`(^|\\n)picture ${run}/${view.replace("++", "\\+\\+")}\\.png\\n$`));
    const { width, height } = await sharp(`${run}/${view}.png`).metadata();
    expect(Math.min(width, height)).toBeGreaterThan(100);
  });

  test("filters of another layer, dark, as SVG", async () => {
    const { code, stdout } = await fovea(
      "inspect",
      "filters",
      run,
      "--layer",
      "dense",
      "--theme",
      "dark",
      "--out",
      "f.svg",
    );
    expect([code, stdout]).toEqual([
      0,
      "Filters of dense: 50 filters of 14 × 14 × 10 (dense.kernel), a row for each filter, a column for each channel; the first 16 filters\npicture f.svg\n",
    ]);
    expect(await readFile("f.svg", "utf8")).toContain("<svg");
  });

  test("takes pictures, the run's test images, and fovea's own digits", async () => {
    const png = await sharp({ create: { width: 40, height: 40, channels: 3, background: "white" } })
      .png()
      .toBuffer();
    await sharp(png).toFile("white.png");
    const shown = async (...argv: string[]) => {
      const { stdout } = await fovea("inspect", "maps", run, ...argv, "--json");
      return (jsonLines(stdout)[0] as { values: number[] }).values;
    };
    const [first, second, own, white, black] = await Promise.all([
      shown("test:0"),
      shown("test:1"),
      shown("strokes:0"),
      shown("white.png"),
      shown("white.png", "--invert"),
    ]);
    expect(new Set([first, second, own, white, black].map((values) => JSON.stringify(values))).size).toBe(5);
    expect(await shown()).toEqual(first);
  });

  test("--json gives the numbers, and no picture unless asked for", async () => {
    const { code, stdout, stderr } = await fovea("inspect", "saliency", run, "--unit", "7", "--json");
    expect([code, stderr]).toEqual([0, ""]);
    const [line] = jsonLines(stdout);
    expect(line).toMatchObject({
      event: "view",
      model: run,
      view: "attribution",
      method: "saliency",
      shape: [28, 28, 1],
      target: { layer: "dense_1", index: [7], name: "7" },
    });
    expect((line as { values: number[] }).values).toHaveLength(784);
    expect(existsSync(`${run}/saliency-7.png`)).toBe(false);
    await fovea("inspect", "dead", run, "--json", "--out", "dead.png");
    expect(existsSync("dead.png")).toBe(true);
  });

  test("draws in a terminal", async () => {
    const written: string[] = [];
    const stream = (isTTY: boolean) => ({
      isTTY,
      columns: 70,
      write(text: string) {
        if (isTTY) written.push(text);
      },
    });
    process.env.NO_COLOR = "";
    const code = await main(["inspect", "filters", run], { stdout: stream(true), stderr: stream(false) });
    expect(code).toBe(0);
    expect(written.join("")).toContain("▀");
  });

  test("filters over several files", async () => {
    const { stdout } = await fovea("inspect", "evolution", `${run}/model.safetensors`, run, "--out", "e.png");
    expect(stdout).toBe("Filters of conv2d over training: 5 × 5 × 1, all on one scale\npicture e.png\n");
  });

  test("images are normalised for a network that does not do so itself", async () => {
    const shown = async (...argv: string[]) => {
      const { stdout } = await fovea("inspect", "maps", run, "strokes:1", "--json", ...argv);
      return (jsonLines(stdout)[0] as { values: number[] }).values;
    };
    const usual = await shown();
    expect(await shown("--mean", "0", "--deviation", "1")).toEqual(usual);
    expect(await shown("--mean", "0.13", "--deviation", "0.31")).not.toEqual(usual);
  });

  test("windows without a model, and the arithmetic of a value in the terminal", async () => {
    const { code, stdout } = await fovea("inspect", "windows", "--kernel", "3", "--input", "7,5", "--stride", "2");
    expect([code, stdout]).toEqual([
      0,
      "Sliding window: kernel 3, stride 2, padding 0, dilation 1: 7 × 5 pixels give 3 × 2\npicture windows.gif\n",
    ]);
    expect((await sharp("windows.gif", { animated: true }).metadata()).pages).toBe(6);
    const pixel = await fovea("inspect", "pixel", run, "strokes:3", "--at", "5,6,2", "--out", "pixel.svg");
    expect(pixel.stdout).toMatch(/^Arithmetic of conv2d at row 5, column 6, channel 2\n\n +patch +kernel +product\n/);
    expect(pixel.stdout).toMatch(
      /\nsum of the products -?\d+\.\d{4} \+ bias -?[\d.]+ = -?[\d.]+\nrelu\(-?[\d.]+\) = [\d.]+\n/,
    );
    const film = await fovea("inspect", "maximize", run, "--unit", "2", "--out", "two.gif");
    expect(film.code).toBe(0);
    expect((await sharp("two.gif", { animated: true }).metadata()).pages).toBe(33);
  });

  test.each([
    [
      ["filter", run],
      2,
      /^error: inspect "filter": there is no such view \(expected one of filters, maps, .*\)\.\nDid you mean "filters"\.\n$/,
    ],
    [
      ["maps", run, "--layer", "dense"],
      1,
      /^error: featureMaps "dense": has no maps: .*\nLayers with maps are conv2d\.\n$/,
    ],
    [
      ["saliency", run, "--unit", "eleven"],
      2,
      /^error: --unit: there is no such unit \(expected .*received eleven\)\.\n$/,
    ],
    [["saliency", run, "test:30"], 2, /^error: image "test:30": there is none \(expected 0 … 29\)\.\n$/],
    [["saliency", run, "none.png"], 1, /^error: none\.png: /],
    [["saliency", run, "test:0", "test:1"], 2, /^error: inspect: takes one image \(received test:0, test:1\)\.\n$/],
    [
      ["filters", run, "--out", "f.pdf"],
      2,
      /^error: --out: is no picture's name \(expected \*\.svg or \*\.png, or \*\.gif for what moves, received f\.pdf\)\.\n$/,
    ],
    [
      ["dead", `${run}/model.safetensors`],
      2,
      /^error: runs\/small\/model\.safetensors: a model file does not say which images it is for\.\nGive a run directory, /,
    ],
  ])("refuses %j", async (argv, code, message) => {
    const outcome = await fovea("inspect", ...argv);
    expect(outcome.stderr).toMatch(message);
    expect([outcome.code, outcome.stdout]).toEqual([code, ""]);
  });
});
