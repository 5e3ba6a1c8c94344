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
import { slotName } from "../model/updates.js";
import type { Program } from "../plan/backend.js";
import type { ExecutionOptions } from "../runtime/backends.js";
import type { Session } from "../runtime/session.js";
import { type Arranged, arrange, dataOptions } from "./arrange.js";
import { exchangeAverages } from "./averages.js";
import type { Callback, EpochLog, RunControl, RunEnd, StepLog } from "./callbacks.js";
import {
  type Checkpoint,
  type CheckpointOptions,
  Checkpoints,
  checkResumable,
  type EpochProgress,
  findCheckpoint,
} from "./checkpoint.js";
import { factsOf, type RunFacts } from "./checkpointFacts.js";
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
  /** Threads that augment, beside those that train; results do not depend on it. Default: as many as pay, up to 2. */
  readonly loaderWorkers?: number;
  readonly callbacks?: readonly Callback[];
  /** Show progress on the terminal: a bar, or a line per epoch where output is no terminal. Default: true. */
  readonly progress?: boolean;
  /** Ends training after the current step when it is aborted; saves a checkpoint first, where there are any. */
  readonly signal?: AbortSignal;
  /** Saves checkpoints, from which training goes on as if it had never stopped. Default: none. */
  readonly checkpoint?: CheckpointOptions;
  /**
   * Goes on from a checkpoint: a file, a directory's newest, or with `true` the newest of `checkpoint.directory`, where
   * training begins anew if there is none. Everything but `epochs` has to be as it was.
   */
  readonly resume?: string | true;
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
  "checkpoint",
  "resume",
] as const;

/** What tests and searches ask of a run, and users cannot. */
export interface Inside extends Feeding {
  /** Told the loss and the rate of every step; training ends after that for which it gives true. */
  readonly watch?: (loss: number, rate: number) => boolean;
}

/** Milliseconds between looks at the clock for progress, timers and signals. */
const breathing = 60;

/** The loop behind `Model.fit`; see there. */
export async function fit(
  network: Network,
  weights: Weights,
  data: Dataset,
  options: FitOptions,
  inside: Inside = {},
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

  const facts = factsOf(train, validation, objectives, options);
  const { callbacks = [] } = options;
  const resumed =
    options.resume === undefined ? undefined : await findCheckpoint(options.resume, options.checkpoint?.directory);
  if (resumed !== undefined) checkResumable(resumed, { network, facts: facts(resumed.state.step), callbacks });
  const checkpoints =
    options.checkpoint && (await Checkpoints.open(options.checkpoint, validation !== undefined, resumed));

  const opened: PlacedData[] = [];
  try {
    const keeping = { facts, resumed, checkpoints };
    return await runEpochs(network, weights, { train, validation, objectives }, options, inside, keeping, opened);
  } catch (error) {
    for (const callback of options.callbacks ?? []) callback.onFailure?.(error);
    throw error;
  } finally {
    await Promise.all(opened.map((data) => data.close()));
  }
}

interface Task {
  readonly train: Arranged;
  readonly validation: Arranged | undefined;
  readonly objectives: readonly Objective[];
}

/** What a run does so that another can go on with it, and what it goes on from itself. */
interface Keeping {
  readonly facts: (step: number) => RunFacts;
  readonly resumed: Checkpoint | undefined;
  readonly checkpoints: Checkpoints | undefined;
}

/** Trains on data and with options that were checked. */
async function runEpochs(
  network: Network,
  weights: Weights,
  { train, validation, objectives }: Task,
  options: FitOptions,
  { watch, ...feeding }: Inside,
  { facts, resumed, checkpoints }: Keeping,
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
  const before = resumed?.state;
  const epochLogs: EpochLog[] = [...(before?.history ?? [])];
  const run = new Run(weights, optimizer.learningRate);
  if (resumed !== undefined) {
    weights.setAll(resumed.weights);
    trainer.restore(resumed);
    run.restore(resumed);
  }
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
      history: [...epochLogs],
      ...(resumed && {
        resumed: { checkpoint: resumed.file, epoch: resumed.state.epoch, step: resumed.state.progress.steps },
      }),
    });
  }
  const remembering = callbacks.filter(({ state }) => state !== undefined);
  before?.callbacks.forEach(({ state }, i) => {
    remembering[i]?.restore?.(state);
  });
  const seconds = () => (before?.seconds ?? 0) + (platform.now() - began) / 1000;
  const save = async (epoch: number, progress: EpochProgress, as = { best: false, newest: true }) => {
    const callbackStates = remembering.map((each) => ({ name: each.name ?? "", state: each.state?.() }));
    const state = {
      ...trainer.state,
      ...run.state,
      epoch,
      progress: { ...progress },
      seconds: seconds(),
      history: epochLogs,
      callbacks: callbackStates,
      facts: facts(trainer.state.step),
    };
    const model = { network, weights: weights.readAll(), classes: train.classes, metadata: {} };
    await checkpoints?.save({ ...model, slots: trainer.slots(), kept: run.kept, state }, as);
  };
  const saveWithin = (progress: EpochProgress) =>
    checkpoints?.due(trainer.state.step) === true ? save(run.epoch, progress) : undefined;
  let interrupted = false;
  let isPart = false;
  for (let epoch = before?.epoch ?? 1; epoch <= epochs && run.stopped === undefined && !interrupted; epoch++) {
    run.epoch = epoch;
    trainer.learningRate = run.learningRate;
    const progress = before?.epoch === epoch ? { ...before.progress } : freshProgress();
    const order = epochOrder(train.length, seed, epoch, shuffle);
    const hooks = { signal: options.signal, saveWithin, watch };
    const log = await trainer.epoch({ order, epoch, epochs, progress, callbacks, ...hooks });
    isPart = progress.examples < train.length;
    interrupted = isPart || options.signal?.aborted === true;
    if (isPart && checkpoints !== undefined) await save(epoch, progress);
    if (log.examples === 0) break;
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
      seconds: progress.seconds,
      examplesPerSecond: log.examples / progress.seconds,
    };
    epochLogs.push(entry);
    for (const callback of callbacks) await callback.onEpoch?.(entry, run);
    if (trainer.hasAverages) exchangeAverages(session.store, network);
    if (checkpoints === undefined || isPart) continue;
    const best = checkpoints.isBest(entry);
    const isLast = epoch === epochs || run.stopped !== undefined || interrupted;
    const newest = isLast || checkpoints.dueAfter(epoch, trainer.state.step);
    if (best || newest) await save(epoch + 1, freshProgress(), { best, newest });
  }
  if (trainer.hasAverages) exchangeAverages(session.store, network);
  // what callbacks say of a part of an epoch does not end the run: it can go on
  const reason = isPart ? undefined : run.stopped;
  const end = (): RunEnd => ({
    epochs: epochLogs.length,
    stopped: reason ?? (interrupted ? "it was interrupted" : undefined),
    weightsOfEpoch: run.weightsOfEpoch,
    seconds: seconds(),
    ...(checkpoints?.newest === undefined ? {} : { checkpoint: checkpoints.newest }),
  });
  for (const callback of callbacks) await callback.onEnd?.(end(), run);
  return { epochs: epochLogs, end: end() };
}

function checkLoading(where: string, { augment, loaderWorkers }: FitOptions, train: Dataset): void {
  if (augment !== undefined) checkAugment(augment, layoutOf(train), where);
  if (loaderWorkers !== undefined) checkInteger(where, "loaderWorkers", loaderWorkers, 0, 256);
}

const freshProgress = (): EpochProgress => ({ steps: 0, examples: 0, lossSum: 0, correct: 0, seconds: 0 });

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

  /** The weights put aside. */
  get kept(): ReadonlyMap<string, Float32Array> | undefined {
    return this.#kept?.values;
  }

  get state() {
    return {
      learningRate: this.learningRate,
      stopped: this.stopped ?? null,
      keptEpoch: this.#kept?.epoch ?? null,
    };
  }

  restore({ state, kept }: Checkpoint): void {
    this.learningRate = state.learningRate;
    this.stopped = state.stopped ?? undefined;
    this.epoch = state.epoch - 1;
    if (kept !== undefined && state.keptEpoch !== null) this.#kept = { epoch: state.keptEpoch, values: new Map(kept) };
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

interface EpochOptions extends Pick<FitOptions, "signal">, Pick<Inside, "watch"> {
  readonly order: Uint32Array;
  readonly epoch: number;
  readonly epochs: number;
  /** Where the epoch stands; goes on from there, and tells how far it came. */
  readonly progress: EpochProgress;
  readonly callbacks: readonly Callback[];
  /** Saves a checkpoint after a step, where it is time to. */
  readonly saveWithin: (progress: EpochProgress) => Promise<void> | undefined;
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

  get state() {
    return { step: this.#step, lastRate: this.lastRate };
  }

  /** What the optimiser keeps; averages from the first update on. */
  slots(): Map<string, Float32Array> {
    const names = this.main.plan.buffers.filter(({ kind }) => kind === "variable").map(({ name }) => name);
    const isAverage = (name: string) => name.startsWith(slotName("average", ""));
    const slots = names.filter((name) => name.startsWith("optimizer.") && (this.hasAverages || !isAverage(name)));
    return new Map(slots.map((name) => [name, Float32Array.from(this.session.store.read(name))]));
  }

  /** Takes the state of a checkpoint. Slots that it does not have are zeros. */
  restore({ slots, state, file }: Checkpoint): void {
    const { store } = this.session;
    for (const [name, values] of slots) {
      if (!store.has(name) || store.read(name).length !== values.length) {
        fail({ code: "format", where: file, problem: `the optimiser keeps no "${name}", or one of another size` });
      }
      store.write(name, values);
    }
    this.#step = state.step;
    this.lastRate = state.lastRate;
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

  /** One pass over the examples in `order`, or the rest of one. Returns the means over what was done. */
  async epoch({ order, epoch, epochs, progress, callbacks, signal, ...hooks }: EpochOptions): Promise<StepLog> {
    const main = this.#views(this.main);
    const rest = this.rest === undefined ? undefined : this.#views(this.rest);
    const { source } = this.placed;
    this.placed.begin(order.subarray(progress.examples), epoch);
    const steps = Math.ceil(order.length / main.count);
    const { examples } = progress;
    const log: StepLog = { epoch, epochs, step: 0, steps, examples, loss: 0, accuracy: undefined, seconds: 0 };
    const began = platform.now() - 1000 * progress.seconds;
    let breath = platform.now();
    for (let index = progress.steps; index < steps; index++) {
      const start = index * main.count;
      const step = start + main.count <= order.length ? main : rest!;
      this.#step += 1;
      const waiting = source.next(step.indices);
      if (waiting !== undefined) await waiting;
      this.#write(step, order, start);
      step.program.run();
      const loss = step.loss[0]!;
      if (!Number.isFinite(loss)) await this.#explain(step, order, start, { loss, epoch, step: index + 1 });
      progress.lossSum += loss * step.count;
      if (step.accuracy !== undefined) progress.correct += step.accuracy[0]! * step.count;
      progress.examples += step.count;
      progress.steps = index + 1;
      log.examples = progress.examples;
      log.step = progress.steps;
      const now = platform.now();
      progress.seconds = (now - began) / 1000;
      const saving = log.step < steps ? hooks.saveWithin(progress) : undefined;
      if (saving !== undefined) await saving;
      const isEnough = hooks.watch?.(loss, this.lastRate) === true;
      if (now - breath < breathing && log.step < steps && !isEnough) continue;
      breath = now;
      log.loss = progress.lossSum / log.examples;
      log.accuracy = step.accuracy === undefined ? undefined : progress.correct / log.examples;
      log.seconds = progress.seconds;
      for (const callback of callbacks) callback.onStep?.(log);
      await platform.yield();
      if (signal?.aborted || isEnough) break;
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
