import { platform } from "#platform";
import { trainingGraph } from "../autodiff/trainingGraph.js";
import type { NumericArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { keyOf } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import { type Augment, checkAugment, layoutOf } from "../data/augment/augment.js";
import { epochOrder } from "../data/batches.js";
import { checkInteger, type Dataset, split } from "../data/dataset.js";
import { numberThat } from "../model/check.js";
import { frozenWeights, isRandom, type Network } from "../model/network.js";
import { keyOfObjectives, type LossSpec, type LossWeights, type Objective, objectivesOf } from "../model/objectives.js";
import type { Optimizer } from "../model/optimizers.js";
import type { Regularizers } from "../model/regularizers.js";
import type { Program } from "../plan/backend.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import type { Session } from "../runtime/session.js";
import { type Arranged, arrange, dataOptions } from "./arrange.js";
import { exchangeAverages } from "./averages.js";
import type { Callback, EpochLog, RunControl, RunEnd, StepLog } from "./callbacks.js";
import { checkData } from "./data.js";
import { failWithNaN } from "./diagnose.js";
import { evaluatePlaced, evaluationBatch, prepareEvaluation } from "./evaluate.js";
import { type FurtherInputs, furtherInputs, writeVectors } from "./furtherInputs.js";
import { checkRunOptions } from "./options.js";
import { type Feeding, PlacedData, type PlacementOptions } from "./placed.js";
import type { Schedule } from "./schedules.js";
import type { Weights } from "./weights.js";

export interface FitOptions extends ExecutionOptions {
  /** A loss, by name or with options; for several outputs, losses by the names of outputs. */
  readonly loss: LossSpec;
  /** What each of several losses counts in the sum. Default: 1 each. */
  readonly lossWeights?: LossWeights;
  readonly optimizer: Optimizer;
  /** What the optimiser's learning rate is multiplied by at each update. Default: 1. */
  readonly schedule?: Schedule;
  /** Penalties on weights by patterns of names, part of the training loss: `{ "*.kernel": { l2: 1e-4 } }`. */
  readonly regularizers?: Regularizers;
  /** Examples per step. The last batch of an epoch holds what is left. Default: 32. */
  readonly batchSize?: number;
  /** Times that all examples are seen, at most. Default: 10. */
  readonly epochs?: number;
  /** A part of the data (0 < part < 1), taken off by seed, or a data set of its own. Default: none. */
  readonly validation?: number | Dataset;
  /** Decides first weights, validation part, order of examples and dropout. Default: 0. */
  readonly seed?: number;
  /** Whether each epoch has an order of its own. Default: true. */
  readonly shuffle?: boolean;
  /**
   * Varies the training examples anew in every epoch, each by seed, epoch and its number alone; what is measured stays as
   * it is. Default: none.
   */
  readonly augment?: Augment;
  /** Threads that augment, beside those that train; results do not depend on it. Default: up to 2 in Node, else 0. */
  readonly loaderWorkers?: number;
  readonly callbacks?: readonly Callback[];
  /** Show progress on the terminal: a bar, or a line per epoch where output is no terminal. Default: true. */
  readonly progress?: boolean;
  /** Ends training after the current step when it is aborted. */
  readonly signal?: AbortSignal;
}

/** What a run measured, and how it ended. */
export interface History {
  readonly epochs: readonly EpochLog[];
  readonly end: RunEnd;
}

export const fitOptionNames = [
  "loss",
  "lossWeights",
  "optimizer",
  "schedule",
  "regularizers",
  "batchSize",
  "epochs",
  "validation",
  "seed",
  "shuffle",
  "augment",
  "loaderWorkers",
  "callbacks",
  "progress",
  "signal",
] as const;

/** Milliseconds between looks at the clock for progress, timers and signals. */
const breathing = 60;

/** The loop behind `Model.fit`; see there. */
export async function fit(
  network: Network,
  weights: Weights,
  data: Dataset,
  options: FitOptions,
  feeding: Feeding = {},
): Promise<History> {
  const where = "fit";
  checkRunOptions(where, options, fitOptionNames);
  const { loss, optimizer, seed = 0 } = options;
  if (optimizer?.emit === undefined) {
    fail({ code: "option", where, problem: "optimizer is missing", expected: "what sgd(0.01) or adam() returns" });
  }
  const objectives = objectivesOf(network, loss, options.lossWeights, where);
  const parts = divide(data, options.validation, seed, where);
  const train = arrange(network, parts.train, objectives, where);
  const validation = parts.validation && arrange(network, parts.validation, objectives, where);
  checkData(network, train, objectives, where);
  if (validation !== undefined) checkData(network, validation, objectives, where);
  checkLoading(where, options, train);

  const placed: PlacedData[] = [];
  try {
    return await runEpochs(network, weights, train, validation, objectives, options, feeding, placed);
  } catch (error) {
    for (const callback of options.callbacks ?? []) callback.onFailure?.(error);
    throw error;
  } finally {
    await Promise.all(placed.map((data) => data.close()));
  }
}

/** Trains on data and with options that were checked. */
async function runEpochs(
  network: Network,
  weights: Weights,
  train: Arranged,
  validation: Arranged | undefined,
  objectives: readonly Objective[],
  options: FitOptions,
  feeding: Feeding,
  opened: PlacedData[],
): Promise<History> {
  const { optimizer, batchSize = 32, epochs = 10, seed = 0, shuffle = true, callbacks = [] } = options;
  const session = await weights.session(options, "fit");
  const place = async (data: Arranged, name: PlacementOptions["name"], batchSize: number, augment?: Augment) => {
    const loading = { augment, seed, workers: options.loaderWorkers };
    const placed = await PlacedData.place(session, network, data, { name, batchSize, ...loading, ...feeding });
    opened.push(placed);
    return placed;
  };
  const largest = Math.min(batchSize, train.length);
  const placedTrain = await place(train, "training data", batchSize, options.augment).catch((error: unknown) => {
    const graph = (size: number) => {
      const table = { name: "training data", rows: size };
      return trainingGraph(network, { ...specOf(options), ...dataOptions(network, train), batchSize: size, table });
    };
    throw session.explain(error, graph, largest);
  });
  const placedValidation = validation && (await place(validation, "validation data", evaluationBatch));
  const trainer = await Trainer.create(session, network, placedTrain, { ...options, objectives, batchSize, seed });
  if (placedValidation !== undefined) await prepareEvaluation(network, placedValidation, objectives);
  const began = platform.now();
  const epochLogs: EpochLog[] = [];
  const run = new Run(weights, optimizer.learningRate);
  const { plan } = trainer.main;
  for (const callback of callbacks) {
    await callback.onStart?.({
      network,
      epochs,
      stepsPerEpoch: Math.ceil(train.length / batchSize),
      examples: train.length,
      validationExamples: validation?.length ?? 0,
      batchSize,
      threads: session.threads,
      memoryBytes: plan.arenaBytes + plan.variableBytes,
    });
  }
  for (let epoch = 1; epoch <= epochs && run.stopped === undefined; epoch++) {
    run.epoch = epoch;
    trainer.learningRate = run.learningRate;
    const started = platform.now();
    const order = epochOrder(train.length, seed, epoch, shuffle);
    const log = await trainer.epoch(order, epoch, epochs, callbacks, options.signal);
    const seconds = (platform.now() - started) / 1000;
    if (options.signal?.aborted) {
      run.stop("it was interrupted");
      if (log.examples === 0) break;
    }
    // what is measured, and kept by callbacks, are the averages where there are any
    if (trainer.hasAverages) exchangeAverages(session.store, network);
    const measured = placedValidation && (await evaluatePlaced(network, placedValidation, objectives));
    const entry: EpochLog = {
      epoch,
      loss: log.loss,
      ...(log.accuracy === undefined ? {} : { accuracy: log.accuracy }),
      ...(measured === undefined ? {} : { validationLoss: measured.loss }),
      ...(measured?.accuracy === undefined ? {} : { validationAccuracy: measured.accuracy }),
      learningRate: trainer.lastRate,
      seconds,
      examplesPerSecond: log.examples / seconds,
    };
    epochLogs.push(entry);
    for (const callback of callbacks) await callback.onEpoch?.(entry, run);
    if (trainer.hasAverages) exchangeAverages(session.store, network);
  }
  if (trainer.hasAverages) exchangeAverages(session.store, network);
  const seconds = (platform.now() - began) / 1000;
  const end = (): RunEnd => ({
    epochs: epochLogs.length,
    stopped: run.stopped,
    weightsOfEpoch: run.weightsOfEpoch,
    seconds,
  });
  for (const callback of callbacks) await callback.onEnd?.(end(), run);
  return { epochs: epochLogs, end: end() };
}

function checkLoading(where: string, { augment, loaderWorkers }: FitOptions, train: Dataset): void {
  if (augment !== undefined) checkAugment(augment, layoutOf(train), where);
  if (loaderWorkers !== undefined) checkInteger(where, "loaderWorkers", loaderWorkers, 0, 256);
}

function divide(data: Dataset, validation: FitOptions["validation"], seed: number, where: string) {
  if (validation === undefined || typeof validation !== "number") return { train: data, validation };
  if (!(validation > 0 && validation < 1)) {
    fail({
      code: "option",
      where,
      problem: "validation is out of range",
      expected: "a part above 0 and below 1, or a data set",
      received: String(validation),
    });
  }
  const [train, part] = split(data, validation, { seed });
  return { train, validation: part };
}

/** The state that callbacks steer. */
class Run implements RunControl {
  stopped: string | undefined;
  epoch = 0;
  #kept: { epoch: number; values: Map<string, Float32Array> } | undefined;
  #restored = false;

  constructor(
    readonly weights: Weights,
    public learningRate: number,
  ) {}

  setLearningRate(rate: number): void {
    this.learningRate = numberThat("setLearningRate", "rate", rate, "a number ≥ 0", (value) => value >= 0);
  }

  get weightsOfEpoch(): number {
    return this.#restored && this.#kept !== undefined ? this.#kept.epoch : this.epoch;
  }

  stop(reason: string): void {
    this.stopped ??= reason;
  }

  keepWeights(): void {
    this.#kept = { epoch: this.epoch, values: this.weights.readAll() };
  }

  restoreWeights(): void {
    if (this.#kept === undefined) return;
    this.weights.setAll(this.#kept.values);
    this.#restored = true;
  }
}

interface TrainerOptions extends TrainingSpec {
  readonly schedule?: Schedule;
  readonly objectives: readonly Objective[];
  readonly batchSize: number;
  readonly seed: number;
}

/** The views of one program that a step touches, found once an epoch so that steps allocate nothing. */
interface Step {
  readonly program: Program;
  readonly count: number;
  readonly indices: Int32Array;
  readonly further: FurtherInputs;
  readonly randomKey: NumericArray | undefined;
  readonly scalars: readonly { readonly name: string; readonly view: NumericArray }[];
  readonly loss: NumericArray;
  readonly accuracy: NumericArray | undefined;
}

/** Runs the steps of training: one program for whole batches, one for the last of an epoch where it is smaller. */
class Trainer {
  /** The rate before its schedule; callbacks change it between epochs. */
  learningRate: number;
  /** The rate of the last step. */
  lastRate: number;
  #step = 0;

  private constructor(
    readonly session: Session,
    readonly network: Network,
    readonly placed: PlacedData,
    readonly options: TrainerOptions,
    /** The program of whole batches. */
    readonly main: Program,
    readonly rest: Program | undefined,
  ) {
    this.learningRate = options.optimizer.learningRate;
    this.lastRate = this.learningRate;
  }

  /** Whether there are averages beside the weights: from the first update on. */
  get hasAverages(): boolean {
    const { averageDecay, accumulationSteps } = this.options.optimizer.options;
    return averageDecay !== undefined && this.#step >= accumulationSteps;
  }

  static async create(
    session: Session,
    network: Network,
    placed: PlacedData,
    options: TrainerOptions,
  ): Promise<Trainer> {
    const { batchSize } = options;
    const { length } = placed.data;
    const program = (size: number) => {
      const graphOptions = graphOptionsOf(placed, options, size);
      // programs do not depend on the learning rate
      const parts = {
        optimizer: options.optimizer.key,
        loss: keyOfObjectives(options.objectives),
        frozen: frozenWeights(network),
      };
      const graph = (batchSize: number) => trainingGraph(network, { ...graphOptions, batchSize });
      return session.program(`train ${JSON.stringify({ ...graphOptions, ...parts })}`, graph, size);
    };
    const whole = Math.min(batchSize, length);
    const main = await program(whole);
    const rest = length % whole === 0 ? undefined : await program(length % whole);
    // a new run starts with fresh optimiser state
    for (const { kind, name, type } of main.plan.buffers) {
      if (kind === "variable" && name.startsWith("optimizer.")) {
        session.store.write(name, new Float32Array(sizeOf(type.shape)));
      }
    }
    return new Trainer(session, network, placed, options, main, rest);
  }

  /** One pass over the examples in `order`. Returns the means over what was done. */
  async epoch(
    order: Uint32Array,
    epoch: number,
    epochs: number,
    callbacks: readonly Callback[],
    signal: AbortSignal | undefined,
  ): Promise<StepLog> {
    const main = this.#views(this.main);
    const rest = this.rest === undefined ? undefined : this.#views(this.rest);
    const { source } = this.placed;
    this.placed.begin(order, epoch);
    const steps = Math.ceil(order.length / main.count);
    const log: StepLog = { epoch, epochs, step: 0, steps, examples: 0, loss: 0, accuracy: undefined, seconds: 0 };
    const began = platform.now();
    let lossSum = 0;
    let correct = 0;
    let breath = began;
    for (let index = 0; index < steps; index++) {
      const start = index * main.count;
      const step = start + main.count <= order.length ? main : rest!;
      this.#step += 1;
      const waiting = source.next(step.indices);
      if (waiting !== undefined) await waiting;
      this.#write(step, order, start);
      step.program.run();
      const loss = step.loss[0]!;
      if (!Number.isFinite(loss)) await this.#explain(step, order, start, { loss, epoch, step: index + 1 });
      lossSum += loss * step.count;
      if (step.accuracy !== undefined) correct += step.accuracy[0]! * step.count;
      log.examples += step.count;
      log.step = index + 1;
      const now = platform.now();
      if (now - breath < breathing && log.step < steps) continue;
      breath = now;
      log.loss = lossSum / log.examples;
      log.accuracy = step.accuracy === undefined ? undefined : correct / log.examples;
      log.seconds = (now - began) / 1000;
      for (const callback of callbacks) callback.onStep?.(log);
      await platform.yield();
      if (signal?.aborted) break;
    }
    return log;
  }

  #views(program: Program): Step {
    const { options, network } = this;
    const indices = program.input("indices") as Int32Array;
    const accuracy = "accuracy" in program.plan.graph.outputs ? program.output("accuracy") : undefined;
    return {
      program,
      count: indices.length,
      indices,
      further: furtherInputs(program, this.placed.data, options.objectives),
      randomKey: isRandom(network) ? program.input("randomKey") : undefined,
      scalars: Object.keys(options.optimizer.scalars(1)).map((name) => ({
        name,
        view: program.input(`optimizer.${name}`),
      })),
      loss: program.output("loss"),
      accuracy,
    };
  }

  /** Writes what a step needs beside its first inputs and targets. */
  #write({ further, randomKey, scalars, count }: Step, order: Uint32Array, start: number): void {
    for (const copier of further.copiers) copier.copy(order, start, count);
    writeVectors(further.vectors);
    if (randomKey !== undefined) randomKey.set(keyOf(this.options.seed, "step", this.#step));
    const values = this.options.optimizer.scalars(this.#step, this.#rate());
    for (const { name, view } of scalars) view[0] = values[name]!;
  }

  #rate(): number {
    const { optimizer, schedule } = this.options;
    const done = optimizer.updateOf(this.#step) - 1;
    const factor = schedule?.(done) ?? 1;
    if (!(factor >= 0 && factor < Number.POSITIVE_INFINITY)) {
      const problem = `the schedule gives no factor for step ${done}`;
      fail({ code: "option", where: "fit", problem, expected: "a number ≥ 0", received: String(factor) });
    }
    this.lastRate = this.learningRate * factor;
    return this.lastRate;
  }

  async #explain(
    step: Step,
    order: Uint32Array,
    start: number,
    place: { loss: number; epoch: number; step: number },
  ): Promise<never> {
    const graph = trainingGraph(this.network, graphOptionsOf(this.placed, this.options, step.count));
    // the examples are still in their rows
    const indices = step.indices.slice();
    const write = (program: Program) => {
      const views = this.#views(program);
      views.indices.set(indices);
      this.#write(views, order, start);
    };
    return failWithNaN(this.session, graph, write, place);
  }
}

/** What a program for batches of `size` examples is made of. */
function graphOptionsOf(placed: PlacedData, options: TrainerOptions, batchSize: number) {
  return { ...specOf(options), ...placed.graphOptions, batchSize };
}

type TrainingSpec = Pick<FitOptions, "loss" | "lossWeights" | "optimizer" | "regularizers">;

/** What graphs of a run have in common. */
function specOf({ loss, lossWeights, optimizer, regularizers }: TrainingSpec): TrainingSpec {
  return { loss, lossWeights, optimizer, regularizers };
}
