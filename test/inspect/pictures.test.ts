import { parseHTML } from "linkedom";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import { strokes } from "../../src/data/strokes.js";
import { conv2d, dense, flatten, input, type Model, modelFromBytes, sequential, sgd } from "../../src/index.js";
import { diverging, sequential as viridis } from "../../src/inspect/colors.js";
import {
  adversarialImages,
  attackCurve,
  calibrationDiagram,
  confusion,
  featureMaps,
  featurePlane,
  filterEvolution,
  filters,
  foolingImages,
  geometryCurve,
  gradCam,
  gradientNorms,
  guidedBackpropagation,
  histograms,
  integratedGradients,
  maximizeActivation,
  mistakes,
  noiseCurve,
  occlusion,
  type PictureView,
  pixelArithmetic,
  predictions,
  rejection,
  saliency,
  slidingWindows,
  topActivations,
  unitReport,
  type View,
  viewPng,
  viewSvg,
  viewText,
} from "../../src/inspect/index.js";
import { normalize } from "../../src/inspect/natural.js";
import { tilesOf } from "../../src/inspect/tiles.js";

const options = { threads: 1 } as const;
const views: Record<string, View> = {};
let net: Model;

beforeAll(async () => {
  const { train, test } = await strokes({ train: 200, test: 40 });
  const layers = [conv2d(4, 5, { stride: 2, activation: "relu" }), conv2d(3, 3, { activation: "relu" })];
  const first = sequential(input(28, 28, 1), ...layers, flatten(), dense(10)).initialize(1);
  net = modelFromBytes(first.toBytes());
  await net.fit(train, { loss: "crossEntropy", optimizer: sgd(0.05), epochs: 2, progress: false, ...options });
  const image = test.inputs.subarray(0, 784) as Uint8Array;
  Object.assign(views, {
    filters: filters(net),
    deepFilters: filters(net, "conv2d_1"),
    maps: await featureMaps(net, image, options),
    saliency: await saliency(net, image, options),
    guided: await guidedBackpropagation(net, image, options),
    integrated: await integratedGradients(net, image, { ...options, steps: 5 }),
    occlusion: await occlusion(net, image, options),
    gradCam: await gradCam(net, image, options),
    top: await topActivations(net, test, { ...options, count: 3 }),
    maximized: await maximizeActivation(net, { ...options, unit: 3, steps: 5 }),
    evolution: filterEvolution({ before: first, after: net }),
    histograms: await histograms(net, test, options),
    report: await unitReport(net, test, options),
    norms: await gradientNorms(net, test, options),
    predictions: await predictions(net, test, options),
    mistakes: await mistakes(net, test, { count: 5, ...options }),
    confusion: await confusion(net, test, options),
    pca: await featurePlane(net, test, { method: "pca", ...options }),
    tsne: await featurePlane(net, test, { steps: 60, ...options }),
    pixel: await pixelArithmetic(net, image, { layer: "conv2d_1", ...options }),
    windows: slidingWindows({ input: [6, 5], kernel: 3, padding: [1, 0], dilation: [1, 2] }),
    adversarial: await adversarialImages(net, test, { epsilon: 0.2, ...options }),
    fooling: await foolingImages(net, { steps: 20, ...options }),
    calibration: await calibrationDiagram(net, test, options),
    rejection: await rejection(net, test, { error: 0.5, ...options }),
    curve: await noiseCurve(net, test, { levels: [0, 0.5], ...options }),
    robustness: {
      view: "robustness",
      curves: [
        await geometryCurve(net, test, "scale", { levels: [1], ...options }),
        await attackCurve(net, test, { epsilons: [0, 0.3], target: 2, steps: 2, ...options }),
      ],
    },
  });
});

const names = [
  ...["filters", "deepFilters", "maps", "saliency", "guided", "integrated", "occlusion", "gradCam", "top", "maximized"],
  ...["evolution", "histograms", "report", "norms", "predictions", "mistakes", "confusion", "pca", "tsne", "pixel"],
  ...["windows", "adversarial", "fooling", "calibration", "rejection", "curve", "robustness"],
];

describe.each(names)("the picture of %s", (name) => {
  it.each(["light", "dark"] as const)("is a whole SVG drawing in %s", async (theme) => {
    const svg = await viewSvg(views[name]!, { theme });
    const { document } = parseHTML(`<!doctype html><html><body>${svg}</body></html>`);
    const root = document.querySelector("svg")!;
    const [width, height] = ["width", "height"].map((key) => Number(root.getAttribute(key)));
    expect(root.querySelector("title")!.textContent!.length).toBeGreaterThan(5);
    // the letters of an image's bytes may spell anything
    expect(svg.replace(/data:image\/png;base64,[^"]*/g, "")).not.toMatch(
      /NaN|undefined|currentColor|var\(--|<style|<script|class=/,
    );
    for (const image of root.querySelectorAll("image")) {
      expect(image.getAttribute("href") ?? image.getAttribute("xlink:href")).toMatch(/^data:image\/png;base64,/);
    }
    // what is written stays on the page, but for what Plot turns or moves
    for (const node of root.querySelectorAll("svg > text, svg > g > text")) {
      if (node.closest("svg") !== root) continue;
      expect(Number(node.getAttribute("x"))).toBeLessThan(width!);
      expect(Number(node.getAttribute("y"))).toBeLessThan(height!);
    }
    expect(await viewSvg(views[name]!, { theme })).toBe(svg);
  });

  it("is a PNG of twice its size, on the theme's background", async () => {
    const svg = await viewSvg(views[name]!, { theme: "dark" });
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)!.map(Number);
    const { data, info } = await sharp(await viewPng(views[name]!, { theme: "dark" }))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(Math.abs(info.width - 2 * width!)).toBeLessThanOrEqual(2);
    expect(Math.abs(info.height - 2 * height!)).toBeLessThanOrEqual(2);
    expect([...data.subarray(0, 3)]).toEqual([22, 22, 22]);
    // something is drawn
    expect(new Set(data).size).toBeGreaterThan(20);
  });
});

it("what is no image has no picture", async () => {
  const vector = sequential(input(4), dense(2)).initialize(0);
  const view = await saliency(vector, new Float32Array(4), options);
  await expect(viewPng(view)).rejects.toThrow(
    "picture of saliency: needs a network that takes images (expected [height, width, channels], received [4]).",
  );
});

it("an unknown theme is refused", async () => {
  await expect(viewSvg(views.filters!, { theme: "sepia" as "dark" })).rejects.toThrow(
    'picture of a view: unknown theme "sepia" (expected one of light, dark).',
  );
});

describe("tiles", () => {
  it("have one scale: equal weights have equal colours, and 0 the middle one", () => {
    const { values } = filters(net);
    const sheet = tilesOf(filters(net), "light");
    const { tiles } = sheet.rows[0]!;
    expect(tiles).toHaveLength(4);
    const most = Math.max(...values.map(Math.abs));
    tiles.forEach(({ rgb, width, height }, i) => {
      expect([width, height]).toEqual([5, 5]);
      for (let k = 0; k < 25; k++) {
        const expected = diverging.light(0.5 + values[i * 25 + k]! / (2 * most));
        expect([...rgb.subarray(3 * k, 3 * k + 3)]).toEqual([...expected]);
      }
    });
    expect(sheet.scale).toMatchObject({ low: -most, high: most });
  });

  it("of deeper filters stand in a row for each filter and a column for each channel", () => {
    const { rows } = tilesOf(views.deepFilters as PictureView, "light");
    expect(rows.map(({ label, tiles }) => [label, tiles.length])).toEqual([
      ["filter 0", 4],
      ["filter 1", 4],
      ["filter 2", 4],
    ]);
  });

  it("of colour filters are colours around grey", () => {
    const color = sequential(input(8, 8, 3), conv2d(2, 3)).initialize(0);
    const { values } = filters(color);
    const [tile] = tilesOf(filters(color), "light").rows[0]!.tiles;
    const most = Math.max(...values.map(Math.abs));
    expect([...tile!.rgb]).toEqual(
      [...values.subarray(0, 27)].map((value) => Math.round(255 * (0.5 + value / (2 * most)))),
    );
  });

  it("say what is left out", () => {
    const many = sequential(input(8, 8, 1), conv2d(200, 3), conv2d(20, 3)).initialize(0);
    expect(tilesOf(filters(many), "light").subtitle).toBe("200 filters of 3 × 3 × 1 (conv2d.kernel); the first 128");
    expect(tilesOf(filters(many, "conv2d_1"), "light").subtitle).toMatch(
      /; the first 16 filters; the first 16 channels$/,
    );
  });
});

it("colour maps go from dark to light, or lie around the background", () => {
  const lightness = ([r, g, b]: readonly number[]) => 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
  for (let i = 1; i <= 20; i++) {
    expect(lightness(viridis(i / 20))).toBeGreaterThan(lightness(viridis((i - 1) / 20)));
    expect(lightness(diverging.dark(0.5 + i / 40))).toBeGreaterThan(lightness(diverging.dark(0.5 + (i - 1) / 40)));
    expect(lightness(diverging.light(0.5 - i / 40))).toBeLessThan(lightness(diverging.light(0.5 - (i - 1) / 40)));
  }
  expect(viridis(-1)).toEqual(viridis(0));
  expect(viridis(2)).toEqual(viridis(1));
});

describe("in a terminal", () => {
  const sequenceStart = "\x1b[";
  const plain = (text: string) => text.replaceAll(new RegExp(`${sequenceStart.replace("[", "\\[")}[\\d;]*m`, "g"), "");

  it("a character shows two pixels, and lines fit", () => {
    const text = viewText(views.filters as PictureView, { columns: 40 });
    const lines = plain(text).split("\n");
    expect(lines.slice(0, 3)).toEqual(["Filters of conv2d", "4 filters of 5 × 5 × 1 (conv2d.kernel)", ""]);
    expect(lines[3]).toBe("▀▀▀▀▀ ▀▀▀▀▀ ▀▀▀▀▀ ▀▀▀▀▀");
    expect(lines[6]).toBe("0     1     2     3");
    const first = filters(net).values;
    const most = Math.max(...first.map(Math.abs));
    const color = (k: number) => diverging.dark(0.5 + first[k]! / (2 * most)).join(";");
    expect(text).toContain(`\n\x1b[38;2;${color(0)}m\x1b[48;2;${color(5)}m▀`);
    expect(text.split("\n")[3]!.endsWith(`${sequenceStart}0m`)).toBe(true);
  });

  it("pictures wider than a line are made smaller, and others go on below", () => {
    for (const columns of [9, 20, 33]) {
      for (const name of ["maps", "saliency", "gradCam", "top", "evolution", "maximized"]) {
        const lines = viewText(views[name] as PictureView, { columns, color: false })
          .split("\n")
          .slice(3);
        const wide = lines.filter((line) => line.length > columns && /[.:=#%@]/.test(line) && !/[a-z]/i.test(line));
        expect(wide).toEqual([]);
      }
    }
  });

  it("without colours, letters are shades", () => {
    const text = viewText(views.maximized as PictureView, { color: false });
    expect(text).not.toContain("\x1b");
    expect(text).toMatch(/[*#%@]/);
  });
});

describe("natural colours", () => {
  const normalization = { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] };
  const pixels = Uint8Array.from({ length: 12 * 10 * 3 }, (_, i) => (i * 7) % 256);

  it("of images that a network takes normalised", async () => {
    const rgb = sequential(input(12, 10, 3), conv2d(2, 3), flatten(), dense(3)).initialize(2);
    const taken = normalize(pixels, normalization);
    expect(Math.min(...taken)).toBeLessThan(-1);
    const view = await saliency(rgb, taken, options);
    const natural = await saliency(
      rgb,
      Float32Array.from(pixels, (value) => value / 255),
      options,
    );
    const first = (svg: string) => /<image[^>]*href="([^"]*)"/.exec(svg)![1]!;
    const bytes = async (svg: string) =>
      sharp(Buffer.from(first(svg).split(",")[1]!, "base64"))
        .raw()
        .toBuffer();
    const [as, own] = [await bytes(await viewSvg(view, { normalization })), await bytes(await viewSvg(natural))];
    as.forEach((value, i) => {
      expect(Math.abs(value - own[i]!)).toBeLessThanOrEqual(1);
    });
    expect(await bytes(await viewSvg(view))).not.toEqual(as);
    // the numbers stay those of the network
    expect(view.image.values).toEqual(taken);
  });

  it.each([
    [{ mean: [0.5], deviation: [0.5, 0.5] }, /mean and deviation are of different channels .*received 1 and 2/],
    [{ mean: [0.5], deviation: [0] }, /wrong deviation/],
    [{ mean: [0, 0, 0], deviation: [1, 1, 1] }, /images have other channels \(expected 3, received 1\)/],
  ])("refuse %j", async (given, message) => {
    await expect(viewSvg(views.saliency!, { normalization: given })).rejects.toThrow(message);
  });
});
