import { checkOptions } from "../core/errors.js";
import type { Dataset } from "../data/dataset.js";
import {
  type Calibration,
  calibration,
  type RejectionPoint,
  type RejectionRule,
  rejectionCurve,
  rejectionFor,
} from "../train/metrics/index.js";
import type { Model } from "../train/model.js";
import { part } from "./adversarial.js";
import { type Scored, score } from "./classes.js";
import { type ViewOptions, viewOptionNames } from "./probe.js";

/** A calibration diagram. */
export interface CalibrationDiagram extends Calibration {
  readonly view: "calibration";
}

export interface CalibrationOptions extends ViewOptions {
  /** Intervals of confidence. Default: 15. */
  readonly bins?: number;
}

/**
 * Whether a classifier is right as often as it is sure: its confidence, the highest probability, against its accuracy, in
 * intervals of equal width, and the expected calibration error; see `calibration` of fovea/metrics.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit.
 *
 * Source: Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.
 *
 * @example const { expectedError, bins } = await calibrationDiagram(net, digits.test);
 */
export async function calibrationDiagram(
  model: Model,
  data: Dataset,
  options: CalibrationOptions = {},
): Promise<CalibrationDiagram> {
  const where = "calibrationDiagram";
  checkOptions(where, options, ["bins", ...viewOptionNames]);
  return calibrationOf(await score(model, data, where, options), options);
}

export function calibrationOf({ labels, probabilities, classes }: Scored, { bins }: CalibrationOptions = {}) {
  const measured = calibration(labels, probabilities, classes.length, bins === undefined ? {} : { bins });
  return { view: "calibration", ...measured } as const satisfies CalibrationDiagram;
}

/** Rejection by both rules. */
export interface Rejection {
  readonly view: "rejection";
  readonly examples: number;
  /** Error of the rest that is wanted. */
  readonly wanted: number;
  readonly curves: readonly RejectionCurve[];
}

export interface RejectionCurve {
  readonly by: RejectionRule;
  readonly points: readonly RejectionPoint[];
  /** Where the error of the rest is at most the wanted one; undefined where it never is. */
  readonly chosen: RejectionPoint | undefined;
}

export interface RejectionOptions extends ViewOptions {
  /** Error of the rest that is wanted, 0 … 1. Default: 0.01. */
  readonly error?: number;
}

/**
 * Error of the rest against the part of the examples that is rejected, those of least confidence, or of least margin
 * between the first and the second class, first; and how many have to be rejected for a wanted error.
 *
 * Errors: code "unsupported" for networks that are no classifiers; codes "shape" and "label" for data that do not fit;
 * code "option" for an error that is no part.
 *
 * Source: Chow, "On optimum recognition error and reject tradeoff", 1970.
 *
 * @example const { curves } = await rejection(net, digits.test, { error: 0.05 });
 */
export async function rejection(model: Model, data: Dataset, options: RejectionOptions = {}): Promise<Rejection> {
  const where = "rejection";
  checkOptions(where, options, ["error", ...viewOptionNames]);
  const wanted = part(where, "error", options.error ?? 0.01);
  return rejectionOf(await score(model, data, where, options), wanted);
}

export function rejectionOf({ labels, probabilities, classes }: Scored, wanted: number): Rejection {
  const curves = (["confidence", "margin"] as const).map((by): RejectionCurve => {
    const points = rejectionCurve(labels, probabilities, classes.length, { by });
    return { by, points, chosen: rejectionFor(points, wanted) };
  });
  return { view: "rejection", examples: labels.length, wanted, curves };
}
