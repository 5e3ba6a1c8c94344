import { fail } from "../core/errors.js";
import type { EpochLog } from "./callbacks.js";

/** Metrics of an epoch that callbacks can follow. */
export type MonitoredMetric = "loss" | "accuracy" | "validationLoss" | "validationAccuracy";

export function checkMonitor(where: string, value: unknown): MonitoredMetric {
  const known = ["loss", "accuracy", "validationLoss", "validationAccuracy"] as const;
  const found = known.find((metric) => metric === value);
  if (found !== undefined) return found;
  const expected = "loss, accuracy, validationLoss or validationAccuracy";
  return fail({ code: "option", where, problem: "unknown metric to monitor", expected, received: String(value) });
}

/** 1 where less is better, −1 where more is. */
export function signOf(monitor: MonitoredMetric): 1 | -1 {
  return monitor.toLowerCase().endsWith("accuracy") ? -1 : 1;
}

/** The metric of an epoch; fails where the run does not measure it. */
export function measured(where: string, monitor: MonitoredMetric, log: EpochLog): number {
  return (
    log[monitor] ??
    fail({
      code: "usage",
      where,
      problem: `this run does not measure ${monitor}`,
      fix: monitor.startsWith("validation") ? "Pass validation: 0.1 to fit" : "Monitor the loss",
    })
  );
}

/** Numbers that a callback remembers, out of a checkpoint. */
export function numbersOf<const Names extends readonly string[]>(
  where: string,
  state: unknown,
  names: Names,
): { -readonly [K in keyof Names]: number } {
  const values = new Map(Object.entries(typeof state === "object" && state !== null ? state : {}));
  const numbers = names.map((name) => {
    const value: unknown = values.get(name);
    if (typeof value === "number") return value;
    return fail({ code: "format", where, problem: `the checkpoint does not say "${name}"` });
  });
  return numbers as { -readonly [K in keyof Names]: number };
}
