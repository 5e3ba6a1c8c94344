import { parseHTML } from "linkedom";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { learningCurvesPng, learningCurvesSvg } from "../../src/inspect/curves.js";
import { outlineText } from "../../src/inspect/outlineText.js";
import { loadPackage } from "../../src/inspect/packages.js";
import type { EpochLog } from "../../src/train/callbacks.js";
import type { History } from "../../src/train/fit.js";
import { messageOf } from "../data/messages.js";

function history(length: number, weightsOfEpoch: number, omit: readonly (keyof EpochLog)[] = []): History {
  const epochs = Array.from({ length }, (_, i) => {
    const log: EpochLog = {
      epoch: i + 1,
      loss: 1 / (i + 1),
      accuracy: 1 - 0.3 / (i + 1),
      validationLoss: 1 / (i + 1) + 0.01 * i,
      validationAccuracy: 0.95 - 0.3 / (i + 1),
      learningRate: 0.02,
      seconds: 0.3,
      examplesPerSecond: 18000,
    };
    return Object.fromEntries(Object.entries(log).filter(([key]) => !omit.includes(key as keyof EpochLog)));
  });
  return {
    epochs: epochs as unknown as EpochLog[],
    end: { epochs: length, stopped: undefined, weightsOfEpoch, seconds: 1 },
  };
}

const textsOf = (svg: string) => [...parseHTML(svg).document.querySelectorAll("text")].map((node) => node.textContent);

describe("the SVG", () => {
  test("names axes with units, both curves and the epoch that was kept", async () => {
    const svg = await learningCurvesSvg(history(12, 10), { title: "shallow & deep" });
    const texts = textsOf(svg);
    expect(texts).toEqual(
      expect.arrayContaining([
        "shallow & deep",
        "12 epochs; weights of epoch 10 kept: validation loss 0.190, accuracy 92.0 %",
        "training",
        "validation",
        "Cross-entropy loss (nats)",
        "Accuracy (%)",
        "epoch 10: 0.190",
        "epoch 10: 92.0 %",
      ]),
    );
    expect(texts.filter((text) => text === "Epoch")).toHaveLength(2);
  });

  test("stands alone: no style sheets, variables, scripts or references", async () => {
    const svg = await learningCurvesSvg(history(12, 10));
    expect(svg).toMatch(/^<svg [^>]*xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
    expect(svg).not.toMatch(/currentColor|var\(|<style|<script|class=|href|NaN|undefined/);
  });

  test("has one panel without accuracies, and one legend entry without validation", async () => {
    const omit = ["accuracy", "validationAccuracy", "validationLoss"] as const;
    const texts = textsOf(await learningCurvesSvg(history(3, 3, omit), { loss: "meanSquaredError" }));
    expect(texts).toContain("Mean squared error");
    expect(texts).toContain("3 epochs; weights of epoch 3 kept");
    expect(texts).not.toContain("Accuracy (%)");
    expect(texts).not.toContain("validation");
  });

  test("works for a single epoch, for hundreds, and for losses that are not numbers", async () => {
    for (const [length, kept] of [
      [1, 1],
      [400, 388],
    ] as const) {
      expect(await learningCurvesSvg(history(length, kept))).not.toMatch(/NaN|Infinity/);
    }
    const broken = history(3, 1);
    const svg = await learningCurvesSvg({
      ...broken,
      epochs: broken.epochs.map((log) => ({ ...log, loss: Number.NaN })),
    });
    expect(svg).not.toMatch(/NaN|Infinity/);
  });
});

test("the PNG has twice the size of the SVG, and ink", async () => {
  const png = await learningCurvesPng(history(12, 10));
  const { width, height } = await sharp(png).metadata();
  expect([width, height]).toEqual([1888, 748]);
  const { channels } = await sharp(png).stats();
  expect(channels[0]!.min).toBeLessThan(60);
  expect(channels[0]!.max).toBe(255);
  expect(await learningCurvesPng(history(12, 10))).toEqual(png);
});

describe("text as outlines", () => {
  const outlined = async (content: string) => {
    const { document } = parseHTML(`<svg xmlns="http://www.w3.org/2000/svg">${content}</svg>`);
    const svg = document.querySelector("svg")!;
    await outlineText(svg as unknown as Element, "test");
    return [...svg.querySelectorAll("path")].map((node) => node.getAttribute("d")!);
  };

  test("leaves no text, and no number that is none", async () => {
    const printable = Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).join("");
    for (let x = 0; x < 20; x++) {
      const content = printable.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
      const [path] = await outlined(`<text x="${x / 7}" y="${10 + x / 3}" font-size="13">${content}</text>`);
      expect(path).toMatch(/^M[-\d. MLQCZ]+$/);
    }
  });

  test("is anchored as the text was, attributes being inherited", async () => {
    const left = async (anchor: string) => {
      const [path] = await outlined(`<g font-size="20" text-anchor="${anchor}"><text x="100">HHHH</text></g>`);
      return Math.min(...[...path!.matchAll(/[ML]([-\d.]+) /g)].map(([, x]) => Number(x)));
    };
    const [start, middle, end] = [await left("start"), await left("middle"), await left("end")];
    expect(start).toBeGreaterThan(100);
    expect(middle - end).toBeCloseTo(start - middle, 1);
    expect(end).toBeLessThan(70);
  });
});

test("errors name what is missing", async () => {
  expect(await messageOf(() => learningCurvesSvg({ ...history(1, 1), epochs: [] }))).toBe(
    "learning curves: the history has no epochs. Train for one epoch at least.",
  );
  expect(await messageOf(() => loadPackage("no-such-package", "learning curves"))).toMatch(
    /^learning curves: needs the package no-such-package, which cannot be loaded \(received .*\)\. Run: npm install no-such-package\.$/s,
  );
});
