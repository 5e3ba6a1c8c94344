import type { Network } from "../model/network.js";

/** What a run is about, told to callbacks before the first step. */
export interface RunStart {
  readonly network: Network;
  /** Epochs at most. */
  readonly epochs: number;
  readonly stepsPerEpoch: number;
  /** Training examples, after the validation part is taken off. */
  readonly examples: number;
  readonly validationExamples: number;
  readonly batchSize: number;
  /** Threads that each step runs on. */
  readonly threads: number;
  /** Bytes that weights, optimiser state and one training step need, known beforehand. */
  readonly memoryBytes: number;
  /** Epochs done before: those of the run that this one goes on with, otherwise none. */
  readonly history: readonly EpochLog[];
  /** Where the run goes on from; undefined for a new one. */
  readonly resumed?: { readonly checkpoint: string; readonly epoch: number; readonly step: number };
}

/** Where a run stands. One object, changed in place: copy what should be kept. */
export interface StepLog {
  /** From 1. */
  epoch: number;
  epochs: number;
  /** Steps done in this epoch. */
  step: number;
  steps: number;
  /** Examples done in this epoch. */
  examples: number;
  /** Means over the epoch so far. */
  loss: number;
  accuracy: number | undefined;
  /** Seconds since the epoch began. */
  seconds: number;
}

/** One finished epoch: an entry of the history. */
export interface EpochLog {
  /** From 1. */
  readonly epoch: number;
  /** Means over the epoch's batches, measured while the weights were changing. */
  readonly loss: number;
  readonly accuracy?: number;
  /** Measured after the epoch on the validation data, if there is any. */
  readonly validationLoss?: number;
  readonly validationAccuracy?: number;
  /** Rate of the epoch's last update. */
  readonly learningRate: number;
  /** Seconds of training, without validation. */
  readonly seconds: number;
  readonly examplesPerSecond: number;
}

/** What callbacks may do to a run. */
export interface RunControl {
  /** Ends training after this epoch; the reason is told to the user. */
  stop(reason: string): void;
  /** Keeps a copy of the weights as they are now, in the place of the last one. */
  keepWeights(): void;
  /** Puts the kept weights back. */
  restoreWeights(): void;
  /** Rate of the next step, but for its schedule. */
  readonly learningRate: number;
  /** The rate from the next step on; a schedule goes on multiplying it. Nothing is compiled again. */
  setLearningRate(rate: number): void;
}

/** How a run ended. */
export interface RunEnd {
  readonly epochs: number;
  /** Why training ended before its last epoch. */
  readonly stopped: string | undefined;
  /** Epoch whose weights the model has now: the last one, or the one that was restored. */
  readonly weightsOfEpoch: number;
  readonly seconds: number;
  /** Path of the newest checkpoint that was saved. */
  readonly checkpoint?: string;
}

/** Watches and steers a run. Callbacks are called in the order in which they are listed; promises are awaited. */
export interface Callback {
  /** What checkpoints call its state; for callbacks that have one. */
  readonly name?: string;
  /** What it must remember to go on, as JSON; saved with checkpoints. */
  state?(): unknown;
  /** Takes back what `state` gave, after `onStart`. */
  restore?(state: unknown): void;
  onStart?(run: RunStart): void | Promise<void>;
  /** After steps, at most every few milliseconds. */
  onStep?(log: StepLog): void;
  onEpoch?(log: EpochLog, control: RunControl): void | Promise<void>;
  onEnd?(end: RunEnd, control: RunControl): void | Promise<void>;
  /** Called in place of `onEnd` when the run fails; the error is thrown to the caller of `fit` afterwards. */
  onFailure?(error: unknown): void;
}
