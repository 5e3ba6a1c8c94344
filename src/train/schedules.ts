import { checkOptions, fail } from "../core/errors.js";
import { namedParts, numberThat, wholeNumber } from "../model/check.js";
import type { Callback } from "./callbacks.js";
import { checkMonitor, type MonitoredMetric, measured, numbersOf, signOf } from "./monitor.js";

/**
 * What the optimiser's learning rate is multiplied by, as a pure function of the updates done so far: 0 before the
 * first. The rate is an input of the program, so that nothing is compiled again when it changes. Any function will do;
 * products of schedules are schedules.
 */
export type Schedule = (step: number) => number;

export interface StepDecayOptions {
  /** Steps from one change to the next, or the steps at which the rate changes, ascending. */
  readonly every: number | readonly number[];
  /** What the rate is multiplied by each time. Default: 0.1. */
  readonly factor?: number;
}

/**
 * The rate falls in steps: `factor^⌊step / every⌋`, or `factor` to the number of listed steps that are reached.
 *
 * Keras: PiecewiseConstantDecay · PyTorch: StepLR, MultiStepLR
 *
 * Errors: code "option" for numbers out of range.
 *
 * @example const schedule = stepDecay({ every: [1000, 2000], factor: 0.1 }); // 1, from step 1000 on 0.1, …
 */
export function stepDecay(options: StepDecayOptions): Schedule {
  const where = "stepDecay";
  const { every, factor = 0.1 } = checked(where, options, ["every", "factor"]);
  const base = above0(where, "factor", factor);
  if (!Array.isArray(every)) {
    const length = wholeNumber(where, "every", every);
    return (step) => base ** Math.floor(step / length);
  }
  const steps = every.map((step, i) => wholeNumber(where, `every[${i}]`, step));
  const unordered = steps.findIndex((step, i) => i > 0 && step <= steps[i - 1]!);
  if (unordered > 0) {
    const problem = `every[${unordered}] does not come after the step before it`;
    fail({ code: "option", where, problem, expected: "ascending steps", received: String(steps[unordered]) });
  }
  return (step) => base ** steps.filter((reached) => reached <= step).length;
}

export interface ExponentialDecayOptions {
  /** What the rate is multiplied by over `every` steps. */
  readonly factor: number;
  /** Default: 1. */
  readonly every?: number;
}

/**
 * The rate falls evenly on a logarithmic scale: `factor^(step / every)`.
 *
 * Keras: ExponentialDecay · PyTorch: ExponentialLR
 *
 * Errors: code "option" for numbers out of range.
 *
 * @example const schedule = exponentialDecay({ factor: 0.95, every: 100 });
 */
export function exponentialDecay(options: ExponentialDecayOptions): Schedule {
  const where = "exponentialDecay";
  const { factor, every = 1 } = checked(where, options, ["factor", "every"]);
  const base = above0(where, "factor", factor);
  const length = above0(where, "every", every);
  return (step) => base ** (step / length);
}

export interface WarmUpOptions {
  /** Steps in which the rate rises first. Default: 0. */
  readonly warmUp?: number;
  /** Part of the rate that warming up starts from. Default: 0. */
  readonly warmUpFrom?: number;
}

export interface CosineDecayOptions extends WarmUpOptions {
  /** Steps until the end is reached, warming up included; the rate stays there. */
  readonly steps: number;
  /** Part of the rate that is left at the end. Default: 0. */
  readonly end?: number;
}

/**
 * Half a cosine: `end + (1 − end)·(1 + cos(π·t)) / 2` with t from 0 to 1 after warming up, before which the rate rises
 * linearly: `warmUpFrom + (1 − warmUpFrom)·step / warmUp`.
 *
 * Keras: CosineDecay · PyTorch: LinearLR, then CosineAnnealingLR (SequentialLR)
 *
 * Errors: code "option" for numbers out of range.
 *
 * Source: Loshchilov and Hutter, "SGDR: stochastic gradient descent with warm restarts", ICLR 2017.
 *
 * @example const schedule = cosineDecay({ steps: 5000, warmUp: 500 });
 */
export function cosineDecay(options: CosineDecayOptions): Schedule {
  const where = "cosineDecay";
  const { end = 0, ...given } = checked(where, options, ["steps", "end", "warmUp", "warmUpFrom"]);
  const last = part(where, "end", end);
  return warmed(where, given, (t) => last + ((1 - last) * (1 + Math.cos(Math.PI * t))) / 2);
}

export interface PolynomialDecayOptions extends WarmUpOptions {
  /** Steps until the end is reached, warming up included; the rate stays there. */
  readonly steps: number;
  /** Part of the rate that is left at the end. Default: 0. */
  readonly end?: number;
  /** Exponent. Default: 1, a straight line. */
  readonly power?: number;
}

/**
 * `end + (1 − end)·(1 − t)^power` with t from 0 to 1, after warming up as {@link cosineDecay} does.
 *
 * Keras: PolynomialDecay · PyTorch: PolynomialLR
 *
 * Errors: code "option" for numbers out of range.
 *
 * @example const schedule = polynomialDecay({ steps: 5000, power: 2 });
 */
export function polynomialDecay(options: PolynomialDecayOptions): Schedule {
  const where = "polynomialDecay";
  const { end = 0, power = 1, ...given } = checked(where, options, ["steps", "end", "power", "warmUp", "warmUpFrom"]);
  const last = part(where, "end", end);
  const exponent = above0(where, "power", power);
  return warmed(where, given, (t) => last + (1 - last) * (1 - t) ** exponent);
}

export interface OneCycleOptions {
  /** Steps of the cycle; the rate stays at its end. */
  readonly steps: number;
  /** Part of the steps in which the rate rises. Default: 0.3. */
  readonly rising?: number;
  /** The first rate, as a part of the highest, which is the optimiser's. Default: 1 / 25. */
  readonly start?: number;
  /** The last rate, as a part of the highest. Default: 4 · 10⁻⁶, PyTorch's 1 / 25 / 10⁴. */
  readonly end?: number;
}

/**
 * One cycle: from `start` to the optimiser's rate and on to `end`, both along half a cosine. The momentum stays.
 *
 * Keras: none · PyTorch: OneCycleLR with cycle_momentum=False (div_factor = 1 / start)
 *
 * Errors: code "option" for numbers out of range.
 *
 * Source: Smith and Topin, "Super-convergence: very fast training of neural networks using large learning rates", 2018.
 *
 * @example const schedule = oneCycle({ steps: 3000 });
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const where = "oneCycle";
  const given = checked(where, options, ["steps", "rising", "start", "end"]);
  const steps = wholeNumber(where, "steps", given.steps, 2);
  const start = part(where, "start", given.start ?? 1 / 25);
  const end = part(where, "end", given.end ?? 1 / 25 / 1e4);
  const rising = numberThat(where, "rising", given.rising ?? 0.3, "a number > 0 and < 1", (p) => p > 0 && p < 1);
  // PyTorch counts from 0, so that the highest rate is that of step ⌊…⌋ − 1
  const top = rising * steps - 1;
  const between = (from: number, to: number, t: number) => to + ((from - to) * (1 + Math.cos(Math.PI * t))) / 2;
  return (step) => {
    const at = Math.min(step, steps - 1);
    return at <= top ? between(start, 1, at / top) : between(1, end, (at - top) / (steps - 1 - top));
  };
}

/**
 * A schedule that counts epochs rather than steps: all steps of an epoch have one rate.
 *
 * @param stepsPerEpoch updates in an epoch: `Math.ceil(data.length / batchSize)`
 * @example const schedule = perEpoch(108, stepDecay({ every: 30 })); // a tenth after every 30 epochs
 */
export function perEpoch(stepsPerEpoch: number, schedule: Schedule): Schedule {
  const length = wholeNumber("perEpoch", "stepsPerEpoch", stepsPerEpoch);
  return (step) => schedule(Math.floor(step / length));
}

export interface ReduceOnPlateauOptions {
  /** What must improve. Default: "validationLoss". Losses should fall, accuracies rise. */
  readonly monitor?: MonitoredMetric;
  /** What the rate is multiplied by. Default: 0.1. */
  readonly factor?: number;
  /** Epochs without improvement that are waited for. Default: 10. */
  readonly patience?: number;
  /** Part of the best value by which a better one must differ. Default: 0.0001. */
  readonly threshold?: number;
  /** Epochs after a change in which none is counted. Default: 0. */
  readonly cooldown?: number;
  /** The lowest rate. Default: 0. */
  readonly minimum?: number;
}

/**
 * Lowers the learning rate when a metric has not improved for more than `patience` epochs. A better loss is one below
 * `best·(1 − threshold)`, a better accuracy one above `best·(1 + threshold)`.
 *
 * Keras: ReduceLROnPlateau (a patience of n here is n + 1 there, its threshold absolute) · PyTorch: ReduceLROnPlateau
 *
 * Errors: code "option" for numbers out of range; code "usage" when the run does not measure the metric.
 *
 * @example
 * const callbacks = [reduceOnPlateau({ patience: 2, factor: 0.5 })];
 * await net.fit(digits.train, { loss: "crossEntropy", optimizer: sgd(0.1), validation: 0.1, epochs: 3, callbacks });
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Callback {
  const where = "reduceOnPlateau";
  const names = ["monitor", "factor", "patience", "threshold", "cooldown", "minimum"];
  const given = checked(where, options, names);
  const monitor = checkMonitor(where, given.monitor ?? "validationLoss");
  const factor = numberThat(where, "factor", given.factor ?? 0.1, "a number > 0 and < 1", (f) => f > 0 && f < 1);
  const patience = wholeNumber(where, "patience", given.patience ?? 10, 0);
  const threshold = part(where, "threshold", given.threshold ?? 1e-4);
  const cooldown = wholeNumber(where, "cooldown", given.cooldown ?? 0, 0);
  const minimum = numberThat(where, "minimum", given.minimum ?? 0, "a number ≥ 0", (rate) => rate >= 0);
  const sign = signOf(monitor);
  let best = Number.NaN;
  let waited = 0;
  let resting = 0;
  return {
    name: where,
    state: () => ({ best, waited, resting }),
    restore(state) {
      [best, waited, resting] = numbersOf(where, state, ["best", "waited", "resting"]);
    },
    onStart() {
      best = Number.NaN;
      waited = 0;
      resting = 0;
    },
    onEpoch(log, control) {
      const value = measured(where, monitor, log);
      const isBetter = Number.isNaN(best) || sign * value < sign * best * (1 - sign * threshold);
      if (isBetter) best = value;
      waited = isBetter ? 0 : waited + 1;
      if (resting > 0) {
        resting -= 1;
        waited = 0;
      }
      if (waited <= patience) return;
      const rate = Math.max(control.learningRate * factor, minimum);
      if (rate < control.learningRate) control.setLearningRate(rate);
      resting = cooldown;
      waited = 0;
    },
  };
}

/** `shape` of t from 0 to 1 between the end of warming up and the last step. */
function warmed(where: string, given: Readonly<Record<string, unknown>>, shape: (t: number) => number): Schedule {
  const steps = wholeNumber(where, "steps", given.steps);
  const warmUp = wholeNumber(where, "warmUp", given.warmUp ?? 0, 0);
  const from = part(where, "warmUpFrom", given.warmUpFrom ?? 0);
  if (warmUp >= steps) {
    const problem = "warming up takes all steps";
    fail({ code: "option", where, problem, expected: `warmUp < ${steps}`, received: String(warmUp) });
  }
  return (step) => {
    if (step < warmUp) return from + ((1 - from) * step) / warmUp;
    return shape(Math.min(1, (step - warmUp) / (steps - warmUp)));
  };
}

function checked(where: string, options: object, names: readonly string[]): Readonly<Record<string, unknown>> {
  const parts = namedParts(where, "options", options);
  checkOptions(where, parts, names);
  return parts;
}

function above0(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number > 0", (number) => number > 0);
}

function part(where: string, name: string, value: unknown): number {
  return numberThat(where, name, value, "a number from 0 to 1", (number) => number >= 0 && number <= 1);
}
