import { checkOptions, fail } from "../core/errors.js";
import type { Callback } from "./callbacks.js";
import { checkMonitor, type MonitoredMetric, measured, numbersOf, signOf } from "./monitor.js";

export type { MonitoredMetric };

export interface EarlyStoppingOptions {
  /** What must improve. Default: "validationLoss". Losses should fall, accuracies rise. */
  readonly monitor?: MonitoredMetric;
  /** Epochs without improvement that are waited for. Default: 5. */
  readonly patience?: number;
  /** What counts as an improvement. Default: 0, anything better. */
  readonly minDelta?: number;
  /** Put the weights of the best epoch back at the end, however training ends. Default: true. */
  readonly restoreBest?: boolean;
}

/**
 * Ends training when a metric has not improved for `patience` epochs, and puts the weights of the best epoch back.
 *
 * Errors: code "option" for options unknown or out of range; code "usage" when the run does not measure the metric.
 *
 * Source: Prechelt, "Early stopping – but when?", 1998.
 *
 * @example
 * const callbacks = [earlyStopping({ patience: 3 })];
 * await net.fit(digits.train, { loss: "crossEntropy", optimizer: adam(), validation: 0.1, callbacks });
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): Callback {
  const where = "earlyStopping";
  checkOptions(where, options, ["monitor", "patience", "minDelta", "restoreBest"]);
  const { monitor = "validationLoss", patience = 5, minDelta = 0, restoreBest = true } = options;
  checkMonitor(where, monitor);
  if (!Number.isInteger(patience) || patience < 1) {
    const expected = "a whole number of epochs ≥ 1";
    fail({ code: "option", where, problem: "patience is out of range", expected, received: String(patience) });
  }
  if (!(minDelta >= 0)) {
    const expected = "a number ≥ 0";
    fail({ code: "option", where, problem: "minDelta is out of range", expected, received: String(minDelta) });
  }
  const sign = signOf(monitor);
  let best = Number.POSITIVE_INFINITY;
  let waited = 0;
  return {
    name: where,
    state: () => ({ best, waited }),
    restore(state) {
      [best, waited] = numbersOf(where, state, ["best", "waited"]);
    },
    onStart() {
      best = Number.POSITIVE_INFINITY;
      waited = 0;
    },
    onEpoch(log, control) {
      const value = measured(where, monitor, log);
      if (sign * value < best - minDelta) {
        best = sign * value;
        waited = 0;
        if (restoreBest) control.keepWeights();
      } else if (++waited >= patience) {
        control.stop(`${monitor} has not improved for ${patience} ${patience === 1 ? "epoch" : "epochs"}`);
      }
    },
    onEnd(_end, control) {
      if (restoreBest) control.restoreWeights();
    },
  };
}
