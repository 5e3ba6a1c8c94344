import type { Shape } from "../core/shapes.js";
import type { AdversarialImages, FoolingImages } from "./adversarial.js";
import type { Attribution } from "./attribution.js";
import { type ColorMap, diverging, greys, mix, type Rgb, sequential } from "./colors.js";
import type { FilterEvolution } from "./evolution.js";
import type { FeatureMaps, Filters } from "./filters.js";
import type { ClassActivationMap } from "./gradCam.js";
import type { MaximizedImage } from "./maximize.js";
import type { Predictions } from "./predictions.js";
import { checkImage, type Picture, type Target } from "./probe.js";
import type { ThemeName } from "./svg.js";
import type { TopActivations } from "./topActivations.js";

/** Views that are made of small pictures. */
export type PictureView =
  | Filters
  | FeatureMaps
  | Attribution
  | ClassActivationMap
  | TopActivations
  | MaximizedImage
  | FilterEvolution
  | Predictions
  | AdversarialImages
  | FoolingImages;

/** A small picture: RGB bytes, and what stands below it. */
export interface Tile {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  readonly label: string;
  /** Below the label. */
  readonly note?: string;
  /** Whether it has a frame that strikes: what is wrong. */
  readonly marked?: boolean;
}

/** What a colour means. */
export interface ColorScale {
  readonly map: ColorMap;
  readonly low: number;
  readonly high: number;
  readonly label: string;
}

/** Small pictures as they are drawn, in a figure or in a terminal. */
export interface TileSheet {
  readonly title: string;
  readonly subtitle: string;
  /** With labels where rows mean something; a single row flows over as many lines as it needs. */
  readonly rows: readonly { readonly label?: string; readonly tiles: readonly Tile[] }[];
  readonly scale?: ColorScale;
  /** Whether tiles are few, and large, with axes in pixels. */
  readonly panels: boolean;
}

/** Rows, columns and tiles that are shown at most; subtitles say what was left out. */
const mostTiles = 128;
const mostRows = 16;
const mostColumns = 16;

const beyondScale = "; what is beyond has the last colour";

/** A view as small pictures. */
export function tilesOf(view: PictureView, theme: ThemeName): TileSheet {
  switch (view.view) {
    case "filters":
      return tilesOfFilters(view, theme);
    case "featureMaps":
      return tilesOfMaps(view);
    case "attribution":
      return tilesOfAttribution(view, theme);
    case "gradCam":
      return tilesOfGradCam(view);
    case "topActivations":
      return tilesOfTop(view, theme);
    case "maximizedImage":
      return tilesOfMaximized(view);
    case "filterEvolution":
      return tilesOfEvolution(view, theme);
    case "predictions":
      return tilesOfPredictions(view);
    case "adversarial":
      return tilesOfAdversarial(view, theme);
    case "fooling":
      return tilesOfFooling(view);
  }
}

/** `98 %`, and where that says little `99.8 %`; the space does not break. */
function percent(part: number): string {
  const digits = part > 0.99 && part < 0.9995 ? 1 : 0;
  return `${(100 * part).toFixed(digits)}\u00a0%`;
}

function tilesOfPredictions({ which, shape, classes, predictions, images, examples, wrong }: Predictions): TileSheet {
  const tiles = predictions.map(({ example, label, predicted, probability }): Tile => {
    const picture = pictureTile(
      { shape: checkImage(shape, "picture of predictions"), values: images.get(example)! },
      "",
    );
    const isWrong = label !== predicted;
    return {
      ...picture,
      label: `${classes[predicted]} (${percent(probability)})`,
      note: isWrong ? `is ${classes[label]}` : "",
      marked: isWrong && which === "all",
    };
  });
  const share = `${wrong.toLocaleString("en")} of ${examples.toLocaleString("en")} images are wrong`;
  return which === "all"
    ? {
        title: "Predictions",
        subtitle: `the first ${tiles.length} images, each with its predicted class; wrong ones are framed and say what they are; ${share}`,
        rows: [{ tiles }],
        panels: false,
      }
    : {
        title: "Worst mistakes",
        subtitle: `${share}; ${tiles.length === 0 ? "there is nothing to show" : `the ${tiles.length} with the most probability for a wrong class, below it the true one`}`,
        rows: [{ tiles }],
        panels: false,
      };
}

/** Images side by side in a figure of attacks. */
const mostAttacked = 10;

function tilesOfAdversarial(view: AdversarialImages, theme: ThemeName): TileSheet {
  const { method, epsilon, target, range, images } = view;
  const shape = checkImage(view.shape, "picture of an attack");
  const [height, width, channels] = shape;
  const radius = epsilon * (range[1] - range[0]) || 1;
  const color = scaled(diverging[theme], -radius, radius);
  // an attack on what is not recognised anyway shows nothing
  const fair = images.filter(({ before, label }) => before.class === label || target !== undefined);
  const shown = fair.slice(0, mostAttacked);
  const guess = ({ name, probability }: { name: string; probability: number }) => `${name} (${percent(probability)})`;
  const changes = shown.map(({ original, changed }): Tile => {
    const change = changed.map((value, i) => value - original[i]!);
    if (channels === 3) {
      const rgb = Uint8Array.from(change, (value) => Math.round(255 * (0.5 + value / (2 * radius))));
      return { width, height, rgb, label: "" };
    }
    const means = Float32Array.from({ length: height * width }, (_, p) =>
      change.subarray(p * channels, (p + 1) * channels).reduce((sum, value) => sum + value / channels, 0),
    );
    return { width, height, rgb: paint(means, color), label: "" };
  });
  const fooled = fair.filter((image) => image.fooled).length;
  const outcome =
    target === undefined
      ? `of ${fair.length} images that are recognised, ${fooled} no longer are`
      : `${fooled} of ${fair.length} images are taken for it`;
  const aim = target === undefined ? "" : ` towards “${target.name}”`;
  return {
    title: `Adversarial images: ${method === "fgsm" ? "FGSM" : "PGD"}${aim}`,
    subtitle: `changed by at most ${short(epsilon)} of the pixels' range; ${outcome}`,
    rows: [
      {
        label: "image",
        tiles: shown.map(({ original, before }) => pictureTile({ shape, values: original }, guess(before), true)),
      },
      { label: "change", tiles: changes },
      {
        label: "both",
        tiles: shown.map(({ changed, after, fooled: isFooled }) => {
          return { ...pictureTile({ shape, values: changed }, guess(after), true), marked: isFooled };
        }),
      },
    ],
    ...(channels === 3 ? {} : { scale: { map: diverging[theme], low: -radius, high: radius, label: "Change" } }),
    panels: false,
  };
}

function tilesOfFooling(view: FoolingImages): TileSheet {
  const shape = checkImage(view.shape, "picture of fooling images");
  const tiles = view.images.map(({ values, name, probability, steps }): Tile => {
    return { ...pictureTile({ shape, values }, `${name} (${percent(probability)})`), note: `${steps} steps` };
  });
  const reached = view.images.filter((image) => image.reached).length;
  return {
    title: "Fooling images",
    subtitle: `noise, changed until the network is ${percent(view.confidence)} sure of a class; reached for ${reached} of ${view.images.length}`,
    rows: [{ tiles }],
    panels: false,
  };
}

function tilesOfFilters(view: Filters, theme: ThemeName): TileSheet {
  const { layer, weight, count, shape, values, isColor } = view;
  const [height, width, channels] = shape as readonly [number, number, number];
  const size = height * width * channels;
  const most = largest(values);
  const title = `Filters of ${layer}`;
  const what = `${count} filters of ${height} × ${width} × ${channels} (${weight})`;
  if (isColor || channels === 1) {
    const shown = Math.min(count, mostTiles);
    const tiles = range(shown).map((i) => {
      const filter = values.subarray(i * size, (i + 1) * size);
      return filterTile(filter, [height, width, channels], most, theme, String(i));
    });
    const colors = isColor ? `, red, green and blue as they are weighted; mid-grey is 0, white is ${short(most)}` : "";
    return {
      title,
      subtitle: `${what}${colors}${leftOut(shown, count)}`,
      rows: [{ tiles }],
      ...(isColor ? {} : { scale: weightScale(most, theme) }),
      panels: false,
    };
  }
  const [rows, columns] = [Math.min(count, mostRows), Math.min(channels, mostColumns)];
  // columns are numbered once, below the last row
  const tilesOfRow = (i: number) =>
    range(columns).map((c) => {
      const slice = Float32Array.from({ length: height * width }, (_, p) => values[i * size + p * channels + c]!);
      return filterTile(slice, [height, width, 1], most, theme, i === rows - 1 ? String(c) : "");
    });
  const cut = [
    rows < count ? `the first ${rows} filters` : "",
    columns < channels ? `the first ${columns} channels` : "",
  ];
  return {
    title,
    subtitle: `${what}, a row for each filter, a column for each channel${cut.map((part) => part && `; ${part}`).join("")}`,
    rows: range(rows).map((i) => ({ label: `filter ${i}`, tiles: tilesOfRow(i) })),
    scale: weightScale(most, theme),
    panels: false,
  };
}

function filterTile(values: Float32Array, shape: Shape, most: number, theme: ThemeName, label: string): Tile {
  const [height, width, channels] = shape as readonly [number, number, number];
  const unit = most === 0 ? 1 : 2 * most;
  const rgb =
    channels === 3
      ? Uint8Array.from(values, (value) => Math.round(255 * (0.5 + value / unit)))
      : paint(values, (value) => diverging[theme](0.5 + value / unit));
  return { width, height, rgb, label };
}

const weightScale = (most: number, theme: ThemeName): ColorScale => {
  return { map: diverging[theme], low: -most, high: most, label: "Weight" };
};

function tilesOfMaps({ layer, image, shape, values }: FeatureMaps): TileSheet {
  const [height, width, channels] = shape as readonly [number, number, number];
  const low = Math.min(0, least(values));
  // a few values far above all others would leave the rest dark
  const high = quantile(values, 0.999);
  const beyond = high < most(values) ? beyondScale : "";
  const shown = Math.min(channels, mostTiles);
  const tiles = range(shown).map((c): Tile => {
    const map = Float32Array.from({ length: height * width }, (_, p) => values[p * channels + c]!);
    return { width, height, rgb: paint(map, scaled(sequential, low, high)), label: String(c) };
  });
  const dark = range(channels).filter((c) =>
    range(height * width).every((p) => values[p * channels + c] === values[c]),
  );
  const still = dark.length === 0 ? "" : `; ${dark.length} of them the same everywhere`;
  return {
    title: `Feature maps of ${layer}`,
    subtitle: `${channels} maps of ${height} × ${width}, all on one scale${still}${leftOut(shown, channels)}`,
    rows: [{ tiles: [...(image.shape.length === 3 ? [pictureTile(image, "image")] : []), ...tiles] }],
    scale: { map: sequential, low, high, label: `Activation${beyond}` },
    panels: false,
  };
}

function tilesOfAttribution({ method, image, values, target }: Attribution, theme: ThemeName): TileSheet {
  const [height, width, channels] = checkImage(image.shape, `picture of ${method}`);
  const perPixel = (merge: (found: readonly number[]) => number) =>
    Float32Array.from({ length: height * width }, (_, p) =>
      merge([...values.subarray(p * channels, (p + 1) * channels)]),
    );
  const titles = {
    saliency: "Saliency",
    "guided backpropagation": "Guided backpropagation",
    deconvnet: "Deconvnet",
    "integrated gradients": "Integrated gradients",
    occlusion: "Occlusion",
  };
  const isSigned = method !== "saliency";
  const heat = isSigned
    ? method === "occlusion"
      ? perPixel((found) => found[0]!)
      : perPixel((found) => found.reduce((sum, value) => sum + value, 0))
    : perPixel((found) => Math.max(...found.map(Math.abs)));
  // a few pixels far above all others would leave the rest without colour
  const high = quantile(heat.map(Math.abs), method === "occlusion" ? 1 : 0.995);
  const map = isSigned ? diverging[theme] : sequential;
  const low = isSigned ? -high : 0;
  const labels = {
    saliency: "Largest change by a channel of the pixel",
    "guided backpropagation": "What is passed back, summed over channels",
    deconvnet: "What is passed back, summed over channels",
    "integrated gradients": "Share of the value, summed over channels",
    occlusion: "Fall of the value when covered",
  };
  const color = scaled(map, low, high);
  const inColor = channels === 3 && (method === "guided backpropagation" || method === "deconvnet");
  const rgb = inColor ? aroundGrey(values) : paint(heat, color);
  const faded = overlay(
    image,
    (p) => color(heat[p]!),
    (p) => Math.min(0.85, (1.2 * Math.abs(heat[p]!)) / (high || 1)),
  );
  return {
    title: `${titles[method]} for ${nameOf(target)}`,
    subtitle: `its value${target.preActivation === true ? " before the activation" : ""} is ${short(target.value)}`,
    rows: [
      {
        tiles: [
          pictureTile(image, "image"),
          { width, height, rgb, label: inColor ? `${method}, mid-grey is 0` : method },
          { width, height, rgb: faded, label: "both" },
        ],
      },
    ],
    scale: {
      map,
      low,
      high,
      label: `${labels[method]}${high < largest(heat) ? beyondScale : ""}`,
    },
    panels: true,
  };
}

function tilesOfGradCam({ method, image, layer, shape, values, enlarged, target }: ClassActivationMap): TileSheet {
  const [height, width] = image.shape as readonly [number, number, number];
  const [rows, columns] = shape as readonly [number, number];
  const high = most(values);
  const color = scaled(sequential, 0, high);
  const faded = overlay(
    image,
    (p) => color(enlarged[p]!),
    () => 0.55,
  );
  const name = method === "gradCam" ? "Grad-CAM" : "Grad-CAM++";
  return {
    title: `${name} for ${nameOf(target)}`,
    subtitle: `maps of ${layer}, ${rows} × ${columns}; the value is ${short(target.value)}`,
    rows: [
      {
        tiles: [
          pictureTile(image, "image"),
          { width: columns, height: rows, rgb: paint(values, color), label: `${name}, pixels of ${layer}` },
          { width, height, rgb: faded, label: "both" },
        ],
      },
    ],
    scale: { map: sequential, low: 0, high, label: "Weighted activation" },
    panels: true,
  };
}

function tilesOfTop({ layer, units, examples, images, shape }: TopActivations, theme: ThemeName): TileSheet {
  const [height, width, channels] = shape as readonly [number, number, number];
  const fields = units.flatMap(({ activations }) => activations.map(({ field }) => field));
  // a field larger than the image is shown by the whole image
  const tall = Math.min(height, Math.max(1, ...fields.map(({ top, bottom }) => bottom - top)));
  const wide = Math.min(width, Math.max(1, ...fields.map(({ left, right }) => right - left)));
  const outside: Rgb = theme === "light" ? [255, 255, 255] : [22, 22, 22];
  const rows = units.map(({ unit, activations }) => ({
    label: `unit ${unit}`,
    tiles: activations.map(({ example, value, field }): Tile => {
      const first = tall === height ? 0 : field.top;
      const from = wide === width ? 0 : field.left;
      const rgb = new Uint8Array(tall * wide * 3);
      const { rgb: pixels } = pictureTile({ shape: [height, width, channels], values: images.get(example)! }, "");
      for (let y = 0; y < tall; y++) {
        for (let x = 0; x < wide; x++) {
          const [row, column] = [first + y, from + x];
          const inside = row >= 0 && row < height && column >= 0 && column < width;
          for (let c = 0; c < 3; c++) {
            rgb[(y * wide + x) * 3 + c] = inside ? pixels[(row * width + column) * 3 + c]! : outside[c as 0 | 1 | 2];
          }
        }
      }
      return { width: wide, height: tall, rgb, label: short(value) };
    }),
  }));
  const seen =
    tall === height && wide === width ? "whole images" : `what the unit sees, ${tall} × ${wide} pixels at most`;
  return {
    title: `What excites ${layer}`,
    subtitle: `the strongest of ${examples} images, with the unit's value; ${seen}`,
    rows,
    panels: false,
  };
}

/** One picture of the film of filters, on the scale of all. */
export function evolutionAt(view: FilterEvolution, step: number, theme: ThemeName): TileSheet {
  const { title, subtitle, rows, scale } = tilesOfEvolution(view, theme);
  const { label = "", tiles } = rows[step]!;
  const numbered = tiles.map((tile, i) => ({ ...tile, label: String(i) }));
  return {
    title: `${title}: ${label}`,
    subtitle,
    rows: [{ tiles: numbered }],
    ...(scale === undefined ? {} : { scale }),
    panels: false,
  };
}

/** One picture of the film of an image that is made for a unit. */
export function maximizedAt({ shape, target, history, frames = [] }: MaximizedImage, i: number): TileSheet {
  const { step, values } = frames[i]!;
  return {
    title: `What ${nameOf(target)} likes most`,
    subtitle: `step ${step} of ${history.length - 1}: ${short(history[step]!)}`,
    rows: [{ tiles: [pictureTile({ shape, values }, "made by gradient ascent")] }],
    panels: true,
  };
}

function tilesOfMaximized({ shape, values, target, history }: MaximizedImage): TileSheet {
  return {
    title: `What ${nameOf(target)} likes most`,
    subtitle: `from noise by ${history.length - 1} steps: from ${short(history[0]!)} to ${short(target.value)}`,
    rows: [{ tiles: [pictureTile({ shape, values }, "made by gradient ascent")] }],
    panels: true,
  };
}

function tilesOfEvolution({ layer, steps }: FilterEvolution, theme: ThemeName): TileSheet {
  const scaleOf = largest(Float32Array.from(steps, ({ filters }) => largest(filters.values)));
  const { count, shape, isColor } = steps[0]!.filters;
  const [height, width, channels] = shape as readonly [number, number, number];
  const shown = Math.min(count, mostColumns);
  const rows = steps.map(({ label, filters: { values } }, step) => ({
    label,
    tiles: range(shown).map((i) => {
      const size = height * width * channels;
      const filter = values.subarray(i * size, (i + 1) * size);
      const isWhole = isColor || channels === 1;
      const slice = isWhole ? filter : filter.filter((_, k) => k % channels === 0);
      return filterTile(
        slice,
        [height, width, isWhole ? channels : 1],
        scaleOf,
        theme,
        step === steps.length - 1 ? String(i) : "",
      );
    }),
  }));
  const first = isColor || channels === 1 ? "" : ", their first channel";
  return {
    title: `Filters of ${layer} over training`,
    subtitle: `${height} × ${width} × ${channels}, all on one scale${first}${leftOut(shown, count)}`,
    rows,
    ...(isColor ? {} : { scale: weightScale(scaleOf, theme) }),
    panels: false,
  };
}

/** A picture in its own colours, or in greys. */
export function pictureTile(picture: Picture, label: string, asItIs = false): Tile {
  const [height, width, channels] = picture.shape as readonly [number, number, number];
  const level = asItIs ? (index: number) => picture.values[index]! : levels(picture);
  const pixels = range(height * width).flatMap((p) => {
    if (channels === 3) return [0, 1, 2].map((c) => Math.round(255 * level(p * 3 + c)));
    // what is not grey and not colour is shown by the mean of its channels
    const mean = range(channels).reduce((sum, c) => sum + level(p * channels + c), 0) / channels;
    return greys(mean);
  });
  return { width, height, rgb: Uint8Array.from(pixels), label };
}

/** Values from 0 to 1 as they are, others between their least and their largest. */
function levels({ values }: Picture): (index: number) => number {
  const [low, high] = [least(values), most(values)];
  if (low >= 0 && high <= 1) return (index) => values[index]!;
  return (index) => (values[index]! - low) / (high - low || 1);
}

/** The picture in greys with colours on it, each as thick as `opacity` says. */
function overlay(picture: Picture, color: (pixel: number) => Rgb, opacity: (pixel: number) => number): Uint8Array {
  const { width, height, rgb } = pictureTile(picture, "");
  const pixels = range(width * height).flatMap((p) => {
    const grey = (0.299 * rgb[3 * p]! + 0.587 * rgb[3 * p + 1]! + 0.114 * rgb[3 * p + 2]!) / 255;
    return mix(greys(grey), color(p), opacity(p));
  });
  return Uint8Array.from(pixels);
}

function paint(values: Float32Array, color: (value: number) => Rgb): Uint8Array {
  const rgb = new Uint8Array(values.length * 3);
  values.forEach((value, i) => rgb.set(color(value), 3 * i));
  return rgb;
}

/** Colours as they are passed back: what is 0 is grey. */
function aroundGrey(values: Float32Array): Uint8Array {
  const size = quantile(values.map(Math.abs), 0.995) || 1;
  return Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, 0.5 + value / (2 * size)))));
}

function scaled(map: ColorMap, low: number, high: number): (value: number) => Rgb {
  return (value) => map(high > low ? (value - low) / (high - low) : 0);
}

/** `class "7"`, `unit 3 of conv2d at (4, 5)`. */
export function nameOf({ layer, index, name }: Target): string {
  if (name !== undefined) return `class “${name}”`;
  const unit = `unit ${index.at(-1)} of ${layer}`;
  return index.length === 1 ? unit : `${unit} at (${index.slice(0, -1).join(", ")})`;
}

function leftOut(shown: number, count: number): string {
  return shown < count ? `; the first ${shown}` : "";
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const least = (values: Float32Array) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
const most = (values: Float32Array) => values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
const largest = (values: Float32Array) => values.reduce((a, b) => Math.max(a, Math.abs(b)), 0);

function quantile(values: Float32Array, part: number): number {
  const sorted = values.slice().sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))]!;
}

/** Three digits: `0.123`, `12.3`, `1.2e-5`. */
export function short(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  return size >= 0.001 && size < 100_000 ? String(Number(value.toPrecision(3))) : value.toExponential(1);
}
