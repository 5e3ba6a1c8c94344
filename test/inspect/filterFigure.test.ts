import { bandPass, lowPass, movingAverage } from "fovea/signal";
import { parseHTML } from "linkedom";
import sharp from "sharp";
import { expect, test } from "vitest";
import { filterFigurePng, filterFigureSvg } from "../../src/inspect/filterFigure.js";
import { messageOf } from "../data/messages.js";

const averages = [3, 9, 27].map((taps) => ({ name: `${taps} taps`, taps: movingAverage(taps) }));
const title = "Short in time is wide in frequency";

/** Points of the lines of the right panel, by colour: frequency in [0, 1] of its width against height in pixels. */
function curvesOf(svg: string) {
  const paths = [...parseHTML(svg).document.querySelectorAll("g path[stroke-width='2'], g[stroke-width='2'] path")];
  return paths.map((path) => {
    const points = [...path.getAttribute("d")!.matchAll(/[ML]([-\d.]+),([-\d.]+)/g)];
    return points.map(([, x, y]) => [Number(x), Number(y)] as const);
  });
}

test("the SVG shows every tap and every curve, with axes and names", async () => {
  const svg = await filterFigureSvg(averages, { title, subtitle: "Moving averages" });
  const { document } = parseHTML(svg);
  const texts = [...document.querySelectorAll("text")].map((node) => node.textContent);
  const labels = ["Time from the centre (samples)", "Tap", "Frequency (cycles per sample)", "Magnitude"];
  expect(texts).toEqual(expect.arrayContaining([title, "Moving averages", "3 taps", "27 taps", ...labels]));
  expect(document.querySelectorAll("circle")).toHaveLength(3 + 9 + 27);
  expect(svg).not.toMatch(/currentColor|var\(|<style|<script|class=|href|NaN|undefined/);
});

test("the shorter filter falls later", async () => {
  const curves = curvesOf(await filterFigureSvg(averages));
  expect(curves).toHaveLength(3);
  const half = curves.map((points) => {
    const [top, bottom] = [points[0]![1], Math.max(...points.map(([, y]) => y))];
    return points.find(([, y]) => y > (top + bottom) / 2)![0];
  });
  expect(half[0]).toBeGreaterThan(half[1]!);
  expect(half[1]).toBeGreaterThan(half[2]!);
});

test("the PNG has twice the size of the SVG, and ink in all colours", async () => {
  const filters = [
    { name: "low-pass", taps: lowPass(0.1, 31) },
    { name: "band-pass", taps: bandPass(0.15, 0.3, 31) },
  ];
  const png = await filterFigurePng(filters);
  const { width, height } = await sharp(png).metadata();
  expect([width, height]).toEqual([1888, 708]);
  const pixels = await sharp(png).removeAlpha().raw().toBuffer();
  const count = (r: number, g: number, b: number) => {
    let found = 0;
    for (let i = 0; i < pixels.length; i += 3) {
      if (pixels[i] === r && pixels[i + 1] === g && pixels[i + 2] === b) found++;
    }
    return found;
  };
  expect(count(0x00, 0x72, 0xb2)).toBeGreaterThan(500);
  expect(count(0xd5, 0x5e, 0x00)).toBeGreaterThan(500);
});

test("more filters than colours are refused", async () => {
  const five = [1, 2, 3, 4, 5].map((taps) => ({ name: `${taps}`, taps: movingAverage(taps) }));
  expect(await messageOf(() => filterFigureSvg(five))).toBe(
    "filter figure: too many filters to tell apart (expected up to 4, received 5).",
  );
});
