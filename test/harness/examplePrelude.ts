import { gzipSync } from "node:zlib";
import {
  conv2d,
  dense,
  flatten,
  input,
  Model,
  maxPool2d,
  modelFromBytes,
  type SymbolicTensor,
  sequential,
  sgd,
} from "fovea";
import { strokes, subset, type TrainAndTest } from "fovea/data";

/** Names that examples may use without saying where they come from: those of `index.ts` … */
export interface Prelude {
  /** Digits to train on: few, so that examples are quick. */
  readonly digits: TrainAndTest;
  /** A network that could classify them. */
  readonly net: Model;
  /** One image of a digit. */
  readonly image: Uint8Array;
  /** An input with as many channels as the examples of layers have filters. */
  readonly x: SymbolicTensor<[8, 8, 64]>;
}

/** … of `inspect/index.ts` … */
export interface InspectPrelude extends Pick<Prelude, "digits" | "net" | "image"> {
  /** `net` before it was trained. */
  readonly before: Model;
}

/** … and those of `data/index.ts`. */
export interface DataPrelude {
  readonly data: TrainAndTest["train"];
  /** A file of 3 labels, and the same compressed. */
  readonly bytes: Uint8Array;
  readonly packed: Uint8Array;
}

/** … and those of `signal/index.ts`: what makes a model of layers. */
export interface SignalPrelude {
  readonly sequential: typeof sequential;
  readonly input: typeof input;
}

export async function signalPrelude(): Promise<SignalPrelude> {
  return { sequential, input };
}

export async function corePrelude(): Promise<Prelude> {
  const digits = await strokes({ train: 60, test: 20 });
  const net = sequential(input(28, 28, 1), maxPool2d(4), flatten(), dense(10));
  return { digits, net, image: subset(digits.test, [0]).inputs as Uint8Array, x: input(8, 8, 64) };
}

export async function inspectPrelude(): Promise<InspectPrelude> {
  const { digits, image } = await corePrelude();
  const layers = [conv2d(4, 5, { stride: 2, activation: "relu" }), flatten(), dense(10)];
  const before = sequential(input(28, 28, 1), ...layers).initialize(1);
  const net = modelFromBytes(before.toBytes());
  await net.fit(digits.train, { loss: "crossEntropy", optimizer: sgd(0.05), epochs: 2, progress: false });
  return { digits, net, before, image };
}

export async function dataPrelude(): Promise<DataPrelude> {
  const { train } = await strokes({ train: 20, test: 10 });
  const bytes = Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1);
  return { data: train, bytes, packed: gzipSync(bytes) };
}

/** Examples of networks need nothing else. */
export const zooPrelude = async () => ({ Model });
