import { checkOptions } from "../core/errors.js";
import { choice } from "../model/check.js";
import { sketchHistograms, sketchNorms, sketchReport } from "./charts.js";
import type { CalibrationDiagram, Rejection } from "./confidence.js";
import { sketchConfusion } from "./confusionChart.js";
import { sketchCalibration, sketchRejection, sketchRobustness } from "./curveCharts.js";
import type { ConfusionView } from "./predictions.js";
import type { Robustness, RobustnessCurve } from "./robustness.js";
import { sketchTiles } from "./sheet.js";
import type { GradientNorms, Histograms, UnitReport } from "./statistics.js";
import { type Canvas, compose, newCanvas, type Sketch, type ThemeName, themes, toPng, toSvgText } from "./svg.js";
import { type PictureView, tilesOf } from "./tiles.js";

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
  | Robustness;

export interface PictureOptions {
  /** Default: "light". */
  readonly theme?: ThemeName;
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

async function draw(view: View, options: PictureOptions) {
  checkOptions(where, options, ["theme"]);
  const theme = choice<ThemeName>(where, "theme", options.theme ?? "light", ["light", "dark"]);
  const canvas = await newCanvas(themes[theme], where);
  return compose(canvas, await sketch(canvas, view));
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
};

function sketch(canvas: Canvas, view: View): Sketch | Promise<Sketch> {
  if (isPicture(view)) return sketchTiles(canvas, tilesOf(view, canvas.theme.name));
  // the table has for each view the function that takes it
  const draw = charts[view.view] as (canvas: Canvas, view: ChartView) => Sketch | Promise<Sketch>;
  return draw(canvas, view);
}
