import { augmentFromJSON } from "../augment/augment.js";
import { Ring, type RingLayout, slotStates } from "./ring.js";
import { Variation } from "./variation.js";

/** What a worker of the loader begins with. */
export interface WorkerStart {
  readonly augment: string;
  readonly seed: number;
  readonly ring: RingLayout;
  readonly memory: SharedArrayBuffer;
}

/** A chunk to augment; its examples are in the ring. */
export interface Job {
  /** Told in the answer: by then, the slot may have been given to another job. */
  readonly id: number;
  readonly slot: number;
  readonly count: number;
  readonly epoch: number;
}

/** What a worker answers to no job: that it is there. */
export const readyId = -1;

/** Serves a loader: what runs in each of its threads. Answers each job, with a reason if it failed. */
export function serve(
  start: WorkerStart,
  receive: (listener: (job: Job) => void) => void,
  send: (answer: Answer) => void,
): void {
  const ring = new Ring(start.ring, start.memory);
  const variation = new Variation(augmentFromJSON(JSON.parse(start.augment)), start.ring.layout, start.seed);
  send({ id: readyId });
  receive(({ id, slot, count, epoch }) => {
    try {
      variation.apply(ring, slot, count, epoch);
      Atomics.store(ring.states, slot, slotStates.done);
      send({ id });
    } catch (error) {
      send({ id, failure: error instanceof Error ? error.message : String(error) });
    }
  });
}

export interface Answer {
  readonly id: number;
  readonly failure?: string;
}
