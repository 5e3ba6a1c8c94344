import { checkOptions, FoveaError, fail } from "../core/errors.js";
import type { Dataset } from "../data/dataset.js";
import { numberThat, wholeNumber } from "../model/check.js";
import type { Network } from "../model/network.js";
import { executionOptionNames } from "../runtime/backends.js";
import { type FitOptions, fit } from "./fit.js";
import type { Weights } from "./weights.js";

type Shared =
  | "loss"
  | "lossWeights"
  | "optimizer"
  | "regularizers"
  | "batchSize"
  | "seed"
  | "shuffle"
  | "augment"
  | "loaderWorkers"
  | "signal"
  | "backend"
  | "threads";

export interface LearningRateOptions extends Pick<FitOptions, Shared> {
  /** The first rate. Default: 1e-6. */
  readonly from?: number;
  /** The last one. Default: 10. */
  readonly to?: number;
  /** Updates from the first to the last. Default: 200. */
  readonly steps?: number;
}

/** How the loss followed a rising learning rate. */
export interface LearningRateSearch {
  readonly points: readonly {
    readonly rate: number;
    /** Of the step's batch. */
    readonly loss: number;
    /** Moving average of the losses so far: `a ← 0.9·a + 0.1·loss`, divided by `1 − 0.9^n`. */
    readonly smoothed: number;
  }[];
  /** Where the loss falls the most steeply over the logarithm of the rate: a rate to begin with. */
  readonly suggestion: number;
  /** Where the loss is at its lowest: mostly too high a rate. */
  readonly lowest: number;
}

const decay = 0.9;
/** Training ends where the smoothed loss is this many times its lowest. */
const divergence = 4;

/** The search behind `Model.findLearningRate`; see there. */
export async function findLearningRate(
  network: Network,
  weights: Weights,
  data: Dataset,
  options: LearningRateOptions,
): Promise<LearningRateSearch> {
  const where = "findLearningRate";
  const shared = ["loss", "lossWeights", "optimizer", "regularizers", "batchSize", "seed", "shuffle", "signal"];
  const varying = ["augment", "loaderWorkers"];
  checkOptions(where, options, ["from", "to", "steps", ...shared, ...varying, ...executionOptionNames]);
  const { from: low = 1e-6, to: high = 10, steps: count = 200, ...given } = options;
  const from = numberThat(where, "from", low, "a number > 0", (rate) => rate > 0);
  const to = numberThat(where, "to", high, `a number > from, ${from}`, (rate) => rate > from);
  const steps = wholeNumber(where, "steps", count, 10);
  const { learningRate, options: common } = given.optimizer ?? {};
  const accumulated = common?.accumulationSteps ?? 1;
  const stepsPerEpoch = Math.ceil(data.length / (given.batchSize ?? 32));
  const points: { rate: number; loss: number; smoothed: number }[] = [];
  let average = 0;
  let lowest = Number.POSITIVE_INFINITY;
  const watch = (loss: number, rate: number): boolean => {
    average = decay * average + (1 - decay) * loss;
    const smoothed = average / (1 - decay ** (points.length + 1));
    points.push({ rate, loss, smoothed });
    lowest = Math.min(lowest, smoothed);
    return smoothed > divergence * lowest || points.length >= steps * accumulated;
  };
  const before = weights.readAll();
  try {
    await fit(
      network,
      weights,
      data,
      {
        ...given,
        schedule: (update) => (from / learningRate!) * (to / from) ** (update / (steps - 1)),
        epochs: Math.ceil((steps * accumulated) / stepsPerEpoch),
        progress: false,
      },
      { watch },
    );
  } catch (error) {
    // a loss that is not finite ends the search as one that is too high does
    if (!(error instanceof FoveaError) || error.code !== "nan") throw error;
  } finally {
    weights.setAll(before);
  }
  if (points.length < 5) {
    fail({
      code: "nan",
      where,
      problem: `the loss is too high after ${points.length} steps already`,
      fix: "Begin with a lower rate (from), or look at the data",
    });
  }
  return { points, ...rates(points) };
}

/**
 * Slopes are those of straight lines through five neighbours, by least squares: rates are evenly spaced. A moving
 * average lags by d / (1 − d) steps, which are taken off.
 */
function rates(points: LearningRateSearch["points"]): Pick<LearningRateSearch, "suggestion" | "lowest"> {
  const losses = points.map(({ smoothed }) => smoothed);
  const lowest = losses.indexOf(Math.min(...losses));
  let steepest = 2;
  let slopeThere = Number.POSITIVE_INFINITY;
  for (let i = 2; i + 2 < losses.length && i <= Math.max(2, lowest); i++) {
    const slope = 2 * losses[i + 2]! + losses[i + 1]! - losses[i - 1]! - 2 * losses[i - 2]!;
    if (slope < slopeThere) [steepest, slopeThere] = [i, slope];
  }
  const lag = Math.round(decay / (1 - decay));
  const rateAt = (i: number) => points[Math.max(0, i - lag)]!.rate;
  return { suggestion: rateAt(steepest), lowest: rateAt(lowest) };
}
