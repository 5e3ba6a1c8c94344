import { checkOptions } from "../core/errors.js";
import { choice, wholeNumber } from "../model/check.js";
import { sketchHistograms, sketchNorms, sketchReport } from "./charts.js";
import type { CalibrationDiagram, Rejection } from "./confidence.js";
import { sketchConfusion } from "./confusionChart.js";
import { sketchCalibration, sketchRejection, sketchRobustness } from "./curveCharts.js";
import type { FeaturePlane } from "./featurePlane.js";
import { framesOf } from "./frames.js";
import { sketchPixel, sketchWindows } from "./gridCharts.js";
import { checkNormalization, inNaturalColours, type Normalization } from "./natural.js";
import { loadPackage } from "./packages.js";
import type { PixelArithmetic } from "./pixel.js";
import type { ConfusionView } from "./predictions.js";
import type { Robustness, RobustnessCurve } from "./robustness.js";
import { sketchFeaturePlane } from "./scatter.js";
import { sketchTiles } from "./sheet.js";
import type { GradientNorms, Histograms, UnitReport } from "./statistics.js";
import { type Canvas, compose, newCanvas, type Sketch, type ThemeName, themes, toPng, toSvgText } from "./svg.js";
import { type PictureView, tilesOf } from "./tiles.js";
import type { SlidingWindows } from "./windows.js";

/** What views return. */
export type View = PictureView | ChartView;

/** Views that are charts. */
export type ChartView =
  | Histograms
  | UnitReport
  | GradientNorms
  | ConfusionView
  | CalibrationDiagram
  | Rejection
  | RobustnessCurve
  | Robustness
  | PixelArithmetic
  | SlidingWindows
  | FeaturePlane;

export interface PictureOptions {
  /** Default: "light". */
  readonly theme?: ThemeName;
  /** How images were normalised for the network, to show them in their natural colours. Default: not at all. */
  readonly normalization?: Normalization;
}

const where = "picture of a view";

/**
 * A view as an SVG picture: title, sentence, pictures or charts, and what colours mean. Self-contained: inline styles,
 * no scripts, images within. Needs Node with the packages @observablehq/plot, linkedom and sharp.
 *
 * Errors: code "unsupported" where a package is missing.
 *
 * @example const svg = await viewSvg(filters(net, "dense"), { theme: "dark" });
 */
export async function viewSvg(view: View, options: PictureOptions = {}): Promise<string> {
  return toSvgText(await draw(view, options));
}

/**
 * The picture of {@link viewSvg} as a PNG of twice its size in pixels; letters are drawn as outlines, so that no fonts
 * are needed. Needs the packages opentype.js and @fontsource/source-sans-3 as well.
 *
 * @example const png = await viewPng(await saliency(net, image));
 */
export async function viewPng(view: View, options: PictureOptions = {}): Promise<Uint8Array> {
  const { svg } = await draw(view, options);
  return toPng(svg, where);
}

export interface FilmOptions extends PictureOptions {
  /** Milliseconds that a picture stays; the last one stays four times as long. Default: 500. */
  readonly delay?: number;
}

/**
 * A view that tells how something comes about as an animated GIF that begins anew at its end: filters over training,
 * an image made for a unit (made with `keepEvery`), a window on its way. Letters are outlines. Needs the packages
 * @observablehq/plot, linkedom, sharp, opentype.js and @fontsource/source-sans-3.
 *
 * Errors: code "unsupported" for other views, and where a package is missing; code "option" for a delay below 20.
 *
 * @example const gif = await viewGif(slidingWindows({ input: 5, kernel: 3, stride: 2 }), { delay: 300 });
 */
export async function viewGif(view: View, options: FilmOptions = {}): Promise<Uint8Array> {
  const film = "film of a view";
  checkOptions(film, options, [...pictureOptionNames, "delay"]);
  const delay = wholeNumber(film, "delay", options.delay ?? 500, 20);
  const theme = choice<ThemeName>(film, "theme", options.theme ?? "light", ["light", "dark"]);
  const canvas = await newCanvas(themes[theme], film);
  const pictures: Uint8Array[] = [];
  for (const frame of framesOf(shown(view, options, film)))
    pictures.push(await toPng(compose(canvas, await frame(canvas)).svg, film, 1));
  const { default: sharp } = await loadPackage<typeof import("sharp")>("sharp", film);
  const delays = pictures.map((_, i) => (i === pictures.length - 1 ? 4 * delay : delay));
  return sharp(pictures, { join: { animated: true } })
    .gif({ delay: delays, loop: 0 })
    .toBuffer();
}

const pictureOptionNames = ["theme", "normalization"];

function shown(view: View, { normalization }: PictureOptions, place: string): View {
  return normalization === undefined ? view : inNaturalColours(view, checkNormalization(normalization, place), place);
}

async function draw(view: View, options: PictureOptions) {
  checkOptions(where, options, pictureOptionNames);
  const theme = choice<ThemeName>(where, "theme", options.theme ?? "light", ["light", "dark"]);
  const canvas = await newCanvas(themes[theme], where);
  return compose(canvas, await sketch(canvas, shown(view, options, where)));
}

/** Whether a view is made of small pictures. */
export const isPicture = (view: View): view is PictureView => !Object.hasOwn(charts, view.view);

type Charts = {
  readonly [View in ChartView as View["view"]]: (canvas: Canvas, view: View) => Sketch | Promise<Sketch>;
};

const charts: Charts = {
  histograms: sketchHistograms,
  unitReport: sketchReport,
  gradientNorms: sketchNorms,
  confusion: sketchConfusion,
  calibration: sketchCalibration,
  rejection: sketchRejection,
  robustnessCurve: (canvas, view) => sketchRobustness(canvas, { curves: [view] }),
  robustness: sketchRobustness,
  pixelArithmetic: sketchPixel,
  slidingWindows: sketchWindows,
  featurePlane: sketchFeaturePlane,
};

function sketch(canvas: Canvas, view: View): Sketch | Promise<Sketch> {
  if (isPicture(view)) return sketchTiles(canvas, tilesOf(view, canvas.theme.name));
  // the table has for each view the function that takes it
  const draw = charts[view.view] as (canvas: Canvas, view: ChartView) => Sketch | Promise<Sketch>;
  return draw(canvas, view);
}
