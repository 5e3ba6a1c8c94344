import { describe, expect, it } from "vitest";
import type { EpochLog } from "../../src/train/callbacks.js";
import {
  cosineDecay,
  exponentialDecay,
  oneCycle,
  perEpoch,
  polynomialDecay,
  type ReduceOnPlateauOptions,
  reduceOnPlateau,
  type Schedule,
  stepDecay,
} from "../../src/train/schedules.js";
import { loadFixture } from "../fixtures/load.js";

interface ScheduleEntry {
  readonly name: string;
  readonly rates: readonly number[];
  readonly metrics?: readonly number[];
}

/** By the names of generate.py. */
const schedules: Readonly<Record<string, Schedule>> = {
  steps: stepDecay({ every: 7, factor: 0.3 }),
  "listed steps": stepDecay({ every: [3, 10, 11], factor: 0.5 }),
  exponential: exponentialDecay({ factor: 0.93 }),
  cosine: cosineDecay({ steps: 20, end: 0.1 }),
  "warm cosine": cosineDecay({ steps: 20, warmUp: 5, warmUpFrom: 0.1 }),
  polynomial: polynomialDecay({ steps: 20, power: 1.5 }),
  "one cycle": oneCycle({ steps: 25 }),
  "one cycle, other parts": oneCycle({ steps: 40, rising: 0.4, start: 0.1, end: 0.001 }),
};

const plateaus: Readonly<Record<string, ReduceOnPlateauOptions>> = {
  "plateau of a loss": { patience: 1, factor: 0.5 },
  "plateau with rest": { patience: 0, factor: 0.5, cooldown: 2, minimum: 0.2 },
  "plateau of an accuracy": { monitor: "validationAccuracy", patience: 2, factor: 0.1, threshold: 0.01 },
};

const { pytorch, entries } = loadFixture<ScheduleEntry>("schedules.json");

function epochLog(epoch: number, metrics: Partial<EpochLog>): EpochLog {
  return { epoch, loss: 1, learningRate: 1, seconds: 1, examplesPerSecond: 1, ...metrics };
}

/** The rates that a callback leaves after each epoch, from 1. */
async function ratesOf(options: ReduceOnPlateauOptions, metrics: readonly number[]): Promise<number[]> {
  const callback = reduceOnPlateau(options);
  const control = {
    learningRate: 1,
    setLearningRate(rate: number) {
      control.learningRate = rate;
    },
    stop() {},
    keepWeights() {},
    restoreWeights() {},
  };
  const rates: number[] = [];
  for (const [i, metric] of metrics.entries()) {
    await callback.onEpoch?.(epochLog(i + 1, { [options.monitor ?? "validationLoss"]: metric }), control);
    rates.push(control.learningRate);
  }
  return rates;
}

describe(`as PyTorch ${pytorch} has them`, () => {
  it("every entry has a schedule", () => {
    const names = [...Object.keys(schedules), ...Object.keys(plateaus)];
    expect(names.sort()).toEqual(entries.map(({ name }) => name).sort());
  });

  it.each(entries.map((entry) => [entry.name, entry] as const))("%s", async (name, { rates, metrics }) => {
    const actual =
      metrics === undefined ? rates.map((_, i) => schedules[name]!(i)) : await ratesOf(plateaus[name]!, metrics);
    expect(actual).toHaveLength(rates.length);
    actual.forEach((rate, i) => {
      // 9 significant digits were written
      expect(Math.abs(rate - rates[i]!), `step ${i}`).toBeLessThanOrEqual(1e-8 * rates[i]! + 1e-15);
    });
  });
});

describe("schedules", () => {
  it("stay at their end", () => {
    for (const schedule of [
      cosineDecay({ steps: 10, end: 0.2 }),
      polynomialDecay({ steps: 10, end: 0.2 }),
      oneCycle({ steps: 10, end: 0.2 }),
    ]) {
      expect(schedule(10)).toBeCloseTo(0.2, 12);
      expect(schedule(1000)).toBeCloseTo(0.2, 12);
    }
  });

  it("warm up from nothing", () => {
    const schedule = polynomialDecay({ steps: 30, warmUp: 10 });
    expect([0, 5, 10, 20, 30].map(schedule)).toEqual([0, 0.5, 1, 0.5, 0]);
  });

  it("count epochs when asked", () => {
    const schedule = perEpoch(4, stepDecay({ every: 2, factor: 0.5 }));
    expect([0, 7, 8, 15, 16].map(schedule)).toEqual([1, 1, 0.5, 0.5, 0.25]);
  });
});

describe("errors", () => {
  const wrong = <T>(value: unknown) => value as T;
  const wordings: readonly [() => unknown, string][] = [
    [() => stepDecay({ every: 0 }), "stepDecay: wrong every (expected a whole number ≥ 1, received 0)."],
    [
      () => stepDecay({ every: [5, 5] }),
      "stepDecay: every[1] does not come after the step before it (expected ascending steps, received 5).",
    ],
    [() => exponentialDecay({ factor: 0 }), "exponentialDecay: wrong factor (expected a number > 0, received 0)."],
    [
      () => cosineDecay({ steps: 10, warmUp: 10 }),
      "cosineDecay: warming up takes all steps (expected warmUp < 10, received 10).",
    ],
    [
      () => cosineDecay(wrong({ step: 10 })),
      'cosineDecay: unknown option "step" (expected one of steps, end, warmUp, warmUpFrom). Did you mean "steps".',
    ],
    [
      () => polynomialDecay({ steps: 9, power: 0 }),
      "polynomialDecay: wrong power (expected a number > 0, received 0).",
    ],
    [() => oneCycle({ steps: 1 }), "oneCycle: wrong steps (expected a whole number ≥ 2, received 1)."],
    [() => oneCycle({ steps: 9, rising: 1 }), "oneCycle: wrong rising (expected a number > 0 and < 1, received 1)."],
    [
      () => reduceOnPlateau({ factor: 1 }),
      "reduceOnPlateau: wrong factor (expected a number > 0 and < 1, received 1).",
    ],
    [
      () => reduceOnPlateau({ monitor: wrong("f1") }),
      "reduceOnPlateau: unknown metric to monitor (expected loss, accuracy, validationLoss or validationAccuracy, received f1).",
    ],
    [() => perEpoch(0, () => 1), "perEpoch: wrong stepsPerEpoch (expected a whole number ≥ 1, received 0)."],
  ];
  it.each(wordings.map(([body, message]) => [message, body] as const))("%s", (message, body) => {
    expect(body).toThrow(expect.objectContaining({ name: "FoveaError", message }));
  });
});
