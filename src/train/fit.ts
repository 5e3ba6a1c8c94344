import { platform } from "#platform";
import { trainingGraph } from "../autodiff/trainingGraph.js";
import type { NumericArray } from "../core/dtypes.js";
import { fail } from "../core/errors.js";
import { keyOf } from "../core/random.js";
import { sizeOf } from "../core/shapes.js";
import { type Augment, checkAugment, layoutOf } from "../data/augment/augment.js";
import { epochOrder } from "../data/batches.js";
import { checkInteger, type Dataset, split } from "../data/dataset.js";
import { checkLossName, type LossName } from "../model/losses.js";
import { isRandom, type Network } from "../model/network.js";
import type { Optimizer } from "../model/optimizers.js";
import type { Program } from "../plan/backend.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import type { Session } from "../runtime/session.js";
import type { Callback, EpochLog, RunControl, RunEnd, StepLog } from "./callbacks.js";
import { checkData } from "./data.js";
import { failWithNaN } from "./diagnose.js";
import { evaluatePlaced, evaluationBatch, prepareEvaluation } from "./evaluate.js";
import { checkRunOptions } from "./options.js";
import { type Feeding, inputDtypeOf, PlacedData, type PlacementOptions } from "./placed.js";
import type { Weights } from "./weights.js";

export interface FitOptions extends ExecutionOptions {
  readonly loss: LossName;
  readonly optimizer: Optimizer;
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
  "optimizer",
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
  checkLossName(where, loss);
  const { train, validation } = divide(data, options.validation, seed, where);
  checkData(network, train, loss, where);
  if (validation !== undefined) checkData(network, validation, loss, where);

  checkLoading(where, options, train);

  const placed: PlacedData[] = [];
  try {
    return await runEpochs(network, weights, train, validation, options, feeding, placed);
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
  train: Dataset,
  validation: Dataset | undefined,
  options: FitOptions,
  feeding: Feeding,
  opened: PlacedData[],
): Promise<History> {
  const { loss, optimizer, batchSize = 32, epochs = 10, seed = 0, shuffle = true, callbacks = [] } = options;
  const session = await weights.session(options, "fit");
  const place = async (data: Dataset, name: PlacementOptions["name"], batchSize: number, augment?: Augment) => {
    const loading = { augment, seed, workers: options.loaderWorkers };
    const placed = await PlacedData.place(session, network, data, { name, batchSize, ...loading, ...feeding });
    opened.push(placed);
    return placed;
  };
  const largest = Math.min(batchSize, train.length);
  const placedTrain = await place(train, "training data", batchSize, options.augment).catch((error: unknown) => {
    const graph = (size: number) => {
      const table = { name: "training data", rows: size };
      return trainingGraph(network, { loss, optimizer, batchSize: size, inputDtype: inputDtypeOf(train), table });
    };
    throw session.explain(error, graph, largest);
  });
  const placedValidation = validation && (await place(validation, "validation data", evaluationBatch));
  const trainer = await Trainer.create(session, network, placedTrain, { loss, optimizer, batchSize, seed });
  if (placedValidation !== undefined) await prepareEvaluation(network, placedValidation, loss);
  const began = platform.now();
  const epochLogs: EpochLog[] = [];
  const run = new Run(weights);
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
    const started = platform.now();
    const order = epochOrder(train.length, seed, epoch, shuffle);
    const log = await trainer.epoch(order, epoch, epochs, callbacks, options.signal);
    const seconds = (platform.now() - started) / 1000;
    if (options.signal?.aborted) {
      run.stop("it was interrupted");
      if (log.examples === 0) break;
    }
    const measured = placedValidation && (await evaluatePlaced(network, placedValidation, loss));
    const entry: EpochLog = {
      epoch,
      loss: log.loss,
      ...(log.accuracy === undefined ? {} : { accuracy: log.accuracy }),
      ...(measured === undefined ? {} : { validationLoss: measured.loss }),
      ...(measured?.accuracy === undefined ? {} : { validationAccuracy: measured.accuracy }),
      learningRate: optimizer.learningRate,
      seconds,
      examplesPerSecond: log.examples / seconds,
    };
    epochLogs.push(entry);
    for (const callback of callbacks) await callback.onEpoch?.(entry, run);
  }
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

  constructor(readonly weights: Weights) {}

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

interface TrainerOptions {
  readonly loss: LossName;
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly seed: number;
}

/** The views of one program that a step touches, found once an epoch so that steps allocate nothing. */
interface Step {
  readonly program: Program;
  readonly count: number;
  readonly indices: Int32Array;
  readonly randomKey: NumericArray | undefined;
  readonly scalars: readonly { readonly name: string; readonly view: NumericArray }[];
  readonly loss: NumericArray;
  readonly accuracy: NumericArray | undefined;
}

/** Runs the steps of training: one program for whole batches, one for the last of an epoch where it is smaller. */
class Trainer {
  #step = 0;

  private constructor(
    readonly session: Session,
    readonly network: Network,
    readonly placed: PlacedData,
    readonly options: TrainerOptions,
    /** The program of whole batches. */
    readonly main: Program,
    readonly rest: Program | undefined,
  ) {}

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
      const graph = (batchSize: number) => trainingGraph(network, { ...graphOptions, batchSize });
      return session.program(`train ${JSON.stringify(graphOptions)}`, graph, size);
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
      this.#write(step);
      step.program.run();
      const loss = step.loss[0]!;
      if (!Number.isFinite(loss)) await this.#explain(step, { loss, epoch, step: index + 1 });
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
      randomKey: isRandom(network) ? program.input("randomKey") : undefined,
      scalars: Object.keys(options.optimizer.scalars(1)).map((name) => ({
        name,
        view: program.input(`optimizer.${name}`),
      })),
      loss: program.output("loss"),
      accuracy,
    };
  }

  /** Writes what a step needs beside its examples. */
  #write({ randomKey, scalars }: Step): void {
    if (randomKey !== undefined) randomKey.set(keyOf(this.options.seed, "step", this.#step));
    const values = this.options.optimizer.scalars(this.#step);
    for (const { name, view } of scalars) view[0] = values[name]!;
  }

  async #explain(step: Step, place: { loss: number; epoch: number; step: number }): Promise<never> {
    const graph = trainingGraph(this.network, graphOptionsOf(this.placed, this.options, step.count));
    // the examples are still in their rows
    const indices = step.indices.slice();
    const write = (program: Program) => {
      const views = this.#views(program);
      views.indices.set(indices);
      this.#write(views);
    };
    return failWithNaN(this.session, graph, write, place);
  }
}

/** What a program for batches of `size` examples is made of. */
function graphOptionsOf({ inputDtype, table }: PlacedData, { loss, optimizer }: TrainerOptions, batchSize: number) {
  return { loss, optimizer, batchSize, inputDtype, table };
}
