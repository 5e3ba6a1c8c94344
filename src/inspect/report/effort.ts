import type { NetworkSummary } from "../summary.js";

/** How many images a report looks at. */
export interface ReportEffort {
  /** Test images for tables, calibration and rejection. */
  readonly tested: number;
  /** … for curves of noise and movements. */
  readonly images: number;
  /** … that are attacked. */
  readonly attacked: number;
}

/** Passes through the network for each image of the curves, and, gradients counted as three, for each attacked one. */
const passes = { curves: 36, attacks: 260 };

/**
 * Multiply-adds that each part may take: together about a minute on one slow core, some seconds for networks as small as
 * those for MNIST.
 */
const budget = 1e11;

/**
 * Sizes by what the network costs, not by the clock: the same report on every machine.
 *
 * @param quick a quarter of the effort
 */
export function effortFor({ multiplyAdds }: NetworkSummary, length: number, quick: boolean): ReportEffort {
  const affordable = (cost: number, least: number, most: number) => {
    const some = Math.floor((quick ? budget / 4 : budget) / Math.max(1, multiplyAdds * cost));
    return Math.min(length, Math.max(least, Math.min(quick ? most / 5 : most, some)));
  };
  return {
    tested: affordable(1, 500, 10_000),
    images: affordable(passes.curves, 100, 1000),
    attacked: affordable(passes.attacks, 40, 200),
  };
}
